"""XSD regular expressions (XML Schema part 2, appendix F) in the dialect of JSON Schema."""

from __future__ import annotations

from collections.abc import Sequence

_OUTSIDE = {"d": r"\p{Nd}", "D": r"\P{Nd}", "s": r"[ \t\n\r]", "S": r"[^ \t\n\r]"}
_INSIDE = {"d": r"\p{Nd}", "D": r"\P{Nd}", "s": r" \t\n\r"}
_SAME = frozenset("nrtpP.\\?*+(){}[]|-^$")


def to_json_pattern(group: Sequence[str]) -> str | None:
    """One pattern for a restriction step's alternatives; None where it cannot be said exactly."""
    translated = [_translate(pattern) for pattern in group]
    if any(pattern is None for pattern in translated):
        return None
    return "^(?:" + "|".join(pattern for pattern in translated if pattern is not None) + ")$"


def _translate(pattern: str) -> str | None:
    out: list[str] = []
    position, inside = 0, False
    while position < len(pattern):
        char = pattern[position]
        if char == "\\":
            position += 1
            escaped = pattern[position : position + 1]
            known = (_INSIDE if inside else _OUTSIDE).get(escaped)
            if known is None and escaped not in _SAME:
                return None  # \i \c \w and \S in a class: classes of XML's own
            out.append(known if known is not None else "\\" + escaped)
        elif inside:
            if char == "[":
                return None  # class subtraction
            inside = char != "]"
            out.append(char)
        elif char == "[":
            inside = True
            out.append("[")
            if pattern[position + 1 : position + 2] == "^":
                position += 1
                out.append("^")
        elif char == ".":
            out.append(r"[^\n\r]")
        else:
            out.append("\\" + char if char in "^$" else char)  # no anchors in XSD: it always means all
        position += 1
    return "".join(out)
