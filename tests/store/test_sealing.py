"""One sealer, gapless indexes, compare-and-swap; on both databases."""

from __future__ import annotations

import asyncio
import os

import pytest

from integrator.store.api import CheckpointRow, LogState, Store
from integrator.store.units import Unit, UnitRefused

from .conftest import NOW, PROCESS, new_id, record


async def filled(store: Store, count: int) -> list[tuple[bytes, bytes]]:
    for _ in range(count):
        await store.commit(Unit(records=[record()]))
    return list(await store.pending(count))


async def test_sealing_gives_indexes_without_gaps(store: Store) -> None:
    assert await store.take_sealer_lock() is True
    assert await store.log_state() == LogState(0, 0)
    entries = await filled(store, 5)
    assert await store.seal(0, entries[:3], NOW) is True
    assert await store.log_state() == LogState(3, NOW)
    assert await store.pending(10) == entries[3:]
    assert await store.seal(3, entries[3:], NOW + 1) is True
    assert await store.pending(10) == []
    assert await store.log_entries(1, 4) == [(n, *entries[n]) for n in (1, 2, 3)]
    assert [row.index for row in await store.sealed_records(0, 9)] == [0, 1, 2, 3, 4]
    found = await store.record(entries[4][0])
    assert found is not None
    assert found.index == 4


async def test_pending_is_oldest_first(store: Store) -> None:
    rows = [record() for _ in range(20)]
    for row in reversed(rows):
        await store.commit(Unit(records=[row]))
    assert [record_id for record_id, _ in await store.pending(7)] == [row.record_id for row in rows[:7]]


@pytest.mark.parametrize("start", [1, 2, -1])
async def test_a_size_that_had_moved_seals_nothing(store: Store, start: int) -> None:
    await store.take_sealer_lock()
    entries = await filled(store, 2)
    assert await store.seal(start, entries, NOW) is False
    assert await store.log_state() == LogState(0, 0)
    assert await store.pending(10) == entries
    assert await store.log_entries(0, 10) == []


async def test_the_same_entries_are_not_sealed_twice(store: Store) -> None:
    await store.take_sealer_lock()
    entries = await filled(store, 2)
    assert await store.seal(0, entries, NOW) is True
    assert await store.seal(0, entries, NOW) is False
    with pytest.raises(UnitRefused):
        await store.seal(2, entries, NOW)
    assert await store.log_state() == LogState(2, NOW)


async def test_what_is_not_pending_is_not_sealed(store: Store) -> None:
    await store.take_sealer_lock()
    entries = await filled(store, 2)
    with pytest.raises(UnitRefused, match="not pending"):
        await store.seal(0, [*entries, (new_id(), os.urandom(32))], NOW)
    assert await store.log_state() == LogState(0, 0)
    assert await store.pending(10) == entries
    assert await store.seal(0, entries, NOW) is True


async def test_sealing_nothing_moves_only_the_time(store: Store) -> None:
    await store.take_sealer_lock()
    assert await store.seal(0, [], NOW) is True
    assert await store.log_state() == LogState(0, NOW)


async def test_the_tree_is_kept_beside_the_log(store: Store) -> None:
    await store.take_sealer_lock()
    entries = await filled(store, 3)
    hashes = [bytes([n]) * 32 for n in range(3)]
    assert await store.seal(0, entries[:2], NOW, [(1, 0, hashes[0]), (1, 1, hashes[1]), (2, 0, hashes[2])])
    assert await store.tile_hashes(1, 0, 9) == hashes[:2]
    assert await store.tile_hashes(1, 1, 2) == hashes[1:2]
    assert await store.tile_hashes(0, 0, 9) == [leaf_hash for _, leaf_hash in entries[:2]]
    assert await store.tile_levels() == {1: (2, 1), 2: (1, 0)}
    assert await store.leaves(1, 9) == [(1, b'{"type":"received"}')]
    await store.add_tile_hashes([(1, 1, bytes(32)), (1, 2, hashes[2])])
    assert await store.tile_hashes(1, 0, 9) == hashes
    await store.add_tile_hashes([])
    assert await store.seal(1, entries[2:], NOW, [(3, 0, hashes[0])]) is False
    assert 3 not in await store.tile_levels()
    with pytest.raises(UnitRefused):
        await store.seal(2, entries[2:], NOW, [(1, 3, b"short")])
    assert (await store.log_state()).size == 2


async def test_one_size_has_one_checkpoint(store: Store) -> None:
    await store.take_sealer_lock()
    assert await store.last_checkpoint() is None
    first, second = CheckpointRow(0, b"r" * 32, b"note", NOW), CheckpointRow(7, b"s" * 32, b"other", NOW)
    assert await store.publish(second) is True
    assert await store.publish(first) is True
    assert await store.publish(first) is True
    assert await store.publish(CheckpointRow(7, b"x" * 32, b"rewritten", NOW)) is False
    assert await store.last_checkpoint() == second


async def test_on_postgres_only_one_process_seals(postgres_url: str, tmp_path) -> None:
    from integrator.security.limits import DEFAULT
    from integrator.store.migrate import migrate
    from integrator.store.open import open_store

    migrate(postgres_url, tmp_path)
    first, second = (
        open_store(postgres_url, limits=DEFAULT, process_id=PROCESS, data_dir=tmp_path) for _ in range(2)
    )
    await first.open()
    await second.open()
    assert await first.take_sealer_lock() is True
    assert await first.take_sealer_lock() is True
    assert await second.take_sealer_lock() is False
    entries = await filled(first, 2)
    assert await second.seal(0, entries, NOW) is False  # not without the lock
    assert await second.publish(CheckpointRow(0, b"r" * 32, b"note", NOW)) is False
    assert await first.seal(0, entries, NOW) is True
    await first.close()
    async with asyncio.timeout(20):  # the server notices the end of a session a moment later
        while not await second.take_sealer_lock():  # noqa: ASYNC110
            await asyncio.sleep(0)
    await second.close()
