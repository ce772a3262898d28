"""csv: lines of values, as commons-csv reads and writes them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from integrator.engine.compiler import Node
from integrator.engine.exceptions import failure
from integrator.engine.javatypes import JavaList, JavaMap, to_text
from integrator.engine.payloads import body_text
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange

LONGEST_FIELD = 16_000_000
csv.field_size_limit(LONGEST_FIELD)
SPEC = Spec(
    "dataformat",
    "csv",
    "Lines of values. Maps are written by their values in order; blank lines are skipped when reading.",
    "1.0",
    "unmarshal: {csv: {delimiter: ';', useMaps: true}}",
    options=(
        Option("delimiter", "What separates values; one character.", default=",", example=";"),
        Option("quote", "What encloses values; one character.", default='"'),
        Option("quoteDisabled", "Whether nothing encloses values.", type="boolean", default=False),
        Option("recordSeparator", "What ends a line when writing.", default="\\r\\n"),
        Option("header", "Names of the columns: a list, or a text with commas.", type="any", example=["niss", "name"]),
        Option("headerDisabled", "Whether there are no names.", type="boolean", default=False),
        Option("skipHeaderRecord", "Leaves out the line of names, in reading and writing.", type="boolean", default=False),
        Option("useMaps", "Reads maps by name of the column; without header the first line has the names.",
               type="boolean", default=False),
        Option("useOrderedMaps", "The same; maps always keep the order of columns.", type="boolean", default=False),
        Option("nullString", "The text that stands for null.", example="NULL"),
        Option("trim", "Removes blanks around values when reading.", type="boolean", default=False),
        Option("ignoreSurroundingSpaces", "The same.", type="boolean", default=False),
        Option("ignoreEmptyLines", "Whether blank lines are skipped when reading.", type="boolean", default=True),
        Option("lazyLoad", "Accepted; all lines are read.", type="boolean"),
        Option("captureHeaderRecord", "Accepted, without effect.", type="boolean"),
    ),
)  # fmt: skip


class _Format:
    """The options, read once."""

    def __init__(self, node: Node) -> None:
        self.delimiter = self._one(node, "delimiter", ",")
        self.quote = "" if node.flag("quoteDisabled") else self._one(node, "quote", '"')
        end = node.text("recordSeparator", "\r\n")
        self.end = end.replace("\\r", "\r").replace("\\n", "\n")
        header = node.options.get("header")
        names = header.split(",") if isinstance(header, str) else list(header or ())
        self.header = [] if node.flag("headerDisabled") else [str(name).strip() for name in names]
        self.skips_header = node.flag("skipHeaderRecord")
        self.maps = node.flag("useMaps") or node.flag("useOrderedMaps")
        self.null = node.text("nullString") if node.options.get("nullString") is not None else None
        self.trims = node.flag("trim") or node.flag("ignoreSurroundingSpaces")
        self.keeps_blank = not node.flag("ignoreEmptyLines")

    def _one(self, node: Node, name: str, default: str) -> str:
        text = node.text(name, default).replace("\\t", "\t")
        if len(text) != 1:
            node.problem(
                f"/{name}",
                "option-value",
                f"{name} of csv is not one character",
                f"Write for example '{default}'.",
            )
            return default
        return text


def marshal(node: Node, *, allow_null: bool = False) -> Run:
    """Lists of lists, or maps, to lines."""
    shape = _Format(node)

    def marshal_csv(exchange: Exchange) -> None:
        body = exchange.message.body
        if body is None and allow_null:
            return
        rows = body if isinstance(body, list) else [body]
        if rows and not isinstance(rows[0], (list, Mapping)) and isinstance(body, list):
            rows = [body]
        lines = [] if not shape.header or shape.skips_header else [_line(shape, shape.header)]
        lines.extend(_line(shape, _values(shape, row)) for row in rows)
        exchange.message.body = "".join(lines).encode("utf-8")

    return marshal_csv


def _values(shape: _Format, row: Any) -> list[Any]:
    if isinstance(row, Mapping):
        return [row.get(name) for name in shape.header] if shape.header else list(row.values())
    if isinstance(row, list):
        return row
    raise failure(
        "org.apache.camel.NoTypeConversionAvailableException", "a line of csv is a list or a map of values"
    )


def _line(shape: _Format, values: list[Any]) -> str:
    return (
        shape.delimiter.join(_quoted(shape, value, first=place == 0) for place, value in enumerate(values))
        + shape.end
    )


def _quoted(shape: _Format, value: Any, *, first: bool) -> str:
    """commons-csv's minimal quoting, the empty text at the beginning of a line included."""
    if value is None:
        return shape.null or ""
    text = to_text(value) or ""
    quote = shape.quote
    if not quote:
        return text
    if not text:
        return quote * 2 if first else text
    needed = (
        text[0] <= "#"
        or text[-1] <= " "
        or any(mark in text for mark in ("\n", "\r", quote, shape.delimiter))
    )
    return quote + text.replace(quote, quote * 2) + quote if needed else text


def unmarshal(node: Node, *, allow_null: bool = False) -> Run:
    """Lines to lists of texts, or maps."""
    shape = _Format(node)

    def unmarshal_csv(exchange: Exchange) -> None:
        text = body_text(exchange, allow_null=allow_null)
        if text is None:
            return
        try:
            rows = list(_rows(shape, text.removeprefix("\ufeff")))
        except csv.Error:
            raise failure("java.io.IOException", "the body is no csv text") from None
        exchange.message.body = _shaped(shape, rows)

    return unmarshal_csv


def _rows(shape: _Format, text: str) -> Iterator[JavaList]:
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=shape.delimiter,
        quotechar=shape.quote or None,
        quoting=csv.QUOTE_MINIMAL if shape.quote else csv.QUOTE_NONE,
    )
    for row in reader:
        if not row:
            if shape.keeps_blank:
                yield JavaList([""])
            continue
        yield JavaList(_read(shape, value) for value in row)


def _read(shape: _Format, value: str) -> str | None:
    found = value.strip() if shape.trims else value
    return None if shape.null is not None and found == shape.null else found


def _shaped(shape: _Format, rows: list[JavaList]) -> JavaList:
    names = shape.header
    if shape.maps and not names:
        names, rows = [str(name or "") for name in rows[0]] if rows else [], rows[1:]
    elif names and shape.skips_header:
        rows = rows[1:]
    if not shape.maps:
        return JavaList(rows)
    return JavaList(JavaMap(zip(names, row, strict=False)) for row in rows)
