"""The name of a site: one SHA-256 over its files. Imports neither pydantic nor yaml.

The hash covers every file below the site's folders, so that no change of what runs goes
unnoticed; a compiler that makes other plain data from the same files changes the name as well.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

COMPILER_VERSION = 2
FOLDERS = ("flows", "routes", "adapters", "parties", "schemas")
REGISTER = "routes.yaml"
GENERATED = "schemas/editor"

_SKIPPED_SUFFIXES = ("~", ".swp", ".pyc", ".orig", ".rej")


def site_files(root: Path) -> Iterator[str]:
    """The site's files as paths relative to `root`, sorted; hidden and backup files are left out."""
    found = [REGISTER] if (root / REGISTER).is_file() else []
    for folder in FOLDERS:
        for directory, names, files in os.walk(root / folder):
            here = Path(directory).relative_to(root).as_posix()
            names[:] = [name for name in names if _counts(name) and f"{here}/{name}" != GENERATED]
            found += [f"{here}/{name}" for name in files if _counts(name)]
    yield from sorted(found)


def content_hash(root: Path) -> str:
    """The SHA-256 (64 hex digits) of the site at `root`. Raises OSError where a file is unreadable."""
    total = hashlib.sha256(f"integrator site {COMPILER_VERSION}\n".encode())
    for path in site_files(root):
        digest = hashlib.sha256((root / path).read_bytes()).hexdigest()
        total.update(f"{digest} {path}\n".encode())
    return total.hexdigest()


def _counts(name: str) -> bool:
    return not name.startswith(".") and name != "__pycache__" and not name.endswith(_SKIPPED_SUFFIXES)
