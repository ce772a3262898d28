"""A bus and the witnesses of its journal, as processes: cosigned checkpoints and receipts, and what silence means."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrator.journal.policy import parse
from integrator.operations.client import UnreachableError, call
from integrator.operations.demo import CONSULT, reasons, resident
from integrator.operations.send import send
from tests.services.bus import BusProcess, simulators
from tests.services.ports import free_port
from tests.services.site import open_site

INTEGRATOR = (sys.executable, "-m", "integrator.cli")


class WitnessProcess:
    """`integrator journal witness` on a port of its own."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory, self.name, self.port = directory, name, free_port()
        made = subprocess.run(
            [*INTEGRATOR, "journal", "witness-key", f"{name}.example/w", str(directory / f"{name}.key")],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        self.line = f"witness {name} {made.stdout.split()[2]} http://127.0.0.1:{self.port}\n"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, log_key: str, state: Path | None = None) -> None:
        """Start it and return once it answers."""
        command = [*INTEGRATOR, "journal", "witness", "--log", log_key, "--key", str(self.directory / f"{self.name}.key"),
                   "--state", str(state or self.directory / f"{self.name}.db"), "--port", str(self.port)]  # fmt: skip
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with contextlib.suppress(UnreachableError):
                call(f"http://127.0.0.1:{self.port}", "GET", "/nothing")
                return
            time.sleep(0.02)
        raise AssertionError("the witness does not answer")

    def kill(self) -> None:
        """kill -9, if it runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class Watched:
    """A bus whose journal two witnesses watch; both must cosign."""

    def __init__(self, directory: Path, endpoints: dict[str, str], max_age: float = 0.0) -> None:
        self.directory = directory
        self.witnesses = [WitnessProcess(directory, name) for name in ("one", "two")]
        self.policy = directory / "witnesses.policy"
        lines = [witness.line for witness in self.witnesses]
        self.policy.write_text("".join([*lines, "group both all one two\nquorum both\n"]))
        self.bus = BusProcess(directory / "site", directory / "var", endpoints)
        self.bus.environment["INTEGRATOR_WITNESS_POLICY"] = str(self.policy)
        self.bus.environment["INTEGRATOR_WITNESS_MAX_AGE"] = str(max_age)
        self.run = self.bus.start()
        self.key = self.bus.add_key(self.run, "municipal/namur")
        self.log_key = subprocess.run(
            [*INTEGRATOR, "journal", "key", "--var", str(self.bus.var)], capture_output=True, text=True, check=True
        ).stdout.strip()  # fmt: skip

    def consult(self) -> Any:
        body = json.dumps({"niss": resident()}).encode()
        return send(self.bus.address, "POST", CONSULT, body, key=self.key, why=reasons())

    def verify(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "integrator.journal.verify", "--policy", str(self.policy), "--key", self.log_key,
                   *arguments]  # fmt: skip
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def checkpoint(self) -> bytes:
        return call(self.bus.address, "GET", "/log/checkpoint").body

    def close(self) -> None:
        for witness in self.witnesses:
            witness.kill()


def size_of(note: bytes) -> int:
    return int(note.split(b"\n")[1])


@pytest.fixture
def endpoints(tmp_path: Path) -> Iterator[dict[str, str]]:
    with simulators(open_site(tmp_path)) as found:
        yield found


def test_both_witnesses_cosign_and_an_outsider_can_tell(
    tmp_path: Path, endpoints: dict[str, str], eventually: Callable[..., Any]
) -> None:
    watched = Watched(tmp_path, endpoints)
    try:
        for witness in watched.witnesses:
            witness.start(watched.log_key)
        exchange = watched.consult().headers["belgov-trace-id"]
        policy = parse(watched.policy.read_bytes())
        eventually(lambda: policy.names_of(watched.checkpoint()), lambda names: set(names) == {"one", "two"})
        proven = watched.verify(f"{watched.bus.address}/log")
        assert proven.returncode == 0, proven.stderr

        def receipt() -> bytes:
            return watched.bus.receipt_of(exchange, watched.key).body

        target = tmp_path / "one.tlog-proof"

        def proof() -> int:
            target.write_bytes(receipt())
            return watched.verify(str(target)).returncode

        eventually(proof, lambda status: status == 0)
        assert watched.bus.stop() == 0
    finally:
        watched.close()


def test_a_dead_witness_holds_up_nobody_and_catches_up(
    tmp_path: Path, endpoints: dict[str, str], eventually: Callable[..., Any]
) -> None:
    watched = Watched(tmp_path, endpoints)
    try:
        policy = parse(watched.policy.read_bytes())
        watched.witnesses[0].start(watched.log_key)
        assert watched.consult().status == 200
        assert policy.names_of(watched.checkpoint()) == {}
        refused = watched.verify(f"{watched.bus.address}/log")
        assert refused.returncode == 1
        assert "has not cosigned" in refused.stderr
        watched.witnesses[1].start(watched.log_key)
        assert watched.consult().status == 200
        eventually(lambda: policy.names_of(watched.checkpoint()), lambda names: set(names) == {"one", "two"})
        watched.witnesses[0].kill()
        watched.witnesses[0].start(watched.log_key)
        before = size_of(watched.checkpoint())
        watched.consult()
        eventually(lambda: size_of(watched.checkpoint()), lambda size: size > before)
        assert watched.bus.stop() == 0
    finally:
        watched.close()


def test_a_bus_may_stop_accepting_where_its_witnesses_are_silent(
    tmp_path: Path, endpoints: dict[str, str], eventually: Callable[..., Any]
) -> None:
    watched = Watched(tmp_path, endpoints, max_age=6.0)
    try:
        answer = eventually(watched.consult, lambda answer: answer.status == 503)
        assert answer.json()["reason"] == "witness-silent"
        assert call(watched.bus.address, "GET", "/health").json()["details"]["witnesses"] == "DOWN"
        for witness in watched.witnesses:
            witness.start(watched.log_key)
        eventually(watched.consult, lambda answer: answer.status == 200)
        cosigned = parse(watched.policy.read_bytes()).names_of(watched.checkpoint())
        eventually(  # a log that rests is cosigned again
            lambda: parse(watched.policy.read_bytes()).names_of(watched.checkpoint()),
            lambda names: min(names.values(), default=0) > max(cosigned.values(), default=0) + 2,
        )
        assert watched.consult().status == 200
        assert watched.bus.stop() == 0
    finally:
        watched.close()


def test_a_witness_refuses_the_start_of_a_log_it_has_seen_longer(
    tmp_path: Path, endpoints: dict[str, str], eventually: Callable[..., Any]
) -> None:
    import shutil

    watched = Watched(tmp_path, endpoints)
    try:
        for witness in watched.witnesses:
            witness.start(watched.log_key)
        assert watched.bus.stop() == 0
        shutil.copytree(watched.bus.var, tmp_path / "backup")
        watched.run = watched.bus.start()
        before = size_of(watched.checkpoint())
        assert watched.consult().status == 200
        policy = parse(watched.policy.read_bytes())
        eventually(
            watched.checkpoint, lambda note: size_of(note) > before and len(policy.names_of(note)) == 2
        )
        assert watched.bus.stop() == 0
        shutil.rmtree(watched.bus.var)
        shutil.copytree(tmp_path / "backup", watched.bus.var)  # the anchor too: only the witness knows
        with pytest.raises(AssertionError, match="restored from an older backup"):
            watched.bus.start()
    finally:
        watched.close()


def test_a_policy_that_cannot_be_used_refuses_the_start(tmp_path: Path, endpoints: dict[str, str]) -> None:
    bus = BusProcess(tmp_path / "site", tmp_path / "var", endpoints)
    bus.environment["INTEGRATOR_WITNESS_POLICY"] = str(tmp_path / "none.policy")
    with pytest.raises(AssertionError, match="cannot be read"):
        bus.start()
