"""What `check` found, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import groupby

from integrator.site.problems import Problem

_BOLD, _RED, _YELLOW, _DIM, _PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"


def as_text(problems: Iterable[Problem], *, colour: bool = False) -> str:
    """One block a file, one line a problem (`file:line:column rule message → remedy`), and a count."""
    found = sorted(problems)
    blocks = []
    for _file, group in groupby(found, key=lambda problem: problem.file):
        blocks.append("\n".join(_line(problem, colour) for problem in group))
    blocks.append(summary(found))
    return "\n\n".join(blocks) + "\n"


def as_json(problems: Iterable[Problem]) -> str:
    """A JSON object: `problems` (a list of objects), `errors` and `warnings` (counts)."""
    found = sorted(problems)
    errors = sum(problem.severity == "error" for problem in found)
    content = {"problems": [problem.plain() for problem in found], "errors": errors,
               "warnings": len(found) - errors}  # fmt: skip
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def summary(problems: Iterable[Problem]) -> str:
    """How many mistakes there are, in one line."""
    found = list(problems)
    errors = sum(problem.severity == "error" for problem in found)
    if not found:
        return "No mistakes."
    return f"{_count(errors, 'error')}, {_count(len(found) - errors, 'warning')}."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _line(problem: Problem, colour: bool) -> str:
    place = f"{problem.file}:{problem.line}:{problem.column}"
    if not colour:
        kind = "" if problem.severity == "error" else "warning: "
        return f"{place} {problem.rule} {kind}{problem.message} → {problem.remedy}"
    tint = _RED if problem.severity == "error" else _YELLOW
    return f"{_BOLD}{place}{_PLAIN} {tint}{problem.rule}{_PLAIN} {problem.message} {_DIM}→ {problem.remedy}{_PLAIN}"
