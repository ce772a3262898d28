"""Accepting an event: record and delivery row in one unit of work, and only then 202.

A duplicate, same key and same canonical body, has no second effect: it is recorded as a duplicate
of the first and answered with the first exchange.
"""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

import orjson

from integrator.exchange import Context, IntegratorError, InvalidRequest
from integrator.gateway.errors import OutcomeUnknown
from integrator.gateway.eventbody import seal_event
from integrator.gateway.http import RawHeaders
from integrator.gateway.pipeline import Ended, close_later, end_row, record_row, refuse
from integrator.gateway.plane import Plane
from integrator.gateway.recording import Uncertain, commit
from integrator.gateway.runtime import FlowRuntime
from integrator.journal.vault import REQUEST
from integrator.store.units import AcceptRow, Conflict, IdempotencyRow, RecordRow, Unit

_KEY_DOMAIN = b"integrator/idempotency-key/v1\n"
_BODY_DOMAIN = b"integrator/idempotency-body/v1\n"


def digest(body: bytes) -> bytes:
    """SHA-256 of a payload; the journal salts it before it is kept."""
    return hashlib.sha256(body).digest()


def canonical(value: Any) -> bytes:
    """The canonical JSON of an event. Raises InvalidRequest where it has none."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        raise InvalidRequest("a JSON number is larger than 64 bits", reason="json-number") from None


async def accept(
    plane: Plane,
    flow: FlowRuntime,
    context: Context,
    value: Any,
    key: str | None,
    *,
    raw: bytes | None = None,
) -> Ended:
    """Accept an admitted, valid event. `raw` is kept instead of the value, where it is no JSON.

    Raises InvalidRequest where it has no canonical form.
    """
    body = canonical(value) if raw is None else raw
    exchange_id = UUID(context.exchange_id).bytes
    try:
        row = record_row(plane, flow, context, "received")
        unit = Unit([row], accept=_accept_row(plane, context, exchange_id, body, row.leaf_hash))
        if key is not None:
            unit.idempotency = _claim(plane, context, exchange_id, key, body)
        kept = await plane.vaulted(flow, context, REQUEST, body) if flow.flow.vault else ()
        conflict = await commit(plane.store, unit, kept)
    except IntegratorError as error:
        close_later(plane, flow, context, "failed", error)
        plane.metrics.refused(error.reason)
        # It may be accepted all the same: the status address will tell.
        return Ended(OutcomeUnknown() if isinstance(error, Uncertain) else error)
    if conflict is not None:
        return await _again(plane, flow, context, conflict, unit)
    context.previous = row.leaf_hash
    plane.on_accepted()
    return _accepted(context.exchange_id, row)


def _accept_row(plane: Plane, context: Context, exchange_id: bytes, body: bytes, record: bytes) -> AcceptRow:
    sealed_body, sealed_context, key_id = seal_event(plane.keyring, exchange_id, body, context, record)
    return AcceptRow(
        exchange_id=exchange_id,
        flow=context.flow,
        party=context.party or "",
        accepted_us=context.received_us,
        due_us=context.received_us,
        body=sealed_body,
        context=sealed_context,
        body_key=key_id,
    )


def _claim(plane: Plane, context: Context, exchange_id: bytes, key: str, body: bytes) -> IdempotencyRow:
    # The oldest key, not the current one: a key added meanwhile must not make a repeated event new.
    secret = plane.keyring.oldest("index")
    return IdempotencyRow(
        party=context.party or "",
        flow=context.flow,
        # A software house may number its communes' events alike: the key counts for each of them.
        key_mac=secret.mac(_KEY_DOMAIN + f"{context.on_behalf_of or ''}\n{key}".encode()),
        digest=secret.mac(_BODY_DOMAIN + body),
        exchange_id=exchange_id,
        expires_us=context.received_us + plane.limits.idempotency_seconds * 1_000_000,
    )


async def _again(plane: Plane, flow: FlowRuntime, context: Context, conflict: Conflict, unit: Unit) -> Ended:
    """The key is known: a duplicate, another body under it (422), or still in progress (409)."""
    claim = unit.idempotency
    if conflict.exchange_id is None or claim is None:
        wait = InvalidRequest("wait and try again", reason="idempotency-in-progress", status=409)
        return await refuse(plane, flow, context, wait)
    if conflict.digest != claim.digest:
        other = InvalidRequest("use a new key for another message", reason="idempotency-body", status=422)
        return await refuse(plane, flow, context, other)
    first = str(UUID(bytes=conflict.exchange_id))
    context.outcome, context.duplicate_of = "duplicate", first
    ended = await end_row(plane, flow, context, "completed")
    return ended if ended.error is not None else _accepted(first, ended.record)


def _accepted(exchange_id: str, row: RecordRow | bytes | None) -> Ended:
    record = row.leaf_hash if isinstance(row, RecordRow) else row
    document = {"exchange": exchange_id, "status": f"/v1/exchanges/{exchange_id}"}
    return Ended(None, orjson.dumps(document), record)


def location(ended: Ended) -> RawHeaders:
    """The Location header of a 202: where the status of the (first) exchange is."""
    return [(b"location", orjson.loads(ended.body)["status"].encode())]
