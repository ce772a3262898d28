"""Reading the journal: list, show, search. Each reading is a record before anybody sees its result.

The record of a reading says who, why, what kind of criterion and how much was found; the criterion
itself stands there only as a tag, so that "who looked up this citizen" can be answered too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from integrator.exchange import InvalidRequest, NotRecorded
from integrator.journal import details, tags
from integrator.journal.canonical import leaf_hash
from integrator.journal.criteria import Criterion
from integrator.journal.writer import Journal
from integrator.security.keyring import Keyring, KeyringError
from integrator.store.api import Store, StoredRecord
from integrator.store.units import StoreOverloaded, StoreUnavailable, Unit

RECORDS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Reading:
    """Who reads the journal and why; both are recorded, and neither may be empty."""

    actor: str
    why: str

    def __post_init__(self) -> None:
        if not self.actor.strip() or not self.why.strip():
            raise InvalidRequest("say who reads the journal and why", reason="reading-unexplained")


@dataclass(frozen=True, slots=True)
class OpenRecord:
    """A record with its leaf parsed and its details opened.

    `details` is None where they were deleted or could not be opened; `problem` says which, None
    where the commitment in the leaf fits what was opened. `erased` in them counts parts that are gone.
    """

    stored: StoredRecord
    leaf: dict[str, Any]
    details: dict[str, Any] | None
    problem: str | None


class Reader:
    """Reads the journal of one store and records every reading. `clock`: microseconds since the epoch."""

    def __init__(self, store: Store, journal: Journal, clock: Callable[[], int]) -> None:
        self._store, self._journal, self._clock = store, journal, clock
        self._keyring = journal.keyring

    async def latest(
        self,
        reading: Reading,
        *,
        limit: int = 50,
        flow: str | None = None,
        party: str | None = None,
    ) -> list[StoredRecord]:
        """The latest records, newest first; details stay closed. Raises NotRecorded."""
        records = await self._store.latest_records(_bounded(limit), flow=flow, party=party)
        await self._record(reading, "latest", len(records))
        return list(records)

    async def exchange(self, reading: Reading, identifier: str) -> list[OpenRecord]:
        """All records of the exchange, or the exchange of the record, with this id; details open.

        Raises InvalidRequest for what is not an id, NotRecorded.
        """
        try:
            wanted = UUID(identifier.strip()).bytes
        except ValueError:
            raise InvalidRequest("an exchange or record id is a UUID", reason="id-invalid") from None
        records = await self._store.records_of(wanted)
        if not records:
            record = await self._store.record(wanted)
            records = await self._store.records_of(record.exchange_id) if record else ()
        opened = [open_record(self._keyring, record) for record in _in_order(records)]
        await self._record(reading, "exchange", len(opened))
        return opened

    async def search(
        self, reading: Reading, criterion: Criterion, *, limit: int = 100
    ) -> list[list[OpenRecord]]:
        """The exchanges a criterion finds, newest first, each with all its records, details open.

        `limit` bounds the records found, at most `RECORDS_MAX`. Raises NotRecorded.
        """
        hits = await self._store.find_records(
            tags.search_tags(self._keyring, criterion.wanted), _bounded(limit)
        )
        exchanges = []
        for exchange_id in dict.fromkeys(hit.exchange_id for hit in hits):
            records = await self._store.records_of(exchange_id)
            exchanges.append([open_record(self._keyring, record) for record in _in_order(records)])
        await self._record(reading, criterion.kind, len(exchanges), criterion)
        return exchanges

    async def readings_of(
        self, reading: Reading, criterion: Criterion, *, limit: int = 100
    ) -> list[OpenRecord]:
        """Who looked this criterion up in the journal, newest first. Raises NotRecorded."""
        hits = await self._store.find_records(
            tags.search_tags(self._keyring, [criterion.read_tag]), _bounded(limit)
        )
        opened = [open_record(self._keyring, hit) for hit in hits]
        await self._record(reading, f"readings-of-{criterion.kind}", len(opened), criterion)
        return opened

    async def _record(
        self, reading: Reading, kind: str, found: int, criterion: Criterion | None = None
    ) -> None:
        row = self._journal.act(
            "journal-read",
            reading.actor,
            {"criterion": kind, "found": found},
            now_us=self._clock(),
            secrets={"why": details.clip(reading.why)},
            tagged=[criterion.read_tag] if criterion else [],
        )
        try:
            await self._store.commit(Unit(records=[row]))
        except (StoreUnavailable, StoreOverloaded) as error:
            raise NotRecorded("this reading could not be recorded, so nothing is shown: try again") from error


def open_record(keyring: Keyring, record: StoredRecord) -> OpenRecord:
    """Open a record's details and hold leaf and details against their hashes."""
    leaf = _leaf(record)
    if not leaf or leaf_hash(record.leaf) != record.leaf_hash:
        return OpenRecord(record, leaf, None, "the leaf is not the one that was hashed")
    if record.details is None or record.details_key is None:
        return OpenRecord(record, leaf, None, "details deleted")
    try:
        key = keyring.get(record.details_key)
        opened = details.unseal(key, record.record_id, record.details)
    except (KeyringError, details.DetailsBroken) as error:
        return OpenRecord(record, leaf, None, str(error))
    if opened.commitment != leaf.get("details"):
        return OpenRecord(record, leaf, None, "the details are not those the leaf commits to")
    document = {**opened.document, "erased": opened.erased} if opened.erased else opened.document
    return OpenRecord(record, leaf, document, None)


def _leaf(record: StoredRecord) -> dict[str, Any]:
    try:
        leaf = orjson.loads(record.leaf)
    except orjson.JSONDecodeError:
        return {}
    return leaf if isinstance(leaf, dict) else {}


def _in_order(records: Sequence[StoredRecord]) -> list[StoredRecord]:
    return sorted(records, key=lambda record: (record.final, record.time_us, record.record_id))


def _bounded(limit: int) -> int:
    if limit < 1:
        raise InvalidRequest("the limit must be at least 1", reason="limit-invalid")
    return min(limit, RECORDS_MAX)
