"""Comparisons of simple's predicates, as Camel's type converters make them."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from integrator.engine.exceptions import failure
from integrator.engine.javatypes import to_text, type_of
from integrator.engine.simple.ognl import LONGEST_PATTERN_INPUT

Comparison = Callable[[Any, Any], bool]
_NUMBER = re.compile(r"[+-]?\d{1,300}(\.\d{1,300})?")


def _numeric(value: Any) -> int | float | Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float, Decimal)):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value) if "." in value else int(value)
    return None


def _as_number(value: Any) -> int | float | Decimal:
    number = _numeric(value)
    return Decimal(repr(number)) if isinstance(number, float) else number if number is not None else 0


def compare(left: Any, right: Any) -> int | None:
    """-1, 0 or 1; None where one side is null. Numeric texts compare as numbers, other texts as texts."""
    if left is None or right is None:
        return None
    if isinstance(left, bool) or isinstance(right, bool):
        return _compare_booleans(left, right)
    if _numeric(left) is not None and _numeric(right) is not None:
        first, second = _as_number(left), _as_number(right)
        return (first > second) - (first < second)
    first_text, second_text = to_text(left) or "", to_text(right) or ""
    return (first_text > second_text) - (first_text < second_text)


def _compare_booleans(left: Any, right: Any) -> int:
    first, second = _boolean(left), _boolean(right)
    if first is None or second is None:
        first_text, second_text = to_text(left) or "", to_text(right) or ""
        return (first_text > second_text) - (first_text < second_text)
    return first - second


def _boolean(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return value != 0 if isinstance(value, int) else None


def equal(left: Any, right: Any) -> bool:
    """`==`: null equals null only; numbers and their texts are equal; case matters."""
    if left is None or right is None:
        return left is right
    if left.__class__ is str and right.__class__ is str and left == right:
        return True
    if isinstance(left, (list, dict)) or isinstance(right, (list, dict)):
        return _equal_structures(left, right)
    return compare(left, right) == 0


def _equal_structures(left: Any, right: Any) -> bool:
    if isinstance(left, (list, dict)) and isinstance(right, (list, dict)):
        return bool(left == right)
    return to_text(left) == to_text(right)


def _equal_ignoring_case(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is right
    return (to_text(left) or "").lower() == (to_text(right) or "").lower()


def _ordered(test: Callable[[int], bool]) -> Comparison:
    def ordered(left: Any, right: Any) -> bool:
        order = compare(left, right)
        return order is not None and test(order)

    return ordered


def contains(left: Any, right: Any) -> bool:
    """`contains`: a part of a text, or an element of a list; not a key of a map."""
    if left is None or right is None:
        return False
    if isinstance(left, list):
        return any(equal(item, right) for item in left)
    if isinstance(left, dict):
        return False
    return (to_text(right) or "") in (to_text(left) or "")


def contains_ignoring_case(left: Any, right: Any) -> bool:
    """`~~`: the same without regard to case."""
    if left is None or right is None:
        return False
    if isinstance(left, list):
        return any(_equal_ignoring_case(item, right) for item in left)
    return (to_text(right) or "").lower() in (to_text(left) or "").lower()


def _in(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return False
    items = right if isinstance(right, list) else [item.strip() for item in (to_text(right) or "").split(",")]
    return any(equal(left, item) for item in items)


def _range(left: Any, right: Any) -> bool:
    start, dots, end = (to_text(right) or "").partition("..")
    if left is None or not dots:
        return False
    low, high = compare(left, start), compare(left, end)
    return low is not None and high is not None and low >= 0 and high <= 0


def _regex(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return False
    text = to_text(left) or ""
    if len(text) > LONGEST_PATTERN_INPUT:
        raise failure("java.lang.IllegalArgumentException", "the text is too long for a regular expression")
    try:
        return re.fullmatch(to_text(right) or "", text) is not None
    except re.error:
        raise failure("java.util.regex.PatternSyntaxException", "no regular expression") from None


_SUPERTYPES = {
    "java.util.LinkedHashMap": ("java.util.Map",),
    "java.util.ArrayList": ("java.util.List", "java.util.Collection"),
    "java.lang.Integer": ("java.lang.Number",),
    "java.lang.Long": ("java.lang.Number",),
    "java.lang.Double": ("java.lang.Number",),
    "java.math.BigInteger": ("java.lang.Number",),
    "java.math.BigDecimal": ("java.lang.Number",),
    "java.lang.String": ("java.lang.CharSequence",),
}


def _is(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return False
    names = (type_of(left), *_SUPERTYPES.get(type_of(left), ()), "java.lang.Object")
    wanted = to_text(right) or ""
    return any(wanted in (name, name.rpartition(".")[2]) for name in names)


def _starts(left: Any, right: Any) -> bool:
    return left is not None and right is not None and (to_text(left) or "").startswith(to_text(right) or "")


def _ends(left: Any, right: Any) -> bool:
    return left is not None and right is not None and (to_text(left) or "").endswith(to_text(right) or "")


def _opposite(test: Comparison) -> Comparison:
    return lambda left, right: not test(left, right)


COMPARISONS: dict[str, Comparison] = {
    "==": equal,
    "!=": _opposite(equal),
    "=~": _equal_ignoring_case,
    "!=~": _opposite(_equal_ignoring_case),
    ">": _ordered(lambda order: order > 0),
    ">=": _ordered(lambda order: order >= 0),
    "<": _ordered(lambda order: order < 0),
    "<=": _ordered(lambda order: order <= 0),
    "contains": contains,
    "!contains": _opposite(contains),
    "not contains": _opposite(contains),
    "~~": contains_ignoring_case,
    "!~~": _opposite(contains_ignoring_case),
    "in": _in,
    "!in": _opposite(_in),
    "not in": _opposite(_in),
    "range": _range,
    "!range": _opposite(_range),
    "not range": _opposite(_range),
    "regex": _regex,
    "!regex": _opposite(_regex),
    "not regex": _opposite(_regex),
    "is": _is,
    "!is": _opposite(_is),
    "not is": _opposite(_is),
    "startsWith": _starts,
    "!startsWith": _opposite(_starts),
    "starts with": _starts,
    "endsWith": _ends,
    "!endsWith": _opposite(_ends),
    "ends with": _ends,
}
"""Every comparison by its sign; longer signs are looked for first."""
