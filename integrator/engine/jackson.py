"""What Jackson's two data formats share: which entries are written, features, and options that need Java."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from integrator.engine.javatypes import JavaEntry, JavaIterator, to_text
from integrator.engine.spec import Option
from integrator.exchange import StreamBody

INCLUDED = ("ALWAYS", "NON_NULL", "NON_ABSENT", "NON_EMPTY", "NON_DEFAULT")
REFUSED = {
    "allowUnmarshallType": "lets a header choose a Java class",
    "allowJmsType": "lets a header choose a Java class",
    "collectionType": "needs a Java class",
    "jsonView": "needs a Java class",
    "moduleClassNames": "needs Java classes",
    "moduleRefs": "needs Java beans",
}
"""Options that the engine refuses, and why."""
REFUSED_OPTIONS = (
    *(Option(name, f"Not in the embedded engine: {reason}.", type="any") for name, reason in REFUSED.items()),
    Option("useList", "Reads into a list.", type="boolean", default=False),
)


def _is_kept(include: str) -> Callable[[Any], bool]:
    if include in ("NON_NULL", "NON_ABSENT"):
        return lambda value: value is not None
    if include in ("NON_EMPTY", "NON_DEFAULT"):
        return lambda value: value is not None and not (isinstance(value, (str, dict, list)) and not value)
    return lambda _value: True


def included(value: Any, include: str) -> Any:
    """The value without those entries of maps that `include` leaves out."""
    if not include or include == "ALWAYS":
        return value
    kept = _is_kept(include)

    def walk(found: Any) -> Any:
        if isinstance(found, Mapping):
            return type(found)({key: walk(item) for key, item in found.items() if kept(item)})  # type: ignore[call-arg]
        return type(found)(walk(item) for item in found) if isinstance(found, list) else found

    return walk(value)


def to_json(value: Any) -> Any:
    """A value as JSON data: dates in milliseconds, bytes in Base64, entries as maps of one."""
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, JavaIterator)):
        return [to_json(item) for item in value]
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, datetime):
        return int(value.timestamp() * 1_000)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, JavaEntry):
        return {str(value.key): to_json(value.value)}
    return to_text(value) if isinstance(value, StreamBody) else value


def sorted_maps(value: Any) -> Any:
    """The value with the entries of each map in the order of their keys."""
    if isinstance(value, dict):
        return type(value)((key, sorted_maps(value[key])) for key in sorted(value))
    return type(value)(sorted_maps(item) for item in value) if isinstance(value, list) else value
