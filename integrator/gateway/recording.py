"""Every record the gateway writes goes through here: one way in, and a place for what must wait.

An end record that could not be written when its time came is kept, bounded, and written once the
database is back, so that every exchange reaches its final state in the journal (I1). Noise, that is
requests that name neither a flow nor a known party, becomes one record a minute and reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID

from integrator.exchange import NotRecorded, Overloaded
from integrator.journal.writer import Journal
from integrator.store.api import Store
from integrator.store.units import (
    Conflict,
    RecordRow,
    StoreOverloaded,
    StoreUnavailable,
    Unit,
    UnitRefused,
)
from integrator.telemetry import log

_LOG = log.get("gateway")
_MINUTE_US = 60_000_000
_NOISE_REASONS = 64


async def commit(store: Store, unit: Unit) -> Conflict | None:
    """Write a unit; return once it is durable, or its conflict.

    Raises NotRecorded, or Overloaded where too many units wait already.
    """
    try:
        return await store.commit(unit)
    except StoreOverloaded:
        raise Overloaded("too many exchanges wait for the journal: try again later") from None
    except StoreUnavailable:
        raise NotRecorded("the journal cannot be written now: try again later") from None
    except UnitRefused:
        _LOG.error("unit-refused", records=[row.type for row in unit.records])
        raise NotRecorded("the journal refused this record; its exchange id finds it") from None


class Unwritten:
    """End records that wait for the database, oldest first; beyond the bound they are only counted."""

    def __init__(self, store: Store, bound: int, still_open: dict[str, int]) -> None:
        self._store, self._bound, self._open = store, bound, still_open
        self._rows: dict[bytes, RecordRow] = {}
        self.lost = 0

    def __len__(self) -> int:
        return len(self._rows)

    def keep(self, row: RecordRow) -> None:
        """Write this end record later."""
        if len(self._rows) < self._bound:
            self._rows[row.exchange_id] = row
        else:
            self.lost += 1

    async def write(self) -> None:
        """Try to write what waits, until the database refuses again.

        An exchange that has its end record already (the connection broke during COMMIT) is done.
        """
        for exchange_id, row in list(self._rows.items()):
            try:
                await commit(self._store, Unit([row]))
            except (NotRecorded, Overloaded):
                return
            self._rows.pop(exchange_id, None)
            self._open.pop(str(UUID(bytes=exchange_id)), None)


class Noise:
    """Counts requests that name neither flow nor party, by reason; one record a minute and reason."""

    def __init__(self, store: Store, journal: Journal, now_us: Callable[[], int]) -> None:
        self._store, self._journal, self._now_us = store, journal, now_us
        self._counts: dict[tuple[int, str], int] = {}

    def add(self, reason: str) -> None:
        """Count one such request."""
        key = (self._now_us() // _MINUTE_US, reason)
        if key not in self._counts and len(self._counts) >= _NOISE_REASONS:
            key = (key[0], "other")
        self._counts[key] = self._counts.get(key, 0) + 1

    async def write(self, *, all_minutes: bool = False) -> None:
        """Record the minutes that are over (or all, at the end). What cannot be written is kept."""
        minute = self._now_us() // _MINUTE_US
        for key in [key for key in self._counts if all_minutes or key[0] < minute]:
            count = self._counts.pop(key)
            facts = {"reason": key[1], "count": count, "minute": key[0]}
            row = self._journal.act("noise", "gateway", facts, now_us=self._now_us())
            try:
                await commit(self._store, Unit([row]))
            except (NotRecorded, Overloaded):
                self._counts[key] = self._counts.get(key, 0) + count
                return


class Upkeep:
    """The one background task of the gateway: writes noise and unwritten end records."""

    def __init__(self, noise: Noise, unwritten: Unwritten, every_seconds: float = 1.0) -> None:
        self._noise, self._unwritten, self._every = noise, unwritten, every_seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, on the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="gateway-upkeep")

    async def stop(self) -> None:
        """End, after one last try to write everything."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._noise.write(all_minutes=True)
        await self._unwritten.write()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                await self._noise.write()
                if len(self._unwritten):
                    await self._unwritten.write()
            except Exception:
                _LOG.error("upkeep-failed", exc_info=True)
