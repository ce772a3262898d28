"""Mistakes in routes: each with file, line, JSON pointer, rule, what is wrong and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LINTS = frozenset({
    "parameter-renamed", "direct-missing", "seda-missing", "steps-empty", "template-unused",
    "template-parameter-unknown", "bean-not-portable", "unreachable", "saga-order", "direct-cycle-conditional",
    "schema-type",
})  # fmt: skip
"""Rules that `check` reports but that do not keep a route from running (Camel runs it, too)."""


@dataclass(frozen=True, slots=True)
class RouteProblem:
    """One mistake. `line` and `column` are 1-based; `pointer` is a JSON pointer into the file's documents.

    The column counts for files that are no routes: `check` finds that of a pointer in the route itself.
    """

    file: str
    line: int
    pointer: str
    rule: str
    message: str
    remedy: str
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.rule}: {self.message}. {self.remedy}"


class RouteErrors(Exception):
    """The routes cannot run: correct every problem it lists."""

    def __init__(self, problems: Sequence[RouteProblem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class ExpressionError(Exception):
    """An expression that does not compile: what is wrong, and what to write instead."""

    def __init__(self, message: str, remedy: str = "", rule: str = "expression") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy or "Correct the expression."
        self.rule = rule


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like this one, if any is like it."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    found = difflib.get_close_matches(name.lower().replace("-", ""), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The remedy for an unknown name."""
    known = list(known)
    candidate = nearest(name, known)
    if candidate:
        return f"Did you mean {candidate}?"
    return "Use one of: " + ", ".join(sorted(known)) + "."
