"""csv: lines of values, as commons-csv reads and writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from integrator.engine.compiler import Node
from integrator.engine.csvtext import Format, line, rows
from integrator.engine.exceptions import failure
from integrator.engine.javatypes import JavaIterator, JavaList, JavaMap, cannot_convert
from integrator.engine.payloads import body_text, refuse
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange

_FORMATS = ("DEFAULT", "EXCEL", "INFORMIX_UNLOAD", "INFORMIX_UNLOAD_CSV", "MONGODB_CSV", "MONGODB_TSV", "MYSQL",
            "ORACLE", "POSTGRESQL_CSV", "POSTGRESQL_TEXT", "RFC4180")  # fmt: skip
_MODES = ("ALL", "ALL_NON_NULL", "MINIMAL", "NON_NUMERIC", "NONE")
_ITERATOR = "org.apache.camel.dataformat.csv.CsvUnmarshaller$CsvIterator"
SPEC = Spec(
    "dataformat",
    "csv",
    "Lines of values. Maps are written by their values in order; blank lines are skipped when reading.",
    "1.0",
    "unmarshal: {csv: {delimiter: ';', useMaps: true}}",
    options=(
        Option("format", "Accepted, without effect, as in Camel 4.18: give the other options.", default="DEFAULT",
               choices=_FORMATS),
        Option("delimiter", "What separates values; one character.", default=",", example=";"),
        Option("quote", "What encloses values; one character.", default='"'),
        Option("quoteDisabled", "Whether nothing encloses values.", type="boolean", default=False),
        Option("quoteMode", "Which values are enclosed when writing.", choices=_MODES),
        Option("escape", "What stands before characters that would end a value; one character."),
        Option("escapeDisabled", "Whether nothing does.", type="boolean", default=False),
        Option("commentMarker", "What begins lines that do not count; one character.", example="#"),
        Option("commentMarkerDisabled", "Whether all lines count.", type="boolean", default=False),
        Option("recordSeparator", "What ends a line when writing.", default="\\r\\n"),
        Option("recordSeparatorDisabled", "Whether nothing does.", type="boolean", default=False),
        Option("trailingDelimiter", "Whether each line ends with a delimiter.", type="boolean", default=False),
        Option("header", "Names of the columns: a list, or a text with commas.", type="any", example=["niss", "name"]),
        Option("headerDisabled", "Whether there are no names.", type="boolean", default=False),
        Option("skipHeaderRecord", "Leaves out the line of names, in reading and writing.", type="boolean", default=False),
        Option("captureHeaderRecord", "Puts the names that were read into the header CamelCsvHeaderRecord.",
               type="boolean", default=False),
        Option("allowMissingColumnNames", "Whether columns may be without a name.", type="boolean", default=False),
        Option("ignoreHeaderCase", "Accepted, without effect: maps have the names as written.", type="boolean"),
        Option("useMaps", "Reads maps by name of the column; without header the first line has the names.",
               type="boolean", default=False),
        Option("useOrderedMaps", "The same; maps always keep the order of columns.", type="boolean", default=False),
        Option("nullString", "The text that stands for null.", example="NIL"),
        Option("nullStringDisabled", "Whether none does.", type="boolean", default=False),
        Option("trim", "Removes blanks around values.", type="boolean", default=False),
        Option("ignoreSurroundingSpaces", "Removes blanks around values when reading, those enclosed excepted.",
               type="boolean", default=False),
        Option("ignoreEmptyLines", "Whether blank lines are skipped when reading.", type="boolean", default=True),
        Option("lazyLoad", "Reads line by line, for a split.", type="boolean", default=False),
        Option("marshallerFactoryRef", "Not in the embedded engine: needs a Java bean."),
        Option("recordConverterRef", "Not in the embedded engine: needs a Java bean."),
    ),
)  # fmt: skip


def _format(node: Node) -> Format:
    """The options as a format; notes problems."""
    refuse(node, dict.fromkeys(("marshallerFactoryRef", "recordConverterRef"), "needs a Java bean"))
    end = "" if node.flag("recordSeparatorDisabled") else node.text("recordSeparator", "\r\n")
    null = node.options.get("nullString") is not None and not node.flag("nullStringDisabled")
    return Format(
        delimiter=_one(node, "delimiter") or ",",
        quote="" if node.flag("quoteDisabled") else _one(node, "quote") or '"',
        end=end.replace("\\r", "\r").replace("\\n", "\n"),
        escape="" if node.flag("escapeDisabled") else _one(node, "escape"),
        comment="" if node.flag("commentMarkerDisabled") else _one(node, "commentMarker"),
        null=node.text("nullString") if null else None,
        mode=node.text("quoteMode") or None,
        keeps_blank=not node.flag("ignoreEmptyLines"),
        trims=node.flag("trim"),
        ignores_spaces=node.flag("ignoreSurroundingSpaces"),
        trailing=node.flag("trailingDelimiter"),
        missing_names=node.flag("allowMissingColumnNames"),
    )


def _one(node: Node, name: str) -> str:
    if node.options.get(name) is None:
        return ""
    text = node.text(name).replace("\\t", "\t")
    if len(text) != 1 or text in "\r\n":
        node.problem(
            f"/{name}", "option-value", f"{name} of csv is not one character", "Write one, for example ';'."
        )
        return ""
    return text


def _header(node: Node) -> list[str]:
    if node.flag("headerDisabled"):
        return []
    header = node.options.get("header")
    names = header.split(",") if isinstance(header, str) else list(header or ())
    return [str(name).strip() for name in names]


def marshal(node: Node, *, allow_null: bool = False) -> Run:
    """Lists of lists, or maps, to lines."""
    shape, header, skips = _format(node), _header(node), node.flag("skipHeaderRecord")
    spooling = node.scope.services.spooling

    def lines(body: Any) -> Iterator[bytes]:
        if header and not skips:
            yield line(shape, header).encode("utf-8")
        for row in body if isinstance(body, (list, JavaIterator)) else () if body is None else (body,):
            yield line(shape, _values(header, row)).encode("utf-8")

    def marshal_csv(exchange: Exchange) -> None:
        if exchange.message.body is not None or not allow_null:
            exchange.message.body = spooling.body(lines(exchange.message.body))

    return marshal_csv


def _values(header: list[str], row: Any) -> list[Any]:
    if isinstance(row, Mapping):
        return [row.get(name) for name in header] if header else list(row.values())
    if isinstance(row, list):
        return row
    raise cannot_convert(row, "java.util.List")


def unmarshal(node: Node, *, allow_null: bool = False) -> Run:
    """Lines to lists of texts, or maps."""
    shape, lazy, captures = _format(node), node.flag("lazyLoad"), node.flag("captureHeaderRecord")
    begin = _beginning(node, shape)

    def unmarshal_csv(exchange: Exchange) -> None:
        text = body_text(exchange, allow_null=allow_null)
        if text is None:
            return
        found = rows(shape, text.removeprefix("\ufeff"))
        names, convert = begin(found)
        if captures and names:
            exchange.message.headers["CamelCsvHeaderRecord"] = JavaList(names)
        shaped = (convert(row) for row in found)
        exchange.message.body = JavaIterator(shaped, _ITERATOR) if lazy else JavaList(shaped)

    return unmarshal_csv


Rows = Iterator[list[str | None]]
Convert = Callable[[list[str | None]], Any]


def _beginning(node: Node, shape: Format) -> Callable[[Rows], tuple[list[str], Convert]]:
    """Reads what stands before the lines of values: gives the names of columns, and the form of a line."""
    header, skips = _header(node), node.flag("skipHeaderRecord")
    maps = node.flag("useMaps") or node.flag("useOrderedMaps")

    def begin(found: Rows) -> tuple[list[str], Convert]:
        names = header
        if maps and not names:
            names = [name or "" for name in next(found, [])]
            if not shape.missing_names and any(not name.strip() for name in names):
                raise failure("java.lang.IllegalArgumentException", "A header name is missing")
        elif names and skips:
            next(found, None)
        if not maps:
            return names, JavaList
        return names, lambda row: JavaMap(zip(names, row, strict=False))

    return begin
