"""simple's functions on numbers: Java's long arithmetic, so `sum(1.5,2)` is 2."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from typing import Any

from integrator.engine.compiler import Expression
from integrator.engine.exceptions import failure
from integrator.engine.javatypes import JavaList, converter
from integrator.engine.problems import ExpressionError
from integrator.engine.simple.calls import Arguments, Builder, items_of, long_of, try_long
from integrator.exchange import Exchange

_RANGE_LONGEST = 10_000
_double = converter("java.lang.Double")


def _longs(work: Callable[[list[int]], int]) -> Builder:
    def build(arguments: Arguments) -> Expression:
        arguments.need(0, 100)
        values = arguments.values()

        def calculate(exchange: Exchange) -> Any:
            items = [item for value in values for item in items_of(value(exchange))]
            found = [try_long(item) for item in (items if values else [exchange.message.body])]
            numbers = [number for number in found if number is not None]
            return work(numbers) if numbers else None

        return calculate

    return build


def _abs(arguments: Arguments) -> Expression:
    arguments.need(1, 1)
    value = arguments.value(0)
    return lambda exchange: abs(long_of(value(exchange)))


def _rounded(work: Callable[[float], int]) -> Builder:
    def build(arguments: Arguments) -> Expression:
        arguments.need(1, 1)
        value = arguments.value(0)

        def calculate(exchange: Exchange) -> Any:
            found = _double(value(exchange)) if _double else None
            return None if found is None else work(found)

        return calculate

    return build


def _random(arguments: Arguments) -> Expression:
    arguments.need(1, 2)
    low = arguments.whole_number(0) if len(arguments) > 1 else 0
    high = arguments.whole_number(len(arguments) - 1)

    def draw(_exchange: Exchange) -> int:
        if high <= low:
            raise failure("java.lang.IllegalArgumentException", "bound must be positive")
        return low + secrets.randbelow(high - low)

    return draw


def _range(arguments: Arguments) -> Expression:
    arguments.need(1, 2)
    low = arguments.whole_number(0) if len(arguments) > 1 else 1
    high = arguments.whole_number(len(arguments) - 1)
    if high - low > _RANGE_LONGEST:
        raise ExpressionError(f"range is limited to {_RANGE_LONGEST} numbers", "Choose a smaller one.")
    return lambda _exchange: JavaList(range(low, high))


def _average(numbers: list[int]) -> int:
    return int(sum(numbers) / len(numbers))


FUNCTIONS: dict[str, Builder] = {
    "sum": _longs(sum),
    "max": _longs(max),
    "min": _longs(min),
    "average": _longs(_average),
    "abs": _abs,
    "ceil": _rounded(math.ceil),
    "floor": _rounded(math.floor),
    "random": _random,
    "range": _range,
}
