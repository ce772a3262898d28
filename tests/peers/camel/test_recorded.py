"""The recorded cases of the profile, on the embedded engine and on a real Camel in the same run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine import vectors
from tests.engine.camel_not_yet import DIFFERENT, NOT_HERE, NOT_YET
from tests.peers.camel.conftest import Camels

pytestmark = pytest.mark.xdist_group("camel")


def test_the_engine_does_what_camel_does(camel_of_vectors: Camels, shared: Path) -> None:
    folder = shared / "vectors" / "camel"
    wrong, ran = [], 0
    for case in vectors.cases(folder):
        if case.id in NOT_YET or case.id in NOT_HERE or case.id in DIFFERENT:
            continue
        ran += 1
        live = vectors.Case(case.id, case.routes, case.data, camel_of_vectors.ask(case))
        assert "broken" not in live.expected, f"{case.id}: {live.expected}"
        outcome = vectors.run(case, folder)
        found = vectors.differences(live, outcome)
        if found and not vectors.refused_earlier(live, outcome):
            wrong.append(f"{case.id}: {'; '.join(found)}")
    assert not wrong, "\n".join(wrong)
    assert ran > 580
