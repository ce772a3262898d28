"""The rows of one unit of work: what one exchange writes in one step, whole or not at all.

Plain data handed to `Store.commit`; many units share one transaction (group commit). Identifiers
are 16 raw bytes of a UUIDv7, times are microseconds since the epoch, bodies are already encrypted.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)  # two an exchange: freezing would triple what making one costs
class RecordRow:
    """One record of the journal: its leaf, its encrypted details, the tags it is found by.

    `tags` are (kind, HMAC) with the kinds of `journal.tags`; `index_key` names the key they were
    made with, `details_key` the one the details were sealed with. `final` marks an end record:
    an exchange has at most one, and a second is the conflict `ended`.
    """

    record_id: bytes
    exchange_id: bytes
    time_us: int
    type: str
    final: bool
    leaf: bytes
    leaf_hash: bytes
    flow: str | None = None
    party: str | None = None
    outcome: str | None = None
    retention: str = "P10Y"
    details: bytes | None = None
    details_key: str | None = None
    tags: tuple[tuple[int, bytes], ...] = ()
    index_key: str | None = None
    purpose: str | None = None


@dataclass(frozen=True, slots=True)
class AcceptRow:
    """A new row of the delivery table: an event accepted, not yet relayed. Attempt starts at 0."""

    exchange_id: bytes
    flow: str
    party: str
    accepted_us: int
    due_us: int
    body: bytes  # sealed: canonical JSON of the event
    context: bytes  # sealed: what a later attempt needs of the Context
    body_key: str


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """What one delivery attempt moves: compare-and-swap on `attempt`, never out of a final state.

    state `accepted` (a failed attempt: `attempt` is one more, `due_us` the next time), `delivered`
    or `dead-lettered`. A final state drops the body unless `keep_body` (dead letters). Where the
    row is already final or at another attempt the unit is the conflict `stale`.
    """

    exchange_id: bytes
    expected_attempt: int
    state: str
    attempt: int
    due_us: int | None
    reason: str | None = None  # stable token, never provider text
    keep_body: bool = False


@dataclass(frozen=True, slots=True)
class IdempotencyRow:
    """A claim on (party, flow, key): the conflict `idempotency` carries the first claim.

    `key_mac` and `digest` are keyed HMACs: neither the key nor the body is kept.
    """

    party: str
    flow: str
    key_mac: bytes
    digest: bytes
    exchange_id: bytes
    expires_us: int


@dataclass(slots=True)
class Unit:
    """What is written together. Empty parts are left out of the statements."""

    records: list[RecordRow] = field(default_factory=list)
    accept: AcceptRow | None = None
    delivery: DeliveryRow | None = None
    idempotency: IdempotencyRow | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why a unit was not written: `idempotency`, `ended` or `stale`.

    For `idempotency` the first claim's exchange and digest stand beside it.
    """

    kind: str
    exchange_id: bytes | None = None
    digest: bytes | None = None


class StoreUnavailable(Exception):
    """The database cannot be written now; nothing of the unit was. Answer 503."""


class StoreUncertain(StoreUnavailable):
    """The connection was lost during COMMIT and the rows could not be looked up again."""


class StoreOverloaded(Exception):
    """Too many units wait to be written (`Limits.units_waiting`). Answer 503."""


class UnitRefused(Exception):
    """The database refused this one unit's data; the others of its batch are written."""


class UnitConflict(UnitRefused):
    """The unit is in conflict, and what was to be written with it was not."""

    def __init__(self, conflict: Conflict) -> None:
        super().__init__(f"the unit is in conflict: {conflict.kind}")
        self.conflict = conflict


class Stale(UnitRefused):
    """What a change was based on has changed meanwhile: read it again. Nothing was written."""
