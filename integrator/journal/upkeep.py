"""The journal's work in the background, on one process alone: retention, keys half replaced, partitions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from integrator.journal.periods import PeriodInvalid
from integrator.journal.rekey import Rekey
from integrator.journal.search import Reading
from integrator.journal.stewardship import Stewardship
from integrator.journal.writer import Journal
from integrator.security.keyring import KeyringError
from integrator.store.api import Store
from integrator.store.partitions import Partitions
from integrator.store.units import StoreOverloaded, StoreUnavailable, UnitRefused
from integrator.telemetry import log

_LOG = log.get("journal")
LEADS = "upkeep"
HOUR_SECONDS = 3_600.0
BUS = Reading("bus", "the classes of the register")


class Upkeep:
    """Runs until cancelled; `wake` after a site was activated, so that its classes are known at once."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        stewardship: Stewardship,
        clock: Callable[[], int],
        classes: Callable[[], Iterable[str]],
        *,
        partitions: Partitions | None = None,
        seconds: float = HOUR_SECONDS,
    ) -> None:
        self._partitions = partitions
        self._store, self._journal, self._clock = store, journal, clock
        self._stewardship, self._classes, self._seconds = stewardship, classes, seconds
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look now."""
        self._wake.set()

    async def run(self) -> None:
        """Look once an hour. What goes wrong is logged and tried again then."""
        while True:
            try:
                await self.once()
            except (StoreUnavailable, StoreOverloaded) as error:
                _LOG.info("upkeep-later", reason=str(error))
            except (KeyringError, PeriodInvalid, UnitRefused) as error:
                _LOG.error("upkeep-stopped", reason=str(error))
            await self._pause()

    async def once(self) -> bool:
        """Do what is due; False where another process does it. Raises what `run` logs."""
        await self._stewardship.retention.know(self._classes())
        if not await self._store.lead(LEADS):
            return False
        if self._partitions is not None:
            await self._partitions.make_ahead(self._clock())
        await self._stewardship.retention.apply(by_month=self._partitions)
        await self._stewardship.expire_vault()
        if await Rekey(self._store, self._journal, self._clock).waiting():
            await self._stewardship.rekey(Reading("bus", "go on after a stop"))
        return True

    async def _pause(self) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(self._seconds):
                await self._wake.wait()
        except TimeoutError:
            return
