"""What `integrator journal …` does, as functions returning plain data; `text` makes it readable.

Everything personal in these results is on purpose: the journal exists to answer who saw whose data.
It goes to the auditor who asked, never to a log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from integrator.exchange import NoData
from integrator.journal import anchor as anchors
from integrator.journal import criteria, tags
from integrator.journal.anchor import Anchor
from integrator.journal.check import check_log
from integrator.journal.published import Published
from integrator.journal.search import OpenRecord, Reader, Reading
from integrator.journal.writer import Journal
from integrator.store.api import Store, StoredRecord
from integrator.store.units import Unit

Row = dict[str, Any]


async def list_latest(
    reader: Reader,
    *,
    actor: str,
    why: str,
    limit: int = 50,
    flow: str | None = None,
    party: str | None = None,
) -> list[Row]:
    """`journal list`: the latest records, newest first, without anything personal."""
    records = await reader.latest(Reading(actor, why), limit=limit, flow=flow, party=party)
    return [record_row(record) for record in records]


async def show(reader: Reader, identifier: str, *, actor: str, why: str) -> list[Row]:
    """`journal show ID`: every record of an exchange, leaf and opened details; [] where unknown."""
    opened = await reader.exchange(Reading(actor, why), identifier)
    return [
        {
            **record_row(record.stored),
            "leaf": record.leaf,
            "details": record.details,
            "problem": record.problem,
        }
        for record in opened
    ]


async def search(
    reader: Reader, kind: str, value: str, *, actor: str, why: str, limit: int = 100
) -> list[Row]:
    """`journal search --subject|--ticket|--dossier|--agent|--inscription VALUE`: one row an exchange.

    Rows say who asked, when, why and under which authority; other subjects of the same exchange
    are not shown. Raises InvalidRequest for a value that is not of its kind.
    """
    criterion = criteria.parse(kind, value)
    exchanges = await reader.search(Reading(actor, why), criterion, limit=limit)
    return [exchange_row(records, criterion) for records in exchanges if records]


async def readings(
    reader: Reader, kind: str, value: str, *, actor: str, why: str, limit: int = 100
) -> list[Row]:
    """Who looked this value up in the journal before, when and why."""
    criterion = criteria.parse(kind, value)
    opened = await reader.readings_of(Reading(actor, why), criterion, limit=limit)
    return [
        {
            "time": iso(record.stored.time_us),
            "actor": (record.details or {}).get("actor"),
            "why": (record.details or {}).get("why"),
            "found": record.leaf.get("facts", {}).get("found"),
            "record": str(UUID(bytes=record.stored.record_id)),
            "problem": record.problem,
        }
        for record in opened
    ]


async def receipt(reader: Reader, store: Store, identifier: str, *, actor: str, why: str) -> bytes:
    """`journal receipt EXCHANGE`: the tlog-proof of the exchange's end record.

    Raises NoData where there is no such exchange, or its end is not in the published log yet.
    """
    opened = await reader.exchange(Reading(actor, why), identifier)
    if not opened:
        raise NoData("no exchange of this id", reason="exchange-unknown")
    last = next((record.stored for record in opened if record.stored.final), None)
    made = await Published(store).receipt(last) if last is not None else None
    if made is None:
        raise NoData(
            "the end of this exchange is not in the published log yet: ask again in a second, or once the "
            "exchange has ended",
            reason="receipt-not-yet",
        )
    return made.encode()


async def check(
    store: Store, journal: Journal, *, anchor: Anchor | None, actor: str, clock: Callable[[], int]
) -> Row:
    """`journal check`: the report of a whole check as plain data; the check itself is recorded."""
    report = await check_log(store, journal.keyring, origin=journal.origin, anchor=anchor)
    act = journal.act(
        "journal-checked",
        actor,
        {"size": report.size, "problems": report.problems_total},
        now_us=clock(),
    )
    await store.commit(Unit(records=[act]))
    return {**asdict(report), "sound": report.sound}


async def adopt_anchor(
    store: Store, journal: Journal, *, anchor: Anchor, actor: str, why: str, clock: Callable[[], int]
) -> Row:
    """Make the present log the anchor, for one that is lost for good; recorded with who and why.

    Raises AnchorRefused where the log has gaps, InvalidRequest without a reason.
    """
    reading = Reading(actor, why)
    now_us = clock()
    state = await anchors.adopt(store, anchor, now_us)
    size, running_hash = state.head.size, state.head.running_hash.hex()
    act = journal.act(
        "anchor-adopted",
        reading.actor,
        {"size": size, "running_hash": running_hash},
        now_us=now_us,
        secrets={"why": reading.why},
    )
    await store.commit(Unit(records=[act]))
    return {"size": size, "running_hash": running_hash}


# --- rows ---------------------------------------------------------------------------------------


def record_row(record: StoredRecord) -> Row:
    """One record as plain data: ids and times as text, no details."""
    return {
        "index": record.index,
        "time": iso(record.time_us),
        "type": record.type,
        "flow": record.flow,
        "party": record.party,
        "outcome": record.outcome,
        "exchange": str(UUID(bytes=record.exchange_id)),
        "record": str(UUID(bytes=record.record_id)),
        "leaf_hash": record.leaf_hash.hex(),
    }


def exchange_row(records: Sequence[OpenRecord], criterion: criteria.Criterion) -> Row:
    """One exchange as an auditor reads it: who, when, why, under which authority, how it ended."""
    first, last = records[0], records[-1]
    asked = next((record.details for record in records if record.details), None) or {}
    consumer = first.leaf.get("consumer", {})
    return {
        "exchange": first.leaf.get("exchange"),
        "time": iso(first.stored.time_us),
        "flow": first.stored.flow,
        "party": consumer.get("party"),
        "organisation": consumer.get("organisation"),
        "on_behalf_of": consumer.get("on_behalf_of"),
        "agent": asked.get("agent"),
        "application": asked.get("application"),
        "purpose": first.leaf.get("purpose"),
        "dossier": asked.get("dossier") or asked.get("inscription"),
        "legal_basis": first.leaf.get("legal_basis"),
        "authorisation": first.leaf.get("authorisation"),
        "fields": last.leaf.get("fields", []),
        "state": last.stored.type if last.stored.final else "open",
        "outcome": last.stored.outcome,
        "found_in": _found_in(records, criterion),
        "records": [record_row(record.stored) for record in records],
        "problems": [record.problem for record in records if record.problem],
    }


def _found_in(records: Sequence[OpenRecord], criterion: criteria.Criterion) -> list[str]:
    if criterion.kind != "subject":
        return []
    kind, value = criterion.wanted[0]
    pair = [tags.KINDS[kind][0], value]
    return [
        place
        for place, name in (("request", "subjects_request"), ("answer", "subjects_response"))
        if any(pair in (record.details or {}).get(name, ()) for record in records)
    ]


def iso(time_us: int) -> str:
    """A time in UTC, ISO 8601 with milliseconds."""
    moment = datetime.fromtimestamp(time_us // 1_000 / 1_000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
