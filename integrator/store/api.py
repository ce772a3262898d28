"""What the rooms ask of the store; `sqlite.py` and `postgres.py` implement it, tests run on both.

Every method is called on the event loop. Identifiers are 16 raw bytes, times microseconds since the
epoch. Methods raise StoreUnavailable when the database cannot be reached or written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from integrator.store.units import Conflict, Unit


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An API key: `secret_mac` is HMAC(credentials key, secret); times None mean for ever.

    `role` None is a key for exchanging data; with a role it reads the journal and does nothing else.
    """

    key_id: str
    secret_mac: bytes
    party: str
    label: str
    created_us: int
    expires_us: int | None = None
    revoked_us: int | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """An event the relay should publish now."""

    exchange_id: bytes
    flow: str
    attempt: int


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """An event this process may now deliver: leased, so that a duplicate message does nothing."""

    exchange_id: bytes
    flow: str
    party: str
    attempt: int
    accepted_us: int
    body: bytes
    context: bytes
    body_key: str


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """Where an event stands: accepted | relayed | delivered | dead-lettered."""

    exchange_id: bytes
    flow: str
    party: str
    state: str
    attempt: int
    accepted_us: int
    due_us: int | None
    changed_us: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as kept; `index` is None until the sealer assigned it."""

    record_id: bytes
    exchange_id: bytes
    time_us: int
    type: str
    final: bool
    flow: str | None
    party: str | None
    outcome: str | None
    leaf: bytes
    leaf_hash: bytes
    index: int | None
    details: bytes | None
    details_key: str | None


@dataclass(frozen=True, slots=True)
class LogState:
    """The sealed log: its size, and the time of the last sealing."""

    size: int
    sealed_us: int


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """A signed checkpoint: `root` (32 bytes) of the log at `size`, and the whole signed note."""

    size: int
    root: bytes
    note: bytes
    signed_us: int


TileHash = tuple[int, int, bytes]
"""(level, position, hash): the root of a whole subtree of 256^level leaves, level 1 and above."""


Row = tuple[Any, ...]
"""A row as the database gives it."""

Change = tuple[str, Sequence[object]]
"""(SQL text with `%s`, parameters): one statement that writes."""


class Sql(Protocol):
    """The database for rooms of the store with few, rare statements: the same text on both.

    Texts have `%s` for values. Methods raise StoreUnavailable; those that write also UnitRefused.
    """

    async def rows(self, text: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Read, outside any unit of work."""
        ...

    async def change(self, text: str, parameters: Sequence[object]) -> int:
        """One durable change; the number of rows."""
        ...

    async def change_many(self, text: str, rows: Sequence[Sequence[object]]) -> int:
        """The same text for many rows in one transaction."""
        ...

    async def returning(self, text: str, parameters: Sequence[object]) -> list[Row]:
        """One durable change that returns rows."""
        ...

    async def together(
        self, changes: Sequence[Change], unit: Unit | None = None, *, expected: Sequence[int | None] = ()
    ) -> list[int]:
        """Changes and a unit of work (its records) in one transaction; the number of rows of each change.

        Raises UnitConflict where the unit is in conflict, Stale where a change has not the number of rows
        that is `expected` of it (None: any); nothing is written then."""
        ...


class Store(Sql, Protocol):
    """The one SQL database, as the data plane and the journal see it."""

    async def open(self) -> None:
        """Connect, check durability settings and schema version, start the group commit.

        Raises StoreRefused (with the remedy) for a second bus on SQLite, `fsync` or
        `synchronous_commit` off, SQLite not FULL, an unknown schema version."""
        ...

    async def close(self) -> None:
        """Write what waits, then disconnect and release the lock."""
        ...

    # --- writing ---

    async def commit(self, unit: Unit) -> Conflict | None:
        """Write a unit whole or not at all; return once it is durable, or the conflict.

        Raises StoreUnavailable, StoreUncertain, StoreOverloaded or UnitRefused."""
        ...

    # --- credentials ---

    async def find_key(self, key_id: str) -> KeyRow | None:
        """The API key of this id, revoked and expired ones included."""
        ...

    async def add_key(self, key: KeyRow) -> None:
        """Keep a new API key."""
        ...

    async def revoke_key(self, key_id: str, now_us: int) -> bool:
        """End an API key now; False where there is none or it had ended."""
        ...

    async def list_keys(self) -> Sequence[KeyRow]:
        """Every API key, newest first."""
        ...

    # --- events ---

    async def due_deliveries(self, now_us: int, stale_before_us: int, limit: int) -> Sequence[DueDelivery]:
        """What is accepted and due, or relayed and untouched since `stale_before_us`."""
        ...

    async def mark_relayed(self, relayed: Sequence[DueDelivery], now_us: int) -> None:
        """The broker confirmed these; rows that moved on meanwhile are left alone."""
        ...

    async def claim_delivery(
        self, exchange_id: bytes, attempt: int, now_us: int, lease_until_us: int
    ) -> ClaimedDelivery | None:
        """Lease one attempt; None where it is final, at another attempt, or leased already."""
        ...

    async def release_deliveries(self, now_us: int) -> int:
        """Make every relayed event due now, and return how many there were.

        For a process that knows it is the only one, at its start: queues in memory are empty then,
        and whoever held a lease is dead. A message still in a queue becomes a harmless duplicate."""
        ...

    async def next_due_us(self) -> int | None:
        """When the next accepted event is due, for the relay's alarm clock."""
        ...

    async def delivery(self, exchange_id: bytes) -> DeliveryStatus | None:
        """Where this event stands; None where it is no event."""
        ...

    async def delivery_counts(self) -> dict[tuple[str, str], int]:
        """Rows not final by (flow, state), and dead letters kept."""
        ...

    async def expire(self, now_us: int, dead_before_us: int) -> int:
        """Drop idempotency claims that expired and bodies of dead letters older than allowed."""
        ...

    # --- records ---

    async def records_of(self, exchange_id: bytes) -> Sequence[StoredRecord]:
        """An exchange's records, oldest first."""
        ...

    async def latest_records(
        self, limit: int, *, flow: str | None = None, party: str | None = None, final_only: bool = False
    ) -> Sequence[StoredRecord]:
        """The newest records, newest first."""
        ...

    async def find_records(self, tags: Sequence[tuple[int, bytes]], limit: int) -> Sequence[StoredRecord]:
        """Records that carry any of these (kind, HMAC) tags, newest first."""
        ...

    async def record(self, record_id: bytes) -> StoredRecord | None:
        """The record of this id."""
        ...

    async def sealed_records(self, start: int, stop: int) -> Sequence[StoredRecord]:
        """The records of the sealed log with an index in [start, stop), in order of their index.

        An entry of the log whose record is gone is left out: the caller notices the gap."""
        ...

    # --- sealing (one sealer; the implementation holds the lock connection) ---

    async def take_sealer_lock(self) -> bool:
        """True where this process is now the only sealer (SQLite: it is the only process).

        Who has the lock asks again at least every second: where nothing is heard it goes to another."""
        ...

    async def lead(self, name: str) -> bool:
        """True where this process alone may do what has this name, now; asked again, whether it still may.

        The lock lives as long as its session: when the process dies another takes it over."""
        ...

    async def resign(self, name: str) -> None:
        """Let another process lead; nothing happens where this one does not."""
        ...

    async def log_state(self) -> LogState:
        """How far the log is sealed. Raises StoreRefused where the row that says so is lost."""
        ...

    async def pending(self, limit: int) -> Sequence[tuple[bytes, bytes]]:
        """(record id, leaf hash) of unsealed records, oldest first, from the pending table."""
        ...

    async def seal(
        self,
        start: int,
        entries: Sequence[tuple[bytes, bytes]],
        now_us: int,
        tiles: Sequence[TileHash] = (),
    ) -> bool:
        """Append entries at index `start`…, delete them from pending, add the hashes of the tiles
        they complete and move `log_state` by compare-and-swap on the old size, in one transaction.
        False where the size had moved."""
        ...

    async def log_entries(self, start: int, stop: int) -> Sequence[tuple[int, bytes, bytes]]:
        """(index, record id, leaf hash) of the sealed log in [start, stop)."""
        ...

    # --- the tree over the sealed log ---

    async def leaves(self, start: int, stop: int) -> Sequence[tuple[int, bytes]]:
        """(index, leaf bytes) of the sealed log in [start, stop); a record that is gone is left out."""
        ...

    async def tile_hashes(self, level: int, start: int, stop: int) -> Sequence[bytes]:
        """The hashes of one level of tiles in [start, stop); level 0 are the log's leaf hashes."""
        ...

    async def tile_levels(self) -> dict[int, tuple[int, int]]:
        """Level (from 1) → how many hashes it has, and the highest position."""
        ...

    async def add_tile_hashes(self, tiles: Sequence[TileHash]) -> None:
        """Add hashes derived anew from the level below; those that are there stay."""
        ...

    async def last_checkpoint(self) -> CheckpointRow | None:
        """The checkpoint published last; None before the first."""
        ...

    async def publish(self, checkpoint: CheckpointRow) -> bool:
        """Keep and thereby publish a checkpoint, with the sealer's lock.

        True too where this size has a checkpoint of this root already: signed by another key, it takes
        the new signature. False where it has one of another root, or the lock was lost."""
        ...

    # --- keys known to this database ---

    async def key_checks(self) -> dict[str, bytes]:
        """Key id → check value."""
        ...

    async def add_key_check(self, key_id: str, value: bytes) -> None:
        """Remember a key by its check value."""
        ...

    # --- sites ---

    async def active_site(self) -> str | None:
        """The hash of the active site; None before the first activation."""
        ...

    async def load_site(self, site_hash: str) -> bytes | None:
        """The compiled site (JSON bytes) of this hash."""
        ...

    async def activate_site(self, site_hash: str, data: bytes, unit: Unit) -> None:
        """Store the compiled site if new, make it the active one, write `unit` (its journal
        record), all in one transaction."""
        ...

    # --- processes ---

    async def start_process(self, process_id: bytes, now_us: int) -> None:
        """Register this process; its records carry the id from now on."""
        ...

    async def beat(self, process_id: bytes, now_us: int, oldest_open_us: int, site_hash: str) -> None:
        """Heartbeat: this process lives, and none of its open exchanges is older than this."""
        ...

    async def end_process(self, process_id: bytes) -> None:
        """A clean end: nothing of it is open."""
        ...

    async def orphans(self, dead_before_us: int, own: bytes, limit: int) -> Sequence[StoredRecord]:
        """First records of request-reply exchanges without a final one, of processes whose last
        beat is older than `dead_before_us` and that did not end cleanly. Events are left out:
        their delivery row goes on."""
        ...

    async def bury(self, dead_before_us: int, own: bytes) -> None:
        """Forget dead processes once `orphans` returned nothing more of them."""
        ...


class StoreRefused(Exception):
    """The store may not be used as it is; the message says what to do."""
