"""The leaf: the half of a record that is hashed, kept longest and may be published.

Absent values are left out. It holds no personal data, no pseudonym and no index; `guard` decides
what may enter. Its size is bounded well below the 65,535 bytes of an entry (C2SP tlog-tiles):
of more than `LEGS_MAX` provider legs the first and the last half are kept and counted in `legs_total`.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from integrator.exchange import Context, ErrorInfo, Leg
from integrator.journal import guard
from integrator.journal.guard import WITHHELD

VERSION = 1
LEAF_BYTES_MAX = 65_535
LEGS_MAX = 32
FIELD_GROUPS_MAX = 64
EXCHANGES_MAX = 64

RECEIVED = "received"
FINALS = frozenset({"completed", "delivered", "refused", "failed", "unanswered", "dead-lettered"})

_identifier, _code = guard.identifier, guard.code


def exchange_leaf(
    type_: str, context: Context, record_id: str, now_us: int, salt: bytes, withheld: dict[str, str]
) -> dict[str, Any]:
    """The leaf of one record of an exchange, without its `details` commitment.

    `salt` (32 bytes) salts the payload digests. What the guard keeps out is added to `withheld`.
    """
    leaf = _declared(context, withheld)
    leaf["id"] = record_id
    leaf["exchange"] = context.exchange_id
    leaf["time"] = now_us
    leaf["type"] = type_
    _payloads(context, leaf, salt)
    _end(context, leaf, withheld)
    if context.aggregated_into or context.aggregates:
        _aggregation(context, leaf)
    if context.legs:
        _legs(context.legs, leaf, withheld)
    return leaf


def _aggregation(context: Context, leaf: dict[str, Any]) -> None:
    # What an aggregate is made of stands in its first record, what an event became part of in its end record.
    if context.previous is None:
        _ids("aggregates", context.aggregates, context.aggregates_total, leaf)
    if context.outcome is not None:
        _ids("aggregated_into", context.aggregated_into, context.aggregated_into_total, leaf)


def _ids(name: str, ids: tuple[str, ...], total: int, leaf: dict[str, Any]) -> None:
    if not ids:
        return
    leaf[name] = [guard.uuid(value) for value in ids[:EXCHANGES_MAX]]
    if max(total, len(ids)) > EXCHANGES_MAX:
        leaf[f"{name}_total"] = max(total, len(ids))


_DECLARED_MAX = 1_024
_known: dict[tuple[Any, ...], dict[str, Any]] = {}  # nothing personal: what the guard let pass


def _declared(context: Context, withheld: dict[str, str]) -> dict[str, Any]:
    """The part of a leaf that the site declares, a new dict: the same for most records of a consumer."""
    key = (
        context.kind, context.entry, context.site, context.flow, context.party, context.organisation,
        context.on_behalf_of, context.purpose, context.legal_basis, context.authorisation, context.fields,
    )  # fmt: skip
    known = _known.get(key)
    if known is not None:
        return known.copy()
    consumer: dict[str, Any] = {}
    kept_out: dict[str, str] = {}
    leaf: dict[str, Any] = {
        "v": VERSION,
        "kind": _identifier(context.kind),
        "entry": _identifier(context.entry),
        "site": guard.content_hash(context.site),
        "consumer": consumer,
    }
    if context.flow:
        leaf["flow"] = _keep("flow", context.flow, _identifier(context.flow), kept_out)
    _parties(context, consumer, kept_out)
    _authority(context, leaf, kept_out)
    if kept_out or WITHHELD in leaf.values():
        withheld.update(kept_out)
        return leaf
    if len(_known) >= _DECLARED_MAX:
        _known.clear()
    _known[key] = leaf
    return leaf.copy()


def _keep(name: str, value: Any, guarded: str, withheld: dict[str, str]) -> str:
    if guarded is WITHHELD and value != WITHHELD:
        withheld[name] = str(value)
    return guarded


def _parties(context: Context, consumer: dict[str, Any], withheld: dict[str, str]) -> None:
    value = context.party
    if value is not None:
        consumer["party"] = _keep("party", value, _identifier(value), withheld)
    value = context.organisation
    if value is not None:
        consumer["organisation"] = _keep("organisation", value, guard.organisation(value), withheld)
    value = context.on_behalf_of
    if value is not None:
        consumer["on_behalf_of"] = _keep("on_behalf_of", value, guard.organisation(value), withheld)


def _authority(context: Context, leaf: dict[str, Any], withheld: dict[str, str]) -> None:
    value = context.purpose
    if value is not None:
        leaf["purpose"] = _keep("purpose", value, _identifier(value), withheld)
    value = context.legal_basis
    if value is not None:
        leaf["legal_basis"] = _keep("legal_basis", value, guard.text(value), withheld)
    value = context.authorisation
    if value is not None:
        leaf["authorisation"] = _keep("authorisation", value, guard.text(value), withheld)
    groups = context.fields
    if groups:
        leaf["fields"] = [_identifier(group) for group in groups[:FIELD_GROUPS_MAX]]
        if len(groups) > FIELD_GROUPS_MAX:
            leaf["fields_total"] = len(groups)


def _payloads(context: Context, leaf: dict[str, Any], salt: bytes) -> None:
    # The request stands in the first record of an exchange, the answer in the later ones.
    if context.previous is None:
        if context.request_digest is not None:
            leaf["request"] = sha256(salt + context.request_digest).hexdigest()
        if context.request_bytes:
            leaf["request_bytes"] = context.request_bytes
        if context.sent_us is not None:
            leaf["sent"] = context.sent_us
    else:
        leaf["previous"] = context.previous.hex()
    if context.response_digest is not None:
        leaf["response"] = sha256(salt + context.response_digest).hexdigest()
    if context.response_bytes:
        leaf["response_bytes"] = context.response_bytes
    if context.received_us:
        leaf["received"] = context.received_us
    if context.replied_us is not None:
        leaf["replied"] = context.replied_us


def _end(context: Context, leaf: dict[str, Any], withheld: dict[str, str]) -> None:
    value = context.outcome
    if value is not None:
        leaf["outcome"] = _keep("outcome", value, _code(value), withheld)
    if context.error is not None:
        leaf["error"] = _error(context.error, withheld)
    if context.attempts:
        leaf["attempts"] = context.attempts
    value = context.duplicate_of
    if value is not None:
        leaf["duplicate_of"] = _keep("duplicate_of", value, guard.uuid(value), withheld)


def _error(error: ErrorInfo, withheld: dict[str, str]) -> dict[str, str]:
    document = {}
    for name in ("category", "code", "origin"):
        value = getattr(error, name)
        if value is not None:
            document[name] = _keep(f"error.{name}", value, _code(value), withheld)
    return document


def _legs(legs: list[Leg], leaf: dict[str, Any], withheld: dict[str, str]) -> None:
    total = len(legs)
    if total > LEGS_MAX:
        half = LEGS_MAX // 2
        leaf["legs_total"] = total
        legs = legs[:half] + legs[total - half :]
    leaf["legs"] = [_leg(leg, position, withheld) for position, leg in enumerate(legs)]


def _leg(leg: Leg, position: int, withheld: dict[str, str]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "adapter": _identifier(leg.adapter),
        "operation": _identifier(leg.operation),
        "access": _identifier(leg.access),
        "sent": leg.sent_us,
        "sent_bytes": leg.sent_bytes,
        "answered_bytes": leg.answered_bytes,
    }
    if leg.answered_us is not None:
        document["answered"] = leg.answered_us
    if leg.status is not None:
        document["status"] = _keep(f"legs[{position}].status", leg.status, _code(leg.status), withheld)
    if leg.code is not None:
        document["code"] = _keep(f"legs[{position}].code", leg.code, _code(leg.code), withheld)
    return document
