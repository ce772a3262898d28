"""Retention: details older than their class are deleted with their tags, leaves never.

One process does it, in the background, a bounded page at a time. Each page that deletes something is
one transaction with its record `retention-applied`, so that no deletion is without one, and what a
crash leaves undone the next pass does. What a legal hold covers is passed over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import uuid_utils

from integrator.journal import details, periods, tags
from integrator.journal.details import DetailsBroken
from integrator.journal.holds import Held, Holds
from integrator.journal.writer import Journal
from integrator.security.keyring import Keyring, KeyringError
from integrator.store import partitions
from integrator.store import retention as sql
from integrator.store.api import Change, Sql
from integrator.store.partitions import Partitions
from integrator.store.retention import DetailsRow, RetentionStore
from integrator.store.units import Unit

PAGE = 100
"""Details looked at in one step: what one transaction may hold up the writer for."""
DEFAULT_CLASS = "P10Y"
_PREFIX = "retention/"

Advance = Callable[[int, int], None]
"""Told (done, of how many) as long work goes on."""


def silent(_done: int, _total: int) -> None:
    """Nobody watches."""


@dataclass(slots=True)
class Applied:
    """What a pass did, or in a dry run would do, for one class. `until_us`: what is older expired."""

    period: str
    until_us: int
    deleted: int = 0
    held: int = 0

    def row(self) -> dict[str, Any]:
        """As plain data."""
        return {"class": self.period, "until": self.until_us, "deleted": self.deleted, "held": self.held}


@dataclass(slots=True)
class _Page:
    expired: list[DetailsRow] = field(default_factory=list)
    held: int = 0
    last: bytes = b""


class Retention:
    """Applies the retention classes of one journal. `clock`: microseconds since the epoch."""

    def __init__(self, store: Sql, journal: Journal, clock: Callable[[], int]) -> None:
        self._store, self._journal, self._clock = RetentionStore(store), journal, clock
        self._holds = Holds(store, journal, clock)
        self._index_keys = [key for key in journal.keyring if key.purpose == "index"]

    async def know(self, classes: Iterable[str]) -> None:
        """Remember the classes of a site, so that they are applied even once the site has gone.

        Raises PeriodInvalid, StoreUnavailable.
        """
        known = await self._store.progress()
        for period in {*classes, DEFAULT_CLASS}:
            if f"{_PREFIX}{period}" not in known:
                periods.before_us(self._clock(), period)
                await self._store.start(f"{_PREFIX}{period}")

    async def apply(
        self, *, dry: bool = False, advance: Advance = silent, by_month: Partitions | None = None
    ) -> list[Applied]:
        """Delete everything that has expired, class by class; `dry` only counts.

        With `by_month` the longest class goes a whole month at a time, up to a month late, unless
        something is held. A hold that cannot be opened stops it. Raises KeyringError, StoreUnavailable.
        """
        held = await self._holds.held()
        names = sorted(name for name in await self._store.progress() if name.startswith(_PREFIX))
        classes = [Applied(name.removeprefix(_PREFIX), 0) for name in names]
        for applied in classes:
            applied.until_us = periods.before_us(self._clock(), applied.period)
        longest = min(classes, key=lambda applied: applied.until_us, default=None)
        for applied in classes:
            before = periods.first_id(applied.until_us)
            if applied is longest and by_month is not None and held.empty and not dry:
                await self._drop_months(applied, by_month)
                before = next(partitions.months(applied.until_us, 1)).start  # what no month took
            await self._apply(applied, before, held, dry, advance)
        return classes

    async def _drop_months(self, applied: Applied, by_month: Partitions) -> None:
        """Drop the months in which even the longest class has expired."""
        for month in await by_month.expired(periods.first_id(applied.until_us)):
            count = await by_month.count(month)
            facts = {"class": applied.period, "deleted": count, "held": 0, "until": applied.until_us}
            act = self._journal.act("retention-applied", "bus", facts, now_us=self._clock())
            await by_month.drop(month, Unit([act]))
            applied.deleted += count

    async def _apply(self, applied: Applied, before: bytes, held: Held, dry: bool, advance: Advance) -> None:
        done = (await self._store.progress())[f"{_PREFIX}{applied.period}"].done
        # Never the records this pass writes itself, however short the class.
        before = min(before, uuid_utils.uuid7().bytes)
        total, seen = await self._store.count(done, before), 0
        while rows := await self._store.details_after(done, before, PAGE):
            page = _sorted_out(rows, applied.period, held)
            applied.held += page.held
            applied.deleted += len(page.expired)
            if not dry:
                await self._delete(page, applied)
            done = page.last
            seen += len(rows)
            advance(seen, max(seen, total))
            await asyncio.sleep(0)

    async def _delete(self, page: _Page, applied: Applied) -> None:
        changes: list[Change] = [
            change for row in page.expired for change in deletion(self._journal.keyring, row)
        ]
        changes.append((sql.MOVE_UPKEEP, (page.last, f"{_PREFIX}{applied.period}")))
        unit = None
        if page.expired:
            facts = {
                "class": applied.period,
                "deleted": len(page.expired),
                "held": page.held,
                "until": applied.until_us,
            }
            unit = Unit([self._journal.act("retention-applied", "bus", facts, now_us=self._clock())])
        await self._store.write(changes, unit)


def _sorted_out(rows: Sequence[DetailsRow], period: str, held: Held) -> _Page:
    page = _Page(last=rows[-1].record_id)
    for row in rows:
        if row.retention != period:
            continue
        if held.by(row.exchange_id, row.flow, row.party, row.time_us):
            page.held += 1
        else:
            page.expired.append(row)
    return page


def deletion(keyring: Keyring, row: DetailsRow) -> list[Change]:
    """What deletes the details of a record and every tag it is found by.

    The tags are made anew from the opened details under every index key. Details that cannot be
    opened any more have theirs looked for in the whole table, which is slow. The details come first:
    whoever renews their tags meanwhile changes the same row, and one of the two waits for the other.
    """
    drop: Change = (sql.DROP_DETAILS, (row.record_id,))
    try:
        document = details.unseal(keyring.get(row.key_id), row.record_id, row.sealed).document
    except (KeyringError, DetailsBroken):
        return [drop, (sql.DROP_TAGS_OF, (row.record_id,))]
    wanted = tags.of_details(document, first=is_first(row))
    found = tags.search_tags(keyring, wanted)
    return [drop, *((sql.DROP_TAG, (kind, mac, row.record_id)) for kind, mac in found)]


def is_first(row: DetailsRow) -> bool:
    """Whether this is the first record of its exchange: its leaf names no previous one."""
    return "previous" not in orjson.loads(row.leaf)
