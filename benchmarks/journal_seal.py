"""How long a durable record waits for its signed checkpoint, and for a witness; what sealing costs beside it.

    python -m benchmarks.journal_seal [--rate 5000] [--seconds 10] [--only sqlite|postgres]

Records arrive at the rate, one unit each, made before the clock starts. Three runs a database: without a
sealer, with one, and with one whose checkpoints a witness (a process of its own) cosigns; CPU is that of
this process as a share of one core, so that the differences are the sealer's and the witness client's.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.journal_append import builder, fresh
from benchmarks.journal_build import keyring
from benchmarks.measure import ROOT, free_port, keep, table, wait_for
from integrator.journal.anchor import Anchor
from integrator.journal.cosignature import Cosigner
from integrator.journal.logkey import LogKey
from integrator.journal.note import Signer
from integrator.journal.policy import Policy, Witness, parse
from integrator.journal.sealer import Sealer
from integrator.journal.witness_client import Reply, WitnessClient
from integrator.security.limits import DEFAULT
from integrator.store.api import CheckpointRow, Store
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from integrator.store.units import Unit

ORIGIN = "bench.example/journal"
RUNS = ("no sealer", "sealer", "sealer and witness")
KINDS = ("sqlite", "postgres")
_TICK_SECONDS = 0.01


def now() -> float:
    return time.time()


@dataclass
class Seen:
    """When each record became durable, and when a checkpoint or a cosignature of a size was there."""

    durable: dict[bytes, float] = field(default_factory=dict)
    published: list[tuple[int, float]] = field(default_factory=list)
    cosigned: list[tuple[int, float]] = field(default_factory=list)

    def lags(self, order: list[bytes], marks: list[tuple[int, float]]) -> list[float]:
        """Milliseconds from durable to the first mark that covers it, sorted."""
        sizes = [size for size, _ in marks]
        found = []
        for index, record_id in enumerate(order):
            place = bisect_right(sizes, index)
            if place < len(marks) and record_id in self.durable:
                found.append((marks[place][1] - self.durable[record_id]) * 1e3)
        return sorted(found)


class TimedClient(WitnessClient):
    """Notes when a cosignature was kept."""

    seen: Seen

    async def ask(self, witness: Witness, row: CheckpointRow, seen: int) -> int:
        size = await super().ask(witness, row, seen)
        self.seen.cosigned.append((size, now()))
        return size


def _fetch(method: str, address: str, body: bytes) -> Reply:
    request = urllib.request.Request(address, data=body or None, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return Reply(answer.status, answer.headers["content-type"], answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, error.headers["content-type"], error.read())


@contextlib.contextmanager
def witness(directory: Path, key: LogKey) -> Iterator[Policy]:
    """A witness process, as the command line starts it; the policy that names it."""
    signer = Signer("witness.example/w1", secrets.token_bytes(32))
    (directory / "w1.key").write_text(signer.secret_text() + "\n")
    port = free_port()
    command = [sys.executable, "-m", "integrator.cli", "journal", "witness", "--log", str(key.verifier)]
    command += ["--key", str(directory / "w1.key"), "--state", str(directory / "w1.db"), "--port", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield parse(f"witness w1 {Cosigner(signer).key} http://127.0.0.1:{port}\nquorum w1\n".encode())
    finally:
        process.terminate()
        process.wait()


async def arrive(store: Store, units: list[Unit], rate: int, seen: Seen) -> float:
    """Commit the units at the rate; how late the last of them was begun, in milliseconds."""

    async def one(unit: Unit) -> None:
        await store.commit(unit)
        seen.durable[unit.records[0].record_id] = now()

    tasks: set[asyncio.Task[None]] = set()
    began, sent, late = time.perf_counter(), 0, 0.0
    while sent < len(units):
        due = min(len(units), int((time.perf_counter() - began) * rate) + 1)
        for unit in units[sent:due]:
            task = asyncio.create_task(one(unit))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        late = max(late, (due - sent) / rate - _TICK_SECONDS)
        sent = due
        await asyncio.sleep(_TICK_SECONDS)
    while tasks:
        await asyncio.wait(tasks)
    return late * 1e3


async def once(url: str, directory: Path, name: str, rate: int, seconds: float) -> dict[str, Any]:
    """One run on an empty database."""
    migrate(url, directory)
    build, key, seen = builder(), LogKey.current(ORIGIN, keyring()), Seen()
    units = [build() for _ in range(int(rate * seconds))]
    store = open_store(url, limits=DEFAULT, process_id=bytes(16), data_dir=directory)
    await store.open()
    sealer = Sealer(store, Anchor(directory / "anchor", ORIGIN), key, lambda: time.time_ns() // 1_000)
    publish = store.publish

    async def noted(checkpoint: CheckpointRow) -> bool:
        done = await publish(checkpoint)
        seen.published.append((checkpoint.size, now()))
        return done

    store.publish = noted  # type: ignore[method-assign]
    with contextlib.ExitStack() as stack:
        running = []
        if name != "no sealer":
            running.append(asyncio.create_task(sealer.run()))
        if name == "sealer and witness":
            policy = stack.enter_context(witness(directory, key))

            async def fetch(method: str, address: str, body: bytes) -> Reply:
                return await asyncio.to_thread(_fetch, method, address, body)

            client = TimedClient(store, policy, ORIGIN, fetch, sealing=lambda: sealer.holds_lock)
            client.seen = seen
            running.append(asyncio.create_task(client.run()))
        wall, cpu = time.perf_counter(), time.process_time()
        late_ms = await arrive(store, units, rate, seen)
        share = (time.process_time() - cpu) / (time.perf_counter() - wall)
        rate_met = len(units) / (time.perf_counter() - wall)
        order = await _sealed(store, len(units), seen, name)
        sealer.stop()
        for task in running[1:]:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    await store.close()
    lags, witnessed = seen.lags(order, seen.published), seen.lags(order, seen.cosigned)
    return {
        "rate": rate_met, "cpu_share": share, "late_ms": late_ms, "checkpoints": len(seen.published),
        "seal_ms": _percentiles(lags), "witness_ms": _percentiles(witnessed),
    }  # fmt: skip


async def _sealed(store: Store, count: int, seen: Seen, name: str) -> list[bytes]:
    """Wait until everything is published (and cosigned); the record ids in the order of the log."""
    marks = {"no sealer": None, "sealer": seen.published, "sealer and witness": seen.cosigned}[name]
    if marks is None:
        return []
    async with asyncio.timeout(60):
        while not marks or marks[-1][0] < count:  # noqa: ASYNC110 - sealer and client are tasks of their own
            await asyncio.sleep(0.05)
    return [record_id for _, record_id, _ in await store.log_entries(0, count)]


def _percentiles(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {"p50": values[len(values) // 2], "p99": values[int(len(values) * 0.99)], "max": values[-1]}


def rows(results: list[dict[str, Any]]) -> list[list[str]]:
    """The table."""
    lines = [
        [
            "database",
            "run",
            "records/s",
            "CPU % of a core",
            "seal p50 ms",
            "p99",
            "max",
            "witness p50 ms",
            "p99",
        ]
    ]
    for one in results:
        seal, witnessed = one["seal_ms"] or {}, one["witness_ms"] or {}
        figures = [
            seal.get("p50"),
            seal.get("p99"),
            seal.get("max"),
            witnessed.get("p50"),
            witnessed.get("p99"),
        ]
        shown = ["-" if value is None else f"{value:.0f}" for value in figures]
        lines.append(
            [one["database"], one["run"], f"{one['rate']:.0f}", f"{one['cpu_share'] * 100:.0f}", *shown]
        )
    return lines


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=int, default=5_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--only", choices=KINDS)
    asked = parser.parse_args()
    kinds = [kind for kind in KINDS if asked.only in (None, kind)]
    results = []
    with fresh(kinds) as database:
        for kind in kinds:
            for name in RUNS:
                with database(kind) as url, tempfile.TemporaryDirectory() as directory:
                    found = uvloop.run(once(url, Path(directory), name, asked.rate, asked.seconds))
                results.append({"database": kind, "run": name, **found})
    print(table(rows(results)))
    print(f"kept in {keep('journal_seal', results).relative_to(ROOT)}")


if __name__ == "__main__":
    main()
