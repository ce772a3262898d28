"""jq's values: type names, order, equality, arithmetic. Decimals keep their digits."""

from __future__ import annotations

import functools
from collections.abc import Callable
from decimal import Decimal, DivisionByZero, InvalidOperation
from typing import Any

from integrator.engine.jq.errors import JqError

MISSING = type(
    "Missing", (), {"__doc__": "No JSON value at all: the input of an empty text.", "__slots__": ()}
)()
LONGEST_TEXT = 10_000_000

_NAMES: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    Decimal: "number",
    str: "string",
    list: "array",
    dict: "object",
}
_ORDER = {"null": 0, "boolean": 1, "number": 2, "string": 3, "array": 4, "object": 5}


def type_name(value: Any) -> str:
    """jq's name of a value's type."""
    found = _NAMES.get(value.__class__)
    if found is not None:
        return found
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    return "string" if isinstance(value, str) else "null"


def truthy(value: Any) -> bool:
    """Everything but null and false."""
    return value is not None and value is not False


def is_number(value: Any) -> bool:
    """int, float or Decimal, but no boolean."""
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def equal(left: Any, right: Any) -> bool:
    """jq's equality: 1 and true differ, 1 and 1.0 do not."""
    if left.__class__ is str or right.__class__ is str:
        return bool(left == right)
    return compare(left, right) == 0


def compare(left: Any, right: Any) -> int:
    """-1, 0 or 1 in jq's order: null, false, true, numbers, strings, arrays, objects."""
    first, second = type_name(left), type_name(right)
    if first != second:
        return -1 if _ORDER[first] < _ORDER[second] else 1
    if first == "number":
        left, right = _numbers(left, right)
    elif first == "array":
        return _compare_arrays(left, right)
    elif first == "object":
        return _compare_objects(left, right)
    elif first == "null":
        return 0
    return int(left > right) - int(left < right)


def _compare_arrays(left: list[Any], right: list[Any]) -> int:
    for first, second in zip(left, right, strict=False):
        order = compare(first, second)
        if order:
            return order
    return (len(left) > len(right)) - (len(left) < len(right))


def _compare_objects(left: dict[str, Any], right: dict[str, Any]) -> int:
    keys, others = sorted(left), sorted(right)
    if keys != others:
        return -1 if keys < others else 1
    for key in keys:
        order = compare(left[key], right[key])
        if order:
            return order
    return 0


sort_key = functools.cmp_to_key(compare)
"""The key for sorting and grouping JSON values."""


def _whole(value: Any) -> Any:
    """A double that is a whole number becomes one, as Jackson's numeric nodes do."""
    if value.__class__ is float and value.is_integer() and abs(value) < 2**63:
        return int(value)
    return value


def _numbers(left: Any, right: Any) -> tuple[Any, Any]:
    if isinstance(left, Decimal) and isinstance(right, float):
        return left, Decimal(repr(right))
    if isinstance(right, Decimal) and isinstance(left, float):
        return Decimal(repr(left)), right
    return left, right


def _mismatch(left: Any, right: Any, what: str) -> JqError:
    return JqError(f"{type_name(left)} and {type_name(right)} cannot be {what}")


def add(left: Any, right: Any) -> Any:
    """`+`"""
    if left is None:
        return right
    if right is None:
        return left
    if is_number(left) and is_number(right):
        first, second = _numbers(left, right)
        return _whole(_calculated(lambda: first + second))
    if isinstance(left, str) and isinstance(right, str):
        if len(left) + len(right) > LONGEST_TEXT:
            raise JqError("the text becomes too long")
        return left + right
    if isinstance(left, list) and isinstance(right, list):
        return [*left, *right]
    if isinstance(left, dict) and isinstance(right, dict):
        return {**left, **right}
    raise _mismatch(left, right, "added")


def subtract(left: Any, right: Any) -> Any:
    """`-`"""
    if is_number(left) and is_number(right):
        first, second = _numbers(left, right)
        return _whole(_calculated(lambda: first - second))
    if isinstance(left, list) and isinstance(right, list):
        return [item for item in left if not any(equal(item, other) for other in right)]
    raise _mismatch(left, right, "subtracted")


def multiply(left: Any, right: Any) -> Any:
    """`*`"""
    if is_number(left) and is_number(right):
        first, second = _numbers(left, right)
        return _whole(_calculated(lambda: first * second))
    if isinstance(left, str) and is_number(right):
        return _repeat(left, right)
    if isinstance(right, str) and is_number(left):
        return _repeat(right, left)
    if isinstance(left, dict) and isinstance(right, dict):
        return _merge(left, right)
    raise _mismatch(left, right, "multiplied")


def _repeat(text: str, times: Any) -> Any:
    if times <= 0:
        return None
    count = max(int(times), 1)
    if len(text) * count > LONGEST_TEXT:
        raise JqError("the text becomes too long")
    return text * count


def _merge(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    merged = dict(left)
    for key, value in right.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = _merge(old, value) if both and old is not None else value
    return merged


def divide(left: Any, right: Any) -> Any:
    """`/`"""
    if is_number(left) and is_number(right):
        if right == 0:
            raise JqError("number and number cannot be divided because the divisor is zero")
        first, second = _numbers(left, right)
        if isinstance(first, int) and isinstance(second, int) and first % second == 0:
            return first // second
        return _whole(_calculated(lambda: first / second))
    if isinstance(left, str) and isinstance(right, str):
        return split(left, right)
    raise _mismatch(left, right, "divided")


def modulo(left: Any, right: Any) -> Any:
    """`%`, on whole numbers, with the sign of the left one."""
    if not (is_number(left) and is_number(right)):
        raise _mismatch(left, right, "divided")
    first, second = int(left), abs(int(right))
    if second == 0:
        raise JqError("number and number cannot be divided because the divisor is zero")
    return first % second if first >= 0 else -(-first % second)


def split(text: str, separator: str) -> list[str]:
    """A text split at a separator; an empty separator splits into characters."""
    if not text:
        return []
    return text.split(separator) if separator else list(text)


def _calculated(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except (OverflowError, DivisionByZero, InvalidOperation):
        raise JqError("the number is out of range") from None


CALCULATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": modulo,
}
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": lambda left, right: compare(left, right) < 0,
    "<=": lambda left, right: compare(left, right) <= 0,
    ">": lambda left, right: compare(left, right) > 0,
    ">=": lambda left, right: compare(left, right) >= 0,
}


def index(value: Any, key: Any) -> Any:
    """`value[key]`"""
    if isinstance(value, dict):
        if isinstance(key, str):
            return value.get(key)
        raise JqError(f"Cannot index object with {type_name(key)}")
    if value is None:
        if key is None or isinstance(key, str) or is_number(key):
            return None
        raise JqError(f"Cannot index null with {type_name(key)}")
    if isinstance(value, list):
        return _element(value, key)
    shown = f'string "{key}"' if isinstance(key, str) else type_name(key)
    raise JqError(f"Cannot index {type_name(value)} with {shown}")


def _element(value: list[Any], key: Any) -> Any:
    if is_number(key):
        position = int(key // 1)
        return value[position] if -len(value) <= position < len(value) else None
    if isinstance(key, list):
        return (
            [i for i in range(len(value) - len(key) + 1) if equal(value[i : i + len(key)], key)]
            if key
            else None
        )
    shown = f'string "{key}"' if isinstance(key, str) else type_name(key)
    raise JqError(f"Cannot index array with {shown}")


def cut(value: Any, start: Any, end: Any) -> Any:
    """`value[start:end]` of arrays and strings."""
    if value is None:
        return None
    if not isinstance(value, (list, str)):
        raise JqError(f"Cannot index {type_name(value)} with object")
    for bound in (start, end):
        if bound is not None and not is_number(bound):
            raise JqError("Start and end indices of an array slice must be numbers")
    first = None if start is None else int(start // 1)
    last = None if end is None else int(-(-end // 1))
    return value[first:last]


def items(value: Any) -> Any:
    """The values `.[]` goes through."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return value.values()
    raise JqError(f"Cannot iterate over {type_name(value)}")
