"""Arming a point; that a hit kills is proven in `test_kills.py`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrator.store import failpoints


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    signals: list[int] = []
    monkeypatch.setattr(os, "kill", lambda _, signal: signals.append(signal))
    yield signals
    failpoints.arm(None)


def test_unarmed_nothing_happens(killed: list[int]) -> None:
    failpoints.arm("")
    failpoints.hit("commit-before")
    assert not failpoints.armed()
    assert killed == []


def test_the_named_point_kills_at_its_count(killed: list[int]) -> None:
    failpoints.arm("commit-before:3")
    assert failpoints.armed()
    for expected in ([], [], [9]):
        failpoints.hit("seal-before")
        failpoints.hit("commit-before")
        assert killed == expected


def test_without_a_count_the_first_hit_kills(killed: list[int]) -> None:
    failpoints.arm("seal-after")
    failpoints.hit("seal-after")
    assert killed == [9]


def test_every_point_is_hit_somewhere_under_its_name() -> None:
    room = Path(failpoints.__file__).parents[1]
    text = "".join(path.read_text("utf-8") for path in room.rglob("*.py"))
    assert set(re.findall(r'failpoints\.hit\("([a-z-]+)"\)', text)) == set(failpoints.POINTS)
