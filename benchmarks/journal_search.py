"""How long a search takes in a journal of millions of records on PostgreSQL, how it grows, and the disk.

    python -m benchmarks.journal_search [--sizes 1000000,10000000] [--searches 300]

Each size is generated anew (`journal_generate.py`). A search is what the journal does for one: find the
records by a tag or by columns, 50 a page, then read every exchange found. `first` is right after a restart
of the server, each subject for the first time (the system's own cache stays); `again` the same subjects
once more. What is measured ends where the details would be opened: that costs some 15 µs a record.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.journal_build import NOW
from benchmarks.journal_generate import COMMUNES, TABLES, Town, cpu_note, generate, sizes
from benchmarks.measure import ROOT, keep, table
from integrator.journal import tags
from integrator.security.limits import DEFAULT
from integrator.store.inspection import Columns, InspectionStore
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from tests.services import postgres

PAGE = 50
LAST_YEAR_MS = NOW // 1_000 - 31_557_600_000
SETTINGS = {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "wal_level": "minimal",  # what a transaction loads into a table it emptied is then not logged twice
    "max_wal_senders": "0",
    "checkpoint_timeout": "30min",
}


class Cluster:
    """A PostgreSQL cluster of this run, with the settings of a small server."""

    def __init__(self, directory: Path) -> None:
        binaries = postgres.find()
        if binaries is None:
            raise SystemExit("PostgreSQL is missing: apt-get install postgresql")
        self.server = postgres.Server(binaries, directory)
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            for name, value in SETTINGS.items():
                connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
        self.restart()

    def restart(self) -> None:
        """An empty buffer cache."""
        self.server.stop()
        self.server.start()


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory() as name:
        made = Cluster(Path(name) / "postgres")
        try:
            yield made
        finally:
            made.server.stop("immediate")


Search = Callable[[InspectionStore], Awaitable[list[bytes]]]
"""One search of one page: the record ids it finds."""
LOW, BELOW = bytes(16), b"\xff" * 16


def by_tag(kind: int, mac: bytes, low: bytes = LOW, *, page: int = 1) -> Search:
    """The records with a tag, of one page."""

    async def search(store: InspectionStore) -> list[bytes]:
        below, found = BELOW, list[bytes]()
        for _ in range(page):
            found = await store.tagged([(kind, mac)], low, below, PAGE)
            if len(found) < PAGE:
                break
            below = found[-1]
        return found

    return search


def by_columns(columns: Columns, low: bytes = LOW) -> Search:
    """The records of a flow, a party or a purpose, of one page."""

    async def search(store: InspectionStore) -> list[bytes]:
        return await store.listed([columns], low, BELOW, PAGE)

    return search


async def whole(store: InspectionStore, search: Search) -> int:
    """A search to the records of every exchange found; how many there are."""
    exchanges = dict.fromkeys((await store.exchanges_of(await search(store))).values())
    return sum(map(len, (await store.records_of(list(exchanges))).values()))


async def timed(store: InspectionStore, searches: Sequence[Search]) -> dict[str, float]:
    """Milliseconds of each search, and the records read."""
    took, read = [], 0
    for search in searches:
        began = time.perf_counter()
        read += await whole(store, search)
        took.append((time.perf_counter() - began) * 1e3)
    took.sort()
    return {
        "p50": statistics.median(took),
        "p99": took[int(len(took) * 0.99)],
        "max": took[-1],
        "records": read / len(took),
    }


def wanted(made: Town, url: str, count: int) -> dict[str, list[Search]]:
    """Who is searched for: anybody, those looked up most, other kinds of tags, and columns."""
    chance = random.Random(5)
    niss, year = tags.NISS, LAST_YEAR_MS.to_bytes(6) + bytes(10)
    anybody = [made.mac(chance.randrange(made.persons)) for _ in range(count)]
    most = [made.mac(number) for number in range(max(10, count // 10))]
    with psycopg.connect(url) as connection:
        found: dict[str, list[Search]] = {}
        for kind in (tags.AGENT, tags.DOSSIER, tags.PROVIDER_TICKET):
            rows = connection.execute(
                "SELECT mac FROM tag WHERE run = 0 AND kind = %s AND mac > %s ORDER BY mac LIMIT %s",
                (kind, chance.randbytes(2), count),
            ).fetchall()
            found[tags.KINDS[kind][0]] = [by_tag(kind, mac) for mac in dict.fromkeys(row[0] for row in rows)]
    communes = [f"municipal/commune-{chance.randrange(COMMUNES)}" for _ in range(count // 10)]
    return {
        "a subject": [by_tag(niss, mac) for mac in anybody],
        "a subject, in the last year": [by_tag(niss, mac, year) for mac in anybody],
        "a subject looked up most": [by_tag(niss, mac) for mac in most],
        "the same, third page": [by_tag(niss, mac, page=3) for mac in most],
        **found,
        "party": [by_columns(Columns(party=party)) for party in communes],
        "party and purpose": [by_columns(Columns(party=party, purpose="purpose-3")) for party in communes],
        "flow": [
            by_columns(Columns(flow=flow)) for flow in ("person-consult", "family", "enterprise", "income")
        ],
    }


async def measure(url: str, made: Town, count: int, restart: Any) -> dict[str, dict[str, Any]]:
    """Every kind of search, first and again."""
    result: dict[str, dict[str, Any]] = {}
    for name, searches in wanted(made, url, count).items():
        restart()
        store = open_store(url, limits=DEFAULT, process_id=bytes(16), data_dir=Path("/"))
        await store.open()
        try:
            inspected = InspectionStore(store)
            first = await timed(inspected, searches)
            again = await timed(inspected, searches)
            result[name] = {"searches": len(searches), "first": first, "again": again}
        finally:
            await store.close()
    return result


def rows(results: dict[str, Any]) -> list[list[str]]:
    """The table."""
    head = ["records", "search for", "records read", "first p50 ms", "p99", "again p50 ms", "p99", "max"]
    lines = [head]
    for records, found in results.items():
        for name, one in found["searches"].items():
            first, again = one["first"], one["again"]
            lines.append(
                [
                    f"{int(records):,}",
                    name,
                    f"{again['records']:.1f}",
                    *(f"{value:.1f}" for value in (first["p50"], first["p99"])),
                    *(f"{again[column]:.1f}" for column in ("p50", "p99", "max")),
                ]
            )
    return lines


def disk_rows(results: dict[str, Any]) -> list[list[str]]:
    """Bytes a record by table and index."""
    lines = [["records", "table", "bytes a record", "of it indexes"]]
    for records, found in results.items():
        disk = found["bytes_a_record"]
        for name in TABLES:
            total = sum(disk[name].values())
            lines.append([f"{int(records):,}", name, f"{total:.0f}", f"{total - disk[name]['table']:.0f}"])
        whole = sum(sum(one.values()) for one in disk.values())
        lines.append([f"{int(records):,}", "all", f"{whole:.0f}", ""])
    return lines


def once(made: Cluster, records: int, searches: int) -> dict[str, Any]:
    """One size: generate, measure, drop."""
    name, url = made.server.create_database()
    with tempfile.TemporaryDirectory() as directory:
        migrate(url, Path(directory))
    began = time.monotonic()

    def said(step: str) -> None:
        sys.stdout.write(f"  {time.monotonic() - began:6.0f} s  {step}\n")
        sys.stdout.flush()

    town = generate(url, records, said)
    seconds = time.monotonic() - began
    found = asyncio.run(measure(url, town, searches, made.restart))
    result = {
        "generated_seconds": seconds,
        "machine_was": cpu_note(),
        "searches": found,
        "bytes_a_record": sizes(url),
    }
    made.server.drop_database(name)
    return result


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="1000000,10000000")
    parser.add_argument("--searches", type=int, default=300)
    asked = parser.parse_args()
    wanted_sizes = [int(text) for text in asked.sizes.split(",")]
    needed_gb = max(wanted_sizes) * 4_000 / 1e9
    free_gb = shutil.disk_usage(tempfile.gettempdir()).free / 1e9
    if free_gb < needed_gb:
        raise SystemExit(
            f"this takes up to {needed_gb:.0f} GB of disk, {free_gb:.0f} GB are free: set TMPDIR"
        )
    results: dict[str, Any] = {}
    with cluster() as made:
        for records in wanted_sizes:
            print(f"{records:,} records")
            results[str(records)] = once(made, records, asked.searches)
            print(f"  made in {results[str(records)]['generated_seconds']:.0f} s")
    print(table(rows(results)))
    print(table(disk_rows(results)))
    print(f"kept in {keep('journal_search', results).relative_to(ROOT)}")


if __name__ == "__main__":
    main()
