"""xtokenize: elements of an XML text along a path, in memory that does not grow with the text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from integrator.engine.compiler import Expression, Predicate, Source
from integrator.engine.exceptions import CAMEL, JavaException, failure, wrapped
from integrator.engine.javatypes import JavaList, JavaMap, cannot_convert, to_text
from integrator.engine.problems import ExpressionError
from integrator.engine.results import input_of, result_converter
from integrator.engine.spec import EXPRESSION, ID, RESULT_TYPE, SOURCE, TRIM, Option, Spec
from integrator.engine.xmlnames import namespaces_of
from integrator.engine.xmlpieces import Pieces, Reader, steps_of
from integrator.exchange import Exchange, StreamBody

SPEC = Spec(
    "language",
    "xtokenize",
    "Elements along a path, as they stand in the text: /list/person or //p:person; * and ? stand for parts of"
    " names, *: for any namespace. Bodies of any size are cut element by element.",
    "2.14",
    "split: {xtokenize: {expression: //p:person, namespace: [{key: p, value: 'urn:p'}]}, streaming: true, steps: []}",
    options=(
        EXPRESSION,
        Option("mode", "i: elements with the namespaces in scope; w: each within its ancestors; u: what they"
               " contain; t: their texts.", default="i", choices=("i", "w", "u", "t")),
        Option("group", "How many elements make one piece, within <group> (mode w: within their ancestors).",
               type="integer", default=1),
        Option("namespace", "The prefixes of the path, as key and value.", type="list"),
        RESULT_TYPE, SOURCE, TRIM, ID,
    ),
    text="expression",
)  # fmt: skip


def parts(source: Source) -> Callable[[Exchange], Iterator[Any]]:
    """The elements, cut one by one as they are asked for, each in the result type."""
    node, given, convert = source.node, input_of(source), result_converter(source)
    text = source.text.strip()
    if not text.strip("/"):
        raise ExpressionError("the path names no element", "Write for example //person.")
    path = steps_of(text, namespaces_of(source))
    if path[-1] is None or any(a is None and b is None for a, b in pairwise(path)):
        raise ExpressionError("the path cannot be read", "Write /list/person or //person.")
    mode, group = node.text("mode") or "i", max(node.number("group", 1), 1)

    def draw(exchange: Exchange) -> Iterator[Any]:
        value = given(exchange) if given else exchange.message.body
        chunks, is_text = _chunks(value, exchange if given is None else None)
        found = _drawn(Pieces(Reader(chunks, is_text=is_text), path, mode, group))
        return found if convert is None else (convert(piece) for piece in found)

    return draw


def _drawn(pieces: Pieces) -> Iterator[str]:
    """The pieces; what is found wrong after the first comes wrapped, as from Java's iterator."""
    found = iter(pieces)
    piece = next(found, None)
    while piece is not None:
        yield piece
        try:
            piece = next(found, None)
        except JavaException as error:
            raise wrapped("java.lang.RuntimeException", error) from None


def expression(source: Source) -> Expression:
    """The elements as a list."""
    draw = parts(source)
    return lambda exchange: JavaList(draw(exchange))


def predicate(source: Source) -> Predicate:
    """Whether the text is XML as far as to the first element."""
    draw = parts(source)

    def holds(exchange: Exchange) -> bool:
        next(draw(exchange), None)
        return True

    return holds


def _chunks(value: Any, exchange: Exchange | None) -> tuple[Iterator[bytes], bool]:
    """The bytes of a value, and whether they are UTF-8 whatever they declare."""
    if value is None:
        raise failure(CAMEL + "InvalidPayloadException", "No body available of type: java.io.InputStream")
    if isinstance(value, StreamBody):
        return value.chunks(), False
    if isinstance(value, bytes):
        return iter((value,)), False
    if isinstance(value, (JavaMap, int, float, bool)):
        raise cannot_convert(value, "java.io.InputStream")
    text = exchange.message.as_bytes() if exchange is not None else (to_text(value) or "").encode("utf-8")
    return iter((text,)), True
