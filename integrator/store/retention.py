"""What retention, erasure, holds and new keys ask of the database: few, rare statements over `Sql`.

The same texts on both databases. Details are walked in the order of their record ids (UUIDv7, so in
the order of time), a page at a time, and a page is changed together with the record of what was done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from integrator.store.api import Change, Sql
from integrator.store.statements import _RUNS
from integrator.store.units import Unit

# --- details and tags ---

_DETAILED = """
SELECT d.record_id, r.exchange_id, r.flow, r.party, r.time_us, r.leaf, d.retention, d.key_id, d.sealed
FROM details d JOIN record r ON r.record_id = d.record_id
"""
DETAILS_AFTER = _DETAILED + "WHERE d.record_id > %s AND d.record_id < %s ORDER BY d.record_id LIMIT %s"
DETAILS_OF_EXCHANGE = _DETAILED + "WHERE r.exchange_id = %s ORDER BY d.record_id"
COUNT_DETAILS = "SELECT count(*) FROM details WHERE record_id > %s AND record_id < %s"
DROP_DETAILS = "DELETE FROM details WHERE record_id = %s"
# Only while the row is what was read: a part erased meanwhile must not come back.
CHANGE_DETAILS = "UPDATE details SET key_id = %s, sealed = %s WHERE record_id = %s AND sealed = %s"
DROP_TAG = f"""
DELETE FROM tag
WHERE run IN ({_RUNS} SELECT run FROM runs) AND kind = %s AND mac = %s AND record_id = %s
"""  # noqa: S608
DROP_TAGS_OF = "DELETE FROM tag WHERE record_id = %s"
COPY_TAG = f"""
INSERT INTO tag (run, kind, mac, record_id, index_key) {_RUNS}
SELECT t.run, t.kind, coalesce(%s, t.mac), t.record_id, coalesce(%s, t.index_key)
FROM runs CROSS JOIN tag t
WHERE t.run = runs.run AND t.kind = %s AND t.mac = %s AND t.record_id = %s ON CONFLICT DO NOTHING
"""  # noqa: S608
TAGGED_EXCHANGES = f"""{_RUNS}
SELECT DISTINCT r.exchange_id, r.time_us FROM runs CROSS JOIN tag t
JOIN record r ON r.record_id = t.record_id WHERE t.run = runs.run AND t.kind = %s AND t.mac = %s
"""  # noqa: S608
EXCHANGE_ENDED = "SELECT count(*) FROM record WHERE exchange_id = %s AND final"
DROP_BODY = "DELETE FROM delivery_body WHERE exchange_id = %s"
DROP_CLAIM = "DELETE FROM idempotency WHERE exchange_id = %s"

INDEXES = """
SELECT min(e.leaf_index), max(e.leaf_index) FROM record r JOIN log_entry e ON e.record_id = r.record_id
WHERE r.record_id >= %s AND r.record_id < %s
"""
CHECKPOINT_COVERING = "SELECT size, note FROM checkpoint WHERE size >= %s ORDER BY size LIMIT 1"
CHECKPOINT_LATEST = "SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1"

# --- how far background work came ---

UPKEEP = "SELECT name, target, done FROM upkeep"
START_UPKEEP = "INSERT INTO upkeep (name, target, done) VALUES (%s, %s, %s) ON CONFLICT (name) DO NOTHING"
MOVE_UPKEEP = "UPDATE upkeep SET done = %s WHERE name = %s"
RESET_UPKEEP = "UPDATE upkeep SET done = %s WHERE substr(name, 1, 10) = 'retention/'"
END_UPKEEP = "DELETE FROM upkeep WHERE name = %s"

# --- holds ---

_HOLD = "SELECT hold_id, kind, key_id, sealed, from_us, until_us, placed_us, lifted_us FROM legal_hold "
HOLDS = _HOLD + "ORDER BY placed_us DESC, hold_id"
ADD_HOLD = """
INSERT INTO legal_hold (hold_id, kind, key_id, sealed, from_us, until_us, placed_us)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
LIFT_HOLD = "UPDATE legal_hold SET lifted_us = %s WHERE hold_id = %s AND lifted_us IS NULL"
CHANGE_HOLD = "UPDATE legal_hold SET key_id = %s, sealed = %s WHERE hold_id = %s"
DROP_HOLD = "DELETE FROM legal_hold WHERE hold_id = %s AND lifted_us IS NOT NULL"

# --- epochs ---

EPOCHS = "SELECT number, origin, kept_size, lost_size, lost_note, begun_us FROM epoch ORDER BY number"
ADD_EPOCH = """
INSERT INTO epoch (number, origin, kept_size, lost_size, lost_note, begun_us) VALUES (%s, %s, %s, %s, %s, %s)
"""
DROP_CHECKPOINTS = "DELETE FROM checkpoint"
DROP_COSIGNATURES = "DELETE FROM cosignature"

# --- keys ---

_USED_BY = {
    "details": "SELECT 1 FROM details WHERE key_id = %s LIMIT 1",
    "tag": "SELECT 1 FROM tag WHERE index_key = %s LIMIT 1",
    "delivery_body": "SELECT 1 FROM delivery_body WHERE key_id = %s LIMIT 1",
    "legal_hold": "SELECT 1 FROM legal_hold WHERE key_id = %s LIMIT 1",
    "vault_month": "SELECT 1 FROM vault_month WHERE key_id = %s LIMIT 1",
    "subject_link": "SELECT 1 FROM subject_link WHERE %s IN (key_id, index_key) LIMIT 1",
    "breach_request": "SELECT 1 FROM breach_request WHERE key_id = %s LIMIT 1",
}
CLAIMS = "SELECT count(*) FROM idempotency"
API_KEYS = "SELECT count(*) FROM api_key WHERE revoked_us IS NULL"
CHANGE_VAULT_MONTH = "UPDATE vault_month SET key_id = %s, wrapped = %s WHERE name = %s"
FORGET_KEY = "DELETE FROM key_check WHERE key_id = %s"

ALL: dict[str, str] = {
    name: text
    for name, text in list(globals().items())
    if name.isupper() and name[0] != "_" and isinstance(text, str)
} | {f"USED_BY_{name}": text for name, text in _USED_BY.items()}
"""Every text by name, for the tests that have the databases prepare them."""

FIRST, LAST = b"", b"\xff" * 16
"""Record ids before and behind all others."""


@dataclass(frozen=True, slots=True)
class DetailsRow:
    """Details with what is needed of their record; `sealed` is the row as it was read."""

    record_id: bytes
    exchange_id: bytes
    flow: str | None
    party: str | None
    time_us: int
    leaf: bytes
    retention: str
    key_id: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class HoldRow:
    """A legal hold; what it holds and why are sealed. `lifted_us` None while it holds."""

    hold_id: str
    kind: str
    key_id: str
    sealed: bytes
    from_us: int
    until_us: int
    placed_us: int
    lifted_us: int | None


@dataclass(frozen=True, slots=True)
class EpochRow:
    """An epoch of the log after the first: its name, the entries it kept, and what the one before said."""

    number: int
    origin: str
    kept_size: int
    lost_size: int
    lost_note: bytes
    begun_us: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far background work came: the last record id done with, for the `target` it works towards."""

    target: str
    done: bytes


class RetentionStore:
    """The statements of this module. Methods raise StoreUnavailable; those that write UnitRefused."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def details_after(self, after: bytes, before: bytes, limit: int) -> list[DetailsRow]:
        """Details with a record id in (after, before), in order."""
        return [DetailsRow(*row) for row in await self._sql.rows(DETAILS_AFTER, (after, before, limit))]

    async def details_of(self, exchange_id: bytes) -> list[DetailsRow]:
        """The details still kept of an exchange."""
        return [DetailsRow(*row) for row in await self._sql.rows(DETAILS_OF_EXCHANGE, (exchange_id,))]

    async def count(self, after: bytes, before: bytes) -> int:
        """How many details have a record id in (after, before)."""
        return int((await self._sql.rows(COUNT_DETAILS, (after, before)))[0][0])

    async def tagged_exchanges(self, tags: Iterable[tuple[int, bytes]]) -> list[tuple[bytes, int]]:
        """(exchange id, time of a record) of what carries any of these tags."""
        found: dict[tuple[bytes, int], None] = {}
        for kind, mac in tags:
            for exchange_id, time_us in await self._sql.rows(TAGGED_EXCHANGES, (kind, mac)):
                found[exchange_id, time_us] = None
        return list(found)

    async def ended(self, exchange_id: bytes) -> bool:
        """Whether the exchange has its final record."""
        return bool((await self._sql.rows(EXCHANGE_ENDED, (exchange_id,)))[0][0])

    async def write(self, changes: Sequence[Change], unit: Unit | None = None) -> list[int]:
        """Changes and the record of them in one transaction; the number of rows of each change."""
        return await self._sql.together(changes, unit)

    # --- the log ---

    async def indexes(self, after: bytes, before: bytes) -> tuple[int, int] | None:
        """The lowest and highest index of sealed records with an id in [after, before)."""
        low, high = (await self._sql.rows(INDEXES, (after, before)))[0]
        return None if low is None else (low, high)

    async def checkpoint_covering(self, size: int | None) -> tuple[int, bytes] | None:
        """(size, note) of the earliest checkpoint of at least this size; None: of the latest."""
        if size is None:
            rows = await self._sql.rows(CHECKPOINT_LATEST)
        else:
            rows = await self._sql.rows(CHECKPOINT_COVERING, (size,))
        return (rows[0][0], rows[0][1]) if rows else None

    # --- progress ---

    async def progress(self) -> dict[str, Progress]:
        """All background work by name."""
        return {name: Progress(target, done) for name, target, done in await self._sql.rows(UPKEEP)}

    async def start(self, name: str, target: str = "") -> None:
        """Remember work by its name, at the beginning; where it is known it stays where it is."""
        await self._sql.change(START_UPKEEP, (name, target, FIRST))

    # --- holds ---

    async def holds(self) -> list[HoldRow]:
        """All holds, those lifted too, newest first."""
        return [HoldRow(*row) for row in await self._sql.rows(HOLDS)]

    # --- epochs ---

    async def epochs(self) -> list[EpochRow]:
        """The epochs after the first, in order."""
        return [EpochRow(*row) for row in await self._sql.rows(EPOCHS)]

    # --- keys ---

    async def uses(self, key_id: str) -> list[str]:
        """The tables in which rows were written with this key."""
        return [name for name, text in _USED_BY.items() if await self._sql.rows(text, (key_id,))]

    async def claims(self) -> int:
        """How many idempotency claims are kept."""
        return int((await self._sql.rows(CLAIMS))[0][0])

    async def api_keys(self) -> int:
        """How many API keys are in force."""
        return int((await self._sql.rows(API_KEYS))[0][0])
