"""Sites to check: `checked(*edits)` gives the problems of the small site and the marked places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from integrator.authoring.check import check
from integrator.site.problems import Problem
from tests.authoring.sites import Edit, edited, write

Checked = tuple[list[Problem], list[tuple[str, int, int]]]


@pytest.fixture
def checked(tmp_path: Path) -> Callable[..., Checked]:
    def run(*edits: Edit) -> Checked:
        files, places = edited(*edits)
        return check(write(tmp_path, files)), places

    return run
