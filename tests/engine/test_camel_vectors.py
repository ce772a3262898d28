"""The embedded engine against recordings of Apache Camel 4.18."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine import vectors
from tests.engine.camel_not_yet import DIFFERENT, NOT_HERE, NOT_YET


@pytest.fixture(scope="module")
def outcomes(shared: Path) -> list[tuple[vectors.Case, vectors.Outcome]]:
    folder = shared / "vectors" / "camel"
    return [(case, vectors.run(case, folder / "site")) for case in vectors.cases(folder)]


Outcomes = list[tuple[vectors.Case, vectors.Outcome]]


def test_every_case_is_run_or_listed(outcomes: Outcomes, capsys: pytest.CaptureFixture[str]) -> None:
    same, earlier, wrong = [], [], []
    for case, outcome in outcomes:
        if case.id in NOT_YET or case.id in NOT_HERE or case.id in DIFFERENT:
            continue
        found = vectors.differences(case, outcome)
        if outcome.waits_for:
            wrong.append(f"{case.id}: {outcome.waits_for} is not listed")
        elif not found:
            same.append(case.id)
        elif vectors.refused_earlier(case, outcome):
            earlier.append(case.id)
        else:
            wrong.append(f"{case.id}: {'; '.join(found)}")
    with capsys.disabled():
        print(
            f"\nCamel vectors: {len(outcomes)} cases; {len(same)} as Camel, {len(earlier)} refused at load where "
            f"Camel fails later ({', '.join(earlier)}), {len(DIFFERENT)} different on purpose "
            f"({', '.join(DIFFERENT)}), {len(NOT_HERE)} rows refused on purpose, {len(NOT_YET)} not yet:"
        )
        for part in sorted(set(NOT_YET.values())):
            names = [name for name, reason in NOT_YET.items() if reason == part]
            print(f"  {part}: {', '.join(names)}")
    assert not wrong
    assert len(same) >= 580


def test_what_is_listed_as_not_yet_waits_for_a_part(outcomes: Outcomes) -> None:
    stale = [case.id for case, outcome in outcomes if case.id in NOT_YET and not outcome.waits_for]
    assert not stale


def test_what_is_refused_on_purpose_is_refused(outcomes: Outcomes) -> None:
    stale = [case.id for case, outcome in outcomes if case.id in NOT_HERE and outcome.load_error is None]
    assert not stale


def test_what_is_different_on_purpose_differs(outcomes: Outcomes) -> None:
    same = {case.id for case, outcome in outcomes if not vectors.differences(case, outcome)}
    assert not same & set(DIFFERENT) - {"simple-func#13"}


def test_every_listed_case_exists(outcomes: Outcomes) -> None:
    known = {case.id for case, _ in outcomes}
    assert set(NOT_YET) | set(NOT_HERE) | set(DIFFERENT) <= known
