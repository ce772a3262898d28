"""What an auditor's work asks of the database: candidates of a search, links of numbers, breach sets.

The same texts on both databases. A search walks one index backwards, a page at a time, from the last
record id it has seen (UUIDv7, so in the order of time); everything else it is about is held against the
opened records. So a page costs what it shows, however many records there are.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from integrator.store.api import Change, Sql, StoredRecord
from integrator.store.common import stored_record
from integrator.store.statements import _RECORD, _RUNS
from integrator.store.units import Unit

RARE = ("refused", "failed", "unanswered", "dead-lettered")
"""Final states few exchanges end in: they have an index of their own."""
_RARE = "r.type IN ('refused', 'failed', 'unanswered', 'dead-lettered')"

RUNS = f"{_RUNS} SELECT run FROM runs WHERE run IS NOT NULL LIMIT 2"  # noqa: S608
# One run, as on PostgreSQL: its index has the records of a tag in their order, newest last.
TAGGED_IN_RUN = """
SELECT record_id FROM tag WHERE run = %s AND kind = %s AND mac = %s AND record_id >= %s AND record_id < %s
ORDER BY record_id DESC LIMIT %s
"""
TAGGED_IN_RUNS = f"""{_RUNS}
SELECT t.record_id FROM runs CROSS JOIN tag t
WHERE t.run = runs.run AND t.kind = %s AND t.mac = %s AND t.record_id >= %s AND t.record_id < %s
ORDER BY t.record_id DESC LIMIT %s
"""  # noqa: S608

_LINK = "SELECT link_id, key_id, index_key, mac_one, mac_other, sealed, made_us FROM subject_link "
LINKS = _LINK + "ORDER BY made_us DESC, link_id"
LINKS_OF = _LINK + "WHERE mac_one = %s OR mac_other = %s"
ADD_LINK = """
INSERT INTO subject_link (link_id, key_id, index_key, mac_one, mac_other, sealed, made_us)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
CHANGE_LINK = """
UPDATE subject_link SET key_id = %s, index_key = %s, mac_one = %s, mac_other = %s, sealed = %s WHERE link_id = %s
"""
DROP_LINK = "DELETE FROM subject_link WHERE link_id = %s"

_BREACH = "SELECT request_id, key_id, sealed, asked_us, released_us FROM breach_request "
BREACHES = _BREACH + "ORDER BY asked_us DESC, request_id LIMIT %s"
BREACH = _BREACH + "WHERE request_id = %s"
ADD_BREACH = "INSERT INTO breach_request (request_id, key_id, sealed, asked_us) VALUES (%s, %s, %s, %s)"
RELEASE_BREACH = """
UPDATE breach_request SET key_id = %s, sealed = %s, released_us = %s WHERE request_id = %s AND released_us IS NULL
"""
CHANGE_BREACH = "UPDATE breach_request SET key_id = %s, sealed = %s WHERE request_id = %s AND sealed = %s"
ALL_BREACHES = _BREACH + "ORDER BY request_id"

IDS_AT_ONCE = 200
"""How many ids one statement names at most."""
_WIDTHS = (1, 8, 60, IDS_AT_ONCE)


@dataclass(frozen=True, slots=True)
class Columns:
    """What a search asks of columns; `rare` is one of `RARE`, `ended` asks for end records only, `read` for
    readings of the journal."""

    flow: str | None = None
    party: str | None = None
    purpose: str | None = None
    rare: str | None = None
    ended: bool = False
    read: bool = False

    def named(self) -> list[tuple[str, str]]:
        """(condition, value) of each column that is asked for."""
        wanted = (("r.flow", self.flow), ("r.party", self.party), ("r.purpose", self.purpose),
                  ("r.type", self.rare))  # fmt: skip
        return [(f"{column} = %s", value) for column, value in wanted if value is not None]


def listed(columns: Columns) -> str:
    """Record ids by columns, newest first; parameters: lowest id, id to stay below, values, limit."""
    terms = ["r.record_id >= %s", "r.record_id < %s", *(text for text, _ in columns.named())]
    if columns.rare is not None:
        terms.append(_RARE)
    if columns.ended:
        terms.append("r.final")
    if columns.read:
        terms.append("r.type IN ('journal-read', 'journal-read-refused')")
    return f"SELECT r.record_id FROM record r WHERE {' AND '.join(terms)} ORDER BY r.record_id DESC LIMIT %s"  # noqa: S608


def exchanges_in(count: int) -> str:
    """(record id, exchange id) of `count` record ids."""
    return f"SELECT record_id, exchange_id FROM record WHERE record_id IN ({_places(count)})"  # noqa: S608


def records_in(count: int) -> str:
    """All records of `count` exchanges, oldest first."""
    return f"{_RECORD}WHERE r.exchange_id IN ({_places(count)}) ORDER BY r.record_id"


def _places(count: int) -> str:
    return ", ".join(["%s"] * count)


ALL: dict[str, str] = (
    {
        name: text
        for name, text in list(globals().items())
        if name.isupper() and name[0] != "_" and isinstance(text, str)
    }
    | {
        f"LISTED_{number}": listed(Columns(*wanted))
        for number, wanted in enumerate(
            product((None, "x"), (None, "x"), (None, "x"), (None, "x"), (False, True), (False, True))
        )
    }
    | {"EXCHANGES_IN": exchanges_in(2), "RECORDS_IN": records_in(2)}
)
"""Every text by name, for the tests that have the databases prepare them."""


@dataclass(frozen=True, slots=True)
class LinkRow:
    """Two linked numbers: their HMACs under `index_key`, and what they are, sealed with `key_id`."""

    link_id: str
    key_id: str
    index_key: str
    mac_one: bytes
    mac_other: bytes
    sealed: bytes
    made_us: int


@dataclass(frozen=True, slots=True)
class BreachRow:
    """A breach set that was asked for; `released_us` None until a second person released it."""

    request_id: str
    key_id: str
    sealed: bytes
    asked_us: int
    released_us: int | None


class InspectionStore:
    """The statements of this module. Methods raise StoreUnavailable; those that write UnitRefused."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def tagged(
        self, tags: Iterable[tuple[int, bytes]], low: bytes, below: bytes, limit: int
    ) -> list[bytes]:
        """Records in [low, below) with any of these tags, newest first, each once."""
        runs = [run for (run,) in await self._sql.rows(RUNS)]
        found = []
        for kind, mac in tags if runs else ():
            if len(runs) == 1:
                rows = await self._sql.rows(TAGGED_IN_RUN, (runs[0], kind, mac, low, below, limit))
            else:
                rows = await self._sql.rows(TAGGED_IN_RUNS, (kind, mac, low, below, limit))
            found.append([record_id for (record_id,) in rows])
        return _newest(found, limit)

    async def listed(self, sources: Sequence[Columns], low: bytes, below: bytes, limit: int) -> list[bytes]:
        """Records in [low, below) that any of the sources asks for, newest first, each once."""
        found = []
        for columns in sources:
            values = [value for _, value in columns.named()]
            rows = await self._sql.rows(listed(columns), (low, below, *values, limit))
            found.append([record_id for (record_id,) in rows])
        return _newest(found, limit)

    async def exchanges_of(self, record_ids: Sequence[bytes]) -> dict[bytes, bytes]:
        """Record id → exchange id."""
        found: dict[bytes, bytes] = {}
        for some in _slices(record_ids):
            found.update((row[0], row[1]) for row in await self._sql.rows(exchanges_in(len(some)), some))
        return found

    async def records_of(self, exchange_ids: Sequence[bytes]) -> dict[bytes, list[StoredRecord]]:
        """The records of each exchange, oldest first."""
        found: dict[bytes, list[StoredRecord]] = {exchange_id: [] for exchange_id in exchange_ids}
        for some in _slices(list(found)):
            for row in await self._sql.rows(records_in(len(some)), some):
                found[row[1]].append(stored_record(row))
        return found

    async def write(
        self, changes: Sequence[Change], unit: Unit, *, expected: Sequence[int | None] = ()
    ) -> None:
        """Changes and the record of them in one transaction. Raises Stale where `expected` is not met."""
        await self._sql.together(changes, unit, expected=expected)

    async def links_of(self, macs: Iterable[bytes]) -> list[LinkRow]:
        """The links in which a number has one of these HMACs."""
        return [LinkRow(*row) for mac in macs for row in await self._sql.rows(LINKS_OF, (mac, mac))]

    async def links(self) -> list[LinkRow]:
        """Every link, newest first."""
        return [LinkRow(*row) for row in await self._sql.rows(LINKS)]

    async def breach(self, request_id: str) -> BreachRow | None:
        """The breach set of this id."""
        rows = await self._sql.rows(BREACH, (request_id,))
        return BreachRow(*rows[0]) if rows else None

    async def breaches(self, limit: int | None = None) -> list[BreachRow]:
        """The breach sets asked for, newest first."""
        rows = await (self._sql.rows(ALL_BREACHES) if limit is None else self._sql.rows(BREACHES, (limit,)))
        return [BreachRow(*row) for row in rows]


def _newest(found: Sequence[Sequence[bytes]], limit: int) -> list[bytes]:
    merged = heapq.merge(*found, reverse=True)
    return list(dict.fromkeys(merged))[:limit]


def _slices(ids: Sequence[bytes]) -> Iterable[Sequence[bytes]]:
    """As many ids as a statement names; the last one stands again and again where there are fewer.

    PostgreSQL keeps a text's plan, and one over years of months takes longer to make than to run.
    """
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = list(ids[start : start + IDS_AT_ONCE])
        width = next(width for width in _WIDTHS if width >= len(some))
        yield some + some[-1:] * (width - len(some))
