"""How many records a second the group commit makes durable, beside one commit a record.

`python -m benchmarks.store_commit [--records N] [--only sqlite|postgres] [--loop uvloop|asyncio]`.
Every waiting client writes one unit after the other: `full` is a record with a leaf of 400 bytes,
details of 300 and three tags, `bare` the leaf alone. The control commits each record by itself on
the same database, in the same run, through the same code. Figures: records a second, then
microseconds of CPU a record of this process and, in brackets, of its loop thread.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import uuid_utils
import uvloop

from benchmarks.measure import RESULTS
from integrator.security.limits import DEFAULT
from integrator.store.api import Store
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from integrator.store.units import RecordRow, Unit
from tests.services import postgres

CASES = (("full", 20), ("full", 100), ("bare", 20), ("bare", 100))


def units(shape: str, count: int) -> list[Unit]:
    """Records of an exchange as the journal makes them, built before the clock starts."""
    full = shape == "full"
    return [
        Unit(
            records=[
                RecordRow(
                    record_id=uuid_utils.uuid7().bytes,
                    exchange_id=uuid_utils.uuid7().bytes,
                    time_us=1_800_000_000_000_000,
                    type="received",
                    final=False,
                    leaf=os.urandom(200).hex().encode(),
                    leaf_hash=os.urandom(32),
                    flow="person-consult",
                    party="municipal/namur",
                    details=os.urandom(300) if full else None,
                    details_key="details-1" if full else None,
                    tags=tuple((kind, os.urandom(32)) for kind in range(3)) if full else (),
                    index_key="index-1" if full else None,
                )
            ]
        )
        for _ in range(count)
    ]


async def drive(store: Store, clients: int, prepared: list[Unit]) -> tuple[float, float, float]:
    """Records a second, CPU µs a record of the process, and of the loop's thread."""
    left = iter(prepared)

    async def client() -> None:
        for unit in left:
            if await store.commit(unit) is not None:
                raise RuntimeError("a benchmark record is in conflict")

    gc.collect()
    gc.freeze()
    wall, process, thread = time.perf_counter(), time.process_time(), time.thread_time()
    await asyncio.gather(*(client() for _ in range(clients)))
    count = len(prepared)
    return (
        count / (time.perf_counter() - wall),
        (time.process_time() - process) / count * 1e6,
        (time.thread_time() - thread) / count * 1e6,
    )


async def measure(
    url: str, shape: str, clients: int, records: int, per_batch: int
) -> tuple[float, float, float]:
    with tempfile.TemporaryDirectory() as directory:
        migrate(url, Path(directory))
        limits = replace(DEFAULT, units_per_batch=per_batch)
        store = open_store(url, limits=limits, process_id=bytes(16), data_dir=Path(directory))
        await store.open()
        try:
            await drive(store, clients, units(shape, 500))
            return await drive(store, clients, units(shape, records))
        finally:
            await store.close()


@contextmanager
def databases(only: str | None) -> Iterator[list[str]]:
    """The kinds to measure, and a PostgreSQL cluster of this run while they last."""
    kinds = [kind for kind in ("sqlite", "postgres") if only in (None, kind)]
    if "postgres" not in kinds:
        yield kinds
        return
    binaries = postgres.find()
    if binaries is None:
        raise SystemExit("PostgreSQL is missing: apt-get install postgresql, or --only sqlite")
    with tempfile.TemporaryDirectory() as directory:
        server = postgres.Server(binaries, Path(directory))
        databases.server = server  # type: ignore[attr-defined]
        try:
            yield kinds
        finally:
            server.stop()


def once(
    kind: str, shape: str, clients: int, records: int, per_batch: int, loop: str
) -> tuple[float, float, float]:
    run = uvloop.run if loop == "uvloop" else asyncio.run
    if kind == "sqlite":
        return run(measure("sqlite:", shape, clients, records, per_batch))
    name, url = databases.server.create_database()  # type: ignore[attr-defined]
    try:
        return run(measure(url, shape, clients, records, per_batch))
    finally:
        databases.server.drop_database(name)  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("sqlite", "postgres"))
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    asked = parser.parse_args()
    rows = []
    print(
        f"{'database':9} {'shape':5} {'clients':>7} {'batched/s':>22} {'CPU (loop)':>12} {'single/s':>9} {'ratio':>6}"
    )
    with databases(asked.only) as kinds:
        for kind in kinds:
            for shape, clients in CASES:
                found = [
                    once(kind, shape, clients, asked.records, 512, asked.loop) for _ in range(asked.rounds)
                ]
                single = once(kind, shape, clients, asked.records // 30, 1, asked.loop)[0]
                rates = [rate for rate, _, _ in found]
                middle = statistics.median(rates)
                cpu, loop = (
                    statistics.median(values) for values in ([f[1] for f in found], [f[2] for f in found])
                )
                spread = f"{middle:,.0f} ({min(rates) / 1000:.0f}-{max(rates) / 1000:.0f}k)"
                print(
                    f"{kind:9} {shape:5} {clients:7} {spread:>22} {f'{cpu:.1f} ({loop:.1f})':>12} "
                    f"{single:9,.0f} {middle / single:6.1f}",
                    flush=True,
                )
                rows.append(
                    {
                        "database": kind,
                        "shape": shape,
                        "clients": clients,
                        "records_per_second": rates,
                        "cpu_us": cpu,
                        "loop_cpu_us": loop,
                        "single_per_second": single,
                    }
                )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "store_commit.json").write_text(
        json.dumps({"python": sys.version, "rows": rows}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
