"""The cases of this folder, and what of a case real Camel is given.

Each file of `cases/` is a list of cases; README.md tells what a case may say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.engine import vectors

FOLDER = Path(__file__).parent / "cases"
_OURS = frozenset({"id", "kind", "lang", "rows", "pre", "showMock", "different", "saxon", "files"})


def own_cases(path: Path | None = None) -> Iterator[vectors.Case]:
    """Every case of one file, or of all; rows are cases of their own, `file/id` or `file/id#row`."""
    for file in sorted(FOLDER.glob("*.yaml")) if path is None else [path]:
        for data in yaml.safe_load(file.read_text("utf-8")):
            name = f"{file.stem}/{data['id']}"
            if "rows" not in data:
                yield vectors.Case(name, data["routes"], data, {})
                continue
            for number, row in enumerate(data["rows"]):
                yield vectors.Case(f"{name}#{number}", vectors.row_route(data, row), data, {})


def for_camel(case: vectors.Case) -> dict[str, Any]:
    """The case as Runner.java reads it."""
    given: Mapping[str, Any] = {key: value for key, value in case.data.items() if key not in _OURS}
    return {**given, "routes": case.routes}


def files(case: vectors.Case) -> dict[str, str]:
    """The files of the site the case needs: name → text."""
    found: dict[str, str] = case.data.get("files", {})
    return found
