"""simple's functions on numbers: Java's long arithmetic, so `sum(1.5,2)` is 2."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from typing import Any

from integrator.engine.compiler import Expression
from integrator.engine.exceptions import failure
from integrator.engine.javatypes import JavaList, converter
from integrator.engine.simple.calls import Arguments, Builder, items_of, long_of, try_long
from integrator.exchange import Exchange

_RANGE_LONGEST = 10_000
_double = converter("java.lang.Double")


def _longs(work: Callable[[list[int]], int]) -> Builder:
    def build(arguments: Arguments) -> Expression:
        arguments.need(0, 100)
        values = arguments.trimmed()

        def calculate(exchange: Exchange) -> Any:
            found = [try_long(item) for value in values for item in items_of(value(exchange))]
            numbers = [number for number in found if number is not None]
            return work(numbers) if numbers else None

        return calculate

    return build


def _abs(arguments: Arguments) -> Expression:
    value = arguments.only()

    def absolute(exchange: Exchange) -> Any:
        found = value(exchange)
        return None if found is None else abs(long_of(found))

    return absolute


def _rounded(work: Callable[[float], int]) -> Builder:
    def build(arguments: Arguments) -> Expression:
        value = arguments.only()

        def calculate(exchange: Exchange) -> Any:
            found = _double(value(exchange)) if _double else None
            return None if found is None else work(found)

        return calculate

    return build


def _random(arguments: Arguments) -> Expression:
    arguments.need(1, 2)
    low = arguments.number(0) if len(arguments) > 1 else (lambda _exchange: 0)
    high = arguments.number(len(arguments) - 1)

    def draw(exchange: Exchange) -> int:
        least, most = low(exchange), high(exchange)
        if most <= least:
            raise failure("java.lang.IllegalArgumentException", "bound must be positive")
        found: int = least + secrets.randbelow(most - least)
        return found

    return draw


def _range(arguments: Arguments) -> Expression:
    arguments.need(1, 2)
    low = arguments.number(0) if len(arguments) > 1 else (lambda _exchange: 1)
    high = arguments.number(len(arguments) - 1)

    def numbers(exchange: Exchange) -> Any:
        least, most = low(exchange), high(exchange)
        if most - least > _RANGE_LONGEST:
            raise failure(
                "java.lang.IllegalArgumentException", f"range is limited to {_RANGE_LONGEST} numbers"
            )
        return JavaList(range(least, most)) if 0 <= least < most else None

    return numbers


def _average(numbers: list[int]) -> int:
    total = sum(numbers)
    return total // len(numbers) if total >= 0 else -(-total // len(numbers))


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
