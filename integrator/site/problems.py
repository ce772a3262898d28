"""What can be wrong with a site: one problem is one place, one rule, one remedy.

Messages name keys and identifiers of the site's own files, never a secret found there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """A mistake in a site. `line` and `column` count from 1; severity is `error` or `warning`.

    A site with errors cannot be activated; warnings are shown and kept.
    """

    file: str
    line: int
    column: int
    rule: str
    message: str
    remedy: str
    severity: str = "error"

    def plain(self) -> dict[str, Any]:
        """The JSON-able form."""
        return asdict(self)


class SiteError(Exception):
    """The site has mistakes: correct each of `problems` and check again."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0] if self.problems else None
        text = f"{first.file}:{first.line}: {first.message}" if first else ""
        super().__init__(f"{len(self.problems)} mistakes in the site; {text}")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None where nothing is close."""
    matches = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """A remedy: the nearest known name, else what else can be done."""
    close = nearest(name, known)
    return f"did you mean '{close}'?" if close else otherwise
