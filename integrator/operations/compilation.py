"""Compiling a site in a child process: the bus itself never loads what compiling needs.

`python -m integrator.authoring.compile DIR` prints the compiled site as JSON, or its problems as JSON
lines on standard error with exit status 1 (design, sections 8 and 9).
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SECONDS = 120.0


class SiteRefusedError(Exception):
    """The site has mistakes; `problems` are those of `integrator check`."""

    def __init__(self, problems: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(f"the site has {len(problems)} mistakes: integrator check shows them")
        self.problems = problems


async def compile_in_child(root: Path) -> bytes:
    """The compiled form of the site at `root`, JSON bytes. Raises SiteRefusedError."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "integrator.authoring.compile",
        str(root),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is the bus's to answer, which ends this child
    )
    try:
        printed, complaints = await asyncio.wait_for(child.communicate(), SECONDS)
    except TimeoutError:
        raise SiteRefusedError([_problem(f"compiling took more than {SECONDS:.0f} s")]) from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode == 0:
        return printed
    raise SiteRefusedError(_problems(complaints.decode("utf-8", "replace")))


def _problems(text: str) -> list[dict[str, Any]]:
    found = []
    for line in text.splitlines():
        try:
            problem = json.loads(line)
        except ValueError:
            continue
        if isinstance(problem, dict):
            found.append(problem)
    return found or [_problem("the compiler ended without a word: run `integrator check`")]


def _problem(message: str) -> dict[str, Any]:
    return {"file": "", "line": 0, "column": 0, "rule": "compiler", "message": message, "remedy": ""}
