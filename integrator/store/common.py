"""What both stores do alike: the short reads and changes of the contract, over four primitives.

`SqliteStore` and `PostgresStore` implement `rows`, `change`, `change_many`, `returning` and `together`
(`integrator.store.api.Sql`), and what differs: open, close, commit, sealing and activation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from integrator.store import statements as sql
from integrator.store.api import (
    Change,
    CheckpointRow,
    ClaimedDelivery,
    DeliveryStatus,
    DueDelivery,
    KeyRow,
    LogState,
    Row,
    StoredRecord,
    StoreRefused,
    TileHash,
)
from integrator.store.units import Stale, Unit


def stored_record(row: Row) -> StoredRecord:
    """A row of the record select as the contract's value; SQLite has no booleans."""
    values: list[Any] = list(row)
    values[4] = bool(values[4])
    return StoredRecord(*values)


def compare_count(count: int, place: int, expected: Sequence[int | None]) -> None:
    """Raise Stale where a change moved another number of rows than it had to: at once, before the changes that
    follow break a rule for the same reason."""
    wanted = expected[place] if place < len(expected) else None
    if wanted is not None and count != wanted:
        raise Stale("what the change was based on has changed meanwhile: read it again")


class CommonStore(ABC):
    """The part of `integrator.store.api.Store` that is the same SQL on both databases."""

    @abstractmethod
    async def rows(self, text: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Read, outside any unit of work. Raises StoreUnavailable."""

    @abstractmethod
    async def change(self, text: str, parameters: Sequence[object]) -> int:
        """One durable change; the number of rows. Raises StoreUnavailable or UnitRefused."""

    @abstractmethod
    async def change_many(self, text: str, rows: Sequence[Sequence[object]]) -> int:
        """The same text for many rows in one transaction."""

    @abstractmethod
    async def returning(self, text: str, parameters: Sequence[object]) -> list[Row]:
        """One durable change that returns rows."""

    @abstractmethod
    async def together(
        self, changes: Sequence[Change], unit: Unit | None = None, *, expected: Sequence[int | None] = ()
    ) -> list[int]:
        """Changes and a unit of work in one transaction; the number of rows of each change."""

    # --- credentials ---

    async def find_key(self, key_id: str) -> KeyRow | None:
        """The key of this id, revoked and expired ones too."""
        rows = await self.rows(sql.FIND_KEY, (key_id,))
        return KeyRow(*rows[0]) if rows else None

    async def add_key(self, key: KeyRow) -> None:
        """Add a key; raises UnitRefused where the id exists."""
        row = (
            key.key_id,
            key.secret_mac,
            key.party,
            key.label,
            key.created_us,
            key.expires_us,
            key.revoked_us,
            key.role,
        )
        await self.change(sql.ADD_KEY, row)

    async def revoke_key(self, key_id: str, now_us: int) -> bool:
        """True where the key existed and was not revoked yet."""
        return await self.change(sql.REVOKE_KEY, (now_us, key_id)) == 1

    async def list_keys(self) -> Sequence[KeyRow]:
        """All keys, newest first."""
        return [KeyRow(*row) for row in await self.rows(sql.LIST_KEYS)]

    async def key_checks(self) -> dict[str, bytes]:
        """Key id → check value."""
        return {key_id: bytes(value) for key_id, value in await self.rows(sql.KEY_CHECKS)}

    async def add_key_check(self, key_id: str, value: bytes) -> None:
        """Keep a check value; one that is there already stays."""
        await self.change(sql.ADD_KEY_CHECK, (key_id, value))

    # --- events ---

    async def due_deliveries(self, now_us: int, stale_before_us: int, limit: int) -> Sequence[DueDelivery]:
        """What is accepted and due, or relayed, not leased and untouched since `stale_before_us`."""
        rows = await self.rows(sql.DUE, (now_us, stale_before_us, now_us, limit))
        return [DueDelivery(*row) for row in rows]

    async def mark_relayed(self, relayed: Sequence[DueDelivery], now_us: int) -> None:
        """The broker confirmed these; rows that moved on meanwhile are left alone."""
        rows = [(now_us, due.exchange_id, due.attempt) for due in relayed]
        if rows:
            await self.change_many(sql.MARK_RELAYED, rows)

    async def claim_delivery(
        self, exchange_id: bytes, attempt: int, now_us: int, lease_until_us: int
    ) -> ClaimedDelivery | None:
        """Lease one attempt; None where it is final, at another attempt, or leased already."""
        row = (lease_until_us, now_us, exchange_id, attempt, now_us)
        found = await self.returning(sql.CLAIM, row)
        if not found:
            return None
        flow, party, attempt, accepted_us, body, context, body_key = found[0]
        return ClaimedDelivery(exchange_id, flow, party, attempt, accepted_us, body, context, body_key)

    async def release_deliveries(self, now_us: int) -> int:
        """Make every relayed event due now, leased or not: for the only process, at its start."""
        return await self.change(sql.RELEASE, (now_us, now_us))

    async def next_due_us(self) -> int | None:
        """When the next accepted event is due, for the relay's alarm clock."""
        due: int | None = (await self.rows(sql.NEXT_DUE))[0][0]
        return due

    async def delivery(self, exchange_id: bytes) -> DeliveryStatus | None:
        """Where an event stands; None for an exchange that is no event."""
        rows = await self.rows(sql.DELIVERY, (exchange_id,))
        return DeliveryStatus(*rows[0]) if rows else None

    async def delivery_counts(self) -> dict[tuple[str, str], int]:
        """Rows not final by (flow, state), and dead letters kept."""
        return {(flow, state): count for flow, state, count in await self.rows(sql.DELIVERY_COUNTS)}

    async def expire(self, now_us: int, dead_before_us: int) -> int:
        """Drop idempotency claims that expired and bodies of dead letters older than allowed."""
        claims = await self.change(sql.EXPIRE_CLAIMS, (now_us,))
        return claims + await self.change(sql.EXPIRE_BODIES, (dead_before_us,))

    # --- records ---

    async def record(self, record_id: bytes) -> StoredRecord | None:
        """The record of this id."""
        rows = await self.rows(sql.RECORD, (record_id,))
        return stored_record(rows[0]) if rows else None

    async def sealed_records(self, start: int, stop: int) -> Sequence[StoredRecord]:
        """Records with an index in [start, stop), in its order; a record that is gone is left out."""
        return [stored_record(row) for row in await self.rows(sql.SEALED_RECORDS, (start, stop))]

    async def records_of(self, exchange_id: bytes) -> Sequence[StoredRecord]:
        """The records of one exchange, oldest first."""
        return [stored_record(row) for row in await self.rows(sql.RECORDS_OF, (exchange_id,))]

    async def latest_records(
        self, limit: int, *, flow: str | None = None, party: str | None = None, final_only: bool = False
    ) -> Sequence[StoredRecord]:
        """The newest records first."""
        text = sql.latest(flow=flow is not None, party=party is not None, final_only=final_only)
        asked = [value for value in (flow, party) if value is not None]
        return [stored_record(row) for row in await self.rows(text, (*asked, limit))]

    async def find_records(self, tags: Sequence[tuple[int, bytes]], limit: int) -> Sequence[StoredRecord]:
        """Records that carry any of these (kind, HMAC) tags, newest first."""
        if not tags:
            return []
        asked = [value for pair in tags for value in pair]
        return [stored_record(row) for row in await self.rows(sql.tagged(len(tags)), (*asked, limit))]

    # --- sealing, reading side ---

    async def log_state(self) -> LogState:
        """Size of the sealed log and time of the last sealing. Raises StoreRefused where it is lost."""
        rows = await self.rows(sql.LOG_STATE)
        if not rows:
            raise StoreRefused(
                "the database has lost the state of its log (table log_state): restore the database"
            )
        return LogState(*rows[0])

    async def pending(self, limit: int) -> Sequence[tuple[bytes, bytes]]:
        """(record id, leaf hash) of unsealed records, oldest first."""
        return [(record_id, leaf_hash) for record_id, leaf_hash in await self.rows(sql.PENDING, (limit,))]

    async def log_entries(self, start: int, stop: int) -> Sequence[tuple[int, bytes, bytes]]:
        """(index, record id, leaf hash) of the sealed log in [start, stop)."""
        rows = await self.rows(sql.LOG_ENTRIES, (start, stop))
        return [(index, record_id, leaf_hash) for index, record_id, leaf_hash in rows]

    # --- the tree ---

    async def leaves(self, start: int, stop: int) -> Sequence[tuple[int, bytes]]:
        """(index, leaf bytes) of the sealed log in [start, stop)."""
        return [(index, leaf) for index, leaf in await self.rows(sql.LEAVES, (start, stop))]

    async def tile_hashes(self, level: int, start: int, stop: int) -> Sequence[bytes]:
        """The hashes of one level of tiles in [start, stop); level 0 are the log's leaf hashes."""
        if level == 0:
            return [row[0] for row in await self.rows(sql.LEAF_HASHES, (start, stop))]
        return [row[0] for row in await self.rows(sql.TILE_HASHES, (level, start, stop))]

    async def tile_levels(self) -> dict[int, tuple[int, int]]:
        """Level (from 1) → how many hashes it has, and the highest position."""
        return {level: (count, last) for level, count, last in await self.rows(sql.TILE_LEVELS)}

    async def add_tile_hashes(self, tiles: Sequence[TileHash]) -> None:
        """Add hashes derived anew; those that are there stay."""
        if tiles:
            await self.change_many(sql.ADD_TILE_HASH, tiles)

    async def last_checkpoint(self) -> CheckpointRow | None:
        """The checkpoint published last."""
        rows = await self.rows(sql.LAST_CHECKPOINT)
        return CheckpointRow(*rows[0]) if rows else None

    # --- sites ---

    async def active_site(self) -> str | None:
        """The hash of the active site; None before the first activation."""
        rows = await self.rows(sql.ACTIVE_SITE)
        return rows[0][0] if rows else None

    async def load_site(self, site_hash: str) -> bytes | None:
        """The compiled site (JSON bytes) of this hash."""
        rows = await self.rows(sql.LOAD_SITE, (site_hash,))
        return rows[0][0] if rows else None

    # --- processes ---

    async def start_process(self, process_id: bytes, now_us: int) -> None:
        """Register this process; nothing of it is open yet."""
        await self.change(sql.START_PROCESS, (process_id, now_us, now_us, now_us))

    async def beat(self, process_id: bytes, now_us: int, oldest_open_us: int, site_hash: str) -> None:
        """Heartbeat: this process lives, and none of its open exchanges is older than this."""
        beat = (now_us, oldest_open_us, site_hash, process_id)
        if await self.change(sql.BEAT, beat) == 0:  # paused for long and taken for dead: register again
            await self.start_process(process_id, now_us)
            await self.change(sql.BEAT, beat)

    async def end_process(self, process_id: bytes) -> None:
        """A clean end: nothing of it is open."""
        await self.change(sql.END_PROCESS, (process_id,))

    async def orphans(self, dead_before_us: int, own: bytes, limit: int) -> Sequence[StoredRecord]:
        """First records of request-reply exchanges a dead process left open, oldest first."""
        rows = await self.rows(sql.ORPHANS, (dead_before_us, own, limit))
        return [stored_record(row) for row in rows]

    async def bury(self, dead_before_us: int, own: bytes) -> None:
        """Forget dead processes that left nothing open, or whose orphans were all closed."""
        await self.change(sql.BURY, (dead_before_us, own))
