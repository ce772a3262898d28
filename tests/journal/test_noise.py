from __future__ import annotations

import orjson

from integrator.journal.noise import BUCKETS_MAX, MINUTE_US, OTHER, REASONS_MAX, Noise, NoiseCount, records
from integrator.journal.writer import Journal
from tests.journal.conftest import NOW

START = NOW - NOW % MINUTE_US


def test_one_count_a_minute_and_reason() -> None:
    noise = Noise()
    for second in (0, 1, 59):
        noise.add("unknown-path", START + second * 1_000_000)
    noise.add("no-credentials", START)
    noise.add("unknown-path", START + MINUTE_US)
    assert noise.due(START + MINUTE_US) == [
        NoiseCount(START, "unknown-path", 3),
        NoiseCount(START, "no-credentials", 1),
    ]
    assert len(noise.rest()) == 3


def test_nothing_is_due_within_the_minute() -> None:
    noise = Noise()
    noise.add("unknown-path", START)
    assert noise.due(START + MINUTE_US - 1) == []


def test_what_is_not_confirmed_comes_again_and_what_came_meanwhile_is_kept() -> None:
    noise = Noise()
    noise.add("unknown-path", START)
    due = noise.due(START + MINUTE_US)
    assert noise.due(START + MINUTE_US) == due
    noise.add("unknown-path", START)
    noise.confirm(due)
    assert noise.due(START + MINUTE_US) == [NoiseCount(START, "unknown-path", 1)]
    noise.confirm(noise.rest())
    noise.confirm(due)
    assert noise.rest() == []


def test_reasons_are_bounded() -> None:
    noise = Noise()
    for number in range(REASONS_MAX + 500):
        noise.add(f"reason-{number}", START)
    counts = noise.rest()
    assert len(counts) == REASONS_MAX + 1
    assert NoiseCount(START, OTHER, 500) in counts


def test_what_waits_is_bounded_and_no_request_is_lost_from_the_total() -> None:
    noise = Noise()
    for minute in range(BUCKETS_MAX + 10):
        noise.add("unknown-path", START + minute * MINUTE_US)
    counts = noise.rest()
    assert len(counts) == BUCKETS_MAX
    assert sum(count.count for count in counts) == BUCKETS_MAX + 10


def test_records_say_reason_count_and_minute(journal: Journal) -> None:
    rows = records(journal, [NoiseCount(START, "unknown-path", 3)], NOW)
    leaf = orjson.loads(rows[0].leaf)
    assert (rows[0].type, rows[0].final) == ("noise", True)
    assert leaf["facts"] == {"reason": "unknown-path", "count": 3, "minute": START}
