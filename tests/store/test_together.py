"""Changes and a unit of work are written together, or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integrator.store.api import Store
from integrator.store.units import Unit, UnitRefused

from .conftest import end, new_id, record

ERASE = "DELETE FROM details WHERE record_id = %s"


async def test_changes_and_records_are_one_transaction(store: Store) -> None:
    row, act = record(), record()
    await store.commit(Unit(records=[row]))
    changes = [(ERASE, (row.record_id,)), (ERASE, (new_id(),))]
    assert await store.together(changes, Unit(records=[act])) == [1, 0]
    (kept,) = await store.records_of(row.exchange_id)
    assert kept.details is None
    assert await store.record(act.record_id) is not None


async def test_nothing_is_written_where_the_unit_is_refused(store: Store) -> None:
    row = record()
    await store.commit(Unit(records=[row, end(row.exchange_id)]))
    second_end = replace(end(row.exchange_id), record_id=new_id())
    with pytest.raises(UnitRefused):
        await store.together([(ERASE, (row.record_id,))], Unit(records=[second_end]))
    assert (await store.records_of(row.exchange_id))[0].details is not None


async def test_nothing_is_written_where_a_change_is_refused(store: Store) -> None:
    row, act = record(), record()
    await store.commit(Unit(records=[row]))
    broken = ("INSERT INTO details (record_id, retention, key_id, sealed) VALUES (%s, %s, %s, %s)",
              (row.record_id, "P10Y", "details-1", b""))  # fmt: skip
    with pytest.raises(UnitRefused):
        await store.together([(ERASE, (row.record_id,)), broken, broken], Unit(records=[act]))
    assert await store.record(act.record_id) is None
    assert (await store.records_of(row.exchange_id))[0].details is not None


async def test_changes_without_a_unit(store: Store) -> None:
    assert await store.together([(ERASE, (new_id(),))]) == [0]
