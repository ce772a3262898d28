"""base64: bytes as text of 64 characters."""

from __future__ import annotations

import base64
import binascii
import re

from integrator.engine.compiler import Node
from integrator.engine.exceptions import failure
from integrator.engine.payloads import body_bytes
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange

SPEC = Spec(
    "dataformat",
    "base64",
    "Base64 in lines, each ended by the separator; other characters are skipped when reading.",
    "2.11",
    "marshal: {base64: {}}",
    options=(
        Option(
            "lineLength", "Characters a line; 0 writes one line without an end.", type="integer", default=76
        ),
        Option("lineSeparator", "What ends a line.", default="\\r\\n"),
        Option("urlSafe", "Writes - and _, without padding.", type="boolean", default=False),
    ),
)
_OTHERS = re.compile(rb"[^A-Za-z0-9+/]")


def marshal(node: Node, *, allow_null: bool = False) -> Run:
    """Bytes to Base64."""
    length, safe = node.number("lineLength", 76) // 4 * 4, node.flag("urlSafe")
    separator = node.text("lineSeparator", "\r\n").replace("\\r", "\r").replace("\\n", "\n").encode()

    spooling = node.scope.services.spooling

    def marshal_base64(exchange: Exchange) -> None:
        data = body_bytes(exchange, allow_null=allow_null)
        if data is None:
            return
        text = base64.urlsafe_b64encode(data).rstrip(b"=") if safe else base64.b64encode(data)
        if length > 0:
            text = b"".join(text[i : i + length] + separator for i in range(0, len(text), length))
        exchange.message.body = spooling.keep(text)

    return marshal_base64


def unmarshal(node: Node, *, allow_null: bool = False) -> Run:
    """Base64 to bytes."""

    def unmarshal_base64(exchange: Exchange) -> None:
        data = body_bytes(exchange, allow_null=allow_null)
        if data is None:
            return
        text = _OTHERS.sub(b"", data.translate(bytes.maketrans(b"-_", b"+/")))
        try:
            exchange.message.body = base64.b64decode(text + b"=" * (-len(text) % 4))
        except binascii.Error:
            raise failure("java.lang.IllegalArgumentException", "the body is no Base64 text") from None

    return unmarshal_base64
