"""The background work of one process: classes known, what expired deleted, keys moved on after a stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from integrator.exchange import InvalidRequest, NoData
from integrator.journal.jobs import KEPT, Jobs
from integrator.journal.retention import Advance
from integrator.journal.stewardship import Stewardship
from integrator.journal.upkeep import Upkeep
from integrator.journal.writer import Journal
from integrator.security.keyring import Key, Keyring
from integrator.security.limits import DEFAULT
from integrator.store.api import Store
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from integrator.store.partitions import Partitions, months
from integrator.store.units import StoreUnavailable, Unit
from tests.journal.conftest import LOG_KEY, NOW
from tests.journal.stores import Clock, Make

DAY_US = 86_400_000_000


def later(days: int) -> Clock:
    made = int(time.time() * 1e6)
    return lambda: made + days * DAY_US


def upkeep(store: Store, journal: Journal, clock: Clock, **more: object) -> Upkeep:
    return Upkeep(store, journal, Stewardship(store, journal, clock), clock, lambda: ["P1M"], **more)  # type: ignore[arg-type]


async def test_it_knows_the_classes_and_applies_them(
    real: Store, journal: Journal, make_context: Make
) -> None:
    row = journal.record("refused", make_context(), now_us=NOW, final=True, retention="P1M")
    await real.commit(Unit([row]))
    assert await upkeep(real, journal, later(1)).once()
    assert await real.rows("SELECT 1 FROM details WHERE retention = 'P1M'") != []
    assert await upkeep(real, journal, later(60)).once()
    assert await real.rows("SELECT 1 FROM details WHERE retention = 'P1M'") == []


@pytest.fixture
async def two(postgres_url: str, tmp_path: Path) -> AsyncIterator[tuple[Store, Store]]:
    """Two processes on one PostgreSQL."""
    migrate(postgres_url, tmp_path)
    async with AsyncExitStack() as stack:
        opened = []
        for number in (1, 2):
            store = open_store(
                postgres_url, limits=DEFAULT, process_id=bytes([number] * 16), data_dir=tmp_path
            )
            await store.open()
            stack.push_async_callback(store.close)
            opened.append(store)
        yield opened[0], opened[1]


async def test_one_process_does_it(two: tuple[Store, Store], journal: Journal) -> None:
    assert await upkeep(two[0], journal, later(1)).once()
    assert not await upkeep(two[1], journal, later(1)).once()


async def test_keys_half_replaced_go_on(real: Store, journal: Journal, make_context: Make) -> None:
    await real.commit(Unit([journal.record("refused", make_context(), now_us=NOW, final=True)]))
    ring = Keyring([*journal.keyring, Key("details-2", "details", b"e" * 32)])
    rotated = Journal(ring, LOG_KEY.origin)
    await real.change("INSERT INTO upkeep (name, target, done) VALUES (%s, %s, %s)",
                      ("rekey", "details-2 index-1", b""))  # fmt: skip
    stewardship = Stewardship(real, rotated, later(1), waits=True)
    assert await Upkeep(real, rotated, stewardship, later(1), list).once()
    assert await real.rows("SELECT 1 FROM details WHERE key_id = 'details-1'") == []
    assert await real.rows("SELECT 1 FROM upkeep WHERE name = 'rekey'") == []


async def test_months_are_made_and_the_longest_class_goes_by_the_month(
    two: tuple[Store, Store], journal: Journal
) -> None:
    store, _ = two
    clock = later(0)
    assert await upkeep(store, journal, clock, partitions=Partitions(store)).once()
    month = list(months(clock(), 2))[1]
    for place in range(3):
        record_id = month.start[:6] + b"\x70" + place.to_bytes(9, "big")
        await store.change("INSERT INTO details (record_id, retention, key_id, sealed) VALUES (%s, 'P10Y', 'k', %s)",
                           (record_id, b"x"))  # fmt: skip
    await upkeep(store, journal, later(3_653 + 20), partitions=Partitions(store)).once()
    assert len(await store.rows("SELECT 1 FROM details WHERE key_id = 'k'")) == 3  # its month is not over
    await upkeep(store, journal, later(3_653 + 65), partitions=Partitions(store)).once()
    assert await store.rows("SELECT 1 FROM details WHERE key_id = 'k'") == []
    acts = [r for r in await store.latest_records(50) if r.type == "retention-applied"]
    assert any(b'"deleted":3' in act.leaf for act in acts)


async def test_it_goes_on_after_a_lost_database_and_wakes(
    real: Store, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = upkeep(real, journal, later(1), seconds=3_600.0)
    rounds: list[int] = []
    again = asyncio.Event()

    async def once() -> bool:
        rounds.append(1)
        if len(rounds) == 1:
            raise StoreUnavailable("lost")
        again.set()
        return True

    monkeypatch.setattr(work, "once", once)
    task = asyncio.get_running_loop().create_task(work.run())
    async with asyncio.timeout(10):
        while not rounds:  # noqa: ASYNC110
            await asyncio.sleep(0)
        while not again.is_set():
            work.wake()
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(rounds) >= 2


# --- long work -----------------------------------------------------------------------------------


async def test_work_is_watched_and_runs_once_at_a_time() -> None:
    jobs, go = Jobs(), asyncio.Event()

    async def work(advance: Advance) -> dict[str, object]:
        advance(3, 9)
        await go.wait()
        return {"found": 1}

    job = await jobs.begin("retain", work)
    await asyncio.sleep(0)
    assert (job.state, job.done, job.total) == ("running", 3, 9)
    with pytest.raises(InvalidRequest, match="this runs already"):
        await jobs.begin("retain", work)
    go.set()
    other = await jobs.begin("rekey", work, wait=True)
    assert (other.state, other.result) == ("done", {"found": 1})
    assert jobs.get(job.id).state == "done"
    with pytest.raises(NoData):
        jobs.get("x")


@pytest.mark.parametrize(
    ("error", "said"),
    [(InvalidRequest("say why"), "say why"), (StoreUnavailable("gone"), "gone"),
     (RuntimeError("secret"), "it failed unexpectedly: RuntimeError")],
)  # fmt: skip
async def test_why_work_failed_is_said(error: Exception, said: str) -> None:
    async def work(_advance: Advance) -> dict[str, object]:
        raise error

    job = await Jobs().begin("erase", work, wait=True)
    assert (job.state, job.error) == ("failed", said)


async def test_only_the_latest_work_is_kept() -> None:
    async def work(_advance: Advance) -> dict[str, object]:
        return {}

    jobs = Jobs()
    made = [await jobs.begin("erase", work, wait=True) for _ in range(KEPT + 1)]
    with pytest.raises(NoData):
        jobs.get(made[0].id)
    assert jobs.get(made[1].id).state == "done"
