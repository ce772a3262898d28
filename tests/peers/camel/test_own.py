"""Our own cases: whatever a real Camel does with them, the embedded engine does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine import vectors
from tests.peers.camel.cases import FOLDER, own_cases
from tests.peers.camel.conftest import Camels
from tests.peers.camel.differences import DIFFERENT

pytestmark = pytest.mark.xdist_group("camel")
FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_the_engine_does_what_camel_does(path: Path, camel: Camels) -> None:
    wrong = []
    for case in own_cases(path):
        live = vectors.Case(case.id, case.routes, case.data, camel.ask(case))
        assert "broken" not in live.expected, f"{case.id}: {live.expected}"
        assert not live.expected.get("timedOut"), (
            f"{case.id}: Camel's mocks never had the messages counted on"
        )
        outcome = vectors.run(case, camel.site, files=camel.site)
        found = vectors.differences(live, outcome)
        if found and vectors.refused_earlier(live, outcome):
            found = []
        if case.id in DIFFERENT:
            assert found, f"{case.id} is no different any more: take it out of differences.py"
        elif found:
            wrong.append(f"{case.id}: {'; '.join(found)}")
    assert not wrong, "\n".join(wrong)


def test_ids_are_unique_and_differences_exist() -> None:
    ids = [case.id for case in own_cases()]
    assert len(ids) == len(set(ids))
    assert set(DIFFERENT) <= set(ids)
