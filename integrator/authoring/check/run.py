"""Runs every rule over a site and puts what they found in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from integrator.authoring.check.rule import RULES
from integrator.authoring.check.view import View
from integrator.site.problems import Problem
from integrator.site.shape import shape_problems


def check(root: Path) -> list[Problem]:
    """Every mistake of the site at `root`, in the order of file, line and column; each once."""
    return problems_of(View(root))


def problems_of(view: View) -> list[Problem]:
    """Every mistake of a site already read; see `check`."""
    return sorted(set(_all(view)))


def _all(view: View) -> Iterator[Problem]:
    yield from view.site.problems
    for document in view.site.documents():
        yield from document.problems
    yield from shape_problems(view.site)
    for rule in RULES.values():
        yield from rule.problems(view)
