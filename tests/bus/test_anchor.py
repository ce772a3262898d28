"""An anchor that is lost for good: refused, then adopted again after a check, with who and why."""

from __future__ import annotations

import pytest

from tests.bus.test_process import alone, integrator

__all__ = ["alone"]


def test_a_lost_anchor_is_refused_and_can_be_adopted(alone):
    alone.start()
    assert alone.stop() == 0
    anchor = alone.var / "journal.anchor"
    anchor.unlink()
    with pytest.raises(AssertionError, match="integrator journal adopt"):
        alone.start()
    done = integrator("journal", "adopt", "--why", "the volume is lost", "--var", str(alone.var))
    assert done.returncode == 0, done.stderr
    assert anchor.exists()
    alone.start()
    assert alone.stop() == 0
    listed = integrator("journal", "list", "--limit", "50", "--var", str(alone.var))
    assert "anchor-adopted" in listed.stdout


def test_an_activation_without_a_running_bus_holds_at_the_next_start(alone):
    alone.start()
    assert alone.stop() == 0
    register = alone.site / "routes.yaml"
    register.write_text(register.read_text().replace("retention: P10Y", "retention: P11Y", 1))
    done = integrator("activate", "--var", str(alone.var), cwd=alone.site)
    assert done.returncode == 0, done.stderr
    assert "active: " in done.stdout
    alone.start()
    assert alone.stop() == 0
