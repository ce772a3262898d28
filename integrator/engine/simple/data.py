"""simple's functions on values of any type, on lists and maps, and on the exchange itself."""

from __future__ import annotations

import itertools
import secrets
import uuid as uuids
from decimal import Decimal
from typing import Any

from integrator.engine.compiler import Expression
from integrator.engine.exceptions import CAMEL, failure, known, wrapped
from integrator.engine.iterating import iterate
from integrator.engine.javatypes import (
    JavaIterator,
    JavaList,
    JavaMap,
    JavaSet,
    bad_conversion,
    cannot_convert,
    converter,
    to_text,
)
from integrator.engine.names import PROTECTED, variables_of
from integrator.engine.problems import ExpressionError, did_you_mean
from integrator.engine.simple.calls import Arguments, Builder, items_of
from integrator.engine.simple.ognl import compile_path
from integrator.engine.simple.operators import contains_ignoring_case
from integrator.engine.simple.predicates import predicate, truthy
from integrator.exchange import Exchange

_counter = itertools.count(1)


def _list(arguments: Arguments) -> Expression:
    values = arguments.trimmed()
    return lambda exchange: JavaList(value(exchange) for value in values)


def _map(arguments: Arguments) -> Expression:
    if len(arguments) % 2:
        raise ExpressionError("map takes pairs of key and value", "Add the missing one.")
    values = arguments.trimmed()
    pairs = list(zip(values[::2], values[1::2], strict=True))
    return lambda exchange: JavaMap((to_text(key(exchange)) or "", value(exchange)) for key, value in pairs)


def _all_items(arguments: Arguments) -> Expression:
    if not len(arguments):
        return lambda exchange: items_of(exchange.message.body)
    values = arguments.trimmed()
    return lambda exchange: [item for value in values for item in items_of(value(exchange))]


def _reverse(arguments: Arguments) -> Expression:
    items = _all_items(arguments)
    return lambda exchange: JavaList(reversed(items(exchange)))


def _distinct(arguments: Arguments) -> Expression:
    items = _all_items(arguments)

    def distinct(exchange: Exchange) -> Any:
        found = JavaSet()
        for item in items(exchange):
            if item not in found:
                found.append(item)
        return found

    return distinct


def _shuffle(arguments: Arguments) -> Expression:
    items = _all_items(arguments)

    def shuffle(exchange: Exchange) -> Any:
        found = JavaList(items(exchange))
        secrets.SystemRandom().shuffle(found)
        return found

    return shuffle


def _size(arguments: Arguments) -> Expression:
    value = arguments.only()

    def size(exchange: Exchange) -> int:
        found = value(exchange)
        if found is None:
            return 0
        return len(found) if isinstance(found, (list, dict, bytes)) else 1

    return size


def _is_empty(arguments: Arguments) -> Expression:
    value = arguments.only()
    return lambda exchange: all(item is None for item in iterate(value(exchange)))


def _not(arguments: Arguments) -> Expression:
    arguments.need(0, 1)
    listed = arguments.listed or ["${body}"]
    test = predicate(listed[0].strip(), arguments.source)
    return lambda exchange: not test(exchange)


def _contains(arguments: Arguments) -> Expression:
    arguments.need(1, 2)
    value = arguments.value(0) if len(arguments) > 1 else arguments.body_or(2)
    wanted = arguments.value(len(arguments) - 1)
    return lambda exchange: contains_ignoring_case(value(exchange), wanted(exchange))


def _empty(arguments: Arguments) -> Expression:
    arguments.need(1, 1)
    kinds = {"list": JavaList, "map": JavaMap, "string": str, "set": JavaSet}
    kind = kinds.get(arguments.text(0).lower())
    if kind is None:
        raise ExpressionError("empty makes list, map or string", "Write empty(list).")
    return lambda _exchange: kind()


def _kind_of(arguments: Arguments) -> Expression:
    value = arguments.only()

    def kind(exchange: Exchange) -> str:
        found = value(exchange)
        if found is None:
            return "null"
        if isinstance(found, bool):
            return "boolean"
        if isinstance(found, (int, float, Decimal)):
            return "number"
        if isinstance(found, (JavaList, JavaMap, bytes)):
            return "array"
        return "string" if isinstance(found, str) else "object"

    return kind


def converted(arguments: Arguments, path: str) -> Expression:
    """`convertTo(type)` and `convertTo(value,type)`, with a path on the result."""
    follow, convert = compile_path(path), _convert_to(arguments)
    return lambda exchange: follow(convert(exchange))


def _convert_to(arguments: Arguments) -> Expression:
    arguments.need(1, 2)
    name = arguments.text(len(arguments) - 1)
    convert = converter(name)
    if convert is None:
        raise ExpressionError(f"the type {name} is unknown", "Use String, int, List, Map …")
    value = arguments.value(0) if len(arguments) > 1 else arguments.body_or(2)
    return lambda exchange: convert(value(exchange))


def _given(arguments: Arguments) -> tuple[str, Expression]:
    """The name and the value of `setHeader(name,value)` or `setHeader(name,type,value)`."""
    arguments.need(2, 3)
    name, value = arguments.text(0), arguments.value(len(arguments) - 1)
    if len(arguments) == 2:
        return name, value
    kind = arguments.text(1)
    convert = converter(kind)
    if convert is None:
        raise ExpressionError(f"the type {kind} is unknown", "Use String, int, boolean …")
    return name, lambda exchange: convert(value(exchange))


def _set_header(arguments: Arguments) -> Expression:
    name, value = _given(arguments)

    def set_header(exchange: Exchange) -> None:
        exchange.message.headers[name] = value(exchange)

    return set_header


def _set_variable(arguments: Arguments) -> Expression:
    name, value = _given(arguments)
    if name.startswith(PROTECTED):
        raise ExpressionError("names of the bus are read-only", "Choose another name.")

    def set_variable(exchange: Exchange) -> None:
        variables_of(exchange, name)[name] = value(exchange)

    return set_variable


_UNCHECKED = frozenset(
    f"java.lang.{name}" for name in ("RuntimeException", "IllegalArgumentException", "IllegalStateException",
                                     "UnsupportedOperationException", "NullPointerException", "SecurityException")
)  # fmt: skip


def _throw(arguments: Arguments) -> Expression:
    arguments.need(1, 2)
    message = arguments.text(0)
    java_class = arguments.text(1) if len(arguments) > 1 else "java.lang.IllegalArgumentException"
    if not known(java_class):
        raise ExpressionError(
            f"there is no class {java_class}", did_you_mean(java_class, ["java.io.IOException"])
        )

    def throw(_exchange: Exchange) -> None:
        error = failure(java_class, message)
        if java_class not in _UNCHECKED:
            error = wrapped(CAMEL + "RuntimeCamelException", error)
        raise wrapped("java.lang.RuntimeException", error)

    return throw


def _assert(arguments: Arguments) -> Expression:
    arguments.need(2, 2)
    test = predicate(arguments.listed[0].strip(), arguments.source)
    message = arguments.text(1)

    def check(exchange: Exchange) -> None:
        if not test(exchange):
            raise failure(CAMEL + "language.simple.SimpleAssertionException", message)

    return check


def _load(arguments: Arguments) -> Expression:
    arguments.need(1, 1)
    path = arguments.text(0).removeprefix("file:").removeprefix("classpath:")
    if "${" in path:
        raise ExpressionError("load takes a fixed path", "Name a file of the site.")
    scope = arguments.source.scope
    if scope.checking:
        return lambda _exchange: None
    try:
        text = scope.services.resource(path).decode("utf-8").rstrip("\r\n")
    except (OSError, KeyError, ValueError) as error:
        raise ExpressionError(f"{path} cannot be read from the site", "Correct the path.") from error
    return lambda _exchange: text


def uuid(arguments: Arguments) -> Expression:
    """`${uuid}`: exchange-id style by default; short, simple, classic, random."""
    arguments.need(0, 1)
    kind = arguments.text(0) if len(arguments) else "default"
    makers = {
        "default": lambda: f"{secrets.token_hex(8).upper()[:15]}-{next(_counter):016X}",
        "short": lambda: f"{secrets.token_hex(3).upper()[:5]}-{next(_counter):010X}",
        "simple": lambda: str(next(_counter)),
        "classic": lambda: f"ID-integrator-{uuids.uuid4().int % 10**13}-1-{next(_counter)}",
        "random": lambda: str(uuids.uuid4()),
    }
    make = makers.get(kind)
    if make is None:
        raise ExpressionError(f"uuid knows no generator {kind}", did_you_mean(kind, makers))
    return lambda _exchange: make()


def _collate(arguments: Arguments) -> Expression:
    arguments.need(1, 1)
    number = arguments.number(0)

    def collate(exchange: Exchange) -> Any:
        size, items = number(exchange), iterate(exchange.message.body)
        if size < 1:
            raise failure(CAMEL + "RuntimeExchangeException", f"Group must be a positive number, was: {size}")
        groups = iter(lambda: JavaList(itertools.islice(items, size)), JavaList())
        return JavaIterator(groups, CAMEL + "support.GroupIterator")

    return collate


def _skip(arguments: Arguments) -> Expression:
    arguments.need(1, 1)
    number = arguments.number(0)

    def skip(exchange: Exchange) -> Any:
        rest = itertools.islice(iterate(exchange.message.body), max(number(exchange), 0), None)
        return JavaIterator(rest, CAMEL + "util.SkipIterator")

    return skip


FUNCTIONS: dict[str, Builder] = {
    "list": _list,
    "map": _map,
    "reverse": _reverse,
    "distinct": _distinct,
    "shuffle": _shuffle,
    "size": _size,
    "isEmpty": _is_empty,
    "not": _not,
    "contains": _contains,
    "empty": _empty,
    "newEmpty": _empty,
    "collate": _collate,
    "skip": _skip,
    "kindOfType": _kind_of,
    "convertTo": _convert_to,
    "setHeader": _set_header,
    "setVariable": _set_variable,
    "throwException": _throw,
    "assert": _assert,
    "load": _load,
    "uuid": uuid,
}
__all__ = ["FUNCTIONS", "bad_conversion", "cannot_convert", "truthy", "uuid"]
