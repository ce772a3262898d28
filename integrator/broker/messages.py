"""What travels in a queue: which attempt of which event to make, and nothing else (design, section 8).

Body, context and every personal field stay in the delivery table; a queue never holds them.
"""

from __future__ import annotations

import uuid
from typing import Any

import orjson

from integrator.store.api import DueDelivery

QUEUE_PREFIX = "integrator.flow."
DEAD_LETTERS = "integrator.dead-letters"
CONTENT_TYPE = "application/json"
CONTENT_ENCODING = "utf-8"

_KEYS = {"exchange", "flow", "attempt"}


class Unreadable(Exception):
    """A message that is not one of ours; `args[0]` is a stable token that says why."""


def queue_name(flow: str) -> str:
    """The queue of a flow."""
    return QUEUE_PREFIX + flow


def flow_of(queue: str) -> str:
    """The flow of a queue."""
    return queue.removeprefix(QUEUE_PREFIX)


def message_id(delivery: DueDelivery) -> str:
    """Names the message to people who look at the broker: exchange id and attempt."""
    return f"{uuid.UUID(bytes=delivery.exchange_id)}.{delivery.attempt}"


def encode(delivery: DueDelivery) -> bytes:
    """The body of the message, JSON in UTF-8."""
    return orjson.dumps(
        {
            "exchange": str(uuid.UUID(bytes=delivery.exchange_id)),
            "flow": delivery.flow,
            "attempt": delivery.attempt,
        }
    )


def decode(body: bytes, max_bytes: int) -> DueDelivery:
    """What the message asks for. Raises Unreadable; its text never quotes the message."""
    if len(body) > max_bytes:
        raise Unreadable("message-too-long")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Unreadable("message-not-json") from None
    if not isinstance(value, dict) or value.keys() != _KEYS:
        raise Unreadable("message-keys")
    flow, attempt = value["flow"], value["attempt"]
    if not isinstance(flow, str) or not flow:
        raise Unreadable("message-flow")
    if type(attempt) is not int or attempt < 0:
        raise Unreadable("message-attempt")
    return DueDelivery(_exchange_id(value["exchange"]), flow, attempt)


def _exchange_id(text: Any) -> bytes:
    try:
        parsed = uuid.UUID(text)
    except (ValueError, AttributeError, TypeError):
        raise Unreadable("message-exchange") from None
    if str(parsed) != text:
        raise Unreadable("message-exchange")
    return parsed.bytes
