"""Camel's durations: milliseconds, `1s`, `1m30s`, `2h`, or ISO 8601 (`PT1.5S`)."""

from __future__ import annotations

import re

from integrator.engine.compiler import Node

_PARTS = re.compile(
    r"(?:(?P<d>\d+)\s*d(?:ays?)?)?\s*(?:(?P<h>\d+)\s*h(?:ours?)?)?\s*(?:(?P<m>\d+)\s*m(?!s)(?:in(?:utes?)?)?)?\s*"
    r"(?:(?P<s>\d+(?:\.\d+)?)\s*s(?:ec(?:onds?)?)?)?\s*(?:(?P<ms>\d+)\s*(?:ms|millis))?",
    re.IGNORECASE,
)
_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def seconds(text: str) -> float | None:
    """The duration in seconds; None where the text is none."""
    text = text.strip()
    if re.fullmatch(r"-?\d{1,15}", text):
        return int(text) / 1_000
    if text[:1] in "Pp":
        text = text[1:].replace("T", " ").replace("t", " ")
    match = _PARTS.fullmatch(text.strip()) if text else None
    if match is None or not any(match.groups()):
        return None
    return sum(float(match[name]) * size for name, size in _SECONDS.items() if match[name])


def option(node: Node, name: str, default: float = 0.0) -> float:
    """An option that is a duration, in seconds; notes a problem where it is none."""
    if node.options.get(name) is None:
        return default
    found = seconds(node.scope.fill(node.text(name), f"{node.pointer}/{name}"))
    if found is None:
        node.problem(
            f"/{name}", "option-type", f"{name} of {node.spec.name} is no duration",
            "Write milliseconds, or for example 5s, 2m30s.",
        )  # fmt: skip
        return default
    return found
