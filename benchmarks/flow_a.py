"""Flow A end to end, beside a control without the bus: `make bench`.

JSON in, SOAP to a static provider, XSD validation both ways, minimisation, metrics, and two durable
records with details an exchange; one worker without the control plane. The control is wrk straight
to the provider in the same run. Systems alternate within each round, so that the machine's drift
meets all of them; the table has medians with the lowest and highest round.

    python -m benchmarks.flow_a [--rounds 3] [--seconds 8] [--only sqlite,postgres]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.measure import (
    ROOT,
    Load,
    free_port,
    keep,
    load,
    memory_mb,
    spread,
    static_provider,
    table,
    wait_for,
)
from integrator.operations.client import call
from integrator.operations.send import Justification
from integrator.security.keyring import Keyring
from tests.services import postgres
from tests.services.site import open_site

NISS = "53480200724"
BODY = json.dumps({"niss": NISS}).encode()
WHY = Justification("environmental-permit", "imio-urban:PE/2026/118", "RN/RBis:85073003328", "benchmark")
PATH = "/v1/persons/consult"
ANSWER = (Path(__file__).parent / "person_answer.xml").read_bytes().replace(b"@NISS@", NISS.encode())


@dataclass
class System:
    """One system under test: where it answers and which processes are its own."""

    name: str
    url: str
    headers: dict[str, str]
    body: bytes
    pids: list[int]


class Bus:
    """A bus of one worker on its own port. The first start compiles the site; the second is measured."""

    def __init__(
        self,
        name: str,
        directory: Path,
        site: Path,
        provider: int,
        *services: str,
        module: str = "integrator.cli",
    ) -> None:
        self.name, self.var, self.port = name, directory / f"var-{name}", free_port()
        self.figures: dict[str, float] = {}
        self._environment = {
            **os.environ,
            "BCED_PERSON_URL": f"http://127.0.0.1:{provider}/person",
            "PERMIT_PLATFORM_URL": f"http://127.0.0.1:{provider}/",
            "PERMIT_DROP_DIR": str(self.var.absolute() / "drop"),
        }
        self._command = [
            *(sys.executable, "-m", module, "run", "--log-level", "error"),
            *("--site", str(site), "--var", str(self.var), "--port", str(self.port), *services),
        ]
        if services:
            Keyring.create(self.var / "keys.json")  # only the embedded mode makes one by itself
        with self._running("first_start_s"):
            self._key = self._add_key()

    @contextlib.contextmanager
    def _running(self, figure: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
        began = time.monotonic()
        process = subprocess.Popen([*self._command, *options], env=self._environment)
        try:
            wait_for(self.port)
            call(f"http://127.0.0.1:{self.port}", "GET", "/health")
            self.figures[figure] = time.monotonic() - began
            yield process
        finally:
            process.terminate()
            process.wait(timeout=60)

    def _add_key(self) -> str:
        command = [
            sys.executable,
            "-m",
            "integrator.cli",
            "key",
            "add",
            "municipal/namur",
            "--var",
            str(self.var),
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    @contextlib.contextmanager
    def serving(self) -> Iterator[System]:
        """The data plane alone, as a worker runs."""
        with self._running("cold_start_s", "--data-plane-only") as process:
            self.figures["memory_first_mb"] = memory_mb(process.pid)
            headers = {
                "Authorization": f"Bearer {self._key}",
                "Content-Type": "application/json",
                **WHY.headers(),
            }
            yield System(self.name, f"http://127.0.0.1:{self.port}{PATH}", headers, BODY, [process.pid])
            self.figures["memory_peak_mb"] = memory_mb(process.pid, "VmHWM")


def measure(systems: list[System], rounds: int, seconds: float) -> dict[str, dict[int, list[Load]]]:
    """Every system at 20 and 100 connections, alternating within each round."""
    found: dict[str, dict[int, list[Load]]] = {system.name: {20: [], 100: []} for system in systems}
    for system in systems:
        load(system.url, system.body, system.headers, connections=20, seconds=2)
    for round_ in range(rounds):
        order = systems[round_ % len(systems) :] + systems[: round_ % len(systems)]
        for connections in (20, 100):
            for system in order:
                result = load(
                    system.url,
                    system.body,
                    system.headers,
                    connections=connections,
                    seconds=seconds,
                    pids=system.pids,
                )
                if result.errors:
                    raise SystemExit(
                        f"{system.name}: {result.errors} of {result.requests} answers were errors"
                    )
                found[system.name][connections].append(result)
                print(
                    f"  round {round_ + 1} {system.name:10} {connections:4} {result.rate:9.0f}/s", flush=True
                )
    return found


def rows(found: dict[str, dict[int, list[Load]]]) -> list[list[str]]:
    """The table: medians, with the range of the rate."""
    head = [
        "system",
        "connections",
        "requests/s",
        "(min-max)",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "CPU ms/1000",
        "of control",
    ]
    lines = [head]
    for name, by_connections in found.items():
        for connections, loads in by_connections.items():
            rate = spread([item.rate for item in loads])
            control = spread([item.rate for item in found["control"][connections]])["median"]
            cpu = [item.cpu_ms_per_1000 for item in loads if item.cpu_ms_per_1000 is not None]
            lines.append(
                [
                    name,
                    str(connections),
                    f"{rate['median']:.0f}",
                    f"({rate['min']:.0f}-{rate['max']:.0f})",
                    *(
                        f"{spread([getattr(i, p) for i in loads])['median']:.2f}"
                        for p in ("p50", "p95", "p99")
                    ),
                    f"{spread(cpu)['median']:.0f}" if cpu else "-",
                    f"{rate['median'] / control:.2f}",
                ]
            )
    return lines


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--only", default="sqlite,postgres")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        provider = stack.enter_context(static_provider(ANSWER, "text/xml; charset=utf-8"))
        site = open_site(directory)
        buses = [Bus("sqlite", directory, site, provider)] if "sqlite" in wanted else []
        if "postgres" in wanted:
            binaries = postgres.find()
            if binaries is None:
                raise SystemExit("PostgreSQL is missing: apt-get install postgresql")
            server = postgres.Server(binaries, directory / "postgres")
            stack.callback(server.stop)
            buses.append(
                Bus("postgres", directory, site, provider, "--database", server.create_database()[1])
            )
        soap = {"Content-Type": "text/xml; charset=utf-8"}
        control = System("control", f"http://127.0.0.1:{provider}/person", soap, b"<x/>", [])
        systems = [control, *(stack.enter_context(one.serving()) for one in buses)]
        found = measure(systems, arguments.rounds, arguments.seconds)
    print(table(rows(found)))
    for one in buses:
        print(f"{one.name}: " + ", ".join(f"{name} {value:.2f}" for name, value in one.figures.items()))
    kept = {
        "loads": {
            n: {str(c): [asdict(i) for i in loads] for c, loads in by.items()} for n, by in found.items()
        },
        "processes": {one.name: one.figures for one in buses},
    }
    print(f"kept in {keep('flow_a', kept).relative_to(ROOT)}")


if __name__ == "__main__":
    main()
