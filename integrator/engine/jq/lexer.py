"""jq's tokens. Strings come apart into literals and the token lists of their interpolations."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from integrator.engine.jq.errors import JqSyntaxError


class Token(NamedTuple):
    """kind: field, name, variable, format, number, string, op, end; value; position in the program."""

    kind: str
    value: Any
    position: int


_TOKEN = re.compile(
    r"""(?P<space>(?:\s|\#[^\n]*)+)
    |(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<field>\.[A-Za-z_]\w*)
    |(?P<variable>\$[A-Za-z_]\w*(?:::\w+)*)
    |(?P<name>[A-Za-z_]\w*(?:::\w+)*)
    |(?P<format>@[A-Za-z0-9_]+)
    |(?P<op>\?//|\|=|\+=|-=|\*=|/=|%=|//=|==|!=|<=|>=|//|\.\.|[.\[\](){}|,:;=<>+\-*/%?$])""",
    re.VERBOSE | re.ASCII,
)
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
LONGEST = 20_000
DEEPEST = 50


def tokens(text: str) -> list[Token]:
    """The tokens of a program, an `end` last. Raises JqSyntaxError."""
    if len(text) > LONGEST:
        raise JqSyntaxError(f"the program is longer than {LONGEST} characters", LONGEST)
    found, _ = _read(text, 0, closing=False, depth=0)
    return found


def _read(text: str, position: int, *, closing: bool, depth: int) -> tuple[list[Token], int]:
    """Tokens up to the end, or (`closing`) up to the bracket that ends an interpolation."""
    if depth > DEEPEST:
        raise JqSyntaxError("strings are nested too deeply", position)
    found: list[Token] = []
    open_brackets = 0
    while position < len(text):
        if text[position] == '"':
            parts, end = _string(text, position + 1, depth)
            found.append(Token("string", parts, position))
            position = end
            continue
        match = _TOKEN.match(text, position)
        if match is None:
            raise JqSyntaxError(f"unexpected character at position {position}", position)
        kind = match.lastgroup or ""
        if closing and kind == "op":
            open_brackets += {"(": 1, ")": -1}.get(match[0], 0)
            if open_brackets < 0:
                found.append(Token("end", None, position))
                return found, match.end()
        if kind != "space":
            found.append(Token(kind, match[0], position))
        position = match.end()
    if closing:
        raise JqSyntaxError("an interpolation is not closed", position)
    found.append(Token("end", None, position))
    return found, position


def _string(text: str, position: int, depth: int) -> tuple[list[Any], int]:
    """The parts of a string (text, or the tokens of an interpolation) and where it ends."""
    parts: list[Any] = []
    literal: list[str] = []
    start = position
    while position < len(text):
        character = text[position]
        if character == '"':
            parts.append("".join(literal))
            return parts, position + 1
        if character != "\\":
            literal.append(character)
            position += 1
            continue
        escape = text[position + 1 : position + 2]
        if escape == "(":
            inner, position = _read(text, position + 2, closing=True, depth=depth + 1)
            parts.extend(("".join(literal), inner))
            literal = []
        elif escape == "u":
            character, position = _unicode(text, position)
            literal.append(character)
        elif escape in _ESCAPES:
            literal.append(_ESCAPES[escape])
            position += 2
        else:
            raise JqSyntaxError(f"unknown escape at position {position}", position)
    raise JqSyntaxError("a string is not closed", start - 1)


def _unicode(text: str, position: int) -> tuple[str, int]:
    match = re.compile(r"(?:\\u[0-9a-fA-F]{4})+").match(text, position)
    if match is None:
        raise JqSyntaxError(f"unknown escape at position {position}", position)
    units = bytes.fromhex(match[0].replace("\\u", ""))
    return units.decode("utf-16-be", "replace"), match.end()
