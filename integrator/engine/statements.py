"""SQL statements of routes: named parameters found once, values looked up for each message, always bound."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from integrator.engine.compiler import Expression, Node
from integrator.engine.exceptions import CAMEL, JavaException, failure
from integrator.engine.filing import simple
from integrator.engine.iterating import iterate
from integrator.engine.javatypes import JavaEntry, JavaList, JavaMap
from integrator.engine.ways import Rows
from integrator.exchange import Exchange, StreamBody

_SQL = "java.sql.SQLException"
_WORD = re.compile(r"\w+", re.ASCII)
_READS = re.compile(r"\s*(?:--[^\n]*\n\s*)*(select|with|values|table|explain|show)\b", re.IGNORECASE)


class Row(JavaMap):
    """A row by the names of its columns, whatever their case."""

    java_class = "org.springframework.util.LinkedCaseInsensitiveMap"

    def _known(self, key: Any) -> Any:
        if isinstance(key, str) and not dict.__contains__(self, key):
            return next((name for name in self if name.lower() == key.lower()), key)
        return key

    def __getitem__(self, key: str) -> Any:
        return super().__getitem__(self._known(key))

    def __contains__(self, key: object) -> bool:
        return super().__contains__(self._known(key))

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a column."""
        return super().get(self._known(key), default)


class SqlDate(date):
    """A java.sql.Date."""

    java_class = "java.sql.Date"


class SqlTime(time):
    """A java.sql.Time."""

    java_class = "java.sql.Time"


class SqlTimestamp:
    """A java.sql.Timestamp; prints as Java does."""

    java_class = "java.sql.Timestamp"

    def __init__(self, value: datetime) -> None:
        self.value = value

    def __str__(self) -> str:
        text = self.value.strftime("%Y-%m-%d %H:%M:%S.%f").rstrip("0")
        return text + "0" if text.endswith(".") else text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SqlTimestamp) and other.value == self.value

    def __hash__(self) -> int:
        return hash(self.value)

    def isoformat(self) -> str:
        """ISO 8601."""
        return self.value.isoformat()


class Streamed(JavaList):
    """What outputType=StreamList gives: rows, drawn one by one."""

    java_class = "org.apache.camel.component.sql.ResultSetIterator"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A `?` of a statement: by name, by expression, or by place (neither); `many` for `in:`."""

    name: str = ""
    value: Expression | None = None
    many: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement in pieces: texts, and parameters between them."""

    text: str
    pieces: tuple[str | Parameter, ...]
    separator: str
    count: int = 0
    always: bool = False

    @property
    def reads(self) -> bool:
        """Whether it is a query, as far as its first word tells; the database holds it to that."""
        return _READS.match(self.text) is not None

    @property
    def parameters(self) -> Iterator[Parameter]:
        """Its parameters in order."""
        return (piece for piece in self.pieces if isinstance(piece, Parameter))

    def bind(self, exchange: Exchange, body: Any, *, batch: bool = False) -> tuple[str, list[Any]]:
        """The statement with a `?` for each value, and the values. Raises JavaException."""
        named = any(parameter.name or parameter.value for parameter in self.parameters)
        if not named:
            places = self.count or sum(1 for _ in self.parameters)
            text = "".join(piece if isinstance(piece, str) else "?" for piece in self.pieces)
            if not places and not self.always:
                return text, []
            values = [
                item.value if isinstance(item, JavaEntry) else item for item in self._by_place(body, places)
            ]
            if len(values) != places:
                raise mismatch(places, len(values))
            return text, values
        parts: list[str] = []
        bound: list[Any] = []
        for piece in self.pieces:
            if isinstance(piece, str):
                parts.append(piece)
                continue
            value = self._lookup(piece, exchange, body, batch=batch)
            if piece.many:
                several = list(self._several(value))
                parts.append(",".join("?" * len(several)))
                bound += several
            else:
                parts.append("?")
                bound.append(value)
        return "".join(parts), bound

    def _by_place(self, body: Any, places: int) -> Iterator[Any]:
        body = _plain(body)
        if isinstance(body, str):
            yield from [body] if places == 1 else split_quoted(body, self.separator)
        else:
            yield from iterate(body)

    def _several(self, value: Any) -> Iterator[Any]:
        if isinstance(value, str):
            yield from split_quoted(value, ",")
        elif value is None:
            yield None
        else:
            yield from iterate(value)

    def _lookup(self, parameter: Parameter, exchange: Exchange, body: Any, *, batch: bool) -> Any:
        if parameter.value is not None:
            if not batch:
                return parameter.value(exchange)
            before = exchange.message
            exchange.message = before.copy()
            exchange.message.body = body
            try:
                return parameter.value(exchange)
            finally:
                exchange.message = before
        for values in (_plain(body), exchange.message.headers, exchange.variables):
            if isinstance(values, Mapping) and parameter.name in values:
                return values[parameter.name]
        raise failure(
            CAMEL + "RuntimeExchangeException",
            f"Cannot find key [{parameter.name}] in message body or headers to use when setting named parameter in "
            f"query [{self.text}]",
        )


def _plain(body: Any) -> Any:
    if isinstance(body, StreamBody):
        body = body.read()
    return body.decode("utf-8", "replace") if isinstance(body, bytes) else body


def mismatch(expected: int, given: int) -> JavaException:
    """Spring's error for another number of values than the statement has marks."""
    text = f"Number of parameters mismatch. Expected: {expected}, was: {given}"
    cause = failure(_SQL, text)
    return failure(
        "org.springframework.jdbc.UncategorizedSQLException",
        f"PreparedStatementCallback; uncategorized SQLException; SQL state [null]; error code [0]; {text}",
        cause,
    )


def split_quoted(text: str, separator: str) -> Iterator[str]:
    """The parts of a text; separators between quotes do not count, the quotes go."""
    part, quote, quoted = "", "", False
    for char in text:
        if quote:
            if char == quote:
                quote = ""
            else:
                part += char
        elif char in "'\"":
            quote, quoted = char, True
        elif char == separator:
            yield part if quoted else part.strip()
            part, quoted = "", False
        else:
            part += char
    if part or quoted:
        yield part if quoted else part.strip()


def parse(
    node: Node, text: str, *, mark: str, named: bool, separator: str, count: int, always: bool
) -> Statement:
    """A statement with its parameters found; notes expressions that do not compile."""
    pieces: list[str | Parameter] = []
    plain = ""
    at, end = 0, len(text)
    while at < end:
        char = text[at]
        if char in "'\"":
            closing = text.find(char, at + 1)
            stop = end if closing < 0 else closing + 1
            plain, at = plain + text[at:stop], stop
            continue
        found = _parameter(node, text, at, mark) if named else None
        if found is None and (char == "?" or (mark and text.startswith(mark, at))):
            found = (Parameter(), at + (1 if char == "?" else len(mark)))
        if found is None:
            plain, at = plain + char, at + 1
            continue
        pieces += [plain, found[0]]
        plain, at = "", found[1]
    pieces.append(plain)
    shown = text.replace(mark, "?") if mark else text
    return Statement(shown, tuple(piece for piece in pieces if piece != ""), separator, count, always)


def _parameter(node: Node, text: str, at: int, mark: str) -> tuple[Parameter, int] | None:
    """A named parameter at a place: `:#name`, `:#in:name`, `:#${expression}`; and where it ends."""
    start = next((":" + one for one in (mark, "?") if one and text.startswith(":" + one, at)), None)
    if start is None:
        return None
    at += len(start)
    many = text.startswith("in:", at)
    at += 3 if many else 0
    opening = "$simple{" if text.startswith("$simple{", at) else "${"
    if text.startswith(opening, at):
        stop = _closing(text, at + len(opening) - 1)
        value = simple(node, "${" + text[at + len(opening) : stop] + "}")
        return Parameter("", value or _null, many), stop + 1
    word = _WORD.match(text, at)
    return None if word is None else (Parameter(word[0], None, many), word.end())


def _null(_exchange: Exchange) -> None:
    return None


def _closing(text: str, at: int) -> int:
    depth = 0
    for place in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place
    return len(text)


def without_comments(text: str) -> str:
    """The statement of a file: lines that are comments go."""
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--")).strip()


def rows(found: Rows) -> JavaList:
    """The rows of a query."""
    names = found.columns or ()
    return JavaList(Row(zip(names, map(java_value, row), strict=True)) for row in found.rows)


def java_value(value: Any) -> Any:
    """A value of a database as routes have it."""
    if isinstance(value, datetime):
        return SqlTimestamp(value)
    if isinstance(value, date):
        return SqlDate(value.year, value.month, value.day)
    if isinstance(value, time):
        return SqlTime(value.hour, value.minute, value.second)
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, dict):
        return JavaMap(value)
    if isinstance(value, list):
        return JavaList(map(java_value, value))
    return value


def one(found: JavaList) -> Any:
    """The only row, or its only value; None of none. Raises JavaException where there are more."""
    if len(found) > 1:
        text = f"Query result not unique for outputType=SelectOne. Got {len(found)} count instead."
        raise failure(
            "org.springframework.dao.DataIntegrityViolationException", f"PreparedStatementCallback; {text}",
            failure("java.sql.SQLDataException", text),
        )  # fmt: skip
    if not found:
        return None
    row: Mapping[str, Any] = found[0]
    return next(iter(row.values())) if len(row) == 1 else row


def batch_values(body: Any) -> Sequence[Any]:
    """The bodies of a batch."""
    return list(iterate(_plain(body)))
