"""jq's functions of plain values. Texts of errors name types, never data."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

from integrator.engine.jq.errors import JqError, JqInputError
from integrator.engine.jq.formats import text_of, to_json
from integrator.engine.jq.values import (
    add,
    compare,
    equal,
    index,
    is_number,
    items,
    sort_key,
    split,
    type_name,
)

EXCHANGE = " exchange"
RANGE_LONGEST = 100_000
LONGEST_PATTERN_INPUT = 100_000


def _string(value: Any, what: str) -> str:
    if isinstance(value, str):
        return value
    raise JqError(f"{what} input must be a string, not {type_name(value)}")


def _array(value: Any, what: str) -> list[Any]:
    if isinstance(value, list):
        return value
    raise JqError(f"{type_name(value)} cannot be {what}, as it is not an array")


def _number(value: Any, what: str) -> Any:
    if is_number(value):
        return value
    raise JqError(f"{type_name(value)} number required for {what}")


def negate(value: Any) -> Any:
    """`-x`"""
    if is_number(value):
        return -value
    raise JqError(f"{type_name(value)} cannot be negated")


def recurse(value: Any) -> Iterator[Any]:
    """`..`, depth first."""
    stack = [value]
    while stack:
        item = stack.pop()
        yield item
        if isinstance(item, (dict, list)):
            stack.extend(reversed(list(items(item))))


def length(value: Any) -> Any:
    """`length`"""
    if value is None:
        return 0
    if isinstance(value, (str, list, dict)):
        return len(value)
    if is_number(value):
        return abs(value)
    raise JqError(f"{type_name(value)} has no length")


def keys(value: Any) -> list[Any]:
    """`keys`, sorted."""
    if isinstance(value, dict):
        return sorted(value)
    if isinstance(value, list):
        return list(range(len(value)))
    raise JqError(f"{type_name(value)} has no keys")


def _keys_unsorted(value: Any) -> list[Any]:
    return list(value) if isinstance(value, dict) else keys(value)


def has(value: Any, key: Any) -> bool:
    """`has(key)`"""
    if value is None and (isinstance(key, str) or is_number(key)):
        return False
    if isinstance(value, dict) and isinstance(key, str):
        return key in value
    if isinstance(value, list) and is_number(key):
        return bool(0 <= key < len(value))
    raise JqError(f"Cannot check whether {type_name(value)} has a {type_name(key)} key")


def to_entries(value: Any) -> list[Any]:
    """`to_entries`; arrays have their positions as keys."""
    if isinstance(value, dict):
        return [{"key": key, "value": item} for key, item in value.items()]
    return [{"key": key, "value": value[key]} for key in keys(value)]


def from_entries(value: Any) -> dict[str, Any]:
    """`from_entries`; keys and values by each of their usual names."""
    found: dict[str, Any] = {}
    for entry in items(value):
        key = _entry(entry, ("key", "k", "name", "Name", "Key", "K"))
        item = _entry(entry, ("value", "v", "Value", "V"), keep_false=True)
        if isinstance(key, (bool, type(None))) or is_number(key):
            key = to_json(key)
        if not isinstance(key, str):
            raise JqError(f"Object keys must be strings, not {type_name(key)}")
        found[key] = item
    return found


def _entry(entry: Any, names: Iterable[str], *, keep_false: bool = False) -> Any:
    last = None
    for name in names:
        value = index(entry, name)
        if value is not None and (value is not False or keep_false):
            return value
        last = value if value is not None else last
    return last


def _tonumber(value: Any) -> Any:
    if is_number(value):
        return value
    text = _string(value, "tonumber")
    if not re.fullmatch(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) or len(text) > 400:
        raise JqError("string cannot be parsed as a number")
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _fromjson(value: Any) -> Any:
    text = _string(value, "fromjson")

    def refuse(_text: str) -> Any:
        raise ValueError

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise JqError("string is not valid JSON") from None


def _ascii(change: Callable[[str], str]) -> Callable[[Any], str]:
    return lambda value: "".join(change(c) if c.isascii() else c for c in _string(value, "case conversion"))


def _startswith(value: Any, other: Any) -> bool:
    if isinstance(value, str) and isinstance(other, str):
        return value.startswith(other)
    raise JqError("startswith() requires string inputs")


def _endswith(value: Any, other: Any) -> bool:
    if isinstance(value, str) and isinstance(other, str):
        return value.endswith(other)
    raise JqError("endswith() requires string inputs")


def _ltrimstr(value: Any, other: Any) -> Any:
    both = isinstance(value, str) and isinstance(other, str)
    return value.removeprefix(other) if both else value


def _rtrimstr(value: Any, other: Any) -> Any:
    return value.removesuffix(other) if isinstance(value, str) and isinstance(other, str) and other else value


def _test(value: Any, pattern: Any, flags: Any = None) -> bool:
    if isinstance(pattern, list):
        pattern, flags = pattern[0], pattern[1] if len(pattern) > 1 else None
    if not isinstance(value, str):
        name = type_name(value).upper()
        raise JqInputError(f"_match_impl/3 is not applicable to {name}; expected one of [STRING]")
    if len(value) > LONGEST_PATTERN_INPUT:
        raise JqError("the string is too long to be matched")
    letters = {"i": re.IGNORECASE, "x": re.VERBOSE, "s": re.DOTALL, "n": 0, "g": 0, "l": 0, "p": re.DOTALL}
    mode = 0
    for letter in flags or "":
        if letter not in letters:
            raise JqError("the flags are no valid modifier string")
        mode |= letters[letter]
    try:
        return re.search(_string(pattern, "test"), value, mode) is not None
    except re.error:
        raise JqError("the pattern is no regular expression") from None


def _split(value: Any, separator: Any) -> list[str]:
    if isinstance(value, str) and isinstance(separator, str):
        return split(value, separator)
    raise JqError("split input and separator must be strings")


def _join(value: Any, separator: Any) -> str:
    listed = list(items(value))
    if listed and not isinstance(separator, str):
        raise JqError(f"{type_name(separator)} cannot join strings")
    for item in listed:
        if isinstance(item, (dict, list)):
            raise JqError(f"string and {type_name(item)} cannot be added")
    return (separator or "").join("" if item is None else text_of(item) for item in listed)


def _add(value: Any) -> Any:
    listed = list(items(value))
    if listed and all(item.__class__ is str for item in listed):
        return "".join(listed)
    if listed and all(item.__class__ is list for item in listed):
        return [inner for item in listed for inner in item]
    total = None
    for item in listed:
        total = add(total, item)
    return total


def sorted_items(pairs: list[tuple[Any, Any]]) -> list[Any]:
    """Items by their keys, in jq's order."""
    return [item for _, item in sorted(pairs, key=lambda pair: sort_key(pair[0]))]


def grouped(pairs: list[tuple[Any, Any]]) -> list[list[Any]]:
    """Items with equal keys together, groups in the order of their keys."""
    groups: list[list[Any]] = []
    last: Any = None
    for key, item in sorted(pairs, key=lambda pair: sort_key(pair[0])):
        if groups and compare(key, last) == 0:
            groups[-1].append(item)
        else:
            groups.append([item])
        last = key
    return groups


def unique(pairs: list[tuple[Any, Any]]) -> list[Any]:
    """The first item of each group."""
    return [group[0] for group in grouped(pairs)]


def smallest(pairs: list[tuple[Any, Any]]) -> Any:
    """The first item with the least key."""
    return min(pairs, key=lambda pair: sort_key(pair[0]))[1] if pairs else None


def largest(pairs: list[tuple[Any, Any]]) -> Any:
    """The last item with the greatest key."""
    return max(reversed(pairs), key=lambda pair: sort_key(pair[0]))[1] if pairs else None


def _own(work: Callable[[list[tuple[Any, Any]]], Any], what: str) -> Callable[[Any], Any]:
    return lambda value: work([(item, item) for item in _array(value, what)])


def _flatten(value: Any, depth: Any = math.inf) -> list[Any]:
    if not is_number(depth) or depth < 0:
        raise JqError("flatten depth must not be negative")
    found: list[Any] = []
    for item in items(value):
        if isinstance(item, list) and depth > 0:
            found.extend(_flatten(item, depth - 1))
        else:
            found.append(item)
    return found


def _reverse(value: Any) -> Any:
    if value is None or value == {} or (is_number(value) and value == 0):
        return []  # whatever has length 0
    return value[::-1] if isinstance(value, str) else list(reversed(_array(value, "reversed")))


def contains(value: Any, other: Any) -> bool:
    """`contains(x)`"""
    if isinstance(value, dict) and isinstance(other, dict):
        return all(key in value and contains(value[key], item) for key, item in other.items())
    if isinstance(value, list) and isinstance(other, list):
        return all(any(_contains_item(mine, item) for mine in value) for item in other)
    if isinstance(value, str) and isinstance(other, str):
        return other in value
    if type_name(value) == type_name(other):
        return equal(value, other)
    raise JqError(f"{type_name(value)} and {type_name(other)} cannot have their containment checked")


def _contains_item(mine: Any, item: Any) -> bool:
    return type_name(mine) == type_name(item) and contains(mine, item)


def _getpath(value: Any, path: Any) -> Any:
    for key in _array(path, "a path"):
        if value is None:
            return None
        value = index(value, key)
    return value


def _rounded(work: Callable[[Any], int], what: str) -> Callable[[Any], Any]:
    return lambda value: work(_number(value, what))


def _sqrt(value: Any) -> Any:
    if _number(value, "sqrt") < 0:
        return None
    return math.sqrt(value)


def count_up(start: Any, end: Any) -> Iterator[Any]:
    """`range(start; end)`, bounded."""
    if not (is_number(start) and is_number(end)):
        raise JqError("Range bounds must be numeric")
    if end - start > RANGE_LONGEST:
        raise JqError(f"a range has more than {RANGE_LONGEST} numbers")
    while start < end:
        yield start
        start += 1


def user_error(value: Any) -> JqError:
    """`error(x)`"""
    return JqError(value if isinstance(value, str) else "(not a string)", value, thrown=True)


def _raise(value: Any) -> Any:
    raise user_error(value)


def _implode(value: Any) -> str:
    try:
        return "".join(chr(int(code)) for code in _array(value, "imploded"))
    except (TypeError, ValueError, OverflowError):
        raise JqError("implode input must be an array of code points") from None


def _any(value: Any) -> bool:
    return any(item is not None and item is not False for item in items(value))


def _all(value: Any) -> bool:
    return all(item is not None and item is not False for item in items(value))


def of_exchange(kind: str, exchange: Any, name: Any) -> Any:
    """`header("x")`, `property("x")`, `variable("x")`: of the exchange the program runs on."""
    from integrator.engine.names import property_of, variables_of

    if exchange is None or not isinstance(name, str):
        return None
    if kind == "header":
        return exchange.message.headers.get(name)
    return property_of(exchange, name) if kind == "property" else variables_of(exchange, name).get(name)


def _is(*names: str) -> Callable[[Any], bool]:
    return lambda value: type_name(value) in names


TYPE_FILTERS: dict[str, Callable[[Any], bool]] = {
    "values": lambda value: value is not None,
    "nulls": _is("null"),
    "booleans": _is("boolean"),
    "numbers": _is("number"),
    "strings": _is("string"),
    "arrays": _is("array"),
    "objects": _is("object"),
    "iterables": _is("array", "object"),
    "scalars": _is("null", "boolean", "number", "string"),
}
PLAIN: dict[tuple[str, int], Callable[..., Any]] = {
    ("length", 0): length,
    ("keys", 0): keys,
    ("keys_unsorted", 0): _keys_unsorted,
    ("has", 1): has,
    ("in", 1): lambda key, value: has(value, key),
    ("to_entries", 0): to_entries,
    ("from_entries", 0): from_entries,
    ("tostring", 0): text_of,
    ("tojson", 0): to_json,
    ("fromjson", 0): _fromjson,
    ("tonumber", 0): _tonumber,
    ("type", 0): type_name,
    ("not", 0): lambda value: value is None or value is False,
    ("add", 0): _add,
    ("any", 0): _any,
    ("all", 0): _all,
    ("first", 0): lambda value: index(value, 0),
    ("last", 0): lambda value: index(value, -1),
    ("nth", 1): lambda value, number: index(value, _number(number, "nth")),
    ("ascii_downcase", 0): _ascii(str.lower),
    ("ascii_upcase", 0): _ascii(str.upper),
    ("startswith", 1): _startswith,
    ("endswith", 1): _endswith,
    ("ltrimstr", 1): _ltrimstr,
    ("rtrimstr", 1): _rtrimstr,
    ("trim", 0): lambda value: _string(value, "trim").strip(),
    ("ltrim", 0): lambda value: _string(value, "trim").lstrip(),
    ("rtrim", 0): lambda value: _string(value, "trim").rstrip(),
    ("test", 1): _test,
    ("test", 2): _test,
    ("split", 1): _split,
    ("join", 1): _join,
    ("sort", 0): _own(sorted_items, "sorted"),
    ("unique", 0): _own(unique, "sorted"),
    ("min", 0): _own(smallest, "compared"),
    ("max", 0): _own(largest, "compared"),
    ("reverse", 0): _reverse,
    ("flatten", 0): _flatten,
    ("flatten", 1): _flatten,
    ("contains", 1): contains,
    ("inside", 1): lambda value, other: contains(other, value),
    ("getpath", 1): _getpath,
    ("floor", 0): _rounded(math.floor, "floor"),
    ("ceil", 0): _rounded(math.ceil, "ceil"),
    ("round", 0): _rounded(lambda value: math.floor(abs(value) + Decimal("0.5") if isinstance(value, Decimal)
                                                    else abs(value) + 0.5) * (-1 if value < 0 else 1), "round"),
    ("fabs", 0): lambda value: abs(_number(value, "fabs")),
    ("abs", 0): lambda value: abs(_number(value, "abs")),
    ("sqrt", 0): _sqrt,
    ("now", 0): lambda _value: time.time(),
    ("error", 0): _raise,
    ("explode", 0): lambda value: [ord(c) for c in _string(value, "explode")],
    ("implode", 0): _implode,
}  # fmt: skip
"""Functions with one output an input, by name and number of arguments."""
