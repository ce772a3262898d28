"""A citizen's report: who consulted this person's data, when, why, under which authority.

Agents stand as an agent of their organisation, other persons not at all. What a purpose discloses late
(`disclosure` in the register) is left out until then, and counted nowhere. Recipients are the same
exchanges the other way round: who has this person's data, to be told of a rectification (GDPR, art. 19).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from integrator.exchange import InvalidRequest
from integrator.journal import periods, tags
from integrator.journal.commands import Row, iso
from integrator.journal.inspection import Inspector
from integrator.journal.query import Query
from integrator.journal.search import OpenRecord
from integrator.journal.viewers import Viewer
from integrator.site.compiled import CompiledSite

ENTRIES_MAX = 20_000
"""Entries of one report; beyond it says that it is not whole."""
Seen = Callable[[int], None]


class Reports:
    """Reports over one journal. `clock`: microseconds since the epoch."""

    def __init__(
        self, inspector: Inspector, site: Callable[[], CompiledSite], clock: Callable[[], int]
    ) -> None:
        self._inspector, self._site, self._clock = inspector, site, clock

    async def report(
        self, viewer: Viewer, why: str, given: Mapping[str, Any], *, seen: Seen = lambda _: None
    ) -> dict[str, Any]:
        """Who consulted the data of `given["subject"]`, in a period if asked. Raises as a search does."""
        why, wanted = await self._wanted(viewer, "report", why, given)
        entries: list[Row] = []
        complete, now = True, self._clock()
        async for records, _ in self._inspector.walk(viewer, wanted, seen):
            if _withheld(records, self._site(), now):
                continue
            if len(entries) == ENTRIES_MAX:
                complete = False
                break
            entries.append(_entry(records, wanted, self._site()))
        await self._inspector.record(viewer, why, wanted, len(entries), kind="report")
        return {
            "made": iso(now),
            "from": iso(wanted.from_us) if wanted.from_us else None,
            "until": iso(wanted.until_us) if wanted.until_us else None,
            "complete": complete,
            "entries": entries,
        }

    async def recipients(
        self, viewer: Viewer, why: str, given: Mapping[str, Any], *, seen: Seen = lambda _: None
    ) -> list[Row]:
        """The organisations that received data of a subject: by flow, since when, last when, how often."""
        why, wanted = await self._wanted(viewer, "recipients", why, given)
        found: dict[tuple[str, str], Row] = {}
        site = self._site()
        async for records, _ in self._inspector.walk(viewer, wanted, seen):
            first, last = records[0], records[-1]
            if not _received(last.stored.type, last.stored.outcome):
                continue
            for party, organisation in _receivers(first.leaf, last.leaf, site):
                row = found.setdefault((party, first.stored.flow or ""), {
                    "party": party, "organisation": organisation, "title": _title(site, party),
                    "contact": site.parties[party].contact if party in site.parties else None,
                    "flow": first.stored.flow, "since": None, "last": iso(last.stored.time_us), "times": 0,
                    "fields": [],
                })  # fmt: skip
                row["since"], row["times"] = iso(last.stored.time_us), row["times"] + 1
                row["fields"] = sorted({*row["fields"], *last.leaf.get("fields", ())})
        rows = sorted(found.values(), key=lambda row: (row["party"], row["flow"] or ""))
        await self._inspector.record(viewer, why, wanted, len(rows), kind="recipients")
        return rows

    async def _wanted(
        self, viewer: Viewer, act: str, why: str, given: Mapping[str, Any]
    ) -> tuple[str, Query]:
        kept = {name: given.get(name) for name in ("subject", "from", "until")}
        why, wanted = await self._inspector.prepared(viewer, act, why, kept)
        if "subject" not in wanted.tagged:
            error = InvalidRequest("name the person or the enterprise: `subject`", reason="subject-missing")
            raise await self._inspector.refused(viewer, why, wanted, error)
        return why, wanted


def _received(state: str, outcome: str | None) -> bool:
    """Whether data reached somebody: answers with data, delivered events, and what has not ended yet."""
    return state in ("delivered", "received") or (
        state == "completed" and outcome in ("with-data", "partial")
    )


def _receivers(
    first: Mapping[str, Any], last: Mapping[str, Any], site: CompiledSite
) -> list[tuple[str, str | None]]:
    """Of an answer the consumer; of an event those it was delivered to, and of both whom a write reached."""
    consumer = first.get("consumer", {})
    found: dict[str, str | None] = {}
    if first.get("kind") != "event" and last.get("type") == "completed" and consumer.get("party"):
        found[consumer["party"]] = consumer.get("organisation")
    for leg in last.get("legs", ()):
        adapter = site.adapters.get(str(leg.get("adapter")))
        if leg.get("access") == "write" and adapter is not None:
            party = site.parties.get(adapter.party)
            found[adapter.party] = party.organisation if party else None
    return list(found.items())


def _withheld(records: Sequence[OpenRecord], site: CompiledSite, now_us: int) -> bool:
    """Whether the purpose's disclosure is still to come."""
    first = records[0]
    purpose = site.purposes.get(str(first.leaf.get("purpose")))
    if purpose is None or purpose.disclosure is None:
        return False
    return first.stored.time_us > periods.before_us(now_us, purpose.disclosure)


def _entry(records: Sequence[OpenRecord], wanted: Query, site: CompiledSite) -> Row:
    first, last = records[0], records[-1]
    leaf, consumer = first.leaf, first.leaf.get("consumer", {})
    purpose = site.purposes.get(str(leaf.get("purpose")))
    flow = site.flows.get(first.stored.flow or "")
    asked = next((record.details for record in records if record.details), None) or {}
    pairs = [[tags.KINDS[kind][0], value] for kind, value in wanted.wanted("subject")]
    return {
        "time": iso(first.stored.time_us),
        "organisation": consumer.get("organisation"),
        "party": consumer.get("party"),
        "organisation_title": _title(site, str(consumer.get("party"))),
        "on_behalf_of": consumer.get("on_behalf_of"),
        "agent": bool(asked.get("agent")),
        "flow": first.stored.flow,
        "flow_title": dict(flow.title) if flow else {},
        "purpose": leaf.get("purpose"),
        "purpose_title": dict(purpose.title) if purpose else {},
        "legal_basis": leaf.get("legal_basis") or (purpose.legal_basis if purpose else None),
        "authorisation": leaf.get("authorisation"),
        "fields": last.leaf.get("fields", []) if _received(last.stored.type, last.stored.outcome) else [],
        "state": last.stored.type if last.stored.final else "open",
        "outcome": last.stored.outcome,
        "named_in": [
            place
            for place, name in (("request", "subjects_request"), ("answer", "subjects_response"))
            if any(pair in (record.details or {}).get(name, ()) for record in records for pair in pairs)
        ],
        "exchange": leaf.get("exchange"),
    }


def _title(site: CompiledSite, party: str) -> dict[str, str]:
    return dict(site.parties[party].title) if party in site.parties else {}
