"""Killed anywhere between an event and the aggregate it became part of, the next process loses and doubles nothing."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from integrator.security.limits import DEFAULT
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from tests.gateway.aggregation import T0, Groups, flow_route
from tests.gateway.deliveries import FLOW

ROUTE = flow_route("completionSize: 3")
EVENTS = 12
CHILD = """
import asyncio, sys
from pathlib import Path
from integrator.security.limits import DEFAULT
from integrator.store.open import open_store
from integrator.store import failpoints
from tests.gateway.aggregation import Groups
from tests.gateway.test_aggregate_kills import EVENTS, ROUTE

async def main(url, directory, point):
    store = open_store(url, limits=DEFAULT, process_id=b"c" * 16, data_dir=Path(directory))
    await store.open()
    bench = Groups(store, ROUTE)
    for number in range(EVENTS):
        await bench.send("ab"[number % 2], number)
    failpoints.arm(point)
    await bench.deliver()
    sys.exit("nothing was hit")

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    found = "sqlite:" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    migrate(found, tmp_path)
    return found


def run_until_killed(url: str, tmp_path: Path, point: str) -> None:
    """Run the child until it dies at the point."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, url, str(tmp_path), point],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == -9, done.stderr


@pytest.mark.parametrize(
    "point",
    ["together-before:1", "together-before:3", "together-after:3", "together-after:7", "commit-before:1", "commit-after:2"],
)  # fmt: skip
async def test_a_crash_loses_no_event_and_runs_each_aggregate_under_one_id(
    url: str, tmp_path: Path, point: str
) -> None:
    run_until_killed(url, tmp_path, point)
    store = open_store(url, limits=DEFAULT, process_id=b"d" * 16, data_dir=tmp_path)
    await store.open()
    try:
        await settle(store)
    finally:
        await store.close()


async def settle(store: Any) -> None:
    """Deliver all there is as the successor does; every event is in one aggregate, and each ended once."""
    bench = Groups(store, ROUTE)
    bench.now = T0 + 600_000_000  # the dead process's leases are over
    await store.release_deliveries(bench.now)
    await bench.deliver()
    leaves = await bench.all_leaves()
    ended = Counter(leaf["exchange"] for leaf in leaves if leaf["type"] == "delivered")
    begun = Counter(leaf["exchange"] for leaf in leaves if leaf["type"] == "received")
    assert set(ended.values()) == set(begun.values()) == {1}
    assert ended.keys() == begun.keys()
    made = {leaf["exchange"]: leaf["aggregates"] for leaf in leaves if "aggregates" in leaf}
    assert sorted(one for inputs in made.values() for one in inputs) == sorted(begun.keys() - made.keys())
    assert [len(inputs) for inputs in made.values()] == [3] * (EVENTS // 3)
    for leaf in leaves:
        for aggregate in leaf.get("aggregated_into", ()):
            assert leaf["exchange"] in made[aggregate]
    assert await store.rows("SELECT * FROM aggregation") == []
    assert await store.rows("SELECT * FROM aggregation_part") == []


async def test_nothing_is_killed_and_all_is_as_it_should_be(url: str, tmp_path: Path) -> None:
    store = open_store(url, limits=DEFAULT, process_id=b"d" * 16, data_dir=tmp_path)
    await store.open()
    try:
        bench = Groups(store, ROUTE)
        for number in range(EVENTS):
            await bench.handler(await bench.send("ab"[number % 2], number), FLOW, 0)
        await settle(store)
    finally:
        await store.close()
