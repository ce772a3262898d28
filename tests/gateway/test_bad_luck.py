"""The journal in bad luck: what cannot be recorded is neither forwarded nor released."""

from __future__ import annotations

import asyncio

import pytest

from integrator.exchange import (
    NoData,
)
from integrator.security.limits import Limits
from integrator.store.units import StoreOverloaded, StoreUnavailable, StoreUncertain, UnitRefused
from tests.gateway.doubles import (
    NISS,
    FunctionRoutes,
    World,
    fails,
    person,
)

CONSULT = "/v1/persons/consult"


@pytest.mark.parametrize("error", [StoreUnavailable(), StoreUncertain(), UnitRefused()])
async def test_journal_not_writable_nothing_is_forwarded(world: World, error):
    world.store.fail = lambda _unit: error
    answer = await world.consult()
    assert (answer.status, answer.json["reason"]) == (503, "not-recorded")
    assert answer.headers["retry-after"] == "1"
    assert world.routes.ran == []
    assert world.store.records == []


async def test_too_many_units_waiting(world: World):
    world.store.fail = lambda _unit: StoreOverloaded()
    answer = await world.consult()
    assert (answer.status, answer.json["reason"]) == (503, "overloaded")
    assert world.routes.ran == []


async def test_what_could_not_be_recorded_is_recorded_later(world: World):
    world.store.fail = lambda _unit: StoreUnavailable()
    await world.consult()
    await world.consult(integrator_purpose=None)
    assert world.gateway.unwritten == 2
    world.store.fail = lambda _unit: None
    assert await world.gateway.stop()
    assert world.store.types() == ["failed", "refused"]


async def test_a_refusal_that_cannot_be_recorded_is_a_503(world: World):
    world.store.fail = lambda _unit: StoreUnavailable()
    answer = await world.consult(integrator_purpose=None)
    assert (answer.status, answer.json["reason"]) == (503, "not-recorded")


async def test_an_end_that_cannot_be_recorded_withholds_the_answer(world: World):
    world.store.fail = lambda unit: StoreUnavailable() if unit.records[0].final else None
    answer = await world.consult()
    assert (answer.status, answer.json["reason"]) == (503, "outcome-unknown")
    exchange = answer.headers["belgov-trace-id"]
    assert answer.json["exchange"] == exchange
    assert answer.json["statusUrl"] == f"/v1/exchanges/{exchange}"
    assert "retry-after" not in answer.headers
    assert "Do not repeat" in answer.json["detail"]
    assert NISS not in answer.body.decode()
    assert list(world.gateway.plane.open) == [exchange]
    assert not await world.gateway.stop()
    world.store.fail = lambda _unit: None
    assert await world.gateway.stop()
    assert world.store.types() == ["received", "unanswered"]
    assert world.gateway.plane.open == {}


async def test_an_exchange_closed_by_another_is_not_answered(world: World):
    def closed_meanwhile(exchange):
        row = world.gateway.plane.journal.record(
            "unanswered", exchange.context, now_us=world.now(), final=True
        )
        world.store.records.append(row)
        return person(exchange)

    world.routes.handlers = {"flow:person-consult": closed_meanwhile}
    assert (await world.consult()).json["reason"] == "outcome-unknown"


async def test_a_consumer_that_is_gone_does_not_stop_its_exchange(world: World):
    await world.ask("POST", CONSULT, world.headers(), {"niss": NISS}, send_fails=True)
    assert world.store.types() == ["received", "completed"]


async def test_a_stopped_process_leaves_no_exchange_open(world: World):
    started = asyncio.Event()

    async def hang(_exchange):
        started.set()
        await asyncio.Event().wait()

    world.routes.handlers = {"flow:person-consult": hang}
    task = asyncio.ensure_future(world.consult())
    await started.wait()
    assert world.gateway.oldest_open_us() <= world.now()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await world.gateway.stop()
    assert world.store.types() == ["received", "unanswered"]


async def test_exchanges_in_flight_are_bounded(world: World):
    tight = World(FunctionRoutes({}), {}, limits=Limits(exchanges_in_flight=1)).build()
    release, started = asyncio.Event(), asyncio.Event()

    async def wait(exchange):
        started.set()
        await release.wait()
        return person(exchange)

    tight.routes.handlers = {"flow:person-consult": wait}
    first = asyncio.ensure_future(tight.consult())
    await started.wait()
    second = await tight.consult()
    assert (second.status, second.json["reason"], second.headers["retry-after"]) == (503, "overloaded", "1")
    tight.gateway.plane.in_flight += 2
    beyond = await tight.consult()
    assert beyond.status == 503
    assert "belgov-trace-id" not in beyond.headers
    tight.gateway.plane.in_flight -= 2
    release.set()
    assert (await first).status == 200
    assert tight.store.types() == ["received", "refused", "completed"]


async def test_a_running_exchange_ends_on_the_version_it_began_with(world: World):
    from integrator.gateway.runtime import Runtime
    from tests.gateway.doubles import site

    other = FunctionRoutes({"flow:person-consult": fails(NoData())})
    newer = Runtime.build(
        site(hash="cd" * 32),
        type(world.tools)(
            lambda _s, _p: other,
            world.tools.schema,
            world.tools.jq,
            world.tools.contracts,
            world.tools.binders,
        ),
    )

    def swap(exchange):
        world.gateway.activate(newer)
        return person(exchange)

    world.routes.handlers = {"flow:person-consult": swap}
    assert (await world.consult()).status == 200
    assert {leaf["site"] for leaf in world.store.leaves()} == {"ab" * 32}
    assert (await world.consult()).status == 404
    assert world.store.leaves()[-1]["site"] == "cd" * 32


async def test_quota(world: World):
    for _ in range(2):
        assert (await world.consult(party="municipal/liege")).status == 200
    answer = await world.consult(party="municipal/liege")
    assert (answer.status, answer.json["reason"]) == (429, "quota-exceeded")
    assert 1 <= int(answer.headers["retry-after"]) <= 30
    assert answer.json["type"] == "urn:problem-type:belgif:tooManyRequests"
    assert world.store.types()[-1] == "refused"
    assert (await world.consult()).status == 200
