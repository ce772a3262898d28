"""The anchor: what the log was last seen to be, kept durably outside the database.

A database restored from an old backup is shorter than its anchor, a replaced one has another
running hash at that size; both are refused at start. The anchor holds the running hash over all
leaf hashes, which a start can follow entry by entry, and the checkpoint signed last.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any

import orjson

from integrator.journal import checkpoint as checkpoints
from integrator.journal import tree
from integrator.journal.canonical import canonical
from integrator.journal.note import NoteError
from integrator.store import failpoints
from integrator.store.api import CheckpointRow, LogState, Store, StoreRefused

CLOCK_STEP_US = 1_000_000
TAIL_ENTRIES = 10_000
_PAGE = 4_096
_LEFT_SECONDS = 3_600
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class AnchorRefused(Exception):
    """The journal may not be continued as it is; the message says why and what to do."""


class AnchorDelayed(AnchorRefused):
    """There is no room for the anchor now. The former one stands, as after a crash: try again."""


@dataclass(frozen=True, slots=True)
class Point:
    """The log at one size: the running hash over its first `size` leaf hashes."""

    size: int
    running_hash: bytes

    def extended(self, leaf_hashes: Iterable[bytes]) -> Point:
        """The point after these entries: hash = SHA-256(hash ‖ leaf hash), entry by entry."""
        size, running = self.size, self.running_hash
        for leaf_hash in leaf_hashes:
            running = sha256(running + leaf_hash).digest()
            size += 1
        return Point(size, running)


def beginning(origin: str) -> Point:
    """The empty log of this origin."""
    return Point(0, sha256(b"integrator/running-hash/v1\n" + origin.encode("ascii")).digest())


@dataclass(frozen=True, slots=True)
class AnchorState:
    """What the anchor file says. `tail` and `middle` are earlier points, at least `TAIL_ENTRIES`
    apart in a long log: a start recomputes the entries since `tail` instead of the whole log.
    `checkpoint` is the note signed last, of `head` or an earlier size; "" before the first."""

    origin: str
    head: Point
    time_us: int
    tail: Point
    middle: Point
    checkpoint: str = ""

    def advanced(self, leaf_hashes: Iterable[bytes], time_us: int) -> AnchorState:
        """The state after these entries were sealed at this time."""
        head = self.head.extended(leaf_hashes)
        tail, middle = self.tail, self.middle
        if head.size - middle.size >= TAIL_ENTRIES:
            tail, middle = middle, head
        return AnchorState(self.origin, head, time_us, tail, middle, self.checkpoint)


class Anchor:
    """The anchor file of one log. On another volume than the database it survives its loss."""

    def __init__(self, path: Path, origin: str) -> None:
        self.path = path
        self.origin = origin

    def load(self) -> AnchorState | None:
        """The state, or None where there is no file. Raises AnchorRefused for a torn or foreign one."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise AnchorRefused(
                f"the journal's anchor {self.path} cannot be read ({error.strerror}): make it readable"
            ) from error
        state = _decode(data)
        if state is None:
            raise AnchorRefused(
                f"the journal's anchor {self.path} is torn or was edited: restore it from a copy, or "
                "make a new one with `integrator journal adopt`"
            )
        if state.origin != self.origin:
            raise AnchorRefused(
                f"the anchor {self.path} belongs to the journal {state.origin}, not to {self.origin}: "
                "correct the journal's origin or the path of its anchor"
            )
        return state

    def write(self, state: AnchorState) -> None:
        """Replace the file durably: temp, fsync, rename, fsync of the directory, in this order.

        A crash leaves the old or the new anchor, never half of one. Raises AnchorDelayed on a full
        disk, else AnchorRefused; the caller must stop then, because after a failed fsync nothing is
        known about what is on the disk.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._unwritten()
            _write_synced(temporary, _encode(state))
        except OSError as error:
            kind = AnchorDelayed if error.errno in _NO_ROOM else AnchorRefused
            raise self._unwritable(kind, error) from error
        failpoints.hit("anchor-before")
        try:
            temporary.replace(self.path)
            _sync_directory(self.path.parent)
        except OSError as error:
            raise self._unwritable(AnchorRefused, error) from error
        failpoints.hit("anchor-after")

    def _unwritten(self) -> Path:
        """A new file that nobody else writes: a process that was frozen may still do so to its own.

        What dead processes left is removed, once no living one can be about to rename it.
        """
        before = time.time() - _LEFT_SECONDS
        for left in self.path.parent.glob(f"{self.path.name}.*.new"):
            with contextlib.suppress(FileNotFoundError):
                if left.stat().st_mtime < before:
                    left.unlink()
        return self.path.with_name(f"{self.path.name}.{token_hex(8)}.new")

    def _unwritable(self, kind: type[AnchorRefused], error: OSError) -> AnchorRefused:
        return kind(
            f"the journal's anchor {self.path} cannot be written ({error.strerror}): "
            "free its disk or correct its path, then start again"
        )


def _write_synced(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        while data:  # the last room of a disk takes less than it was given
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _encode(state: AnchorState) -> bytes:
    document: dict[str, Any] = {
        "v": 1,
        "origin": state.origin,
        "time": state.time_us,
        "size": state.head.size,
        "running_hash": state.head.running_hash.hex(),
        "tail": [state.tail.size, state.tail.running_hash.hex()],
        "middle": [state.middle.size, state.middle.running_hash.hex()],
    }
    if state.checkpoint:
        document["checkpoint"] = state.checkpoint
    document["check"] = sha256(canonical(document)).hexdigest()
    return canonical(document) + b"\n"


def _decode(data: bytes) -> AnchorState | None:
    try:
        document = orjson.loads(data)
        check = document.pop("check")
        if sha256(canonical(document)).hexdigest() != check or document["v"] != 1:
            return None
        return AnchorState(
            origin=document["origin"],
            head=Point(document["size"], bytes.fromhex(document["running_hash"])),
            time_us=document["time"],
            tail=Point(document["tail"][0], bytes.fromhex(document["tail"][1])),
            middle=Point(document["middle"][0], bytes.fromhex(document["middle"][1])),
            checkpoint=str(document.get("checkpoint", "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None


# --- against the database -----------------------------------------------------------------------


async def reconcile(store: Store, anchor: Anchor, clock: Callable[[], int]) -> AnchorState:
    """The state of the database, proven to continue what the anchor saw; the anchor file follows it.

    Called at start and whenever the sealer takes the lock. A database ahead of its anchor is the
    normal trace of a crash between sealing and anchoring. Raises AnchorRefused with the remedy, or
    StoreUnavailable.
    """
    log = await _state(store)
    state = anchor.load()
    now_us = clock()  # read after the anchor: a process that was frozen here would think its time went back
    if state is None:
        state = _first(anchor, log.size, now_us)
        anchor.write(state)
        return state
    if now_us + CLOCK_STEP_US < state.time_us:
        raise AnchorRefused(
            f"the clock stands {(state.time_us - now_us) // 1_000_000} s before the journal's last "
            "sealing: set the clock right, then start again"
        )
    if log.size < state.head.size:
        raise AnchorRefused(
            f"the database holds {log.size} sealed records, its anchor {state.head.size}: this is an "
            "older copy. Start with the newest database; records must not be numbered twice"
        )
    await _check_tail(store, state)
    present = state.advanced(await _leaf_hashes(store, state.head.size, log.size), max(now_us, state.time_us))
    if present.head.size != log.size:
        raise AnchorRefused(
            f"the sealed log has {present.head.size} entries but says {log.size}: restore the database"
        )
    if present.head != state.head:
        anchor.write(present)
    return present


def _first(anchor: Anchor, size: int, now_us: int) -> AnchorState:
    if size:
        raise AnchorRefused(
            f"the journal has {size} sealed records but no anchor at {anchor.path}: restore the file, or "
            "make a new one with `integrator journal adopt`"
        )
    start = beginning(anchor.origin)
    return AnchorState(anchor.origin, start, now_us, tail=start, middle=start)


async def _state(store: Store) -> LogState:
    """The log's state, held against its entries. Raises AnchorRefused where it is lost or torn."""
    try:
        log = await store.log_state()
    except StoreRefused as error:
        raise AnchorRefused(str(error)) from error
    if await store.log_entries(log.size, log.size + 1):
        raise AnchorRefused(
            f"the sealed log goes on behind the {log.size} entries its state says: the database was edited "
            "or half restored. Restore it whole"
        )
    return log


async def _check_tail(store: Store, state: AnchorState) -> None:
    hashes = await _leaf_hashes(store, state.tail.size, state.head.size)
    if state.tail.extended(hashes) != state.head:
        raise AnchorRefused(
            f"the database has other records than its anchor saw, somewhere in {state.tail.size}.."
            f"{state.head.size}: this is another or an altered database. Start with the right one"
        )


async def _leaf_hashes(store: Store, start: int, stop: int) -> list[bytes]:
    hashes: list[bytes] = []
    for first in range(start, stop, _PAGE):
        for index, _, leaf_hash in await store.log_entries(first, min(first + _PAGE, stop)):
            if index != start + len(hashes):
                raise AnchorRefused(
                    f"the sealed log has no entry {start + len(hashes)}: restore the database"
                )
            hashes.append(leaf_hash)
    return hashes


async def check_checkpoints(store: Store, state: AnchorState) -> CheckpointRow | None:
    """Prove that the log contains the checkpoints signed last: the anchor's, and the one published.

    Returns the latter. Raises AnchorRefused where the log is smaller or has another root, TreeBroken.
    """
    if state.checkpoint:
        try:
            anchored = checkpoints.unproven(state.checkpoint.encode())
        except NoteError as error:
            raise AnchorRefused(
                f"the anchor holds no checkpoint where one should be ({error}): restore it from a copy"
            ) from error
        await _check_root(store, state, anchored.size, anchored.root, "its anchor")
    published = await store.last_checkpoint()
    if published is not None:
        await _check_root(store, state, published.size, published.root, "its last checkpoint")
    return published


async def _check_root(store: Store, state: AnchorState, size: int, root: bytes, who: str) -> None:
    if size > state.head.size:
        raise AnchorRefused(
            f"the database holds {state.head.size} sealed records, {who} {size}: this is an older copy. "
            "Start with the newest database; a log never signs two histories"
        )
    if await tree.root_at(store, size) != root:
        raise AnchorRefused(
            f"the log of the database has another root at size {size} than {who} says: it was altered, "
            "or is another log. Run `integrator journal check`, and restore the right database"
        )


async def adopt(store: Store, anchor: Anchor, now_us: int) -> AnchorState:
    """Make the database's present state the anchor: for an anchor lost for good, after a check.

    The caller records the act `anchor-adopted`. Raises AnchorRefused where the log has gaps.
    """
    log = await store.log_state()
    start = beginning(anchor.origin)
    state = AnchorState(anchor.origin, start, now_us, tail=start, middle=start)
    for first in range(0, log.size, _PAGE):
        hashes = await _leaf_hashes(store, first, min(first + _PAGE, log.size))
        state = state.advanced(hashes, now_us)
    if state.head.size != log.size:
        raise AnchorRefused(f"the sealed log ends at {state.head.size}, not {log.size}: restore the database")
    anchor.write(replace(state, time_us=now_us))
    return state
