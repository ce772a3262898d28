"""The house rules that a reader relies on: which room may import which, and how large things get."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "integrator"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Design, section 2: what a room must never import. "ours" is everything of the package.
EVERYTHING = {path.stem if path.is_file() else path.name for path in PACKAGE.iterdir() if path.name[0] != "_"}
FORBIDDEN: dict[str, set[str]] = {
    "exchange": EVERYTHING - {"exchange"},
    "identifiers": EVERYTHING - {"identifiers"},
    "telemetry": EVERYTHING - {"telemetry", "exchange"},
    "site": {
        "gateway",
        "engine",
        "outbound",
        "journal",
        "broker",
        "store",
        "portal",
        "sandbox",
        "app",
        "cli",
    },
    "authoring": {"gateway", "portal", "app", "cli"},
    "contracts": {"gateway", "engine", "store", "journal", "outbound", "broker", "portal", "app", "cli"},
    "engine": {"gateway", "store", "journal", "outbound", "broker", "portal", "app", "cli"},
    "gateway": {"portal", "broker", "app", "cli"},
    "outbound": {"gateway", "journal", "engine", "store", "broker", "portal", "app", "cli"},
    "journal": {"gateway", "engine", "outbound", "broker", "portal", "app", "cli"},
    "broker": {"gateway", "journal", "engine", "outbound", "portal", "app", "cli"},
    "store": EVERYTHING - {"store", "telemetry", "identifiers"},
    "security": {"gateway", "engine", "store", "journal", "outbound", "broker", "portal", "app", "cli"},
    "sandbox": {"gateway", "engine", "store", "journal", "broker", "portal", "app", "cli"},
    "portal": {"app", "commands", "cli"},
    "operations": {
        "gateway", "engine", "outbound", "journal", "broker", "store", "portal", "authoring", "contracts",
        "app", "control", "serve", "cli",
    },
    "foundations": {
        "gateway", "engine", "outbound", "broker", "portal", "authoring", "contracts", "sandbox",
        "app", "control", "serve", "cli",
    },
    "control": {"app", "serve", "cli", "broker", "engine", "outbound"},
    "app": {"serve", "cli", "portal", "authoring", "sandbox"},
    "serve": {"cli", "authoring"},
    "offline": {
        "gateway", "engine", "outbound", "broker", "portal", "authoring", "contracts", "sandbox",
        "app", "control", "serve", "cli",
    },
    "commands": {"cli", "gateway", "engine", "outbound", "broker"},
}  # fmt: skip

# What a data-plane worker must not load: the site is compiled elsewhere (design, section 9).
HEAVY = (
    "sqlalchemy", "alembic", "zeep", "xmlschema", "pydantic", "fastapi", "starlette",
    "typer", "rich", "jinja2", "babel", "ruamel", "httpx", "aiohttp",
)  # fmt: skip
# yaml is not among them: kombu imports it to register a serialiser that we do not use.


def room(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: import by full name"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in names if name.startswith("integrator.")}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path: Path):
    forbidden = FORBIDDEN.get(room(path), set())
    wrong = sorted(name for name in imported(path) if name.split(".")[1] in forbidden)
    assert not wrong, f"{room(path)} must not import {wrong}"


def test_every_room_has_its_rule():
    rooms = {room(path) for path in MODULES} - {"__init__", "__main__", "cli"}
    assert rooms <= set(FORBIDDEN), f"no import rule for {rooms - set(FORBIDDEN)}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_and_functions_stay_small(path: Path):
    text = path.read_text("utf-8")
    assert text.count("\n") <= 600
    assert len(path.relative_to(PACKAGE).parts) <= 3, "two levels of folders at most"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= 70, f"{node.name} (line {node.lineno}) has {lines} lines"


def test_a_worker_loads_no_control_plane():
    program = "import sys, integrator.app; print('\\n'.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = sorted({name.split(".")[0] for name in loaded} & set(HEAVY))
    assert not heavy, f"importing the data plane loads {heavy}"


def test_project_files_name_no_machine():
    """No file names the directory or the home of whoever works on it."""
    places = [str(ROOT), *([str(Path.home())] if Path.home() != Path("/") else [])]
    words = [place.encode() + b"/" for place in places]
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    files = [ROOT / name for name in listed.decode().split("\0") if name]
    wrong = [path for path in files if path.is_file() and any(word in path.read_bytes() for word in words)]
    assert not wrong
