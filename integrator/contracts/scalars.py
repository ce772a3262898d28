"""Simple types: XML text to JSON value and back, one pair of functions a type, compiled once.

Booleans, integers, decimals and floats become JSON's own (decimals exact, as Decimal); everything
else stays text, dates included. Raises of the functions: ContractViolation with path "".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from integrator.contracts.problems import ContractViolation

Read = Callable[[str], Any]
Write = Callable[[Any], str]

BLANK = " \t\n\r"
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
_RUNS = re.compile(r"[ \t\n\r]+")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_NOT_JSON_FLOATS = ("INF", "-INF", "NaN")
_MACHINE_INTEGER = 2**63


class Scalars:
    """The compiled simple types of one contract."""

    def __init__(self, types: Mapping[str, Mapping[str, Any]]) -> None:
        self._types = types
        self._known: dict[str, tuple[Read, Write]] = {}

    def read(self, identity: str) -> Read:
        """Text → value for the simple type of this id."""
        return self._pair(identity)[0]

    def write(self, identity: str) -> Write:
        """Value → text for the simple type of this id."""
        return self._pair(identity)[1]

    def _pair(self, identity: str) -> tuple[Read, Write]:
        pair = self._known.get(identity)
        if pair is None:
            pair = self._known[identity] = self._compile(self._types[identity])
        return pair

    def _compile(self, plain: Mapping[str, Any]) -> tuple[Read, Write]:
        if plain["kind"] == "list":
            return _list_pair(*self._pair(plain["item"]))
        if plain["kind"] == "union":
            return _union_pair([self._pair(member) for member in plain["members"]])
        kind = plain["as"]
        if kind == "string":
            if plain["primitive"] == "string":
                return _STRING_READERS[plain["white"]], _write_string
            return _read_trimmed, _write_string
        return _PAIRS[kind]


def wrong(what: str) -> ContractViolation:
    """The violation of a value of another type."""
    return ContractViolation.at("", f"must be {what}")


# --- text ---------------------------------------------------------------------------------------


def _read_preserved(text: str) -> str:
    return text


def _read_replaced(text: str) -> str:
    return text.replace("\t", " ").replace("\n", " ").replace("\r", " ")


def _read_collapsed(text: str) -> str:
    return _RUNS.sub(" ", text.strip(BLANK))


def _read_trimmed(text: str) -> str:
    return text.strip(BLANK)


def _write_string(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise wrong("a string")


_STRING_READERS: dict[str, Read] = {
    "preserve": _read_preserved,
    "replace": _read_replaced,
    "collapse": _read_collapsed,
}


# --- booleans and numbers -----------------------------------------------------------------------


def _read_boolean(text: str) -> bool:
    value = _BOOLEANS.get(text.strip(BLANK))
    if value is None:
        raise wrong("a boolean")
    return value


def _write_boolean(value: Any) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    raise wrong("a boolean")


def _read_integer(text: str) -> int | Decimal:
    if len(text) < 19 and text.isdecimal() and text.isascii():  # most are
        return int(text)
    text = text.strip(BLANK)
    if not _INTEGER.fullmatch(text):
        raise wrong("an integer")
    if len(text) > 18:  # beyond 64 bits JSON text needs a Decimal to stay exact
        exact = Decimal(text)
        return int(exact) if -_MACHINE_INTEGER <= exact < _MACHINE_INTEGER else exact
    return int(text)


def _write_integer(value: Any) -> str:
    if value.__class__ is int:
        return str(value)
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return format(value.quantize(Decimal(1)) if value.adjusted() < 27 else value, "f")
    if value.__class__ is float and value.is_integer():
        return str(int(value))
    raise wrong("an integer")


def _read_decimal(text: str) -> Decimal:
    text = text.strip(BLANK)
    if not _DECIMAL.fullmatch(text):
        raise wrong("a decimal number")
    return Decimal(text)


def _write_decimal(value: Any) -> str:
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    if value.__class__ is int:
        return str(value)
    if value.__class__ is float and value - value == 0:
        return format(Decimal(repr(value)), "f")
    raise wrong("a decimal number")


def _read_float(text: str) -> float | str:
    text = text.strip(BLANK)
    if text in _NOT_JSON_FLOATS:
        return text
    try:
        Decimal(text)  # refuses what float() takes beyond XSD: underscores, "infinity"
        value = float(text)
    except (InvalidOperation, ValueError):
        raise wrong("a number") from None
    if value - value != 0:
        raise wrong("a number")
    return value


def _write_float(value: Any) -> str:
    if value.__class__ is float and value - value == 0:
        return repr(value)
    if value.__class__ is int:
        return str(value)
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)
    if isinstance(value, str) and value in _NOT_JSON_FLOATS:
        return value
    raise wrong("a number")


_PAIRS: dict[str, tuple[Read, Write]] = {
    "boolean": (_read_boolean, _write_boolean),
    "integer": (_read_integer, _write_integer),
    "decimal": (_read_decimal, _write_decimal),
    "float": (_read_float, _write_float),
}


# --- lists and unions ---------------------------------------------------------------------------


def _list_pair(read_item: Read, write_item: Write) -> tuple[Read, Write]:
    def read(text: str) -> list[Any]:
        text = text.strip(BLANK)
        return [read_item(part) for part in _RUNS.split(text)] if text else []

    def write(value: Any) -> str:
        if not isinstance(value, list):
            raise wrong("an array")
        return " ".join(map(write_item, value))

    return read, write


def _union_pair(members: list[tuple[Read, Write]]) -> tuple[Read, Write]:
    def read(text: str) -> Any:
        # The first member whose value gives the same text back, so that nothing is lost.
        for read_member, write_member in members:
            try:
                value = read_member(text)
                if write_member(value) == text.strip(BLANK):
                    return value
            except ContractViolation:
                continue
        return text

    def write(value: Any) -> str:
        for _read_member, write_member in members:
            try:
                return write_member(value)
            except ContractViolation:
                continue
        raise wrong("a value of one of the allowed types")

    return read, write
