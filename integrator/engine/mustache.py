"""Mustache templates: variables, sections, inverted sections, comments. No partials.

A template is compiled once into nested tuples of callables; rendering never runs code of the template.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from lxml import etree

from integrator.engine.javatypes import to_text
from integrator.engine.problems import ExpressionError

_TAG = re.compile(
    r"\{\{\{\s*(?P<raw>[^{}]+?)\s*\}\}\}|\{\{\s*(?P<kind>[#^/!&>=]?)\s*(?P<name>[^{}]*?)\s*\}\}", re.DOTALL
)
_ALONE = re.compile(r"^[ \t]*(\{\{[#^/!][^{}]*\}\})[ \t]*(?:\r?\n|\Z)", re.MULTILINE)
_ESCAPES = str.maketrans({
    "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "=": "&#61;", "`": "&#96;", "\n": "&#10;",
})  # fmt: skip
_DEEPEST = 32
_MISSING = object()

Render = Callable[[list[Any], list[str]], None]


def compile_template(text: str, start: str = "{{", end: str = "}}") -> Callable[[Mapping[str, Any]], str]:
    """The function that renders a template with these delimiters. Raises ExpressionError."""
    if "\0" in text:
        raise ExpressionError("the template is no text", "Correct it.")
    tag, alone = (_TAG, _ALONE) if (start, end) == ("{{", "}}") else _patterns(start, end)
    parts, place = _parse(alone.sub(r"\1", text), 0, "", 0, tag)
    assert place >= 0

    def render(values: Mapping[str, Any]) -> str:
        written: list[str] = []
        _all(parts, [values], written)
        return "".join(written)

    return render


def _patterns(start: str, end: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Tags between other delimiters, and those that stand alone on a line."""
    first, last = re.escape(start), re.escape(end)
    tag = rf"(?P<raw>(?!))|{first}\s*(?P<kind>[#^/!&>=]?)\s*(?P<name>(?:(?!{last}).)*?)\s*{last}"
    alone = rf"^[ \t]*({first}[#^/!](?:(?!{last}).)*{last})[ \t]*(?:\r?\n|\Z)"
    return re.compile(tag, re.DOTALL), re.compile(alone, re.MULTILINE)


def _all(parts: tuple[Render, ...], stack: list[Any], written: list[str]) -> None:
    for part in parts:
        part(stack, written)


def _parse(
    text: str, place: int, until: str, depth: int, tag: re.Pattern[str]
) -> tuple[tuple[Render, ...], int]:
    if depth > _DEEPEST:
        raise ExpressionError("the template is nested too deep", "Simplify it.")
    parts: list[Render] = []
    while match := tag.search(text, place):
        if match.start() > place:
            parts.append(_literal(text[place : match.start()]))
        place = match.end()
        kind, name = match["kind"], match["raw"] or match["name"]
        if kind == "!":
            continue
        if kind in (">", "="):
            raise ExpressionError(
                "partials and changes of delimiters are not in the embedded engine", "Write it out."
            )
        if kind == "/":
            if name != until:
                raise ExpressionError(
                    "a section of the template ends that did not begin", "Correct the names."
                )
            return tuple(parts), place
        if kind in ("#", "^"):
            inner, place = _parse(text, place, name, depth + 1, tag)
            parts.append(_section(name, inner) if kind == "#" else _inverted(name, inner))
        else:
            parts.append(_variable(name, escaped=not match["raw"] and kind != "&"))
    if until:
        raise ExpressionError("a section of the template does not end", "Add {{/name}}.")
    if place < len(text):
        parts.append(_literal(text[place:]))
    return tuple(parts), len(text)


def _literal(text: str) -> Render:
    def literal(_stack: list[Any], written: list[str]) -> None:
        written.append(text)

    return literal


def _variable(name: str, *, escaped: bool) -> Render:
    def variable(stack: list[Any], written: list[str]) -> None:
        text = to_text(_find(stack, name)) or ""
        written.append(text.translate(_ESCAPES) if escaped else text)

    return variable


def _section(name: str, inner: tuple[Render, ...]) -> Render:
    def section(stack: list[Any], written: list[str]) -> None:
        value = _find(stack, name)
        if not _is_true(value):
            return
        for item in value if isinstance(value, list) else (value,):
            stack.append(item)
            _all(inner, stack, written)
            stack.pop()

    return section


def _inverted(name: str, inner: tuple[Render, ...]) -> Render:
    def inverted(stack: list[Any], written: list[str]) -> None:
        if not _is_true(_find(stack, name)):
            _all(inner, stack, written)

    return inverted


def _is_true(value: Any) -> bool:
    return isinstance(value, etree._Element) or bool(value)


def _find(stack: list[Any], name: str) -> Any:
    if name == ".":
        return stack[-1]
    first, *others = name.split(".")
    for scope in reversed(stack):
        value = _member(scope, first)
        if value is _MISSING:
            continue
        for other in others:
            value = _member(value, other)
            if value is _MISSING:
                return None
        return value
    return None


def _member(scope: Any, name: str) -> Any:
    if isinstance(scope, Mapping):
        return scope.get(name, _MISSING)
    if isinstance(scope, list) and name.isdigit() and int(name) < len(scope):
        return scope[int(name)]
    return _MISSING
