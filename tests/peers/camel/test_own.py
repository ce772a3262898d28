"""Our own cases: whatever a real Camel does with them, the embedded engine does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers.camel.cases import FOLDER, beside_camel, differences, own_cases
from tests.peers.camel.differences import DIFFERENT
from tests.peers.camel.peer import Camel

pytestmark = pytest.mark.xdist_group("camel")
FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_the_engine_does_what_camel_does(path: Path, camel: Camel) -> None:
    wrong = []
    for case in own_cases(path):
        live = beside_camel(case, camel)
        found = differences(live, camel.site)
        if live.expected.get("timedOut"):
            found.append("Camel's mocks never had the messages counted on")
        if case.id in DIFFERENT:
            assert found, f"{case.id} is no different any more: take it out of differences.py"
        elif found:
            wrong.append(f"{case.id}: {'; '.join(found)}")
    assert not wrong, "\n".join(wrong)


def test_ids_are_unique_and_differences_exist() -> None:
    ids = [case.id for case in own_cases()]
    assert len(ids) == len(set(ids))
    assert set(DIFFERENT) <= set(ids)
