"""The sealer: gives records their gapless index, alone, in the order they became durable.

One process holds the sealer lock. Every pass takes what is pending and appends it to the log, with
the tile hashes it completes, in one transaction that moves the size by compare-and-swap. After that
commit it signs the checkpoint, anchors it outside the database, and publishes it, in this order: the
anchor never promises what may be lost, and nothing is public that the anchor does not know. A crash
in between is made good at the next start, where the same checkpoint is signed and published again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from integrator.journal import checkpoint as checkpoints
from integrator.journal import tree
from integrator.journal.anchor import (
    CLOCK_STEP_US,
    Anchor,
    AnchorDelayed,
    AnchorRefused,
    AnchorState,
    check_checkpoints,
    reconcile,
)
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.logkey import LogKey
from integrator.journal.merkle import CompactRange
from integrator.journal.note import NoteError
from integrator.journal.tree import TreeBroken
from integrator.store.api import CheckpointRow, Store, TileHash
from integrator.store.units import StoreOverloaded, StoreUnavailable

BATCH = 4_096
INTERVAL_SECONDS = 0.5
_HASHED_AT_ONCE = 512  # about half a millisecond: exchanges go on in between


class SealerStopped(Exception):
    """Sealing ended because going on would mean guessing; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One look at what is pending, for metrics: the log's size, how many records this pass sealed,
    and the age in microseconds of the oldest of them when it began (0 where nothing waited)."""

    size: int
    sealed: int
    lag_us: int


def _ignore(_pass: Pass) -> None:
    return


class Sealer:
    """Seals in the background until stopped. `clock` gives microseconds since the epoch.

    `prepare` first: what it refuses must refuse the start of the bus. Then `run` as a task.
    `failure` says why it stopped; `holds_lock` whether this process is the sealer now; `behind`
    that the anchor's disk is full.
    """

    def __init__(
        self,
        store: Store,
        anchor: Anchor,
        key: LogKey,
        clock: Callable[[], int],
        *,
        on_pass: Callable[[Pass], None] = _ignore,
        batch: int = BATCH,
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self._store, self._anchor, self._key, self._clock = store, anchor, key, clock
        self._on_pass = on_pass
        self._batch, self._interval = batch, interval_seconds
        self._state: AnchorState | None = None
        self._tree = CompactRange()
        self._stopping = asyncio.Event()
        self.failure: str | None = None
        self.behind = False

    @property
    def holds_lock(self) -> bool:
        """True while this process seals; another one stands by."""
        return self._state is not None

    @property
    def size(self) -> int:
        """The log's size as this process last saw it."""
        return self._state.head.size if self._state else 0

    async def prepare(self) -> bool:
        """Take the lock and prove the database against its anchor; False where another process seals.

        What a crash left undone is done here: tile hashes, the checkpoint of the present size. So is
        that checkpoint's signature by a new key, after a rotation.
        Raises AnchorRefused or SealerStopped with the remedy, StoreUnavailable.
        """
        if not await self._store.take_sealer_lock():
            return False
        try:
            await self._prove()
        except AnchorRefused:
            # Frozen meanwhile, this process may have read two moments of a log that another one continued.
            if not await self._store.take_sealer_lock():
                return False
            await self._prove()
        return True

    async def _prove(self) -> None:
        state = await reconcile(self._store, self._anchor, self._clock)
        try:
            await tree.complete(self._store, state.head.size)
            published = await check_checkpoints(self._store, state)
            self._tree = await tree.load(self._store, state.head.size)
        except TreeBroken as error:
            raise AnchorRefused(str(error)) from error
        if published is None or published.size != state.head.size or not self._signed(published.note):
            state = await self._publish(state, state.time_us)
        elif state.checkpoint.encode() != published.note:  # an anchor that was adopted has none yet
            state = replace(state, checkpoint=published.note.decode())
            await asyncio.to_thread(self._anchor.write, state)
        self._state = state

    async def run(self) -> None:
        """Seal until `stop`. Raises SealerStopped where the log cannot be continued safely.

        A lost database is no such case: the lock is taken again and everything read anew.
        """
        try:
            while not self._stopping.is_set():
                try:
                    if self._state is not None or await self.prepare():
                        await self.seal_pending()
                except (StoreUnavailable, StoreOverloaded):
                    self._state = None  # what is half done is made good by the next `prepare`
                except AnchorDelayed:
                    self.behind = True  # the log goes on; anchor and checkpoint follow once there is room
                await self._pause()
            await self._last_pass()
        except (AnchorRefused, SealerStopped) as error:
            raise self._failed(str(error)) from error
        except Exception as error:
            raise self._failed(f"sealing failed unexpectedly: {type(error).__name__}") from error

    def stop(self) -> None:
        """Let `run` seal what is pending and return."""
        self._stopping.set()

    async def seal_pending(self) -> int:
        """Seal everything that waits now, batch by batch; the number of records sealed.

        Raises SealerStopped, AnchorRefused, StoreUnavailable.
        """
        total = 0
        while True:
            entries = await self._store.pending(self._batch)
            if entries:
                await self._seal(entries)
                total += len(entries)
            else:
                await self._require_lock()  # and thereby keep it, where nothing else is said for a while
                if self.behind and self._state is not None:
                    self._state = await self._publish(self._state, self._state.time_us)
                self._on_pass(Pass(self.size, 0, 0))
            if len(entries) < self._batch:
                return total

    async def _seal(self, entries: Sequence[tuple[bytes, bytes]]) -> None:
        state = self._state
        if state is None:
            raise SealerStopped("sealing needs the sealer lock: call prepare first")
        began_us = self._clock()
        if began_us + CLOCK_STEP_US < state.time_us:
            raise SealerStopped("the clock went backwards: set it right, then start again")
        now_us = max(began_us, state.time_us)
        grown, tiles = await self._grown([leaf_hash for _, leaf_hash in entries])
        if not await self._store.seal(state.head.size, entries, now_us, tiles):
            await self._require_lock()
            raise SealerStopped(
                f"the log grew past {state.head.size} though this process holds the sealer lock: "
                "another bus writes to this database. Stop it, then start again"
            )
        self._tree = grown
        self._state = state.advanced((leaf_hash for _, leaf_hash in entries), now_us)
        self._state = await self._publish(self._state, now_us)
        self._on_pass(Pass(self.size, len(entries), max(0, began_us - _made_us(entries[0][0]))))

    async def _grown(self, leaf_hashes: list[bytes]) -> tuple[CompactRange, list[TileHash]]:
        """The tree with these leaves, and the tile hashes they complete."""
        grown, tiles = self._tree.copy(), list[TileHash]()
        for start in range(0, len(leaf_hashes), _HASHED_AT_ONCE):
            tiles += tree.tile_hashes(grown.extend(leaf_hashes[start : start + _HASHED_AT_ONCE]))
            await asyncio.sleep(0)
        return grown, tiles

    async def _publish(self, state: AnchorState, now_us: int) -> AnchorState:
        """Sign the log as it stands committed, anchor the checkpoint, publish it."""
        root = self._tree.root()
        note = checkpoints.sign(Checkpoint(self._key.origin, state.head.size, root), self._key)
        signed = replace(state, checkpoint=note.decode())
        await asyncio.to_thread(self._anchor.write, signed)
        self.behind = False
        if not await self._store.publish(CheckpointRow(state.head.size, root, note, now_us)):
            await self._require_lock()
            raise SealerStopped(
                f"the log of size {state.head.size} has a checkpoint already that says otherwise: make sure "
                "that one bus writes to this database, run `integrator journal check`, then start again"
            )
        return signed

    def _signed(self, note: bytes) -> bool:
        """Whether the present key signed it: after a rotation the present checkpoint is signed anew."""
        try:
            checkpoints.verify(note, [self._key.verifier], self._key.origin)
        except NoteError:
            return False
        return True

    async def _require_lock(self) -> None:
        """Raise StoreUnavailable where another process seals by now: this one then stands by."""
        if not await self._store.take_sealer_lock():
            raise StoreUnavailable("the session that held the sealer lock was lost")

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._interval):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _last_pass(self) -> None:
        if self._state is None:
            return
        try:
            await self.seal_pending()
        except (StoreUnavailable, StoreOverloaded, AnchorDelayed):
            self._state = None  # what is pending is sealed after the next start

    def _failed(self, reason: str) -> SealerStopped:
        self._state = None
        self.failure = reason
        return SealerStopped(reason)


def _made_us(record_id: bytes) -> int:
    # A UUIDv7 starts with its milliseconds since the epoch (RFC 9562, section 5.7).
    return int.from_bytes(record_id[:6], "big") * 1_000
