from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from integrator.journal import anchor as anchors
from integrator.journal.anchor import Anchor, AnchorRefused, AnchorState, Point, adopt, beginning, reconcile
from integrator.journal.writer import Journal
from integrator.store.api import LogState
from tests.journal.conftest import NOW
from tests.journal.fake_store import FakeStore

ORIGIN = "bus.example/journal"


@pytest.fixture
def anchor(tmp_path: Path) -> Anchor:
    return Anchor(tmp_path / "other-volume" / "journal.anchor", ORIGIN)


def seal(store: FakeStore, count: int) -> list[bytes]:
    hashes = [os.urandom(32) for _ in range(count)]
    for leaf_hash in hashes:
        store.log.append((len(store.log), os.urandom(16), leaf_hash))
    store.state = LogState(len(store.log), NOW)
    return hashes


def test_the_running_hash_is_the_documented_one() -> None:
    empty = hashlib.sha256(b"integrator/running-hash/v1\n" + ORIGIN.encode()).digest()
    assert beginning(ORIGIN) == Point(0, empty)
    one = hashlib.sha256(empty + b"a" * 32).digest()
    two = hashlib.sha256(one + b"b" * 32).digest()
    assert beginning(ORIGIN).extended([b"a" * 32, b"b" * 32]) == Point(2, two)
    assert beginning(ORIGIN).extended([b"a" * 32]).extended([b"b" * 32]) == Point(2, two)


def test_what_is_written_is_read(anchor: Anchor) -> None:
    start = beginning(ORIGIN)
    state = AnchorState(ORIGIN, start, NOW, start, start).advanced([b"a" * 32], NOW + 1)
    anchor.write(state)
    assert anchor.load() == state
    assert list(anchor.path.parent.iterdir()) == [anchor.path]
    assert anchor.path.stat().st_mode & 0o077 == 0


def test_writing_syncs_file_then_renames_then_syncs_the_directory(
    anchor: Anchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    real_fsync, real_replace = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        kind = "directory" if Path(f"/proc/self/fd/{descriptor}").resolve().is_dir() else "file"
        steps.append(f"fsync {kind}")
        real_fsync(descriptor)

    def rename(path: Path, target: Path) -> Path:
        steps.append("rename")
        return real_replace(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", rename)
    start = beginning(ORIGIN)
    anchor.write(AnchorState(ORIGIN, start, NOW, start, start))
    assert steps == ["fsync file", "rename", "fsync directory"]


def test_a_crash_before_the_rename_leaves_the_old_anchor(
    anchor: Anchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = beginning(ORIGIN)
    old = AnchorState(ORIGIN, start, NOW, start, start)
    anchor.write(old)

    def fails(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(AnchorRefused, match="Input/output error"):
        anchor.write(old.advanced([b"a" * 32], NOW))
    assert anchor.load() == old


async def test_an_empty_log_without_anchor_begins_one(store: FakeStore, anchor: Anchor) -> None:
    state = await reconcile(store, anchor, lambda: NOW)
    assert state.head == beginning(ORIGIN)
    assert anchor.load() == state


async def test_a_crash_between_sealing_and_anchoring_is_caught_up(store: FakeStore, anchor: Anchor) -> None:
    await reconcile(store, anchor, lambda: NOW)
    hashes = seal(store, 9_000)
    state = await reconcile(store, anchor, lambda: NOW + 1)
    assert state.head == beginning(ORIGIN).extended(hashes)
    assert anchor.load() == state


async def test_a_log_without_its_anchor_is_refused_until_adopted(store: FakeStore, anchor: Anchor) -> None:
    hashes = seal(store, 5_000)
    with pytest.raises(AnchorRefused, match="restore the file"):
        await reconcile(store, anchor, lambda: NOW)
    state = await adopt(store, anchor, NOW)
    assert state.head == beginning(ORIGIN).extended(hashes)
    assert await reconcile(store, anchor, lambda: NOW) == state


async def test_a_database_smaller_than_its_anchor_is_refused(store: FakeStore, anchor: Anchor) -> None:
    seal(store, 10)
    await adopt(store, anchor, NOW)
    del store.log[8:]
    store.state = LogState(8, NOW)
    with pytest.raises(AnchorRefused, match=r"holds 8 sealed records, its anchor 10: this is an older copy"):
        await reconcile(store, anchor, lambda: NOW)


async def test_a_database_that_grew_differently_is_refused(store: FakeStore, anchor: Anchor) -> None:
    seal(store, 10)
    await adopt(store, anchor, NOW)
    del store.log[8:]
    seal(store, 5)
    with pytest.raises(AnchorRefused, match="another or an altered database"):
        await reconcile(store, anchor, lambda: NOW)


async def test_gaps_are_refused(store: FakeStore, anchor: Anchor) -> None:
    seal(store, 10)
    await adopt(store, anchor, NOW)
    del store.log[5]
    with pytest.raises(AnchorRefused, match="no entry 5"):
        await reconcile(store, anchor, lambda: NOW)
    with pytest.raises(AnchorRefused, match="no entry 5"):
        await adopt(store, anchor, NOW)


async def test_a_log_shorter_than_its_stated_size_is_refused(store: FakeStore, anchor: Anchor) -> None:
    seal(store, 10)
    await adopt(store, anchor, NOW)
    store.state = LogState(12, NOW)
    with pytest.raises(AnchorRefused, match="restore the database"):
        await reconcile(store, anchor, lambda: NOW)
    with pytest.raises(AnchorRefused, match="ends at 10, not 12"):
        await adopt(store, anchor, NOW)


async def test_a_clock_before_the_last_sealing_is_refused(store: FakeStore, anchor: Anchor) -> None:
    await reconcile(store, anchor, lambda: NOW)
    with pytest.raises(AnchorRefused, match="set the clock right"):
        await reconcile(store, anchor, lambda: NOW - 60_000_000)
    await reconcile(store, anchor, lambda: NOW - anchors.CLOCK_STEP_US)


async def test_the_anchor_of_another_journal_is_refused(store: FakeStore, anchor: Anchor) -> None:
    await reconcile(store, anchor, lambda: NOW)
    with pytest.raises(AnchorRefused, match=r"belongs to the journal bus\.example/journal"):
        await reconcile(store, Anchor(anchor.path, "other.example/journal"), lambda: NOW)


def _as_torn(data: bytes) -> list[bytes]:
    document = orjson.loads(data)
    edited = [
        orjson.dumps({**document, name: value}) for name, value in (("size", 7), ("time", 1), ("origin", "x"))
    ]
    return [
        b"",
        data[:-3],
        data[: len(data) // 2],
        data[1:],
        b"[]",
        b"null",
        b"{}",
        bytes(len(data)),
        *edited,
    ]


@pytest.mark.parametrize("number", range(11))
async def test_a_torn_or_edited_anchor_is_refused(store: FakeStore, anchor: Anchor, number: int) -> None:
    await reconcile(store, anchor, lambda: NOW)
    anchor.path.write_bytes(_as_torn(anchor.path.read_bytes())[number])
    with pytest.raises(AnchorRefused, match="torn or was edited"):
        await reconcile(store, anchor, lambda: NOW)


async def test_every_flipped_bit_is_noticed(store: FakeStore, anchor: Anchor) -> None:
    state = await reconcile(store, anchor, lambda: NOW)
    data = anchor.path.read_bytes()
    for position in range(len(data) - 1):
        altered = bytearray(data)
        altered[position] ^= 1
        anchor.path.write_bytes(altered)
        with pytest.raises(AnchorRefused):
            anchor.load()
    anchor.path.write_bytes(data)
    assert anchor.load() == state


def test_an_unreadable_anchor_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(AnchorRefused, match="make it readable"):
        Anchor(tmp_path / "a", ORIGIN).load()


def test_a_start_recomputes_a_bounded_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anchors, "TAIL_ENTRIES", 100)
    start = beginning(ORIGIN)
    state: Any = AnchorState(ORIGIN, start, NOW, start, start)
    for _ in range(500):
        state = state.advanced([b"x" * 32] * 7, NOW)
        checked = state.head.size - state.tail.size
        assert checked <= 220
        assert checked >= min(state.head.size, 100)


async def test_writing_does_not_depend_on_leftovers_and_removes_old_ones(
    store: FakeStore, anchor: Anchor, journal: Journal
) -> None:
    anchor.path.parent.mkdir(parents=True)
    old, young = (anchor.path.with_name(f"journal.anchor.{name}.new") for name in ("old", "young"))
    for left in (old, young):
        left.write_bytes(b"x" * 10_000)
    os.utime(old, (0, 0))
    state = await reconcile(store, anchor, lambda: NOW)
    assert anchor.load() == state
    assert journal.origin == ORIGIN
    assert sorted(anchor.path.parent.iterdir()) == [anchor.path, young]  # somebody may be about to rename it


def test_a_process_that_was_frozen_while_writing_does_not_tear_the_anchor_of_its_successor(
    anchor: Anchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = beginning(ORIGIN)
    first = AnchorState(ORIGIN, start, NOW, start, start)
    later = first.advanced([b"a" * 32] * 3, NOW)
    fsync = os.fsync

    def frozen(descriptor: int) -> None:
        monkeypatch.setattr(os, "fsync", fsync)
        anchor.write(later)  # what another process does meanwhile
        assert anchor.load() == later
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", frozen)
    anchor.write(first)
    assert anchor.load() == first
    assert list(anchor.path.parent.iterdir()) == [anchor.path]


async def test_the_clock_is_read_after_the_anchor(store: FakeStore, anchor: Anchor) -> None:
    """A sealer frozen in between, while another sealed: its own time did not go back."""
    moment = NOW

    class Frozen(Anchor):
        def load(self) -> AnchorState | None:
            nonlocal moment
            moment += 60_000_000
            return super().load()

    await reconcile(store, Frozen(anchor.path, ORIGIN), lambda: moment)
    state = anchor.load()
    assert state is not None
    assert state.time_us == NOW + 60_000_000
