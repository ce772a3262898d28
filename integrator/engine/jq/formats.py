"""jq's texts of values: tostring, tojson and the @formats."""

from __future__ import annotations

import base64
import binascii
import html
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from integrator.engine.javatypes import compact
from integrator.engine.jq.errors import JqError
from integrator.engine.jq.values import type_name


def to_json(value: Any) -> str:
    """Compact JSON; a whole double prints without its fraction, as jackson-jq prints it."""
    if isinstance(value, (dict, list, float)):
        value = _whole(value)
    return compact(value)


def _whole(value: Any) -> Any:
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**63 else value
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value


def text_of(value: Any) -> str:
    """A string as it is, anything else as JSON."""
    return value if isinstance(value, str) else to_json(value)


def _base64(value: Any) -> str:
    return base64.b64encode(text_of(value).encode("utf-8")).decode("ascii")


def _base64d(value: Any) -> str:
    text = text_of(value).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4)).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        raise JqError("string is not valid base64 data") from None


def _row(value: Any, write: Callable[[str], str], separator: str) -> str:
    if not isinstance(value, list):
        raise JqError(f"{type_name(value)} cannot be formatted as a row, only an array can be")
    cells = []
    for item in value:
        if isinstance(item, (dict, list)):
            raise JqError(f"{type_name(item)} is not valid in a row")
        cells.append("" if item is None else write(item) if isinstance(item, str) else to_json(item))
    return separator.join(cells)


def _csv(value: Any) -> str:
    return _row(value, lambda text: '"' + text.replace('"', '""') + '"', ",")


def _tsv(value: Any) -> str:
    marks = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
    return _row(value, lambda text: "".join(marks.get(c, c) for c in text), "\t")


def _html(value: Any) -> str:
    return html.escape(text_of(value), quote=True).replace("&#x27;", "&#39;")


def _sh(value: Any) -> str:
    listed = value if isinstance(value, list) else [value]
    if any(isinstance(item, (dict, list)) for item in listed):
        raise JqError("an array or object cannot be escaped for shell")
    quoted = (
        "'" + item.replace("'", "'\\''") + "'" if isinstance(item, str) else to_json(item) for item in listed
    )
    return " ".join(quoted)


FORMATS: dict[str, Callable[[Any], str]] = {
    "@text": text_of,
    "@json": to_json,
    "@base64": _base64,
    "@base64d": _base64d,
    "@uri": lambda value: quote(text_of(value), safe="-_.~"),
    "@csv": _csv,
    "@tsv": _tsv,
    "@html": _html,
    "@sh": _sh,
}
