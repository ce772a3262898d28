"""The child process of an activation: `python -m integrator.authoring.compile DIR`.

Checks the site and compiles it. The plain form goes to standard output as one JSON document, each
problem to standard error as one JSON line. Exit status 0: compiled (warnings are possible), 1: the
site has errors and nothing was compiled, 2: wrong usage.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from integrator.authoring.check import View, problems_of
from integrator.site.compile import compile_loaded
from integrator.site.problems import Problem


def check_and_compile(root: Path) -> tuple[dict[str, Any] | None, list[Problem]]:
    """The plain form of a site (None where it has errors) and everything `check` says about it."""
    view = View(root)
    problems = problems_of(view)
    if any(problem.severity == "error" for problem in problems):
        return None, problems
    return compile_loaded(view.site, contract=view.contract), problems


def main(arguments: Sequence[str]) -> int:
    """Run as a program; gives the exit status."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write("usage: python -m integrator.authoring.compile DIR\n")
        return 2
    plain, problems = check_and_compile(Path(arguments[0]))
    for problem in problems:
        sys.stderr.buffer.write(orjson.dumps(problem.plain()) + b"\n")
    sys.stderr.flush()
    if plain is None:
        return 1
    sys.stdout.buffer.write(orjson.dumps(plain))
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
