"""Months of details and tags on PostgreSQL: made ahead, and dropped whole once all in them has expired.

Both tables are partitioned by record id, whose first bytes are the time (UUIDv7), so a month is a range of
ids and primary keys stay what they are. `<table>_old` holds what was there before; `<table>_rest` what no
month takes, so that no record is ever refused for its id.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from integrator.store.api import Change, Sql
from integrator.store.units import Unit

TABLES = ("details", "tag")
MONTHS_AHEAD = 3
_PATIENCE: Change = ("SET LOCAL lock_timeout = '2s'", ())
_BOUND = re.compile(r"TO \('\\x([0-9a-f]+)'\)")

PARTITIONS = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
WHERE p.relname = %s AND p.relnamespace = current_schema()::regnamespace
"""


@dataclass(frozen=True, slots=True)
class Month:
    """One month of a table: the partition's name without the table's, and the ids [start, stop)."""

    suffix: str
    start: bytes
    stop: bytes


def first_id(moment: datetime) -> bytes:
    """The lowest record id (UUIDv7) of this moment."""
    return (int(moment.timestamp()) * 1_000).to_bytes(6, "big") + bytes(10)


def months(now_us: int, count: int) -> Iterator[Month]:
    """The month of this time and those after it, in UTC."""
    now = datetime.fromtimestamp(now_us // 1_000_000, UTC)
    first = now.year * 12 + now.month - 1
    for number in range(first, first + count):
        start, stop = (datetime(n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in (number, number + 1))
        yield Month(f"{start.year}_{start.month:02d}", first_id(start), first_id(stop))


class Partitions:
    """The partitions of one PostgreSQL database. Methods raise StoreUnavailable, also where a lock is not
    to be had within two seconds: try again later."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def ends(self, table: str) -> dict[str, bytes]:
        """Name → the id behind its last one, of every partition that has one."""
        found = {}
        for name, bound in await self._sql.rows(PARTITIONS, (table,)):
            match = _BOUND.search(bound)
            if match is not None:
                found[name] = bytes.fromhex(match[1])
        return found

    async def make_ahead(self, now_us: int) -> list[str]:
        """Make the months to come; the names of those made."""
        made = []
        for table in TABLES:
            ends = await self.ends(table)
            last = max(ends.values(), default=b"")
            for month in months(now_us, MONTHS_AHEAD + 1):
                name = f"{table}_{month.suffix}"
                if name not in ends and month.start >= last:
                    await self._sql.together([_PATIENCE, *_making(table, name, month)])
                    made.append(name)
        return made

    async def expired(self, before: bytes) -> list[str]:
        """The suffixes of partitions of which every id is below this one, oldest first."""
        ends = await self.ends(TABLES[0])
        expired = sorted((end, name) for name, end in ends.items() if end <= before)
        return [name.removeprefix(f"{TABLES[0]}_") for _, name in expired]

    async def count(self, suffix: str) -> int:
        """How many details a partition holds."""
        return int((await self._sql.rows(f"SELECT count(*) FROM {_name('details', suffix)}"))[0][0])  # noqa: S608

    async def drop(self, suffix: str, unit: Unit) -> None:
        """Drop a month of every table, with the record of it."""
        drops: list[Change] = [(f"DROP TABLE IF EXISTS {_name(table, suffix)}", ()) for table in TABLES]
        await self._sql.together([_PATIENCE, *drops], unit)


def _name(table: str, suffix: str) -> str:
    if table not in TABLES or not re.fullmatch(r"old|\d{4}_\d{2}", suffix):
        raise ValueError("no partition has this name")
    return f"{table}_{suffix}"


def _making(table: str, name: str, month: Month) -> list[Change]:
    # Attaching, unlike making it as a partition at once, waits for no reader or writer of the table.
    values = f"FROM ('\\x{month.start.hex()}') TO ('\\x{month.stop.hex()}')"
    return [
        (f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)", ()),
        (f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES {values}", ()),
    ]
