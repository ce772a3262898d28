"""Every record the gateway writes goes through here: one way in, and a place for what must wait.

An end record that could not be written when its time came is kept, bounded, and written once the
database is back, so that every exchange reaches its final state in the journal (I1). Noise, that is
requests that name neither a flow nor a known party, becomes one record a minute and reason.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from uuid import UUID

from integrator.exchange import NotRecorded, Overloaded
from integrator.journal.noise import Noise
from integrator.journal.noise import records as noise_records
from integrator.journal.writer import Journal
from integrator.store.api import Change, Store
from integrator.store.units import (
    Conflict,
    RecordRow,
    StoreOverloaded,
    StoreUnavailable,
    StoreUncertain,
    Unit,
    UnitConflict,
    UnitRefused,
)
from integrator.telemetry import log

_LOG = log.get("gateway")


class Uncertain(NotRecorded):
    """The database was lost while it wrote: the rows may be there or not. Look before deciding."""


async def commit(store: Store, unit: Unit, changes: Sequence[Change] = ()) -> Conflict | None:
    """Write a unit, with changes that belong to it; return once it is durable, or its conflict.

    Raises NotRecorded (Uncertain where it may be written all the same), or Overloaded where too
    many units wait already.
    """
    try:
        if changes:
            await store.together(changes, unit)
            return None
        return await store.commit(unit)
    except UnitConflict as error:
        return error.conflict
    except StoreOverloaded:
        raise Overloaded("too many exchanges wait for the journal: try again later") from None
    except StoreUncertain:
        raise Uncertain from None
    except StoreUnavailable:
        raise NotRecorded("the journal cannot be written now: try again later") from None
    except UnitRefused:
        _LOG.error("unit-refused", records=[row.type for row in unit.records])
        raise NotRecorded("the journal refused this record; its exchange id finds it") from None


Remake = Callable[[bytes | None], RecordRow]
"""Makes the end record again, following the record of this leaf hash."""


class Unwritten:
    """End records that wait for the database, oldest first; beyond the bound they are only counted."""

    def __init__(self, store: Store, bound: int, still_open: dict[str, int]) -> None:
        self._store, self._bound, self._open = store, bound, still_open
        self._rows: dict[bytes, tuple[RecordRow, Remake | None]] = {}
        self.lost = 0

    def __len__(self) -> int:
        return len(self._rows)

    def keep(self, row: RecordRow, remake: Remake | None = None) -> bool:
        """Write this end record later; False where there is no room.

        `remake` where nobody knows whether the exchange's first record was written: it is looked up
        first, and an event that turns out to be accepted goes on instead.
        """
        if len(self._rows) >= self._bound:
            self.lost += 1
            return False
        self._rows[row.exchange_id] = (row, remake)
        return True

    async def write(self) -> None:
        """Try to write what waits, until the database refuses again.

        An exchange that has its end record already (the connection broke during COMMIT) is done.
        """
        for exchange_id, (kept, remake) in list(self._rows.items()):
            try:
                row = kept if remake is None else await self._looked_up(exchange_id, remake)
                if row is not None:
                    await self._store.commit(Unit([row]))
            except (StoreUnavailable, StoreOverloaded):
                return
            except UnitRefused:
                # It would be refused for ever and hold up all others; its first record stays open
                # until the next start closes it.
                _LOG.error("unit-refused", records=[kept.type])
                self.lost += 1
                del self._rows[exchange_id]
                continue
            self._rows.pop(exchange_id, None)
            self._open.pop(str(UUID(bytes=exchange_id)), None)

    async def _looked_up(self, exchange_id: bytes, remake: Remake) -> RecordRow | None:
        if await self._store.delivery(exchange_id) is not None:
            return None
        records = await self._store.records_of(exchange_id)
        if any(record.final for record in records):
            return None
        return remake(records[0].leaf_hash if records else None)


class Upkeep:
    """The one background task of the gateway: writes noise and unwritten end records."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        noise: Noise,
        unwritten: Unwritten,
        now_us: Callable[[], int],
        every_seconds: float = 1.0,
    ) -> None:
        self._store, self._journal, self._now_us = store, journal, now_us
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
        await self.write(last=True)

    async def write(self, *, last: bool = False) -> None:
        """Record the noise of minutes that are over (at the end: all), then what waits."""
        now = self._now_us()
        counts = self._noise.rest() if last else self._noise.due(now)
        if counts:
            with contextlib.suppress(NotRecorded, Overloaded):  # they stay until confirmed
                await commit(self._store, Unit(noise_records(self._journal, counts, now)))
                self._noise.confirm(counts)
        if len(self._unwritten):
            await self._unwritten.write()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                await self.write()
            except Exception:
                _LOG.error("upkeep-failed", exc_info=True)
