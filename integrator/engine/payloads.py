"""What data formats share: bodies as bytes and as text, and Camel's exception where there is none."""

from __future__ import annotations

from integrator.engine.exceptions import CAMEL, failure
from integrator.engine.javatypes import JavaList, JavaMap, cannot_convert, to_text
from integrator.exchange import Exchange

LARGEST = 100_000_000
"""Bytes that a body may have after decompression."""


def body_bytes(exchange: Exchange, *, allow_null: bool) -> bytes | None:
    """The body as bytes; None for a null body that may pass. Raises JavaException."""
    body = exchange.message.body
    if body is None:
        if allow_null:
            return None
        raise failure(CAMEL + "InvalidPayloadException", "No body available of type: java.io.InputStream")
    if isinstance(body, (JavaMap, JavaList)):
        raise cannot_convert(body, "java.io.InputStream")
    return exchange.message.as_bytes()


def body_text(exchange: Exchange, *, allow_null: bool) -> str | None:
    """The same as text."""
    data = body_bytes(exchange, allow_null=allow_null)
    return None if data is None else to_text(data)
