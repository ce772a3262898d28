"""Months of details and tags on PostgreSQL: made ahead, used, and dropped whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from integrator.security.limits import DEFAULT
from integrator.store.api import Store
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from integrator.store.partitions import MONTHS_AHEAD, Partitions, first_id, months
from integrator.store.units import Unit

from .conftest import record

NOW_US = int(datetime.now(UTC).timestamp() * 1e6)


@pytest.fixture
async def store(postgres_url: str, tmp_path: Path) -> AsyncIterator[Store]:
    migrate(postgres_url, tmp_path)
    opened = open_store(postgres_url, limits=DEFAULT, process_id=bytes(16), data_dir=tmp_path)
    await opened.open()
    yield opened
    await opened.close()


def in_month(number: int, place: int = 0) -> bytes:
    """A record id of the month that is so many ahead."""
    start = list(months(NOW_US, number + 1))[number].start
    return start[:6] + b"\x70" + place.to_bytes(9, "big")


def test_months_follow_each_other_without_a_gap() -> None:
    found = list(months(int(datetime(2026, 11, 24, tzinfo=UTC).timestamp() * 1e6), 3))
    assert [month.suffix for month in found] == ["2026_11", "2026_12", "2027_01"]
    assert [month.stop for month in found[:2]] == [month.start for month in found[1:]]
    assert found[1].start == first_id(datetime(2026, 12, 1, tzinfo=UTC))


async def test_the_months_to_come_are_made_once(store: Store) -> None:
    made = await Partitions(store).make_ahead(NOW_US)
    assert len(made) == 2 * MONTHS_AHEAD  # this one is the old table's
    assert await Partitions(store).make_ahead(NOW_US) == []
    later = NOW_US + 40 * 86_400_000_000
    assert 2 <= len(await Partitions(store).make_ahead(later)) <= 4


async def test_each_record_goes_where_it_belongs_and_any_id_finds_a_place(store: Store) -> None:
    await Partitions(store).make_ahead(NOW_US)
    ids = [in_month(0), in_month(1), in_month(MONTHS_AHEAD), b"\xff" * 16, bytes(16)]
    rows = [record(record_id=one, tags=((1, bytes([n]) * 32),)) for n, one in enumerate(ids)]
    await store.commit(Unit(rows))
    for table in ("details", "tag"):
        names = [
            row[0]
            for row in await store.rows(f"SELECT tableoid::regclass::text FROM {table} ORDER BY record_id")
        ]
        suffixes = [month.suffix for month in months(NOW_US, MONTHS_AHEAD + 1)]
        expected = ["old", "old", suffixes[1], suffixes[MONTHS_AHEAD], "rest"]
        assert names == [f"{table}_{suffix}" for suffix in expected]
    found = await store.find_records([(1, bytes([2]) * 32)], 5)
    assert [row.record_id for row in found] == [ids[2]]
    assert (await store.record(ids[1])).details is not None  # type: ignore[union-attr]


async def test_a_month_goes_whole_with_its_record(store: Store) -> None:
    partitions = Partitions(store)
    await partitions.make_ahead(NOW_US)
    gone = [record(record_id=in_month(1, n)) for n in range(3)]
    await store.commit(Unit([*gone, kept := record(record_id=in_month(2))]))
    bound = list(months(NOW_US, 3))[2].start
    expired = await partitions.expired(bound)
    assert expired == ["old", list(months(NOW_US, 2))[1].suffix]
    assert await partitions.count(expired[1]) == 3
    act = record()
    await partitions.drop(expired[1], Unit([act]))
    assert await store.rows("SELECT record_id FROM details ORDER BY record_id") == [
        (act.record_id,), (kept.record_id,)
    ]  # fmt: skip
    assert len(await store.rows("SELECT 1 FROM tag")) == 4
    assert None not in [await store.record(row.record_id) for row in gone]
    assert await partitions.expired(bound) == ["old"]


async def test_only_months_are_dropped(store: Store) -> None:
    with pytest.raises(ValueError, match="no partition"):
        await Partitions(store).drop("x; DROP TABLE record", Unit([record()]))


async def test_what_was_there_before_becomes_the_first_partition(store: Store) -> None:
    row = record()
    await store.commit(Unit([row]))
    assert await store.rows("SELECT record_id FROM details_old") == [(row.record_id,)]
