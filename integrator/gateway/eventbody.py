"""An accepted event at rest: its body and what a later attempt needs of its Context, both sealed.

The context becomes plain JSON, every field by its name; absent values are left out. A reader skips
fields it does not know, so that two versions of the bus can share one database during an update.
Body and context are sealed with the exchange id and their own part's name as associated data: a row
cannot be put in another's place, nor one part in the other's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, asdict, fields
from typing import Any

import orjson

from integrator.exchange import Agent, Context, Dossier, ErrorInfo, Leg, Subject
from integrator.security.keyring import Keyring, KeyringError
from integrator.store.api import ClaimedDelivery

_BODY, _CONTEXT = b"\nbody", b"\ncontext"

# The deadline is a moment of one process's clock: it means nothing in a later attempt.
_LEFT_OUT = frozenset({"deadline"})


class EventUnreadable(Exception):
    """What was kept of an event cannot be read: altered, or sealed with a key that is gone."""


def _subjects(value: Any) -> list[list[str]]:
    return [[subject.kind, subject.id] for subject in value]


def _read_subjects(value: Any) -> tuple[Subject, ...]:
    return tuple(Subject(kind, number) for kind, number in value)


_WRITE: dict[str, Callable[[Any], Any]] = {
    "agent": asdict,
    "dossier": asdict,
    "error": asdict,
    "purpose_codes": dict,
    "subjects_request": _subjects,
    "subjects_response": _subjects,
    "fields": list,
    "aggregated_into": list,
    "aggregates": list,
    "request_digest": bytes.hex,
    "response_digest": bytes.hex,
    "previous": bytes.hex,
    "legs": lambda legs: [asdict(leg) for leg in legs],
}
_READ: dict[str, Callable[[Any], Any]] = {
    "agent": lambda value: Agent(**value),
    "dossier": lambda value: Dossier(**value),
    "error": lambda value: ErrorInfo(**value),
    "subjects_request": _read_subjects,
    "subjects_response": _read_subjects,
    "fields": tuple,
    "aggregated_into": tuple,
    "aggregates": tuple,
    "request_digest": bytes.fromhex,
    "response_digest": bytes.fromhex,
    "previous": bytes.fromhex,
    "legs": lambda legs: [Leg(**leg) for leg in legs],
}
_NAMES = tuple(field.name for field in fields(Context) if field.name not in _LEFT_OUT)
_REQUIRED = frozenset(
    field.name for field in fields(Context) if field.default is MISSING and field.default_factory is MISSING
)


def context_to_plain(context: Context) -> dict[str, Any]:
    """Every field of the context but its deadline as JSON-able data."""
    plain: dict[str, Any] = {}
    for name in _NAMES:
        value = getattr(context, name)
        if value is not None:
            write = _WRITE.get(name)
            plain[name] = value if write is None else write(value)
    return plain


def context_from_plain(plain: Any) -> Context:
    """The context again, without a deadline. Raises EventUnreadable where it is not one."""
    if not isinstance(plain, dict) or not plain.keys() >= _REQUIRED:
        raise EventUnreadable("the kept context of an event is not complete")
    values: dict[str, Any] = {}
    try:
        for name in _NAMES:
            if name in plain:
                read = _READ.get(name)
                values[name] = plain[name] if read is None else read(plain[name])
    except (TypeError, ValueError) as error:
        raise EventUnreadable("the kept context of an event is of another form") from error
    return Context(**values)


def seal_event(
    keyring: Keyring, exchange_id: bytes, body: bytes, context: Context, previous: bytes | None = None
) -> tuple[bytes, bytes, str]:
    """(sealed body, sealed context, id of the key), as they go into the delivery table.

    `body` is the event's canonical JSON. `previous` is the leaf hash of the record written in the
    same unit of work: the end record will follow it, but the context may name it only once it is
    durable. Raises TypeError for a context with values JSON cannot hold.
    """
    key = keyring.current("bodies")
    plain = context_to_plain(context)
    if previous is not None:
        plain["previous"] = previous.hex()
    return (
        key.seal(body, exchange_id + _BODY),
        key.seal(orjson.dumps(plain), exchange_id + _CONTEXT),
        key.id,
    )


def open_event(keyring: Keyring, claimed: ClaimedDelivery) -> tuple[bytes, Context]:
    """The event's body and context. Raises EventUnreadable; its text names no content."""
    try:
        key = keyring.get(claimed.body_key)
        body = key.unseal(claimed.body, claimed.exchange_id + _BODY)
        plain = orjson.loads(key.unseal(claimed.context, claimed.exchange_id + _CONTEXT))
    except (KeyringError, orjson.JSONDecodeError) as error:
        raise EventUnreadable("the kept event cannot be opened") from error
    return body, context_from_plain(plain)
