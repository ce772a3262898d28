"""Exchanges as bytes, for what outlives the process: message, properties and variables.

JSON, in which what JSON has not is `{"$": kind, "v": value}`. Properties and variables that cannot be kept
are left out, as Camel's repositories do; a body or header that cannot is an error.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
import uuid_utils
from lxml import etree

from integrator.engine.exceptions import JavaException, failure
from integrator.engine.javatypes import JavaArray, JavaList, JavaMap, JavaSet, NodeList, type_of, xml_text
from integrator.engine.steps import Trail
from integrator.exchange import Context, Conversions, Exchange, Message, StreamBody

_LISTS: dict[str, type[JavaList]] = {"list": JavaList, "set": JavaSet, "array": JavaArray, "nodes": NodeList}
_KINDS = {kind: name for name, kind in _LISTS.items()}


def encode(exchange: Exchange, leave_out: tuple[str, ...] = ()) -> bytes:
    """The exchange, without the properties named. Raises JavaException (IllegalArgumentException)."""
    return _dump(_exchange(exchange, leave_out))


def decode(data: bytes, conversions: Conversions, context: Context | None = None) -> Exchange:
    """An exchange of its own with what was kept."""
    exchange = Exchange(
        Message(conversions=conversions),
        exchange_id=str(uuid_utils.uuid7()),
        context=context,
        pattern="InOnly",
    )
    exchange.history = [Trail("", "")]
    restore(exchange, data)
    return exchange


def restore(exchange: Exchange, data: bytes) -> None:
    """Give an exchange what was kept of another."""
    plain = orjson.loads(data)
    conversions = exchange.message.conversions
    exchange.message = _read_message(plain, conversions)
    for name in ("properties", "variables"):
        values = {key: _read(value, conversions) for key, value in plain[name].items()}
        getattr(exchange, name).update(values)


def encode_value(value: Any) -> bytes:
    """One value. Raises JavaException (IllegalArgumentException)."""
    return _dump(_plain(value))


def decode_value(data: bytes, conversions: Conversions) -> Any:
    """The value again."""
    return _read(orjson.loads(data), conversions)


def _dump(plain: Any) -> bytes:
    try:
        return orjson.dumps(plain)
    except TypeError as error:
        raise failure(
            "java.lang.IllegalArgumentException",
            "a value of the message cannot be kept: a number beyond 64 bits, or a text that is no Unicode",
        ) from error


def _exchange(exchange: Exchange, leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        **_message(exchange.message),
        "properties": _those_that_can(exchange.properties, leave_out),
        "variables": _those_that_can(exchange.variables, ()),
    }


def _message(message: Message) -> dict[str, Any]:
    return {
        "body": _plain(message.body),
        "headers": {name: _plain(value) for name, value in message.headers.items()},
    }


def _those_that_can(values: dict[str, Any], leave_out: tuple[str, ...]) -> dict[str, Any]:
    kept = {}
    for name, value in values.items():
        if name in leave_out:
            continue
        try:
            kept[name] = _plain(value)
        except JavaException:
            continue
    return kept


def _plain(value: Any) -> Any:
    if value is None or value.__class__ is str:
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else _tag("int", str(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else _tag("float", repr(value))
    if isinstance(value, (list, dict)):
        return _structure(value)
    write = next((write for kind, write in _WRITERS if isinstance(value, kind)), None)
    if write is None:
        raise failure(
            "java.lang.IllegalArgumentException",
            f"a value of {type_of(value)} cannot be kept: make it text or data before the aggregate",
        )
    return write(value)


def _structure(value: list[Any] | dict[str, Any]) -> Any:
    if isinstance(value, JavaMap):
        return _tag("map", [[str(key), _plain(item)] for key, item in value.items()])
    if isinstance(value, dict):
        return _tag("node", {str(key): _plain(item) for key, item in value.items()})
    if isinstance(value, JavaList):
        return _tag(_KINDS.get(type(value), "list"), [_plain(item) for item in value])
    return [_plain(item) for item in value]


def _tag(kind: str, value: Any) -> dict[str, Any]:
    return {"$": kind, "v": value}


def _bytes(value: bytes) -> dict[str, Any]:
    return _tag("bytes", base64.b64encode(value).decode())


_WRITERS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (str, str),
    (bytes, _bytes),
    (StreamBody, lambda body: _bytes(body.read())),
    (Decimal, lambda number: _tag("decimal", str(number))),
    (datetime, lambda moment: _tag("date", moment.isoformat())),
    (etree._Element, lambda element: _tag("xml", xml_text(element))),
    (Message, lambda message: _tag("message", _message(message))),
    (Exchange, lambda exchange: _tag("exchange", _exchange(exchange))),
)


def _read(value: Any, conversions: Conversions) -> Any:
    if isinstance(value, list):
        return [_read(item, conversions) for item in value]
    if not isinstance(value, dict):
        return value
    kind, inner = value["$"], value["v"]
    if kind in _LISTS:
        return _LISTS[kind](_read(item, conversions) for item in inner)
    if kind == "map":
        return JavaMap((key, _read(item, conversions)) for key, item in inner)
    if kind == "node":
        return {key: _read(item, conversions) for key, item in inner.items()}
    return _READERS[kind](inner, conversions)


def _read_message(plain: dict[str, Any], conversions: Conversions) -> Message:
    headers = {name: _read(value, conversions) for name, value in plain["headers"].items()}
    return Message(_read(plain["body"], conversions), headers, conversions=conversions)


def _read_exchange(plain: dict[str, Any], conversions: Conversions) -> Exchange:
    return decode(orjson.dumps(plain), conversions)


_READERS: dict[str, Callable[[Any, Conversions], Any]] = {
    "int": lambda text, _conversions: int(text),
    "float": lambda text, _conversions: float(text),
    "bytes": lambda text, _conversions: base64.b64decode(text),
    "decimal": lambda text, _conversions: Decimal(text),
    "date": lambda text, _conversions: datetime.fromisoformat(text),
    "xml": lambda text, conversions: conversions.parse_xml(text.encode()),
    "message": _read_message,
    "exchange": _read_exchange,
}
