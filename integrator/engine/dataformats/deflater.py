"""gzipDeflater and zipDeflater: compressed bytes. What comes out is bounded."""

from __future__ import annotations

import gzip
import zlib

from integrator.engine.compiler import Node
from integrator.engine.exceptions import failure
from integrator.engine.payloads import LARGEST, body_bytes
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange, Overloaded

SPECS = (
    Spec("dataformat", "gzipDeflater", "Gzip.", "2.0", "marshal: {gzipDeflater: {}}"),
    Spec("dataformat", "zipDeflater", "Zlib's deflate.", "2.12", "marshal: {zipDeflater: {}}",
         (Option("compressionLevel", "From 0 to 9; -1 is the usual one.", type="integer", default=-1),)),
)  # fmt: skip
_WINDOW = {"gzipDeflater": 31, "zipDeflater": 15}


def marshal(node: Node, *, allow_null: bool = False) -> Run:
    """Bytes to compressed bytes."""
    zipped = node.spec.name == "zipDeflater"
    level = node.number("compressionLevel", -1) if zipped else -1
    if not -1 <= level <= 9:
        node.problem(
            "/compressionLevel",
            "option-value",
            "compressionLevel is not between -1 and 9",
            "Write for example 6.",
        )
        level = -1

    def compress(exchange: Exchange) -> None:
        data = body_bytes(exchange, allow_null=allow_null)
        if data is not None:
            exchange.message.body = zlib.compress(data, level) if zipped else gzip.compress(data, mtime=0)

    return compress


def unmarshal(node: Node, *, allow_null: bool = False) -> Run:
    """Compressed bytes to bytes."""
    window = _WINDOW[node.spec.name]
    java_class = "java.util.zip.ZipException" if window == 31 else "java.util.zip.DataFormatException"

    def decompress(exchange: Exchange) -> None:
        data = body_bytes(exchange, allow_null=allow_null)
        if data is None:
            return
        try:
            exchange.message.body = inflate(data, window)
        except (zlib.error, EOFError):
            raise failure(java_class, f"the body is no {node.spec.name} data") from None

    return decompress


def inflate(data: bytes, window: int) -> bytes:
    """All that is compressed in `data`. Raises Overloaded past the bound, zlib.error, EOFError."""
    found = b""
    while data:
        inflater = zlib.decompressobj(window)
        found += inflater.decompress(data, LARGEST + 1 - len(found))
        if len(found) > LARGEST or inflater.unconsumed_tail:
            raise Overloaded(
                f"the body has more than {LARGEST} bytes after decompression", reason="body-size"
            )
        if not inflater.eof:
            raise EOFError
        data = inflater.unused_data if window == 31 else b""  # gzip files may stand one after the other
        if data and not data.startswith(b"\x1f\x8b"):
            break
    return found
