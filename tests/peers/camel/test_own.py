"""Our own cases: whatever a real Camel does with them, the embedded engine does."""

from __future__ import annotations

import pytest

from tests.engine import vectors
from tests.peers.camel.cases import beside_camel, own_cases
from tests.peers.camel.differences import DIFFERENT
from tests.peers.camel.peer import Camel

pytestmark = pytest.mark.xdist_group("camel")
CASES = list(own_cases())


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_the_engine_does_what_camel_does(case: vectors.Case, camel: Camel) -> None:
    live, found = beside_camel(case, camel)
    assert not live.expected.get("timedOut"), "Camel's mocks never had the messages counted on"
    if case.id in DIFFERENT:
        assert found, "it is no different any more: take it out of differences.py"
    else:
        assert not found, "\n".join(found)


def test_ids_are_unique_and_differences_exist() -> None:
    ids = [case.id for case in CASES]
    assert len(ids) == len(set(ids))
    assert set(DIFFERENT) <= set(ids)
