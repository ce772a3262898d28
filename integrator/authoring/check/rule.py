"""What a rule is: a named function that looks at a site and says what is wrong, with its remedy.

Its docstring is its page in docs/reference/rules.md. Rules are independent: each sees the whole
site, none relies on another having passed, and values of an unexpected shape are simply not its
business (the models report those).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from inspect import cleandoc

from integrator.authoring.check.view import View
from integrator.site.problems import Problem
from integrator.site.read import Place


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake a rule found. `rule` names it where one function finds several kinds."""

    place: Place
    message: str
    remedy: str
    rule: str | None = None


RuleFunction = Callable[[View], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the catalogue. `find` is None where reading the file or its model finds it."""

    id: str
    doc: str
    severity: str = "error"
    find: RuleFunction | None = None

    def problems(self, view: View) -> Iterator[Problem]:
        """What the rule finds in a site."""
        if self.find is not None:
            for finding in self.find(view):
                place = finding.place
                yield Problem(
                    place.file,
                    place.line,
                    place.column,
                    finding.rule or self.id,
                    finding.message,
                    finding.remedy,
                    RULES[finding.rule].severity if finding.rule in RULES else self.severity,
                )


RULES: dict[str, Rule] = {}
"""Every rule by id, in the order of declaration."""


def rule(identifier: str, severity: str = "error") -> Callable[[RuleFunction], RuleFunction]:
    """Register a rule function under its id; its docstring becomes its documentation."""

    def register(function: RuleFunction) -> RuleFunction:
        declare(identifier, function.__doc__ or "", severity, function)
        return function

    return register


def declare(identifier: str, doc: str, severity: str = "error", find: RuleFunction | None = None) -> None:
    """Put a rule into the catalogue. Raises ValueError for an id used twice."""
    if identifier in RULES:
        raise ValueError(f"the rule id {identifier} is used twice")
    RULES[identifier] = Rule(identifier, cleandoc(doc), severity, find)
