"""What the keeper of a journal may do: hold, erase, apply retention, replace and retire keys, export."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from integrator.exchange import InvalidRequest
from integrator.journal import export, rekey
from integrator.journal.erasure import Erasure
from integrator.journal.holds import ALWAYS_US, Holds
from integrator.journal.jobs import Job, Jobs
from integrator.journal.rekey import Rekey
from integrator.journal.retention import Advance, Retention
from integrator.journal.search import Reading
from integrator.journal.vault import Vault, row
from integrator.journal.writer import Journal
from integrator.store.api import Store
from integrator.store.units import Unit

Row = dict[str, Any]


class Stewardship:
    """The journal's upkeep, as the control plane and the background ask for it. Everything is recorded.

    `waits`: long work ends before it is answered, where no process stays to be asked again.
    """

    def __init__(
        self, store: Store, journal: Journal, clock: Callable[[], int], *, waits: bool = False
    ) -> None:
        self._store, self._journal, self._clock = store, journal, clock
        self.waits = waits
        self.holds = Holds(store, journal, clock)
        self.retention = Retention(store, journal, clock)
        self.vault = Vault(store, journal.keyring, clock)
        self.jobs = Jobs()

    # --- the vault ---

    async def payloads(self, reading: Reading, exchange: str) -> Row:
        """What the vault keeps of an exchange."""
        return row(await self.vault.open(self._journal, reading, exchange))

    async def forget(self, reading: Reading, exchange: str) -> Row:
        """Destroy what the vault keeps of an exchange. Raises InvalidRequest where a hold forbids it."""
        if await self.holds.list():
            raise InvalidRequest("a legal hold is in force: `integrator journal hold list` shows it, lift it first",
                                 reason="held")  # fmt: skip
        return {"payloads": await self.vault.forget(self._journal, reading, exchange)}

    async def expire_vault(self) -> list[str]:
        """Destroy the months whose period is over, unless a legal hold is in force."""
        return [] if await self.holds.list() else await self.vault.expire(self._journal)

    # --- holds ---

    async def place(
        self, reading: Reading, kind: str, value: str, from_us: int | None, until_us: int | None
    ) -> Row:
        """Place a legal hold."""
        until = ALWAYS_US if until_us is None else until_us
        hold = await self.holds.add(reading, kind, value, from_us=from_us or 0, until_us=until)
        return hold.row()

    async def lift(self, reading: Reading, hold_id: str) -> Row:
        """Lift a legal hold."""
        return (await self.holds.lift(reading, hold_id)).row()

    async def held(self, reading: Reading, *, all_: bool = False) -> list[Row]:
        """The holds in force, lifted ones too where asked; looking at them is recorded."""
        rows = [hold.row() for hold in await self.holds.list(all_=all_)]
        act = self._journal.act(
            "journal-read",
            reading.actor,
            {"criterion": "holds", "found": len(rows)},
            now_us=self._clock(),
            secrets={"why": reading.why},
        )
        await self._store.commit(Unit([act]))
        return rows

    # --- long work ---

    async def erase(self, reading: Reading, subject: str) -> Job:
        """Erase a subject's details."""

        async def work(advance: Advance) -> Row:
            erasure = Erasure(self._store, self._journal, self._clock)
            return asdict(await erasure.erase(reading, subject, advance=advance))

        return await self.jobs.begin("erase", work, wait=self.waits)

    async def retain(self, *, dry: bool) -> Job:
        """Apply the retention classes now, or count what they would delete."""

        async def work(advance: Advance) -> Row:
            applied = await self.retention.apply(dry=dry, advance=advance)
            return {"dry": dry, "classes": [one.row() for one in applied]}

        return await self.jobs.begin("retain", work, wait=self.waits)

    async def rekey(self, reading: Reading) -> Job:
        """Move everything under the current keys."""

        async def work(advance: Advance) -> Row:
            run = Rekey(self._store, self._journal, self._clock)
            return (await run.run(reading, advance=advance)).row()

        return await self.jobs.begin("rekey", work, wait=self.waits)

    # --- keys and export ---

    async def retire(self, reading: Reading, key_id: str) -> None:
        """Let the database forget a key nothing needs any more. Raises InvalidRequest, KeyringError."""
        await rekey.retire(self._store, self._journal, key_id, reading, self._clock)

    async def export(
        self,
        reading: Reading,
        start: int,
        stop: int | None,
        from_us: int | None,
        until_us: int | None,
    ) -> export.Plan:
        """What to export of the log; recorded."""
        return await export.plan(
            self._store, self._journal, reading, self._clock,
            start=start, stop=stop, from_us=from_us, until_us=until_us,
        )  # fmt: skip
