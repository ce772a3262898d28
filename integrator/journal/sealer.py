"""The sealer: gives records their gapless index, alone, in the order they became durable.

One process holds the sealer lock. Every pass takes what is pending, appends it to the log in one
transaction that moves the size by compare-and-swap, and only then moves the anchor. Records are
never touched, so a Merkle tree, tiles and signed checkpoints can be made from the same entries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from integrator.journal.anchor import (
    CLOCK_STEP_US,
    Anchor,
    AnchorDelayed,
    AnchorRefused,
    AnchorState,
    reconcile,
)
from integrator.store.api import Store
from integrator.store.units import StoreOverloaded, StoreUnavailable

BATCH = 4_096
INTERVAL_SECONDS = 0.5


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
        clock: Callable[[], int],
        *,
        on_pass: Callable[[Pass], None] = _ignore,
        batch: int = BATCH,
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self._store, self._anchor, self._clock = store, anchor, clock
        self._on_pass = on_pass
        self._batch, self._interval = batch, interval_seconds
        self._state: AnchorState | None = None
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

        Raises AnchorRefused with the remedy, StoreUnavailable.
        """
        if not await self._store.take_sealer_lock():
            return False
        self._state = await reconcile(self._store, self._anchor, self._clock())
        return True

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
                    self._state = None
                except AnchorDelayed:
                    self.behind = True  # the log goes on; the anchor follows once there is room
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
                if self.behind:
                    await self._move_anchor()
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
        if not await self._store.seal(state.head.size, entries, now_us):
            raise SealerStopped(
                f"the log grew past {state.head.size} though this process holds the sealer lock: "
                "another bus writes to this database. Stop it, then start again"
            )
        self._state = state.advanced((leaf_hash for _, leaf_hash in entries), now_us)
        # The anchor follows the commit, never leads it: it must not promise what may be lost.
        await self._move_anchor()
        self._on_pass(Pass(self.size, len(entries), max(0, began_us - _made_us(entries[0][0]))))

    async def _move_anchor(self) -> None:
        assert self._state is not None
        await asyncio.to_thread(self._anchor.write, self._state)
        self.behind = False

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
