"""Searching the journal and opening exchanges, by role. Each reading is a record before anybody sees it.

The one that finds fewest of what is asked for leads: its index is walked backwards from the newest
record, and each exchange met is opened and held against everything else. A page ends when it is full, or
after `SCANNED_MAX` records, so that no search holds the bus up: then it has a cursor to go on with.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from integrator.exchange import IntegratorError, InvalidRequest, NoData, NotRecorded, Refused
from integrator.journal import details, query, reasons, tags, viewers
from integrator.journal.commands import Row, exchange_row, iso, record_row
from integrator.journal.criteria import Criterion
from integrator.journal.inspected import Links
from integrator.journal.periods import first_id
from integrator.journal.published import Published
from integrator.journal.query import Query
from integrator.journal.search import OpenRecord, Reading, open_record
from integrator.journal.tags import Tagged
from integrator.journal.viewers import ALL, CONSUMER, SOURCE, Viewer
from integrator.journal.writer import Journal
from integrator.site.compiled import CompiledSite
from integrator.store.api import Store
from integrator.store.inspection import Columns, InspectionStore
from integrator.store.units import StoreOverloaded, StoreUnavailable, Unit

LIMIT_MAX = 200
SCANNED_MAX = 2_000
_CHUNK = 200
_HOUR_US = 3_600_000_000
_LATER_US = 31 * 24 * _HOUR_US
"""How much later than its beginning an exchange may end and still be found by its end."""
_TOP = b"\xff" * 16
Hit = tuple[list[OpenRecord], frozenset[str]]
"""An exchange, opened, and the halves of it that the viewer has."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a search found: rows newest first, and the cursor of the next page; None at the end."""

    rows: list[Row]
    cursor: str | None

    def plain(self) -> dict[str, Any]:
        """As JSON-able data."""
        return {"exchanges": self.rows, "cursor": self.cursor}


class Inspector:
    """Reads one journal for people. `site` is the active site; `clock`: microseconds since the epoch."""

    def __init__(
        self, store: Store, journal: Journal, site: Callable[[], CompiledSite], clock: Callable[[], int]
    ) -> None:
        self._journal, self._site, self._clock, self._units = journal, site, clock, store
        self._store = InspectionStore(store)
        self._published = Published(store)
        self.links = Links(store, journal, clock)

    async def search(
        self,
        viewer: Viewer,
        why: str,
        given: Mapping[str, Any],
        *,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """The exchanges that are all that `given` asks for, newest first, as the viewer may see them.

        Raises InvalidRequest, Refused for what the role may not, NotRecorded. A refusal is recorded too.
        """
        why, wanted = await self.prepared(viewer, "search", why, given)
        if not 1 <= limit <= LIMIT_MAX:
            raise await self.refused(
                viewer,
                why,
                wanted,
                InvalidRequest(f"a page has 1 to {LIMIT_MAX} exchanges", reason="limit-invalid"),
            )
        mark = _fingerprint(self._journal, viewer, wanted)
        try:
            below = _below(cursor, mark, wanted)
        except InvalidRequest as error:
            raise await self.refused(viewer, why, wanted, error) from None
        hits, last = await self.page(viewer, wanted, below, limit)
        rows = [self._row(viewer, wanted, hit) for hit in hits]
        await self.record(viewer, why, wanted, len(rows))
        return Page(rows, None if last is None else _cursor(last, mark))

    async def show(self, viewer: Viewer, why: str, identifier: str) -> dict[str, Any]:
        """One exchange, every record of it opened as far as the viewer may, and the receipt of its end.

        Raises InvalidRequest, NoData where there is none or it is none of the viewer's, NotRecorded.
        """
        why, wanted = await self.prepared(viewer, "show", why, {"exchange": identifier})
        if wanted.exchange is None:
            raise await self.refused(
                viewer, why, wanted, InvalidRequest("name the exchange to open", reason="id-invalid")
            )
        hits, _ = await self.page(viewer, wanted, _TOP, 1)
        await self.record(viewer, why, wanted, len(hits), exchange=True)
        if not hits:
            raise NoData("there is no exchange of this id that you may see", reason="exchange-unknown")
        return await self._opened(viewer, hits[0])

    async def reading(self, viewer: Viewer, act: str, why: str) -> Reading:
        """Who does an act of the journal and why, checked. Records what it refuses, and raises it."""
        checked, _ = await self.prepared(viewer, act, why, {})
        return Reading(viewer.actor, checked)

    async def prepared(
        self, viewer: Viewer, act: str, why: str, given: Mapping[str, Any]
    ) -> tuple[str, Query]:
        """Reason and query, checked, with linked numbers. Records what it refuses, and raises it."""
        try:
            wanted = query.parse(given)
        except InvalidRequest as error:
            raise await self.refused(viewer, why, Query(), error) from None
        try:
            viewer.require(act)
            viewer.require_criteria(wanted.names)
            checked = reasons.check(why)
        except (InvalidRequest, Refused) as error:
            raise await self.refused(viewer, why, wanted, error) from None
        if "subject" in wanted.tagged:
            linked = await self.links.of(wanted.tagged["subject"].wanted[0])
            wanted = replace(wanted, linked=linked)
        return checked, wanted

    async def readings(
        self, viewer: Viewer, why: str, given: Mapping[str, Any], *, limit: int = 50
    ) -> list[Row]:
        """Who looked into the journal, when and why, newest first; by what was looked up, or all.

        Refused readings are among them. Raises InvalidRequest, Refused, NotRecorded.
        """
        why, wanted = await self.prepared(viewer, "readings", why, given)
        if set(wanted.names) - set(query.TAGGED):
            error = InvalidRequest(
                f"readings are searched by {', '.join(query.TAGGED)}, or all are listed",
                reason="criterion-kind",
            )
            raise await self.refused(viewer, why, wanted, error)
        if wanted.names:
            found = tags.search_tags(self._journal.keyring, wanted.read_tags)
            ids = await self._store.tagged(found, b"", _TOP, min(limit, LIMIT_MAX))
        else:
            ids = await self._store.listed([Columns(read=True)], b"", _TOP, min(limit, LIMIT_MAX))
        records = await self._store.records_of(ids)  # an act is its own exchange
        rows = [
            _reading_row(open_record(self._journal.keyring, record))
            for one in ids
            for record in records.get(one, ())
        ]
        await self.record(viewer, why, wanted, len(rows), kind="readings")
        return rows

    # --- walking -----------------------------------------------------------------------------------

    async def page(
        self, viewer: Viewer, wanted: Query, below: bytes, limit: int
    ) -> tuple[list[Hit], bytes | None]:
        """The next exchanges below a record id, and the id to go on below; None at the end."""
        hits: list[Hit] = []
        site, top, scanned = self._site(), _top(wanted), 0
        while scanned < SCANNED_MAX:
            ids = await self._candidates(viewer, wanted, below, min(_CHUNK, 2 * limit + 8))
            if not ids:
                return hits, None
            exchanges = await self._store.exchanges_of(ids)
            opened = await self._open([exchanges[one] for one in ids if one in exchanges])
            for record_id in ids:
                scanned, below = scanned + 1, record_id
                records = opened.get(exchanges.get(record_id, b""))
                if not records or not _newest(record_id, records, wanted, top):
                    continue
                had = viewers.halves(viewer, records, site)
                if had and wanted.holds(records) and self._visible(viewer, wanted, records, had):
                    hits.append((records, had))
                    if len(hits) == limit:
                        return hits, below
            if wanted.exchange is not None:
                return hits, None
        return hits, below

    async def walk(
        self, viewer: Viewer, wanted: Query, seen: Callable[[int], None] = lambda _: None
    ) -> AsyncIterator[Hit]:
        """Every exchange of a query, newest first; `seen` hears how many there were so far."""
        below, count = _top(wanted), 0
        following: bytes | None = below
        while following is not None:
            hits, following = await self.page(viewer, wanted, following, LIMIT_MAX)
            for hit in hits:
                yield hit
            count += len(hits)
            seen(count)

    async def _candidates(self, viewer: Viewer, wanted: Query, below: bytes, limit: int) -> list[bytes]:
        low = first_id(max(0, wanted.from_us - _HOUR_US))
        if wanted.exchange is not None:
            found = (await self._store.records_of([wanted.exchange]))[wanted.exchange]
            if not found:
                exchange_id = (await self._store.exchanges_of([wanted.exchange])).get(wanted.exchange)
                found = (await self._store.records_of([exchange_id]))[exchange_id] if exchange_id else []
            return [record.record_id for record in reversed(found)]
        if wanted.leading:
            found_tags = tags.search_tags(self._journal.keyring, wanted.leading)
            return await self._store.tagged(found_tags, low, below, limit)
        return await self._store.listed(self._sources(viewer, wanted), low, below, limit)

    def _sources(self, viewer: Viewer, wanted: Query) -> list[Columns]:
        """What columns to list by, so that a role that sees little does not read all."""
        columns = wanted.columns
        if viewer.role not in viewers.KEY_ROLES or viewer.role == viewers.AUDITOR:
            return [columns]
        flows = viewers.scope_flows(viewer, self._site())
        sources = [replace(columns, flow=flow) for flow in flows if columns.flow in (None, flow)]
        if viewer.role == viewers.DPO and columns.party in (None, viewer.party):
            sources.append(replace(columns, party=viewer.party))
        return sources

    async def _open(self, exchange_ids: Sequence[bytes]) -> dict[bytes, list[OpenRecord]]:
        found = await self._store.records_of(list(dict.fromkeys(exchange_ids)))
        keyring = self._journal.keyring
        return {
            exchange_id: [
                open_record(keyring, record)
                for record in sorted(records, key=lambda r: (r.final, r.time_us, r.record_id))
            ]
            for exchange_id, records in found.items()
            if records and _is_exchange(records[0].leaf)
        }

    def _visible(
        self, viewer: Viewer, wanted: Query, records: Sequence[OpenRecord], had: frozenset[str]
    ) -> bool:
        """Whether the viewer may know that every criterion holds: else the hit itself would tell."""
        if ALL in had:
            return True
        for name in wanted.tagged:
            kinds = {tags.KINDS[kind][0] for kind, _ in wanted.found(name, records)}
            told = {"subject"} if name == "subject" else kinds
            if not any(viewers.seen(kind, had) for kind in told):
                return False
            if (
                name == "ticket"
                and kinds == {"provider-ticket"}
                and not viewers.tickets_shown(viewer, records, self._site())
            ):
                return False
        return True

    # --- rows --------------------------------------------------------------------------------------

    def _row(self, viewer: Viewer, wanted: Query, hit: Hit) -> Row:
        records, had = hit
        criterion = wanted.tagged.get("subject") or Criterion("exchange", ())
        row = exchange_row(records, criterion)
        if wanted.linked and "subject" in wanted.tagged and not row["found_in"]:
            row["found_in"] = ["linked number"]
        row["half"] = sorted(had)
        if ALL not in had:
            if CONSUMER not in had:
                row.update(agent=None, application=None, dossier=None)
            if SOURCE in had:
                row["found_in"] = []
        return row

    async def _opened(self, viewer: Viewer, hit: Hit) -> dict[str, Any]:
        records, had = hit
        site = self._site()
        shown = []
        for record in records:
            row = {**record_row(record.stored), "problem": record.problem}
            row["leaf"] = viewers.leaf_for(viewer, had, record.leaf, site)
            row["details"] = (
                viewers.details_for(viewer, had, records, record.details, site)
                if record.details is not None
                else None
            )
            shown.append(row)
        last = records[-1].stored
        receipt = await self._published.receipt(last) if last.final and ALL in had else None
        return {
            "exchange": str(UUID(bytes=last.exchange_id)),
            "half": sorted(had),
            "records": shown,
            "receipt": receipt.encode().decode() if receipt is not None else None,
        }

    # --- recording ---------------------------------------------------------------------------------

    async def record(
        self,
        viewer: Viewer,
        why: str,
        wanted: Query,
        found: int,
        *,
        kind: str | None = None,
        exchange: bool = False,
    ) -> None:
        """Record a reading before its result is shown. Raises NotRecorded."""
        facts = {"criterion": kind or _kind(wanted), "found": found, "role": viewer.role}
        secrets: dict[str, Any] = {"why": details.clip(why)}
        if exchange and wanted.exchange is not None:
            secrets["facts"] = {"opened": str(UUID(bytes=wanted.exchange))}
        await self._write("journal-read", viewer.actor, facts, secrets, wanted.read_tags)

    async def refused(
        self, viewer: Viewer, why: str, wanted: Query, error: IntegratorError
    ) -> IntegratorError:
        """Record a reading that was refused; the error, to be raised. Raises NotRecorded."""
        facts = {"criterion": _kind(wanted), "reason": error.reason or "refused", "role": viewer.role}
        kept = "" if error.reason == "why-names-person" else details.clip(why)
        await self._write("journal-read-refused", viewer.actor, facts, {"why": kept}, wanted.read_tags)
        return error

    async def _write(
        self, type_: str, actor: str, facts: dict[str, Any], secrets: dict[str, Any], tagged: list[Tagged]
    ) -> None:
        row = self._journal.act(type_, actor, facts, now_us=self._clock(), secrets=secrets, tagged=tagged)
        try:
            await self._units.commit(Unit(records=[row]))
        except (StoreUnavailable, StoreOverloaded) as error:
            raise NotRecorded("this reading could not be recorded, so nothing is shown: try again") from error


def _reading_row(record: OpenRecord) -> Row:
    document = record.details or {}
    facts = record.leaf.get("facts", {})
    return {
        "time": iso(record.stored.time_us),
        "act": record.stored.type,
        "actor": document.get("actor"),
        "why": document.get("why"),
        "criterion": facts.get("criterion"),
        "found": facts.get("found"),
        "refused": facts.get("reason"),
        "record": str(UUID(bytes=record.stored.record_id)),
        "problem": record.problem,
    }


def _kind(wanted: Query) -> str:
    return "-".join(wanted.names) or "all"


def _is_exchange(leaf: bytes) -> bool:
    return b'"kind":"act"' not in leaf  # canonical JSON has no other way to write it


def _top(wanted: Query) -> bytes:
    """The record id that everything found lies below."""
    if wanted.until_us is None:
        return _TOP
    later = _LATER_US if wanted.leading or wanted.outcome else _HOUR_US
    return first_id(wanted.until_us + later)


def _newest(record_id: bytes, records: Sequence[OpenRecord], wanted: Query, top: bytes) -> bool:
    """Whether this is the newest record of its exchange that the search meets: shown there, and once."""
    leading = set(wanted.leading)
    met = [
        record.stored.record_id
        for record in records
        if record.stored.record_id < top
        and (not leading or leading & set(query.tagged_by(record)))
        and (wanted.exchange is not None or not wanted.columns.ended or leading or record.stored.final)
    ]
    return not met or record_id == max(met)


# --- cursors -----------------------------------------------------------------------------------------


def _fingerprint(journal: Journal, viewer: Viewer, wanted: Query) -> bytes:
    text = repr((viewer.role, viewer.party, {name: wanted.wanted(name) for name in wanted.tagged}, wanted.exchange,
                 wanted.flow, wanted.party, wanted.purpose, wanted.outcome, wanted.from_us, wanted.until_us))  # fmt: skip
    return journal.keyring.current("index").mac(b"integrator/cursor/v1\n" + text.encode())[:8]


def _cursor(last: bytes, mark: bytes) -> str:
    return base64.urlsafe_b64encode(last + mark).decode().rstrip("=")


def _below(cursor: str | None, mark: bytes, wanted: Query) -> bytes:
    if cursor is None or cursor == "":
        return _top(wanted)
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != 24 or data[16:] != mark:
        raise InvalidRequest(
            "this cursor is of another search: begin again without one", reason="cursor-invalid"
        )
    return data[:16]
