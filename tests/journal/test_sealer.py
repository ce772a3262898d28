from __future__ import annotations

import asyncio
import errno
import itertools
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uuid_utils

from integrator.exchange import Context
from integrator.journal import checkpoint as checkpoints
from integrator.journal.anchor import Anchor, AnchorRefused, AnchorState, adopt, beginning
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.merkle import EMPTY_ROOT, root_of
from integrator.journal.sealer import Pass, Sealer, SealerStopped
from integrator.journal.writer import Journal
from integrator.store.api import CheckpointRow
from integrator.store.units import StoreOverloaded, StoreUnavailable, Unit
from tests.journal.conftest import LOG_KEY, NOW
from tests.journal.fake_store import FakeStore

ORIGIN = "bus.example/journal"
Clock = Callable[[], int]


@pytest.fixture
def anchor(tmp_path: Path) -> Anchor:
    return Anchor(tmp_path / "journal.anchor", ORIGIN)


async def fill(store: FakeStore, journal: Journal, count: int) -> None:
    for _ in range(count):
        row = journal.act("noise", "bus", {"count": 1}, now_us=NOW)
        await store.commit(Unit(records=[row]))


async def test_indexes_have_no_gaps_and_follow_the_order_of_durability(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    sealer = Sealer(store, anchor, LOG_KEY, clock, batch=4)
    assert await sealer.prepare()
    await fill(store, journal, 10)
    expected = list(store.waiting)
    assert await sealer.seal_pending() == 10
    assert [entry[0] for entry in store.log] == list(range(10))
    assert [entry[1] for entry in store.log] == expected
    assert not store.waiting
    assert sealer.size == 10
    state = anchor.load()
    assert state is not None
    assert state.head == beginning(ORIGIN).extended(entry[2] for entry in store.log)


async def test_a_restart_goes_on_where_the_log_ends(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    for start in (0, 3, 6):
        sealer = Sealer(store, anchor, LOG_KEY, clock)
        await sealer.prepare()
        assert sealer.size == start
        await fill(store, journal, 3)
        await sealer.seal_pending()
    assert [entry[0] for entry in store.log] == list(range(9))


async def test_a_crash_after_sealing_and_before_anchoring(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealer = Sealer(store, anchor, LOG_KEY, clock)
    await sealer.prepare()
    await fill(store, journal, 2)
    with monkeypatch.context() as patch:
        patch.setattr(Anchor, "write", _crash)
        with pytest.raises(KeyboardInterrupt):
            await sealer.seal_pending()
    again = Sealer(store, anchor, LOG_KEY, clock)
    await again.prepare()
    assert again.size == 2
    assert anchor.load().head.size == 2  # type: ignore[union-attr]


def _crash(*_: object) -> None:
    raise KeyboardInterrupt


async def test_it_runs_until_stopped_and_seals_what_is_left(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    passes: list[Pass] = []
    sealed = asyncio.Event()

    def note(done: Pass) -> None:
        passes.append(done)
        if done.sealed:
            sealed.set()

    sealer = Sealer(store, anchor, LOG_KEY, clock, on_pass=note, interval_seconds=0.005)
    task = asyncio.create_task(sealer.run())
    await fill(store, journal, 5)
    async with asyncio.timeout(5):
        await sealed.wait()
        await fill(store, journal, 2)
        sealer.stop()
        await task
    assert store.state.size == 7
    assert sum(done.sealed for done in passes) == 7
    assert sealer.failure is None


async def test_the_lag_is_the_age_of_the_oldest_waiting_record(
    store: FakeStore, anchor: Anchor, journal: Journal
) -> None:
    passes: list[Pass] = []
    await fill(store, journal, 1)
    made_us = int.from_bytes(next(iter(store.waiting))[:6], "big") * 1_000
    sealer = Sealer(store, anchor, LOG_KEY, lambda: made_us + 250_000, on_pass=passes.append)
    await sealer.prepare()
    await sealer.seal_pending()
    await sealer.seal_pending()
    assert passes == [Pass(1, 1, 250_000), Pass(1, 0, 0)]


async def test_only_one_process_seals(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    store.lock_free = False
    sealer = Sealer(store, anchor, LOG_KEY, clock, interval_seconds=0.001)
    assert not await sealer.prepare()
    await fill(store, journal, 1)
    task = asyncio.create_task(sealer.run())
    for _ in range(20):
        await asyncio.sleep(0)
    assert store.state.size == 0
    assert not sealer.holds_lock
    sealer.stop()
    await task
    assert store.state.size == 0


async def test_who_stands_by_takes_over_when_the_lock_is_free(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    store.lock_free = False
    done = asyncio.Event()
    sealer = Sealer(
        store, anchor, LOG_KEY, clock, on_pass=lambda p: p.sealed and done.set(), interval_seconds=0.001
    )
    task = asyncio.create_task(sealer.run())
    await fill(store, journal, 1)
    store.lock_free = True
    async with asyncio.timeout(5):
        await done.wait()
    assert sealer.holds_lock
    sealer.stop()
    await task


async def test_two_sealers_at_once_stop_the_one_that_comes_second(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock, tmp_path: Path
) -> None:
    first, second = (
        Sealer(store, anchor, LOG_KEY, clock),
        Sealer(store, Anchor(tmp_path / "b", ORIGIN), LOG_KEY, clock),
    )
    await first.prepare()
    await second.prepare()
    await fill(store, journal, 3)
    await first.seal_pending()
    await fill(store, journal, 3)
    with pytest.raises(SealerStopped, match="another bus writes to this database"):
        await second.run()
    assert second.failure is not None
    assert not second.holds_lock
    await first.seal_pending()
    assert [entry[0] for entry in store.log] == list(range(6))


async def test_sealing_without_the_lock_is_refused(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    await fill(store, journal, 1)
    with pytest.raises(SealerStopped, match="lock"):
        await Sealer(store, anchor, LOG_KEY, clock).seal_pending()


async def test_a_lost_database_is_taken_up_again(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    done, lost = asyncio.Event(), asyncio.Event()

    class Watched(FakeStore):
        async def pending(self, limit: int) -> Sequence[tuple[bytes, bytes]]:
            if self.down:
                lost.set()
            return await super().pending(limit)

    watched = Watched()
    sealer = Sealer(
        watched, anchor, LOG_KEY, clock, on_pass=lambda p: p.sealed and done.set(), interval_seconds=0.001
    )
    await sealer.prepare()
    await fill(watched, journal, 2)
    watched.down = True
    task = asyncio.create_task(sealer.run())
    async with asyncio.timeout(5):
        await lost.wait()
        watched.down = False
        await done.wait()
        sealer.stop()
        await task
    assert watched.state.size == 2
    assert sealer.failure is None


async def test_a_database_lost_at_the_very_end_leaves_the_rest_to_the_next_start(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    sealer = Sealer(store, anchor, LOG_KEY, clock)
    await sealer.prepare()
    await fill(store, journal, 2)
    store.down = True
    sealer.stop()
    await sealer.run()
    store.down = False
    again = Sealer(store, anchor, LOG_KEY, clock)
    await again.prepare()
    assert await again.seal_pending() == 2


async def test_an_anchor_that_cannot_be_written_stops_sealing(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealer = Sealer(store, anchor, LOG_KEY, clock)
    await sealer.prepare()
    await fill(store, journal, 1)

    def full(*_: object) -> None:
        raise AnchorRefused("the journal's anchor cannot be written (Input/output error)")

    monkeypatch.setattr(Anchor, "write", full)
    with pytest.raises(SealerStopped, match="Input/output"):
        await sealer.run()
    assert "Input/output" in (sealer.failure or "")


async def test_an_anchor_without_room_follows_once_there_is_some(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: asyncio.Queue[Pass] = asyncio.Queue()
    sealer = Sealer(store, anchor, LOG_KEY, clock, on_pass=passes.put_nowait, interval_seconds=0.001)
    await sealer.prepare()
    await fill(store, journal, 2)
    refused = asyncio.Event()

    def no_room(*_: object) -> int:
        loop.call_soon_threadsafe(refused.set)
        raise OSError(errno.ENOSPC, "No space left on device")

    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10):
        with monkeypatch.context() as patch:
            patch.setattr("integrator.journal.anchor.os.write", no_room)
            task = asyncio.create_task(sealer.run())
            await refused.wait()
        while (await passes.get()).size != 2 or sealer.behind:
            continue
        sealer.stop()
        await task
    assert sealer.failure is None
    state = anchor.load()
    assert state is not None
    assert state.head.size == 2 == store.state.size


def test_an_anchor_that_is_written_in_pieces_is_whole(
    anchor: Anchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr("integrator.journal.anchor.os.write", lambda file, data: write(file, data[:7]))
    start = beginning(ORIGIN)
    state = AnchorState(ORIGIN, start, NOW, tail=start, middle=start)
    anchor.write(state)
    assert anchor.load() == state


@pytest.mark.parametrize("step_us", [500_000, 60_000_000])
async def test_a_clock_that_goes_backwards(
    store: FakeStore, journal: Journal, anchor: Anchor, step_us: int
) -> None:
    times = iter([NOW, NOW, NOW - step_us])
    sealer = Sealer(store, anchor, LOG_KEY, lambda: next(times))
    await sealer.prepare()
    await fill(store, journal, 1)
    await sealer.seal_pending()
    await fill(store, journal, 1)
    if step_us > 1_000_000:
        with pytest.raises(SealerStopped, match="clock"):
            await sealer.seal_pending()
    else:
        await sealer.seal_pending()
        assert store.state.sealed_us == NOW


async def test_what_nobody_foresaw_stops_with_its_name(
    store: FakeStore, anchor: Anchor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealer = Sealer(store, anchor, LOG_KEY, clock)
    await sealer.prepare()

    async def broken(limit: int) -> Sequence[tuple[bytes, bytes]]:
        raise ZeroDivisionError

    monkeypatch.setattr(store, "pending", broken)
    with pytest.raises(SealerStopped, match="ZeroDivisionError"):
        await sealer.run()


async def test_an_anchor_ahead_of_the_database_refuses_the_start(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    sealer = Sealer(store, anchor, LOG_KEY, clock)
    await sealer.prepare()
    await fill(store, journal, 2)
    await sealer.seal_pending()
    with pytest.raises(AnchorRefused, match="older copy"):
        await Sealer(FakeStore(), anchor, LOG_KEY, clock).prepare()


async def test_records_of_an_exchange_keep_their_order(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    context = Context(str(uuid_utils.uuid7()), "f", "s")
    first = journal.record("received", context, now_us=NOW, final=False)
    context.previous = first.leaf_hash
    last = journal.record("completed", context, now_us=NOW, final=True)
    for row in (first, last):
        await store.commit(Unit(records=[row]))
    sealer = Sealer(store, anchor, LOG_KEY, clock)
    await sealer.prepare()
    await sealer.seal_pending()
    assert [entry[1] for entry in store.log] == [first.record_id, last.record_id]


# --- the tree and its checkpoints ---------------------------------------------------------------


def proven(note: bytes) -> Checkpoint:
    return checkpoints.verify(note, [LOG_KEY.verifier], ORIGIN)


async def test_each_pass_signs_what_it_sealed(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    sealer = Sealer(store, anchor, LOG_KEY, clock, batch=300)
    await sealer.prepare()
    assert proven(store.checkpoints[0].note) == Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    await fill(store, journal, 700)
    await sealer.seal_pending()
    leaves = [leaf_hash for _, _, leaf_hash in store.log]
    assert sorted(store.checkpoints) == [0, 300, 600, 700]
    for size, row in store.checkpoints.items():
        assert proven(row.note) == Checkpoint(ORIGIN, size, root_of(leaves[:size]))
    assert store.tiles == {(1, 0): root_of(leaves[:256]), (1, 1): root_of(leaves[256:512])}
    state = anchor.load()
    assert state is not None
    assert state.checkpoint.encode() == store.checkpoints[700].note


@pytest.mark.parametrize("point", ["anchor", "publish"])
async def test_a_crash_between_sealing_and_publishing_is_made_good(
    store: FakeStore,
    journal: Journal,
    anchor: Anchor,
    clock: Clock,
    point: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sealer = Sealer(store, anchor, LOG_KEY, clock)
    await sealer.prepare()
    await fill(store, journal, 5)
    with monkeypatch.context() as patch:
        if point == "anchor":
            patch.setattr(Anchor, "write", _crash)
        else:
            patch.setattr(store, "publish", _crash)
        with pytest.raises(KeyboardInterrupt):
            await sealer.seal_pending()
    assert sorted(store.checkpoints) == [0]
    again = Sealer(store, anchor, LOG_KEY, clock)
    await again.prepare()
    assert proven(store.checkpoints[5].note).size == 5
    assert anchor.load().checkpoint.encode() == store.checkpoints[5].note  # type: ignore[union-attr]
    await fill(store, journal, 2)
    await again.seal_pending()
    leaves = [leaf_hash for _, _, leaf_hash in store.log]
    assert proven(store.checkpoints[7].note).root == root_of(leaves)


async def test_a_lost_database_during_publication_is_made_good_by_the_same_process(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = asyncio.Event()
    publish, calls = store.publish, itertools.count()

    async def lost_once(row: CheckpointRow) -> bool:
        if next(calls) == 1:
            raise StoreUnavailable("gone")
        kept = await publish(row)
        if row.size == 3:
            done.set()
        return kept

    monkeypatch.setattr(store, "publish", lost_once)
    sealer = Sealer(store, anchor, LOG_KEY, clock, interval_seconds=0.001)
    await sealer.prepare()
    await fill(store, journal, 3)
    running = asyncio.create_task(sealer.run())
    await asyncio.wait_for(done.wait(), 20)
    sealer.stop()
    await running
    assert sorted(store.checkpoints) == [0, 3]


async def test_a_log_with_another_root_than_signed_is_refused(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    sealer = Sealer(store, anchor, LOG_KEY, clock)
    await sealer.prepare()
    await fill(store, journal, 4)
    await sealer.seal_pending()
    state = anchor.load()
    assert state is not None
    other = checkpoints.sign(Checkpoint(ORIGIN, 4, bytes(32)), LOG_KEY).decode()
    anchor.write(replace(state, checkpoint=other))
    with pytest.raises(AnchorRefused, match="another root at size 4 than its anchor says"):
        await Sealer(store, anchor, LOG_KEY, clock).prepare()
    larger = checkpoints.sign(Checkpoint(ORIGIN, 5, bytes(32)), LOG_KEY).decode()
    anchor.write(replace(state, checkpoint=larger))
    with pytest.raises(AnchorRefused, match="holds 4 sealed records, its anchor 5"):
        await Sealer(store, anchor, LOG_KEY, clock).prepare()
    anchor.write(replace(state, checkpoint="torn"))
    with pytest.raises(AnchorRefused, match="restore it from a copy"):
        await Sealer(store, anchor, LOG_KEY, clock).prepare()
    anchor.write(state)
    store.checkpoints[4] = replace(store.checkpoints[4], root=bytes(32))
    with pytest.raises(AnchorRefused, match="than its last checkpoint says"):
        await Sealer(store, anchor, LOG_KEY, clock).prepare()


async def test_a_size_signed_otherwise_by_somebody_else_stops_the_sealer(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    sealer = Sealer(store, anchor, LOG_KEY, clock)
    await sealer.prepare()
    await fill(store, journal, 2)
    store.checkpoints[2] = CheckpointRow(2, bytes(32), b"", NOW)
    with pytest.raises(SealerStopped, match="says otherwise"):
        await sealer.seal_pending()


async def test_tile_hashes_that_are_missing_are_derived_or_refused(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    sealer = Sealer(store, anchor, LOG_KEY, clock)
    await sealer.prepare()
    await fill(store, journal, 600)
    await sealer.seal_pending()
    kept = dict(store.tiles)
    store.tiles.clear()
    await Sealer(store, anchor, LOG_KEY, clock).prepare()
    assert store.tiles == kept
    store.tiles[1, 1] = bytes(32)
    with pytest.raises(AnchorRefused, match="another root at size 600"):
        await Sealer(store, anchor, LOG_KEY, clock).prepare()


@pytest.mark.parametrize("step", ["seal", "publish"])
async def test_a_lost_lock_makes_it_stand_by_and_not_stop(
    store: FakeStore,
    journal: Journal,
    anchor: Anchor,
    clock: Clock,
    step: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sealer = Sealer(store, anchor, LOG_KEY, clock, interval_seconds=0.001)
    await sealer.prepare()
    await fill(store, journal, 2)

    async def lost(*_: object) -> bool:
        store.lock_free = False
        return False

    looked = asyncio.Event()

    async def asked() -> bool:
        if not store.lock_free and not sealer.holds_lock:
            looked.set()
        return store.lock_free

    with monkeypatch.context() as patch:
        patch.setattr(store, step, lost)
        patch.setattr(store, "take_sealer_lock", asked)
        running = asyncio.create_task(sealer.run())
        await asyncio.wait_for(looked.wait(), 20)
    assert not sealer.holds_lock
    done = asyncio.Event()
    publish = store.publish

    async def noticed(row: CheckpointRow) -> bool:
        kept = await publish(row)
        if row.size == 2:
            done.set()
        return kept

    monkeypatch.setattr(store, "publish", noticed)
    store.lock_free = True
    await asyncio.wait_for(done.wait(), 20)
    sealer.stop()
    await running
    assert max(store.checkpoints) == 2


async def test_a_proof_made_while_another_process_sealed_is_made_again(
    store: FakeStore, journal: Journal, anchor: Anchor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store, journal, 3)
    other = Sealer(store, anchor, LOG_KEY, lambda: NOW)  # type: ignore[arg-type]
    assert await other.prepare()
    await other.seal_pending()
    read = store.log_state

    async def frozen_after_reading() -> Any:
        state = await read()
        monkeypatch.undo()
        await fill(store, journal, 2)
        await other.seal_pending()
        return state

    monkeypatch.setattr(store, "log_state", frozen_after_reading)
    mine = Anchor(tmp_path / "of-another-process", anchor.origin)
    shutil.copy(anchor.path, mine.path)
    sealer = Sealer(store, mine, LOG_KEY, lambda: NOW)  # type: ignore[arg-type]
    assert await sealer.prepare()
    assert sealer.size == 5


async def test_a_busy_store_is_no_reason_to_stop(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = asyncio.Event()
    sealer = Sealer(
        store, anchor, LOG_KEY, clock, on_pass=lambda p: p.sealed and done.set(), interval_seconds=0.001
    )
    await sealer.prepare()
    await fill(store, journal, 2)
    seal, calls = store.seal, itertools.count()

    async def busy(*arguments: Any) -> bool:
        if next(calls) < 2:
            raise StoreOverloaded("busy")
        return await seal(*arguments)

    monkeypatch.setattr(store, "seal", busy)
    running = asyncio.create_task(sealer.run())
    await asyncio.wait_for(done.wait(), 20)
    sealer.stop()
    await running
    assert sealer.size == 2


async def test_an_adopted_anchor_takes_up_the_published_checkpoint(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    sealer = Sealer(store, anchor, LOG_KEY, clock)
    await sealer.prepare()
    await fill(store, journal, 3)
    await sealer.seal_pending()
    anchor.path.unlink()
    assert (await adopt(store, anchor, clock())).checkpoint == ""
    await Sealer(store, anchor, LOG_KEY, clock).prepare()
    assert anchor.load().checkpoint.encode() == store.checkpoints[3].note  # type: ignore[union-attr]
