"""Processes that commit in another order than they began: no index is skipped, no record left behind."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest

from integrator.journal.anchor import Anchor
from integrator.journal.sealer import Sealer
from integrator.journal.writer import Journal
from integrator.security.limits import DEFAULT
from integrator.store import postgres_arrays
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from integrator.store.postgres_writer import insert
from integrator.store.units import Unit
from tests.journal.conftest import LOG_KEY
from tests.journal.sealing_process import now_us
from tests.journal.stores import proven

HELD, UNITS, PROCESSES = 12, 25, 3
pytestmark = pytest.mark.xdist_group("services")


class Held:
    """A process in the middle of a transaction: its records have ids already, and nobody else sees them."""

    def __init__(self, connection: psycopg.AsyncConnection, unit: Unit) -> None:
        self._connection, self._unit = connection, unit
        self.ids = {row.record_id for row in unit.records}

    async def begin(self, process_id: bytes) -> None:
        postgres_arrays.register(self._connection)
        await insert(self._connection, [self._unit], process_id)

    async def commit(self) -> None:
        await self._connection.execute("COMMIT")

    async def give_up(self) -> None:
        await self._connection.execute("ROLLBACK")


@pytest.mark.parametrize("seed", range(3))
async def test_transactions_that_end_late_are_sealed_late_and_nothing_is_skipped(
    postgres_url: str, tmp_path: Path, journal: Journal, seed: int
) -> None:
    chance = random.Random(seed)
    migrate(postgres_url, tmp_path)

    def unit() -> Unit:
        return Unit([journal.act("noise", "bus", {"count": n}, now_us=now_us()) for n in range(2)])

    async with AsyncExitStack() as stack:
        stores = []
        for number in range(PROCESSES):
            process_id = bytes([number + 1] * 16)
            store = open_store(postgres_url, limits=DEFAULT, process_id=process_id, data_dir=tmp_path)
            await store.open()
            stack.push_async_callback(store.close)
            stores.append(store)
        held = []
        for _ in range(HELD):
            connection = await psycopg.AsyncConnection.connect(postgres_url, autocommit=True)
            stack.push_async_callback(connection.close)
            held.append(Held(connection, unit()))
            await held[-1].begin(b"h" * 16)
        sealer = Sealer(stores[0], Anchor(tmp_path / "anchor", LOG_KEY.origin), LOG_KEY, now_us, batch=7)
        assert await sealer.prepare()
        written: set[bytes] = set()

        async def process(store) -> None:
            for _ in range(UNITS):
                one = unit()
                assert await store.commit(one) is None
                written.update(row.record_id for row in one.records)

        writing = asyncio.gather(*(process(store) for store in stores))
        chance.shuffle(held)
        kept, given_up = held[: HELD - 3], held[HELD - 3 :]
        for one in kept:
            await sealer.seal_pending()
            sealed = {row[1] for row in await stores[1].log_entries(0, sealer.size)}
            assert sealed.isdisjoint(one.ids)
            assert sealed <= written | set().union(*(other.ids for other in kept))
            await one.commit()
        await writing
        for one in given_up:
            await one.give_up()
        await sealer.seal_pending()
        entries = await stores[1].log_entries(0, sealer.size + 1)
        assert [index for index, _, _ in entries] == list(range(sealer.size))
        assert {record_id for _, record_id, _ in entries} == written | set().union(*(h.ids for h in kept))
        assert await stores[2].pending(10) == []
        # Later ids stand before earlier ones: what was sealed stays where it is.
        ids = [record_id for _, record_id, _ in entries]
        assert ids != sorted(ids)
        assert await proven(stores[1], tmp_path / "log") == len(ids)
