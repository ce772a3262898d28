"""`GET /v1/exchanges/{id}`: where an exchange stands, for its sender alone.

States and reason tokens only: no provider text, no personal data. For others it does not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from integrator.exchange import IntegratorError, NoData, NotRecorded
from integrator.gateway.http import JSON, Head, Scope, Send, answer
from integrator.gateway.pipeline import Ended
from integrator.gateway.plane import Plane
from integrator.gateway.rest import STATUS_PATH, send_problem
from integrator.gateway.runtime import Runtime
from integrator.store.api import DeliveryStatus, StoredRecord
from integrator.store.units import StoreUnavailable


async def status(plane: Plane, runtime: Runtime, scope: Scope, send: Send, head: Head) -> None:
    """Answer one status request. It is no exchange: without credentials it is noise."""
    try:
        document = await _find(plane, runtime, scope, head)
    except IntegratorError as error:
        if error.http_status in (400, 401):
            plane.count_noise(error.reason)
        await send_problem(plane, runtime, send, head, Ended(error), None)
        return
    await answer(send, 200, JSON, orjson.dumps(document))


async def _find(plane: Plane, runtime: Runtime, scope: Scope, head: Head) -> dict[str, Any]:
    exchange_id, records = await own_records(plane, runtime, scope, head, scope["path"][len(STATUS_PATH) :])
    try:
        delivery = await plane.store.delivery(exchange_id.bytes)
    except StoreUnavailable:
        raise _unreadable() from None
    if delivery is not None:
        return describe_delivery(delivery)
    return describe_records(str(exchange_id), records)


async def own_records(
    plane: Plane, runtime: Runtime, scope: Scope, head: Head, identifier: str
) -> tuple[UUID, Sequence[StoredRecord]]:
    """The records of an exchange the caller sent. Raises NoData for any other, NotRecorded."""
    caller = await plane.identity.caller(scope, head, runtime.directory)
    try:
        exchange_id = UUID(identifier)
    except ValueError:
        raise _unknown() from None
    try:
        records = await plane.store.records_of(exchange_id.bytes)
    except StoreUnavailable:
        raise _unreadable() from None
    if not any(record.party == caller.party.id for record in records):
        raise _unknown()
    return exchange_id, records


def _unreadable() -> IntegratorError:
    return NotRecorded("the journal cannot be read now: try again later")


def _unknown() -> IntegratorError:
    return NoData("no exchange of this id", reason="exchange-unknown")


def describe_delivery(delivery: DeliveryStatus) -> dict[str, Any]:
    """What its sender may know of an event: accepted, in-delivery, delivered or dead-lettered."""
    state = delivery.state
    if state in ("accepted", "relayed"):
        state = "in-delivery" if state == "relayed" or delivery.attempt else "accepted"
    document: dict[str, Any] = {
        "exchange": str(UUID(bytes=delivery.exchange_id)),
        "flow": delivery.flow,
        "state": state,
        "accepted": iso(delivery.accepted_us),
        "changed": iso(delivery.changed_us),
    }
    if state == "in-delivery":
        document["attempt"] = delivery.attempt
        if delivery.state == "accepted" and delivery.due_us is not None:
            document["nextAttempt"] = iso(delivery.due_us)
    if delivery.reason is not None and state != "delivered":
        document["reason"] = delivery.reason
    return document


def describe_records(exchange_id: str, records: Sequence[StoredRecord]) -> dict[str, Any]:
    """What its sender may know of a request-reply exchange: its final state, or that it goes on."""
    first = min(records, key=lambda record: record.time_us)
    last = next((record for record in records if record.final), None)
    document: dict[str, Any] = {
        "exchange": exchange_id,
        "flow": first.flow,
        "state": last.type if last is not None else "in-progress",
        "received": iso(first.time_us),
    }
    if last is not None:
        document["changed"] = iso(last.time_us)
        if last.outcome is not None:
            document["outcome"] = last.outcome
        leaf = orjson.loads(last.leaf)
        if isinstance(leaf.get("error"), dict):
            document["reason"] = leaf["error"].get("code")
        if leaf.get("duplicate_of"):
            document["duplicateOf"] = leaf["duplicate_of"]
    return document


def iso(time_us: int) -> str:
    """Microseconds since the epoch as an ISO 8601 text in UTC."""
    return datetime.fromtimestamp(time_us / 1_000_000, UTC).isoformat(timespec="milliseconds")
