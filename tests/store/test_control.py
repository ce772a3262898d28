"""Counters for people, on both databases."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from integrator.store.api import Store
from integrator.store.control import Backlog, ControlQueries, FlowCount
from integrator.store.units import DeliveryRow, RecordRow, StoreUnavailable, Unit

from . import conftest
from .conftest import NOW, event, new_id, record


async def test_flows_are_counted_by_how_they_ended(store: Store, url: str, tmp_path: Path) -> None:
    def end(flow: str, **changes: object) -> RecordRow:
        record_id = (NOW // 1_000).to_bytes(6, "big") + os.urandom(10)
        return conftest.end(new_id(), flow=flow, record_id=record_id, **changes)

    rows = [
        end("a", time_us=NOW - 1),
        *(end("a", time_us=NOW + n) for n in range(3)),
        end("a", type="refused", outcome=None),
        end("b", outcome="no-data"),
        record(flow="b"),
    ]
    for row in rows:
        await store.commit(Unit(records=[row]))
    queries = ControlQueries(url, tmp_path)
    assert await asyncio.to_thread(queries.flow_counts, NOW) == [
        FlowCount("a", "completed", "with-data", 3, NOW + 2),
        FlowCount("a", "refused", None, 1, NOW),
        FlowCount("b", "completed", "no-data", 1, NOW),
    ]
    assert await asyncio.to_thread(queries.flow_counts, NOW * 2) == []


async def test_backlogs_are_counted_by_flow(store: Store, url: str, tmp_path: Path) -> None:
    delivered, dead, waiting = (new_id() for _ in range(3))
    for n, exchange in enumerate((delivered, dead, waiting)):
        await store.commit(event(exchange, accepted_us=NOW + n))
    await store.commit(Unit(delivery=DeliveryRow(delivered, 0, "delivered", 0, None)))
    await store.commit(Unit(delivery=DeliveryRow(dead, 0, "dead-lettered", 0, None, "spent", keep_body=True)))
    queries = ControlQueries(url, tmp_path)
    assert await asyncio.to_thread(queries.backlogs) == [Backlog("permit-notification", 1, 1, NOW + 1)]


def test_a_database_that_is_not_there_is_unavailable(free_port, tmp_path: Path) -> None:
    queries = ControlQueries(f"postgresql://bus:secret@127.0.0.1:{free_port()}/journal", tmp_path)
    with pytest.raises(StoreUnavailable, match="check that it runs") as caught:
        queries.backlogs()
    assert "secret" not in str(caught.value)
