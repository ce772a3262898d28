from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from integrator.portal.journal_texts import JOURNAL_TEXTS
from integrator.portal.timeline import lanes

WORDS = JOURNAL_TEXTS["en"]


def leg(sent: int, answered: int | None) -> dict[str, Any]:
    return {"adapter": "regional/bced", "sent": sent} | ({} if answered is None else {"answered": answered})


def test_a_call_stands_where_it_was_within_the_whole() -> None:
    records = [
        {"leaf": {"time": 1_000, "received": 1_000}},
        {"leaf": {"time": 5_000, "replied": 5_000, "legs": [leg(2_000, 4_000)]}},
    ]
    whole, call = lanes(records, WORDS)
    assert (whole.left, whole.width, whole.took) == (0.0, 100.0, "4.0 ms")
    assert (call.left, call.width, call.took) == (25.0, 50.0, "2.0 ms")
    assert call.label == "Call to regional/bced"


def test_a_call_nobody_answered_lasts_to_the_end_and_says_so() -> None:
    (_, call) = lanes([{"leaf": {"time": 3_000_000, "received": 0, "legs": [leg(1_000_000, None)]}}], WORDS)
    assert call.took == WORDS["timeline-unanswered"]
    assert call.left + call.width > 99


def test_nothing_to_draw() -> None:
    assert lanes([{"leaf": {}}], WORDS) == []


@given(
    st.integers(0, 10**15),
    st.lists(st.tuples(st.integers(0, 10**15), st.none() | st.integers(0, 10**15)), max_size=5),
)
def test_bars_begin_within_the_picture(time: int, calls: list[tuple[int, int | None]]) -> None:
    legs = [leg(sent, None if answered is None else max(sent, answered)) for sent, answered in calls]
    for lane in lanes([{"leaf": {"time": time, "legs": legs}}], WORDS):
        assert 0 <= lane.left <= 99
        assert 0 <= lane.width <= 100
