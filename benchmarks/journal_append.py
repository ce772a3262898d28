"""How many journal records a second become durable with 100 clients waiting, building included and apart.

    python -m benchmarks.journal_append [--records 40000] [--rounds 3] [--only sqlite|postgres]

Every client commits one unit after the other and waits until it is durable. `made before` commits records
that were built before the clock started; `built` builds each in its client: leaf, encrypted details, tags;
`build alone` is the same without any database. The shapes alternate within each round.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uuid_utils
import uvloop

from benchmarks.journal_build import NOW, first, keyring
from benchmarks.measure import ROOT, keep, spread, table
from integrator.journal.writer import Journal
from integrator.security.limits import DEFAULT
from integrator.store.api import Store
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from integrator.store.units import Unit
from tests.services import postgres

CLIENTS = 100
SHAPES = ("made before", "built", "build alone")
GOALS = {"sqlite": 40_000, "postgres": 20_000}


def builder() -> Callable[[], Unit]:
    """Makes the first record of a new exchange each time: one subject, agent, dossier, ticket."""
    journal, context = Journal(keyring(), "bench.example/journal"), first()

    def build() -> Unit:
        context.exchange_id = str(uuid_utils.uuid7())
        return Unit([journal.record("received", context, now_us=NOW, final=False)])

    return build


async def drive(store: Store | None, records: int, shape: str) -> dict[str, float]:
    """Records a second, and µs of CPU of this process a record."""
    build = builder()
    prepared = iter([build() for _ in range(records)] if shape == "made before" else ())
    left = iter(range(records))

    async def client() -> None:
        for _ in left:
            unit = next(prepared) if shape == "made before" else build()
            if store is not None and await store.commit(unit) is not None:
                raise RuntimeError("a benchmark record is in conflict")

    gc.collect()
    gc.freeze()
    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return {
        "rate": records / (time.perf_counter() - wall),
        "cpu_us": (time.process_time() - cpu) / records * 1e6,
    }


async def once(url: str, records: int, shape: str) -> dict[str, float]:
    """One shape on a new database."""
    if shape == "build alone":
        return await drive(None, records, shape)
    with tempfile.TemporaryDirectory() as directory:
        migrate(url, Path(directory))
        store = open_store(url, limits=DEFAULT, process_id=bytes(16), data_dir=Path(directory))
        await store.open()
        try:
            await drive(store, 2_000, shape)
            return await drive(store, records, shape)
        finally:
            await store.close()


@contextlib.contextmanager
def fresh(kinds: list[str]) -> Iterator[Callable[[str], contextlib.AbstractContextManager[str]]]:
    """`with database(kind) as url`: an empty database, dropped afterwards."""
    with contextlib.ExitStack() as stack:
        server: postgres.Server | None = None
        if "postgres" in kinds:
            binaries = postgres.find()
            if binaries is None:
                raise SystemExit("PostgreSQL is missing: apt-get install postgresql, or --only sqlite")
            server = postgres.Server(binaries, Path(stack.enter_context(tempfile.TemporaryDirectory())))
            stack.callback(server.stop)

        @contextlib.contextmanager
        def database(kind: str) -> Iterator[str]:
            if kind == "sqlite":
                yield "sqlite:"
                return
            assert server is not None
            name, url = server.create_database()
            try:
                yield url
            finally:
                server.drop_database(name)

        yield database


def rows(found: dict[tuple[str, str], list[dict[str, float]]]) -> list[list[str]]:
    """The table: medians and the range."""
    lines = [["database", "record", "records/s", "(min-max)", "CPU µs/record", "goal"]]
    for (kind, shape), runs in found.items():
        rate = spread([run["rate"] for run in runs])
        lines.append(
            [
                kind,
                shape,
                f"{rate['median']:,.0f}",
                f"({rate['min']:,.0f}-{rate['max']:,.0f})",
                f"{spread([run['cpu_us'] for run in runs])['median']:.1f}",
                f"{GOALS[kind]:,}" if shape == "made before" else "",
            ]
        )
    return lines


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=tuple(GOALS))
    asked = parser.parse_args()
    kinds = [kind for kind in GOALS if asked.only in (None, kind)]
    found: dict[tuple[str, str], list[dict[str, Any]]] = {(k, s): [] for k in kinds for s in SHAPES}
    with fresh(kinds) as database:
        for _ in range(asked.rounds):
            for kind, shape in found:
                with database(kind) as url:
                    found[kind, shape].append(uvloop.run(once(url, asked.records, shape)))
    print(table(rows(found)))
    kept = [{"database": kind, "record": shape, "runs": runs} for (kind, shape), runs in found.items()]
    print(f"kept in {keep('journal_append', kept).relative_to(ROOT)}")


if __name__ == "__main__":
    main()
