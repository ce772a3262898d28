"""Writes what is made from models and rules: `python -m integrator.authoring.generate [DIR]`.

A test compares the committed files with `generated()`, so that they are never out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from integrator.authoring.camel_pages import camel_pages
from integrator.authoring.route_schema import route_schema
from integrator.authoring.rules_page import rules_page
from integrator.authoring.simple_page import simple_page
from integrator.site.reference import settings_page, site_page
from integrator.site.schemas import editor_schemas


def generated() -> dict[str, str]:
    """The generated files: path in the repository → text."""
    return {
        **editor_schemas(),
        **route_schema(),
        **camel_pages(),
        **simple_page(),
        "docs/reference/site.md": site_page(),
        "docs/reference/settings.md": settings_page(),
        "docs/reference/rules.md": rules_page(),
    }


def write_all(root: Path) -> list[Path]:
    """Write the generated files below `root`; gives their paths."""
    written = []
    for path, text in generated().items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        written.append(target)
    return written


def main(arguments: Sequence[str]) -> int:
    """Write the files below the given directory, or the working directory."""
    write_all(Path(arguments[0]) if arguments else Path())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
