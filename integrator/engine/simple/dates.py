"""simple's dates: `${date:now:yyyy-MM-dd}`, offsets, time zones, patterns of SimpleDateFormat. UTC unless told."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from integrator.engine.compiler import Expression, Source
from integrator.engine.exceptions import failure
from integrator.engine.names import property_of, variables_of
from integrator.engine.problems import ExpressionError
from integrator.exchange import Exchange

_COMMAND = re.compile(r"(?P<what>[A-Za-z]+(?:\.[^:+\s]+?)?)(?P<offset>\s*[+-].*)?")
_OFFSET = re.compile(r"([+-])((?:\s*\d{1,12}\s*(?:ms|[smhd])?)+)")
_SPAN = re.compile(r"(\d{1,12})\s*(ms|[smhd])?")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, None: 0.001}
_ZONE = re.compile(r"GMT([+-])(\d{1,2})(?::?([0-5]\d))?")
_TOKEN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|([^A-Za-z']+)")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")  # fmt: skip
_ZONES = {"UTC": "Coordinated Universal Time", "GMT": "Greenwich Mean Time", "CET": "Central European Standard Time",
          "CEST": "Central European Summer Time"}  # fmt: skip

Formatter = Callable[[datetime], str]


def compile_date(content: str, source: Source) -> Expression:
    """`date:command[:pattern]` and `date-with-timezone:command:zone:pattern`. Raises ExpressionError."""
    kind, _, rest = content.partition(":")
    command, _, pattern = rest.partition(":")
    zone: tzinfo = UTC
    if kind == "date-with-timezone":
        name, colon, pattern = pattern.partition(":")
        zone = _zone(name)
        if not colon:
            raise ExpressionError("date-with-timezone has no pattern", "Add one after the time zone.")
    match = _COMMAND.fullmatch(command.strip())
    if match is None:
        raise ExpressionError("the date command cannot be read", "For example date:now-24h:yyyy-MM-dd.")
    shift = _shift(match["offset"])
    read = _reader(match["what"], source)
    if match["what"] == "millis":
        return lambda exchange: int(read(exchange).timestamp() * 1000)
    if not pattern:
        return lambda exchange: read(exchange) + shift
    write = formatter(pattern)
    return lambda exchange: write((read(exchange) + shift).astimezone(zone))


def _zone(name: str) -> tzinfo:
    match = _ZONE.fullmatch(name)
    if match:
        offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
        return timezone(-offset if match[1] == "-" else offset, name)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ExpressionError(f"there is no time zone {name}", "For example Europe/Brussels.") from error


def _shift(text: str) -> timedelta:
    """The sum of the offsets. As in Camel, what is none counts as nothing: `+1w`, `+2y`."""
    seconds = 0.0
    for sign, spans in _OFFSET.findall(text or ""):
        for count, unit in _SPAN.findall(spans):
            seconds += int(count) * _UNITS[unit or None] * (1 if sign == "+" else -1)
    return timedelta(seconds=seconds)


def _reader(what: str, source: Source) -> Callable[[Exchange], datetime]:
    now_us = source.scope.services.now_us
    kind, _, name = what.partition(".")

    def now(_exchange: Exchange) -> datetime:
        return _moment(now_us() / 1_000_000)

    def created(exchange: Exchange) -> datetime:
        context = exchange.context
        return _moment(context.received_us / 1_000_000) if context and context.received_us else now(exchange)

    def named(exchange: Exchange) -> datetime:
        if kind == "header":
            value: Any = exchange.message.headers.get(name)
        elif kind == "variable":
            value = variables_of(exchange, name).get(name)
        else:
            value = property_of(exchange, name)
        if isinstance(value, datetime):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return _moment(value / 1000)
        raise failure(
            "java.lang.IllegalArgumentException", f"Cannot find Date/long object at command: {what}"
        )

    if kind in ("now", "millis"):
        return now
    if kind == "exchangeCreated":
        return created
    if kind in ("header", "variable", "exchangeProperty") and name:
        return named
    raise ExpressionError(
        f"date knows no command {kind}", "Use now, exchangeCreated, header.x, variable.x, millis."
    )


def _moment(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise failure("java.time.DateTimeException", "the date is out of range") from None


def formatter(pattern: str) -> Formatter:
    """The function of a pattern of java.text.SimpleDateFormat. Raises ExpressionError for letters the engine has not."""
    writers: list[Formatter] = []
    position = 0
    while position < len(pattern):
        match = _TOKEN.match(pattern, position)
        if match is None:
            raise ExpressionError("a quote in the date pattern is not closed", "Close it.")
        position = match.end()
        if match[2] is None:
            text = match[3] if match[3] is not None else match[1].replace("''", "'") or "'"
            writers.append(_literal(text))
        else:
            writers.append(_letter(match[2], len(match[0])))
    listed = tuple(writers)
    return lambda moment: "".join(write(moment) for write in listed)


def _literal(text: str) -> Formatter:
    return lambda _moment: text


def _letter(letter: str, count: int) -> Formatter:
    found = _LETTERS.get(letter)
    if found is None:
        raise ExpressionError(
            f"the date pattern letter {letter} is not in the engine", "Use GyYMLwWdDFEuaHkKhmsSzZX."
        )
    return found(count)


def _number(read: Callable[[datetime], int]) -> Callable[[int], Formatter]:
    return lambda count: lambda moment: str(read(moment)).zfill(count)


def _year(count: int) -> Formatter:
    return lambda moment: str(moment.year % 100).zfill(2) if count == 2 else str(moment.year).zfill(count)


def _month(count: int) -> Formatter:
    if count < 3:
        return lambda moment: str(moment.month).zfill(count)
    return lambda moment: _MONTHS[moment.month - 1] if count > 3 else _MONTHS[moment.month - 1][:3]


def _day(count: int) -> Formatter:
    return lambda moment: _DAYS[moment.weekday()] if count > 3 else _DAYS[moment.weekday()][:3]


def _week(moment: datetime) -> tuple[int, int]:
    """Java's week year and week in its default locale: weeks start on Sunday, the first has 1 January."""
    day = moment.date()
    sunday = day - timedelta(days=day.isoweekday() % 7)
    year = (sunday + timedelta(days=6)).year
    first = date(year, 1, 1)
    return year, (day - first + timedelta(days=first.isoweekday() % 7)).days // 7 + 1


def _week_year(count: int) -> Formatter:
    return lambda moment: str(_week(moment)[0] % 100 if count == 2 else _week(moment)[0]).zfill(count)


def _week_of_month(moment: datetime) -> int:
    return (moment.day - 1 + moment.date().replace(day=1).isoweekday() % 7) // 7 + 1


def _zone_name(count: int) -> Formatter:
    def write(moment: datetime) -> str:
        name = moment.tzname() or "UTC"
        return _ZONES.get(name, name) if count > 3 else name

    return write


def _offset(zulu: bool) -> Callable[[int], Formatter]:
    def make(count: int) -> Formatter:
        colon = ":" if count > 2 and zulu else ""

        def write(moment: datetime) -> str:
            seconds = int((moment.utcoffset() or timedelta()).total_seconds())
            if zulu and seconds == 0:
                return "Z"
            hours, minutes = divmod(abs(seconds) // 60, 60)
            if zulu and count == 1:
                return f"{'-' if seconds < 0 else '+'}{hours:02}"
            return f"{'-' if seconds < 0 else '+'}{hours:02}{colon}{minutes:02}"

        return write

    return make


_LETTERS: dict[str, Callable[[int], Formatter]] = {
    "y": _year,
    "u": _number(datetime.isoweekday),
    "Y": _week_year,
    "w": _number(lambda moment: _week(moment)[1]),
    "W": _number(_week_of_month),
    "F": _number(lambda moment: (moment.day - 1) // 7 + 1),
    "G": lambda _count: lambda _moment: "AD",
    "M": _month,
    "L": _month,
    "d": _number(lambda moment: moment.day),
    "H": _number(lambda moment: moment.hour),
    "h": _number(lambda moment: moment.hour % 12 or 12),
    "k": _number(lambda moment: moment.hour or 24),
    "K": _number(lambda moment: moment.hour % 12),
    "m": _number(lambda moment: moment.minute),
    "s": _number(lambda moment: moment.second),
    "S": _number(lambda moment: moment.microsecond // 1000),
    "D": _number(lambda moment: moment.timetuple().tm_yday),
    "E": _day,
    "a": lambda _count: lambda moment: "AM" if moment.hour < 12 else "PM",
    "X": _offset(zulu=True),
    "Z": _offset(zulu=False),
    "z": _zone_name,
}
