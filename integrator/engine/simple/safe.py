"""Texts of simple for logs and errors of personal flows: literals, ids and sizes, never values."""

from __future__ import annotations

import re
from collections.abc import Callable

from integrator.engine.compiler import Source
from integrator.engine.javatypes import to_text
from integrator.engine.problems import ExpressionError
from integrator.engine.simple.compiler import function
from integrator.engine.simple.parser import Function, parts
from integrator.exchange import Exchange

_SHOWN = re.compile(
    r"exchangeId|id|routeId|fromRouteId|camelId|bodyType|exception\.class(\.\w+)?|headers\.size(\(\))?"
    r"|body\.(size|length)(\(\))?|header\.Adapter-(Status|Code)|exchangeProperty\.Integrator(Flow|ExchangeId|Attempt)"
    r"|date:(now|millis)[^$]*"
)
HIDDEN = "…"


def safe_text(source: Source) -> Callable[[Exchange], str]:
    """The text with every function that could show a value replaced by `…`."""
    try:
        shown = [_part(part, source) for part in parts(source.text)]
    except ExpressionError:
        return lambda _exchange: HIDDEN  # noted where the expression itself is compiled
    return lambda exchange: "".join(render(exchange) for render in shown)


def _part(part: str | Function, source: Source) -> Callable[[Exchange], str]:
    if isinstance(part, str):
        return lambda _exchange: part
    if not _SHOWN.fullmatch(part.content.strip()):
        return lambda _exchange: HIDDEN
    value = function(part.content.strip(), source)
    return lambda exchange: to_text(value(exchange)) or ""
