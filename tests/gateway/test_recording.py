"""What is known and what is not when the database fails while it writes."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from integrator.store.units import StoreUnavailable, StoreUncertain, Unit, UnitRefused
from tests.gateway.doubles import World

KEYED = {"idempotency-key": "k1"}


def lose_first_commit(world: World, monkeypatch: pytest.MonkeyPatch, *, written: bool) -> None:
    commit = world.store.commit
    seen: list[Unit] = []

    async def uncertain(unit: Unit):
        if not seen:
            seen.append(unit)
            if written:
                await commit(unit)
            raise StoreUncertain
        return await commit(unit)

    monkeypatch.setattr(world.store, "commit", uncertain)


async def test_an_event_that_was_accepted_after_all_is_not_ended(world: World, monkeypatch):
    lose_first_commit(world, monkeypatch, written=True)
    answer = await world.notify(**KEYED)
    assert (answer.status, answer.json["reason"]) == (503, "outcome-unknown")
    exchange = answer.json["exchange"]
    await world.gateway._upkeep.write()
    assert world.store.types() == ["received"], "its delivery will end it"
    assert world.gateway.unwritten == 0
    again = await world.notify(**KEYED)
    assert (again.status, again.json["exchange"]) == (202, exchange)


async def test_an_event_that_was_not_accepted_is_ended(world: World, monkeypatch):
    lose_first_commit(world, monkeypatch, written=False)
    answer = await world.notify(**KEYED)
    await world.gateway._upkeep.write()
    assert world.store.types() == ["failed"]
    assert "previous" not in world.store.leaves()[0]
    found = await world.ask("GET", answer.json["statusUrl"], world.headers())
    assert found.json["state"] == "failed"


async def test_the_end_follows_a_first_record_that_was_written_after_all(world: World, monkeypatch):
    lose_first_commit(world, monkeypatch, written=True)
    answer = await world.consult()
    assert answer.status == 503
    assert world.routes.ran == []
    assert world.gateway.plane.open
    await world.gateway._upkeep.write()
    assert world.store.types() == ["received", "failed"]
    assert world.store.leaves()[1]["previous"] == world.store.records[0].leaf_hash.hex()
    assert world.gateway.plane.open == {}


async def test_a_request_that_was_cancelled_while_its_first_record_was_written_is_open(world: World):
    """Its successor closes it: this process does not say that it ended cleanly."""
    begun = asyncio.Event()

    async def slow(unit: Unit):
        begun.set()
        await asyncio.Event().wait()

    commit, world.store.commit = world.store.commit, slow  # type: ignore[method-assign]
    task = asyncio.ensure_future(world.consult())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    world.store.commit = commit  # type: ignore[method-assign]
    assert len(world.gateway.plane.open) == 1
    assert not await world.gateway.stop()


async def test_one_end_record_nobody_takes_does_not_hold_up_the_others(world: World):
    world.store.fail = lambda _unit: StoreUnavailable()
    for _ in range(3):
        await world.consult(integrator_purpose=None)
    bad = next(iter(world.gateway.plane.unwritten._rows))
    world.store.fail = lambda unit: UnitRefused() if unit.records[0].exchange_id == bad else None
    await world.gateway._upkeep.write()
    assert world.store.types() == ["refused", "refused"]
    assert UUID(bytes=bad).bytes not in {row.exchange_id for row in world.store.records}
    assert world.gateway.unwritten == 1, "counted as lost"


async def test_nothing_piles_up_while_the_database_is_away(world: World):
    world.store.fail = lambda _unit: StoreUnavailable()
    unwritten = world.gateway.plane.unwritten
    unwritten._bound = 2
    for _ in range(5):
        await world.consult()
    assert len(unwritten) == 2
    assert unwritten.lost == 3
    assert world.gateway.plane.open == {}
