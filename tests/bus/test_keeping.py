"""Keeping the journal of a bus that runs, from the command line: hold, erase, retain, rotate, export."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrator.journal import verify
from integrator.operations.client import CallError, control
from integrator.operations.demo import resident
from tests.bus.conftest import Town, _live


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Town]:
    """A bus of this test alone: it is stopped, started and erased from."""
    yield from _live(tmp_path, [])


def integrator(town: Town, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "integrator.cli", *arguments, "--var", str(town.bus.var)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def said(town: Town, *arguments: str) -> str:
    done = integrator(town, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(town: Town, *arguments: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in said(town, *arguments).splitlines()]


def search(town: Town) -> list[dict[str, object]]:
    found: list[dict[str, object]] = town.journal("search", subject=resident())["records"]
    return found


def test_hold_erase_retain(own: Town) -> None:
    assert own.consult().status == 200
    assert len(search(own)) == 1
    made = said(own, "journal", "hold", "add", "--subject", resident(), "--why", "inquiry 2026/3")
    hold = made.split()[1]
    (row,) = rows(own, "journal", "hold", "list", "--why", "a look")
    assert (row["hold"], row["value"], row["why"]) == (hold, resident(), "inquiry 2026/3")
    refused = integrator(own, "journal", "erase", "--subject", resident(), "--why", "order")
    assert refused.returncode == 1
    assert f"a legal hold forbids this: {hold}" in refused.stderr.replace("\n", " ")
    said(own, "journal", "hold", "lift", hold, "--why", "inquiry closed")
    assert "erased in " in said(own, "journal", "erase", "--subject", resident(), "--why", "order 2026/17")
    assert search(own) == []
    assert [row["deleted"] for row in rows(own, "journal", "retain", "--dry-run")] == [0]
    for wrong in (
        ["hold", "add", "--why", "inquiry"],
        ["hold", "add", "--why", "inquiry", "--flow", "a", "--party", "b"],
        ["hold", "lift", "x", "--why", "inquiry"],
        ["erase", "--subject", "123", "--why", "order"],
    ):
        assert integrator(own, "journal", *wrong).returncode in (1, 2), wrong
    assert own.journal("check")["sound"]


def test_rotate_rekey_retire(own: Town) -> None:
    assert own.consult().status == 200
    key = said(own, "journal", "key").strip()
    for purpose in ("details", "index", "log"):
        assert f"{purpose}-2 is the key" in said(own, "keyring", "rotate", purpose)
    assert own.bus.stop() == 0
    own.run = own.bus.start()
    assert own.consult().status == 200
    assert len(search(own)) == 2
    assert "still needed" in integrator(own, "keyring", "retire", "details-1", "--why", "old").stderr
    assert "under the current keys now" in said(own, "journal", "rekey", "--why", "rotation")
    assert len(search(own)) == 2
    assert "details-1 is retired" in said(own, "keyring", "retire", "details-1", "--why", "replaced")
    assert own.bus.stop() == 0
    own.run = own.bus.start()
    assert len(search(own)) == 2
    assert own.journal("check")["sound"]
    new, former = said(own, "journal", "key", "--former").split()
    assert former == key
    assert new != key
    done = integrator(own, "journal", "verify", f"{own.bus.address}/log")
    assert done.returncode == 0, done.stderr


def test_export_of_a_running_and_of_a_stopped_bus(own: Town, tmp_path: Path, eventually) -> None:  # type: ignore[no-untyped-def]
    assert own.consult().status == 200
    key = said(own, "journal", "key").strip()
    eventually(lambda: own.journal("check")["unsealed"], lambda unsealed: unsealed == 0)
    said(own, "journal", "export", str(tmp_path / "running.tar"), "--why", "inspection")
    said(own, "journal", "export", str(tmp_path / "part"), "--range", "1:2", "--why", "inspection")
    again = integrator(own, "journal", "export", str(tmp_path / "part"), "--why", "inspection")
    assert "is there already" in again.stderr
    assert own.bus.stop() == 0
    said(
        own, "journal", "export", str(tmp_path / "stopped.tar"), "--from", "2026-01-01", "--why", "inspection"
    )
    for name in ("running.tar", "part", "stopped.tar"):
        assert verify.main([str(tmp_path / name), "--key", key]) == 0, name
    for wrong in (["--range", "2:1"], ["--range", "x"], ["--until", "2020-01-01"], ["--range", "0:9999"]):
        done = integrator(own, "journal", "export", str(tmp_path / "wrong"), *wrong)
        assert done.returncode in (1, 2), wrong
        assert not (tmp_path / "wrong").exists()
    own.run = own.bus.start()


def test_after_a_restore(own: Town, tmp_path: Path, eventually) -> None:  # type: ignore[no-untyped-def]
    assert own.consult().status == 200
    eventually(lambda: own.journal("check")["unsealed"], lambda unsealed: unsealed == 0)
    assert own.bus.stop() == 0
    database = (
        next(own.bus.var.glob("*.db"))
        if list(own.bus.var.glob("*.db"))
        else next(own.bus.var.glob("*.sqlite"))
    )
    backup = database.read_bytes()
    own.run = own.bus.start()
    assert own.consult().status == 200
    assert own.bus.stop() == 0
    said(own, "journal", "export", str(tmp_path / "copy.tar"), "--why", "copy")
    for path in own.bus.var.glob(f"{database.name}-*"):
        path.unlink()
    database.write_bytes(backup)
    refused = integrator(own, "journal", "list")
    recovered = said(own, "journal", "recover", "--from", str(tmp_path / "copy.tar"), "--why", "restored")
    assert "are back, without their details" in recovered, refused.stderr
    own.run = own.bus.start()
    assert own.journal("check")["sound"]
    assert own.consult().status == 200
    assert own.bus.stop() == 0

    for path in own.bus.var.glob(f"{database.name}-*"):
        path.unlink()
    database.write_bytes(backup)
    assert "nothing here says" not in integrator(own, "journal", "recover", "--from", str(tmp_path / "none"), "--why", "restored").stderr  # fmt: skip
    begun = said(own, "journal", "new-epoch", "--why", "the copy is older")
    assert "/epoch-2" in begun
    own.run = own.bus.start()
    assert own.consult().status == 200
    key = said(own, "journal", "key").strip()
    assert "/epoch-2" in key
    assert own.journal("check")["sound"]
    done = integrator(own, "journal", "verify", f"{own.bus.address}/log")
    assert done.returncode == 0, done.stderr


def test_the_api_is_for_whoever_has_the_token(own: Town) -> None:
    from dataclasses import replace

    stranger = replace(own.run, control_token="x")
    for method, path in (
        ("POST", "/api/journal/erase"), ("POST", "/api/journal/retain"), ("POST", "/api/journal/rekey"),
        ("POST", "/api/journal/holds"), ("POST", "/api/journal/export"), ("POST", "/api/keyring/retire"),
    ):  # fmt: skip
        with pytest.raises(CallError, match="control token"):
            control(stranger, method, path, {"who": "a", "why": "because"})
