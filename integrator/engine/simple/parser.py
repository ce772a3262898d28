"""Reading simple: texts with `${functions}`, their arguments, and quoted texts."""

from __future__ import annotations

from dataclasses import dataclass

from integrator.engine.problems import ExpressionError

LONGEST = 20_000
DEEPEST = 20
_STARTS = ("${", "$simple{")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "}": "}"}


@dataclass(frozen=True, slots=True)
class Function:
    """What stands between `${` and `}`, and where it starts."""

    content: str
    position: int


Part = str | Function


def function_at(text: str, start: int) -> int:
    """The length of a function's opening at `start`, 0 where none opens."""
    for opening in _STARTS:
        if text.startswith(opening, start):
            return len(opening)
    return 0


def function_end(text: str, start: int) -> int:
    """The position of the `}` that closes the function whose content starts at `start`.

    Raises ExpressionError where none does, or where functions nest too deeply.
    """
    depth, position = 1, start
    while position < len(text):
        opening = function_at(text, position)
        if opening:
            depth += 1
            position += opening
            if depth > DEEPEST:
                raise ExpressionError("functions are nested too deeply", "Use variables for parts of it.")
            continue
        if text[position] == "}":
            depth -= 1
            if depth == 0:
                return position
        position += 1
    raise ExpressionError("a function is not closed", "Write } at its end.")


def parts(text: str) -> list[Part]:
    """A text as literals (escapes decoded) and functions. Raises ExpressionError."""
    if len(text) > LONGEST:
        raise ExpressionError(f"the expression is longer than {LONGEST} characters", "Split it.")
    found: list[Part] = []
    literal: list[str] = []
    position = 0
    while position < len(text):
        opening = function_at(text, position)
        if opening:
            end = function_end(text, position + opening)
            if literal:
                found.append("".join(literal))
                literal = []
            found.append(Function(text[position + opening : end], position))
            position = end + 1
        elif text[position] == "\\" and text[position + 1 : position + 2] in _ESCAPES:
            literal.append(_ESCAPES[text[position + 1]])
            position += 2
        else:
            literal.append(text[position])
            position += 1
    if literal:
        found.append("".join(literal))
    return found


def arguments(text: str) -> list[str]:
    """Split arguments at commas outside quotes, functions and brackets; each as written, blanks kept."""
    found: list[str] = []
    start = position = depth = 0
    quote = ""
    while position < len(text):
        character = text[position]
        opening = function_at(text, position)
        if opening:
            position = function_end(text, position + opening)
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"" and text.find(character, position + 1) > 0:
            quote = character
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "," and depth <= 0:
            found.append(text[start:position])
            start = position + 1
        position += 1
    found.append(text[start:])
    return found


def unquoted(text: str) -> str | None:
    """The inside of a text in single or double quotes; None where there are none."""
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return None


def call(content: str) -> tuple[str, str] | None:
    """`name(arguments)` taken apart; None where the content is no call."""
    name, bracket, rest = content.partition("(")
    if not bracket or not rest.endswith(")"):
        return None
    return name, rest[:-1]
