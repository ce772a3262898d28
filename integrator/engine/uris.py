"""Endpoint URIs: scheme, path and options, and which endpoints a route names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, unquote_plus

_SCHEME = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*$")
_UNSAFE = re.compile(r'[ "#<>\[\\\]^`{|}~]')
_PLAIN = re.compile(r"[\w*.-]*", re.ASCII)
_RENAMED = re.compile(r"-([a-zA-Z])")


@dataclass(frozen=True, slots=True)
class Uri:
    """A parsed endpoint URI; `name` is Camel's normal form, as in CamelFailureEndpoint.

    A `computed` one comes from a message: no error text repeats it.
    """

    scheme: str
    path: str
    options: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    computed: bool = False


def parse(text: str, parameters: Mapping[str, Any] | None = None) -> Uri:
    """Parse `scheme:path?a=b`, with the `parameters:` of YAML merged in. Raises ValueError.

    Dash-case keys of `parameters` become camelCase, as Camel's loader does; keys in the text stay.
    """
    address, _, query = text.partition("?")
    scheme, colon, path = address.partition(":")
    if not _SCHEME.match(scheme):
        raise ValueError(f"{scheme or 'an empty text'} is not the scheme of an endpoint")
    options: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        options[unquote_plus(name)] = _decoded(value)
    merged = {camel_case(name): _decoded(_plain(value)) for name, value in (parameters or {}).items()}
    if not colon and "name" in merged:
        path = merged.pop("name")
    options.update(merged)
    path = path.removeprefix("//")
    query = "&".join(f"{name}={encoded(options[name])}" for name in sorted(options))
    shown = _UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", path)
    return Uri(scheme, path, options, f"{scheme}://{shown}" + (f"?{query}" if options else ""))


def _decoded(value: str) -> str:
    """A value as Camel reads it, in a query and under `parameters:` alike: a plus is a blank, but in RAW(...)."""
    return value[4:-1] if value.startswith("RAW(") and value.endswith(")") else unquote_plus(value)


def encoded(value: str) -> str:
    """A name or value of a query, as java.net.URLEncoder writes it."""
    return value if _PLAIN.fullmatch(value) else quote_plus(value, safe="*-._").replace("~", "%7E")


def camel_case(name: str) -> str:
    """What Camel's YAML loader makes of a parameter key: `my-param` → `myParam`."""
    return _RENAMED.sub(lambda match: match[1].upper(), name)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
