from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrator.journal import periods
from integrator.journal.periods import PeriodInvalid, before_us


def us(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "period", "then"),
    [
        ((2026, 3, 31), "P1M", (2026, 2, 28)),
        ((2024, 2, 29), "P1Y", (2023, 2, 28)),
        ((2026, 1, 15), "P2M", (2025, 11, 15)),
        ((2036, 11, 24, 10, 30), "P10Y", (2026, 11, 24, 10, 30)),
        ((2026, 3, 1), "P1D", (2026, 2, 28)),
        ((2026, 3, 1), "P1Y2M3D", (2024, 12, 29)),
    ],
)
def test_calendar_periods(now: tuple[int, ...], period: str, then: tuple[int, ...]) -> None:
    assert before_us(us(*now) + 7, period) == us(*then) + 7


@pytest.mark.parametrize("period", ["P1000Y", "P99999999999Y", "P999999999999D", "P60Y"])
def test_what_reaches_back_before_1970_expires_nothing(period: str) -> None:
    assert before_us(us(2026, 1, 1), period) == 0


@pytest.mark.parametrize("period", ["", "P", "10Y", "P10", "PT1H", "P1Y ", "P-1Y"])
def test_other_texts_are_refused(period: str) -> None:
    with pytest.raises(PeriodInvalid, match="like P10Y"):
        before_us(us(2026, 1, 1), period)


@given(st.integers(0, 2**50), st.integers(0, 200), st.integers(0, 30), st.integers(0, 400))
def test_longer_periods_reach_further_back(now: int, years: int, months: int, days: int) -> None:
    period = f"P{years}Y{months}M{days}D"
    assert 0 <= before_us(now, f"P{years + 1}Y{months}M{days}D") <= before_us(now, period) <= now


@given(st.integers(0, 2**47))
def test_ids_of_that_time_or_later_are_not_below(now: int) -> None:
    made = (now // 1_000).to_bytes(6, "big") + b"\x70" + bytes(9)
    assert periods.first_id(now) <= made
    assert (
        (now // 1_000 - 1).to_bytes(6, "big") + b"\xff" * 10 < periods.first_id(now) if now >= 1_000 else True
    )
