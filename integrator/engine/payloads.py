"""What data formats share: bodies as bytes and as text, piece by piece where they are large, and Camel's
exception where there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from integrator.engine.compiler import Node
from integrator.engine.javatypes import JavaList, JavaMap, cannot_convert, to_text
from integrator.exchange import Exchange, StreamBody


def body_bytes(exchange: Exchange, *, allow_null: bool) -> bytes | None:
    """The body as bytes; None for a null body that may pass. Raises JavaException."""
    body = exchange.message.body
    if body is None:
        if allow_null:
            return None
        raise cannot_convert(None, "java.io.InputStream")
    if isinstance(body, (JavaMap, JavaList)):
        raise cannot_convert(body, "java.io.InputStream")
    return exchange.message.as_bytes()


def body_text(exchange: Exchange, *, allow_null: bool) -> str | None:
    """The same as text."""
    data = body_bytes(exchange, allow_null=allow_null)
    return None if data is None else to_text(data)


def body_chunks(exchange: Exchange, *, allow_null: bool) -> Iterator[bytes] | None:
    """The body as bytes, piece by piece where it is on disk; None for a null body that may pass. Raises JavaException."""
    body = exchange.message.body
    if isinstance(body, StreamBody):
        return body.chunks()
    data = body_bytes(exchange, allow_null=allow_null)
    return None if data is None else iter((data,))


def refuse(node: Node, reasons: Mapping[str, str]) -> None:
    """Note a problem for each option that is set and that the engine has not: option to reason."""
    for name, reason in reasons.items():
        if node.options.get(name) not in (None, False, "false", ""):
            node.problem(f"/{name}", "not-yet", f"{name} of {node.spec.name} {reason}", "Leave it out.")
