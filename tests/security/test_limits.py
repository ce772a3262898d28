"""Every limit is used, says its unit, and is told to operators (design, I7)."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from integrator.security.limits import DEFAULT, Limits

ROOT = Path(__file__).parents[2]
SOURCES = {
    path: path.read_text("utf-8") for path in (ROOT / "integrator").rglob("*.py") if path.name != "limits.py"
}
NAMES = [item.name for item in fields(Limits)]
UNITS = (
    "bytes", "chars", "seconds", "depth", "elements", "connections", "exchange", "element", "flight", "waiting", "batch",
    "concurrency", "unconfirmed", "messages", "redeliveries", "groups", "query", "poll",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_limit_is_used(name):
    assert any(re.search(rf"\.{name}\b", text) for text in SOURCES.values()), "no code asks for it"


@pytest.mark.parametrize("name", NAMES)
def test_every_limit_ends_with_what_it_counts(name):
    assert name.rpartition("_")[2] in UNITS


@pytest.mark.parametrize("name", NAMES)
def test_every_limit_is_a_positive_number(name):
    assert getattr(DEFAULT, name) > 0


def test_every_limit_stands_in_the_documentation():
    page = (ROOT / "docs/reference/limits.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", page, re.MULTILINE))
    assert {name: float(value) for name, value in rows.items()} == {
        name: float(getattr(DEFAULT, name)) for name in NAMES
    }
