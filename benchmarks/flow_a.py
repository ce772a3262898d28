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
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.measure import ROOT, Load, free_port, keep, load, memory_mb, spread, static_provider, table, wait_for
from integrator.operations.send import Justification
from tests.services import postgres

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


def make_site(directory: Path) -> Path:
    """The Walloon site without message security, and with a quota that a load does not reach."""
    site = directory / "site"
    site.mkdir()
    for name in ("routes", "adapters", "parties", "schemas"):
        shutil.copytree(ROOT / name, site / name)
    shutil.copy(ROOT / "routes.yaml", site / "routes.yaml")
    adapter = site / "adapters/regional/bced-person.yaml"
    text = re.sub(r"^security:\n(?:[ ].*\n)+", "", adapter.read_text(), flags=re.MULTILINE)
    adapter.write_text(text.replace("concurrency: 32", "concurrency: 256"))
    grants = site / "routes/regional/person-consult.grants.yaml"
    grants.write_text(re.sub(r"quota: \d+/min", "quota: 100000000/min", grants.read_text()))
    return site


@contextlib.contextmanager
def bus(name: str, directory: Path, site: Path, provider: int, *services: str) -> Iterator[tuple[System, dict[str, float]]]:
    """A bus of one worker on its own port, with a key of one party; and how long its starts took."""
    var, port = directory / f"var-{name}", free_port()
    environment = {
        **os.environ,
        "BCED_PERSON_URL": f"http://127.0.0.1:{provider}/person",
        "PERMIT_PLATFORM_URL": f"http://127.0.0.1:{provider}/",
    }
    integrator = [sys.executable, "-m", "integrator.cli"]
    command = [*integrator, "run", "--site", str(site), "--var", str(var), "--port", str(port), *services]
    command += ["--data-plane-only", "--log-level", "error"]
    times: dict[str, float] = {}
    key = ""
    for start in ("first_start_s", "cold_start_s"):  # the first one compiles the site
        began = time.monotonic()
        process = subprocess.Popen(command, env=environment)
        try:
            wait_for(port)
            times[start] = time.monotonic() - began
            if start == "first_start_s":
                continue
            times["memory_first_mb"] = memory_mb(process.pid)
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **WHY.headers()}
            yield System(name, f"http://127.0.0.1:{port}{PATH}", headers, BODY, [process.pid]), times
            times["memory_peak_mb"] = memory_mb(process.pid, "VmHWM")
        finally:
            process.terminate()
            process.wait(timeout=60)
        if start == "first_start_s":
            key = ""
    raise AssertionError("unreachable")


def add_key(var: Path, site: Path, *services: str) -> str:
    """A key of the benchmark's party, made while no bus runs."""
    command = [sys.executable, "-m", "integrator.cli", "key", "add", "municipal/namur", "--var", str(var)]
    done = subprocess.run([*command, "--site", str(site), *services], check=True, capture_output=True, text=True)
    return done.stdout.strip()


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
                    raise SystemExit(f"{system.name}: {result.errors} of {result.requests} answers were errors")
                found[system.name][connections].append(result)
                print(f"  round {round_ + 1} {system.name:10} {connections:4} {result.rate:9.0f}/s", flush=True)
    return found
