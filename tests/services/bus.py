"""A bus as a process of its own, with the simulators beside it: for tests that kill and restart it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from integrator.operations import runfile
from integrator.operations.client import Answer, CallError, call, control
from integrator.operations.runfile import NotRunningError, RunFile
from integrator.security.keyring import Keyring
from tests.services.ports import free_port

START_SECONDS = 60.0


@contextlib.contextmanager
def simulators(site: Path) -> Iterator[dict[str, str]]:
    """The sandbox in its own process: adapter id → address. It outlives any bus."""
    command = [sys.executable, "-m", "integrator.sandbox", "--site", str(site)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


class BusProcess:
    """`integrator run` on its own port and directory; started, killed and started again."""

    def __init__(
        self, site: Path, var: Path, endpoints: dict[str, str], *services: str, port: int | None = None
    ) -> None:
        self.site, self.var, self.port = site, var, port or free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.drop = var.parent.absolute() / "drop"
        self.environment = {
            **os.environ,
            "BCED_PERSON_URL": endpoints["regional/bced-person"],
            "PERMIT_PLATFORM_URL": endpoints["regional/permit-platform"],
            "PERMIT_DROP_DIR": str(self.drop),
        }
        self._services = services
        self.sandbox = False  # simulators of its own, as `make run` starts them
        self.process: subprocess.Popen[bytes] | None = None
        self.log = var.parent / f"{var.name}.log"

    def start(self) -> RunFile:
        """Start it and return once it answers, with its run file."""
        if self._services and not (self.var / "keys.json").exists():
            Keyring.create(self.var / "keys.json")  # only the embedded mode makes one by itself
        command = [sys.executable, "-m", "integrator.cli", "run", "--site", str(self.site)]
        command += ["--var", str(self.var), "--port", str(self.port), *self._services]
        command += ["--sandbox"] if self.sandbox else []
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"the bus ended with {self.process.returncode}: {self.tail()}")
            with contextlib.suppress(NotRunningError, CallError):
                run = runfile.read(self.var)
                if run.pids["bus"] == self.process.pid and call(self.address, "GET", "/health").status == 200:
                    return run
            time.sleep(0.01)
        raise AssertionError(f"the bus does not answer: {self.tail()}")

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text()[-2_000:]

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def add_key(self, run: RunFile, party: str) -> str:
        """A key of a party, through the control plane."""
        key: str = control(run, "POST", "/api/keys", {"party": party, "label": "test"})["key"]
        return key

    def status_of(self, exchange: str, key: str) -> Answer:
        """Where an exchange stands, as its sender asks."""
        return call(
            self.address, "GET", f"/v1/exchanges/{exchange}", headers={"Authorization": f"Bearer {key}"}
        )

    def receipt_of(self, exchange: str, key: str) -> Answer:
        """The receipt of an exchange, as its sender asks."""
        return call(
            self.address,
            "GET",
            f"/v1/exchanges/{exchange}/receipt",
            headers={"Authorization": f"Bearer {key}"},
        )
