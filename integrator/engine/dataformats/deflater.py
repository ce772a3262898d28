"""gzipDeflater and zipDeflater: compressed bytes, of any size. What comes out is bounded."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from integrator.engine.compiler import Node
from integrator.engine.exceptions import failure
from integrator.engine.payloads import body_chunks
from integrator.engine.spec import Option, Spec
from integrator.engine.spool import CHUNK
from integrator.engine.steps import Run
from integrator.exchange import Exchange

SPECS = (
    Spec("dataformat", "gzipDeflater", "Gzip.", "2.0", "marshal: {gzipDeflater: {}}"),
    Spec("dataformat", "zipDeflater", "Zlib's deflate.", "2.12", "marshal: {zipDeflater: {}}",
         (Option("compressionLevel", "From 0 to 9; -1 is the usual one.", type="integer", default=-1),)),
)  # fmt: skip
_WRONG = {
    "gzipDeflater": ("java.io.IOException", "Input is not in the .gz format."),
    "zipDeflater": ("java.util.zip.ZipException", "incorrect header check"),
}
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

    spooling = node.scope.services.spooling

    def compress(exchange: Exchange) -> None:
        chunks = body_chunks(exchange, allow_null=allow_null)
        if chunks is not None:
            exchange.message.body = spooling.body(_deflated(chunks, level, _WINDOW[node.spec.name]))

    return compress


def _deflated(chunks: Iterator[bytes], level: int, window: int) -> Iterator[bytes]:
    deflater = zlib.compressobj(level, zlib.DEFLATED, window)
    for chunk in chunks:
        yield deflater.compress(chunk)
    yield deflater.flush()


def unmarshal(node: Node, *, allow_null: bool = False) -> Run:
    """Compressed bytes to bytes."""
    window = _WINDOW[node.spec.name]
    java_class, message = _WRONG[node.spec.name]

    spooling = node.scope.services.spooling

    def decompress(exchange: Exchange) -> None:
        chunks = body_chunks(exchange, allow_null=allow_null)
        if chunks is None:
            return
        try:
            exchange.message.body = spooling.body(inflated(chunks, window))
        except (zlib.error, EOFError):
            raise failure(java_class, message) from None

    return decompress


def inflated(chunks: Iterator[bytes], window: int) -> Iterator[bytes]:
    """All that is compressed, piece by piece. Raises zlib.error, EOFError."""
    inflater = zlib.decompressobj(window)
    begun = False
    for chunk in chunks:
        data = chunk
        while data:
            if inflater.eof:
                if window != _WINDOW["gzipDeflater"] or not data.startswith(b"\x1f"):
                    return  # gzip files may stand one after the other; anything else is no part of it
                inflater = zlib.decompressobj(window)
            begun = True
            yield inflater.decompress(data, CHUNK)
            data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    while begun and not inflater.eof:
        found = inflater.decompress(inflater.unconsumed_tail, CHUNK)
        if not found:
            raise EOFError
        yield found
