"""The log of a bus that ran: read over HTTP by our verifier, judged by Go's, and refused once touched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from integrator.journal import verify
from integrator.journal.note import Verifier
from integrator.journal.tiles import join_entries, parse, split_entries
from integrator.operations.client import call
from tests.bus.conftest import Town
from tests.journal.log_files import files
from tests.peers.conftest import Verify

EXCHANGES = 140  # two records each: more than one tile


def integrator(town: Town, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "integrator.cli", "journal", *arguments, "--var", str(town.bus.var)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def key(town: Town) -> str:
    found: str = town.journal("key")["key"]
    return found


@pytest.fixture
def log(town: Town, key: str, tmp_path: Path, eventually) -> Path:
    """A copy of the log after some exchanges, made by the outside verifier itself."""

    def copied() -> int:
        command = [f"{town.bus.address}/log", "--key", key, "--keep", str(tmp_path / "log")]
        return verify.main(command)

    size = town.journal("check")["size"]
    last = ""
    for _ in range(max(0, 2 * EXCHANGES - size + 1) // 2):
        answer = town.consult()
        assert answer.status == 200
        last = answer.headers["belgov-trace-id"]
    if last:
        eventually(lambda: receipt(town, last).status, lambda status: status == 200)
    assert copied() == 0
    return tmp_path / "log"


def receipt(town: Town, exchange: str, party: str = "municipal/namur"):
    headers = {"Authorization": f"Bearer {town.keys[party]}"}
    return call(town.bus.address, "GET", f"/v1/exchanges/{exchange}/receipt", headers=headers)


def test_go_accepts_it_and_refuses_each_change(log: Path, key: str, go_verify: Verify) -> None:
    origin = Verifier.parse(key).name
    assert len(files(log)) >= 6
    sound = go_verify(log, key, origin)
    assert sound.returncode == 0, sound.stderr

    def refused() -> bool:
        return go_verify(log, key, origin).returncode == 1

    for path in files(log):
        whole = path.read_bytes()
        for place in (0, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
            assert refused(), (path, place)
        path.write_bytes(whole)
    bundle = log / "tile/entries/000"
    whole = bundle.read_bytes()
    entries = split_entries(whole, parse("tile/entries/000").width)
    for changed in ([*entries[:9], *entries[10:]], [*entries[:9], entries[10], entries[9], *entries[11:]]):
        bundle.write_bytes(join_entries(changed))
        assert refused()
    bundle.write_bytes(whole)
    signed = (log / "checkpoint").read_text("utf-8")
    size = signed.split("\n")[1]
    (log / "checkpoint").write_text(signed.replace(f"\n{size}\n", f"\n{int(size) - 1}\n", 1), "utf-8")
    assert refused()
    (log / "checkpoint").write_text(signed, "utf-8")
    assert go_verify(log, key, "other.example/journal").returncode == 1
    assert go_verify(log, key, origin).returncode == 0


def test_the_sender_keeps_a_receipt_for_ever(town: Town, key: str, tmp_path: Path, eventually) -> None:
    answer = town.consult()
    exchange = answer.headers["belgov-trace-id"]
    found = eventually(lambda: receipt(town, exchange), lambda found: found.status == 200)
    path = tmp_path / "kept.tlog-proof"
    path.write_bytes(found.body)
    done = integrator(town, "verify", str(path))
    assert done.returncode == 0, done.stderr
    assert "proven: the entry stands at index" in done.stdout
    assert receipt(town, exchange, "municipal/liege").status == 404
    by_operator = tmp_path / "operator.tlog-proof"
    made = integrator(town, "receipt", exchange, "--save", str(by_operator))
    assert made.returncode == 0, made.stderr
    assert verify.main([str(by_operator), "--key", key]) == 0
    altered = found.body.replace(b"index ", b"index 1", 1)
    path.write_bytes(altered)
    assert integrator(town, "verify", str(path), "--key", key).returncode == 1


def test_the_log_continues_across_a_kill(town: Town, log: Path, key: str, eventually) -> None:
    town.bus.kill()
    town.run = town.bus.start()
    exchange = town.consult().headers["belgov-trace-id"]
    eventually(lambda: receipt(town, exchange).status, lambda status: status == 200)
    done = integrator(
        town, "verify", f"{town.bus.address}/log", "--key", key, "--earlier", str(log / "checkpoint")
    )
    assert done.returncode == 0, done.stderr
    assert town.journal("check")["sound"]


def test_the_key_is_told_to_whoever_verifies(town: Town, key: str) -> None:
    done = integrator(town, "key")
    assert done.stdout == f"{key}\n"
    assert str(Verifier.parse(key)) == key
