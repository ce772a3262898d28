from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import uuid_utils

from integrator.exchange import Context
from integrator.journal.anchor import Anchor, AnchorRefused, AnchorState, beginning
from integrator.journal.sealer import Pass, Sealer, SealerStopped
from integrator.journal.writer import Journal
from integrator.store.units import Unit
from tests.journal.conftest import NOW
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
    sealer = Sealer(store, anchor, clock, batch=4)
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
        sealer = Sealer(store, anchor, clock)
        await sealer.prepare()
        assert sealer.size == start
        await fill(store, journal, 3)
        await sealer.seal_pending()
    assert [entry[0] for entry in store.log] == list(range(9))


async def test_a_crash_after_sealing_and_before_anchoring(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealer = Sealer(store, anchor, clock)
    await sealer.prepare()
    await fill(store, journal, 2)
    with monkeypatch.context() as patch:
        patch.setattr(Anchor, "write", _crash)
        with pytest.raises(KeyboardInterrupt):
            await sealer.seal_pending()
    again = Sealer(store, anchor, clock)
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

    sealer = Sealer(store, anchor, clock, on_pass=note, interval_seconds=0.005)
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
    sealer = Sealer(store, anchor, lambda: made_us + 250_000, on_pass=passes.append)
    await sealer.prepare()
    await sealer.seal_pending()
    await sealer.seal_pending()
    assert passes == [Pass(1, 1, 250_000), Pass(1, 0, 0)]


async def test_only_one_process_seals(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    store.lock_free = False
    sealer = Sealer(store, anchor, clock, interval_seconds=0.001)
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
    sealer = Sealer(store, anchor, clock, on_pass=lambda p: p.sealed and done.set(), interval_seconds=0.001)
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
    first, second = Sealer(store, anchor, clock), Sealer(store, Anchor(tmp_path / "b", ORIGIN), clock)
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
        await Sealer(store, anchor, clock).seal_pending()


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
    sealer = Sealer(watched, anchor, clock, on_pass=lambda p: p.sealed and done.set(), interval_seconds=0.001)
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
    sealer = Sealer(store, anchor, clock)
    await sealer.prepare()
    await fill(store, journal, 2)
    store.down = True
    sealer.stop()
    await sealer.run()
    store.down = False
    again = Sealer(store, anchor, clock)
    await again.prepare()
    assert await again.seal_pending() == 2


async def test_an_anchor_that_cannot_be_written_stops_sealing(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealer = Sealer(store, anchor, clock)
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
    sealer = Sealer(store, anchor, clock, on_pass=passes.put_nowait, interval_seconds=0.001)
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
    sealer = Sealer(store, anchor, lambda: next(times))
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
    sealer = Sealer(store, anchor, clock)
    await sealer.prepare()

    async def broken(limit: int) -> Sequence[tuple[bytes, bytes]]:
        raise ZeroDivisionError

    monkeypatch.setattr(store, "pending", broken)
    with pytest.raises(SealerStopped, match="ZeroDivisionError"):
        await sealer.run()


async def test_an_anchor_ahead_of_the_database_refuses_the_start(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    sealer = Sealer(store, anchor, clock)
    await sealer.prepare()
    await fill(store, journal, 2)
    await sealer.seal_pending()
    with pytest.raises(AnchorRefused, match="older copy"):
        await Sealer(FakeStore(), anchor, clock).prepare()


async def test_records_of_an_exchange_keep_their_order(
    store: FakeStore, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    context = Context(str(uuid_utils.uuid7()), "f", "s")
    first = journal.record("received", context, now_us=NOW, final=False)
    context.previous = first.leaf_hash
    last = journal.record("completed", context, now_us=NOW, final=True)
    for row in (first, last):
        await store.commit(Unit(records=[row]))
    sealer = Sealer(store, anchor, clock)
    await sealer.prepare()
    await sealer.seal_pending()
    assert [entry[1] for entry in store.log] == [first.record_id, last.record_id]
