"""The recorded cases of the profile, on the embedded engine and on a real Camel in the same run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.engine import vectors
from tests.engine.camel_not_yet import DIFFERENT, NOT_HERE, NOT_YET
from tests.peers.camel.cases import beside_camel
from tests.peers.camel.peer import Camel

pytestmark = pytest.mark.xdist_group("camel")


def test_the_engine_does_what_camel_does(camel: Camel, shared: Path) -> None:
    folder = shared / "vectors" / "camel"
    shutil.copytree(folder / "site", camel.site, dirs_exist_ok=True)
    wrong, ran = [], 0
    for case in vectors.cases(folder):
        if case.id in NOT_YET or case.id in NOT_HERE or case.id in DIFFERENT:
            continue
        ran += 1
        _, found = beside_camel(case, camel)
        if found:
            wrong.append(f"{case.id}: {'; '.join(found)}")
    assert not wrong, "\n".join(wrong)
    assert ran > 580
