"""Killed at a named point, the next process finds whole units and a gapless log; on both databases."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from integrator.store.units import Unit

from .conftest import NOW, end, record

CHILD = """
import asyncio, sys
from pathlib import Path
from integrator.security.limits import DEFAULT
from integrator.store.open import open_store
from integrator.store.units import Unit
from tests.store.conftest import NOW, PROCESS, event, new_id, record

async def main(url, directory):
    store = open_store(url, limits=DEFAULT, process_id=PROCESS, data_dir=Path(directory))
    await store.open()
    await store.start_process(PROCESS, NOW)
    await store.take_sealer_lock()

    async def client():
        while True:
            exchange = new_id()
            unit = event(exchange)
            unit.records.append(record(exchange, type="second"))
            await store.commit(unit)
            print(exchange.hex(), flush=True)

    async def sealer():
        while True:
            entries = await store.pending(50)
            await store.seal((await store.log_state()).size, entries, NOW)

    await asyncio.gather(*(client() for _ in range(8)), sealer())

asyncio.run(main(*sys.argv[1:]))
"""


def killed(code: str, url: str, tmp_path: Path, point: str) -> set[bytes]:
    """Run the child until it dies at the point; the exchanges it said were durable."""
    done = subprocess.run(
        [sys.executable, "-c", code, url, str(tmp_path)],
        env={"INTEGRATOR_FAILPOINT": point, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == -9, done.stderr
    return {bytes.fromhex(line) for line in done.stdout.split()}


@pytest.mark.parametrize("point", ["commit-before:5", "commit-after:5", "seal-before:4", "seal-after:4"])
async def test_a_kill_leaves_whole_units_and_nothing_acknowledged_is_lost(
    url: str, opened, tmp_path: Path, point: str
) -> None:
    acknowledged = await asyncio.to_thread(killed, CHILD, url, tmp_path, point)
    async with opened(process_id=b"n" * 16) as store:
        kept = {row.exchange_id for row in await store.latest_records(100_000)}
        assert acknowledged <= kept
        for exchange in kept:
            assert [row.type for row in await store.records_of(exchange)] == ["received", "second"]
            assert await store.claim_delivery(exchange, 0, NOW, NOW + 1) is not None
        size = (await store.log_state()).size
        entries = await store.log_entries(0, size + 100)
        assert [index for index, _, _ in entries] == list(range(size))
        waiting = await store.pending(100_000)
        assert len(waiting) + size == 2 * len(kept)
        assert {record_id for record_id, _ in waiting}.isdisjoint(row[1] for row in entries)
        assert await store.orphans(NOW * 2, b"n" * 16, 10) == []  # accepted events go on
        assert await store.take_sealer_lock() is True
        assert await store.seal(size, waiting, NOW) is True


async def test_open_exchanges_of_a_killed_process_are_orphans(url: str, opened, tmp_path: Path) -> None:
    code = CHILD.replace("unit = event(exchange)", "unit = Unit(records=[record(exchange)])")
    await asyncio.to_thread(killed, code, url, tmp_path, "commit-after:3")
    own = b"n" * 16
    async with opened(process_id=own) as store:
        open_ones = {row.exchange_id for row in await store.latest_records(1_000)}
        found = await store.orphans(NOW + 1, own, 1_000)
        assert {row.exchange_id for row in found} == open_ones
        for row in found:
            assert await store.commit(Unit(records=[end(row.exchange_id, type="unanswered")])) is None
        assert await store.orphans(NOW + 1, own, 1_000) == []
        await store.bury(NOW + 1, own)
        late = Unit(records=[record(next(iter(open_ones)), final=True)])
        assert (await store.commit(late)).kind == "ended"  # type: ignore[union-attr]
