"""Which values an option may have, by the type its specification names.

As lax as Camel's loader: `"true"` and `"10"` are accepted where Camel's own schema asks for a plain
boolean or number (`PLAIN`), and so are `{{placeholders}}`, whose values come later.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")


def is_boolean(value: Any) -> bool:
    """true or false, also as text."""
    return isinstance(value, bool) or (isinstance(value, str) and value.lower() in ("true", "false"))


def is_integer(value: Any) -> bool:
    """A whole number, also as text."""
    if isinstance(value, str):
        return value.lstrip("-").isdigit()
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """A number, also as text."""
    if isinstance(value, str):
        return _NUMBER.fullmatch(value) is not None
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _or_placeholder(good: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: good(value) or (isinstance(value, str) and "{{" in value)


TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, (str, int, float, bool)),
    "boolean": _or_placeholder(is_boolean),
    "integer": _or_placeholder(is_integer),
    "number": _or_placeholder(is_number),
    "list": lambda value: isinstance(value, (list, tuple)),
    "object": lambda value: isinstance(value, (Mapping, str)),
    "steps": lambda value: isinstance(value, (list, tuple, Mapping)),
    "any": lambda value: True,
}
"""Type of an option → whether a value is of it."""
PLAIN = ("boolean", "integer", "number")
"""Types whose values Camel's schema wants without quotes; its loader takes texts as well."""
