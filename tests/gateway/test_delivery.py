"""One attempt of one event, against a real store: how each outcome ends, and what a second try does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uuid_utils

from integrator import exchange as errors
from integrator.exchange import Agent, Exchange, Leg
from integrator.gateway.delivery import DeliveryHandler, delay_seconds
from integrator.security.keyring import PURPOSES, Key, Keyring
from integrator.security.limits import Limits
from integrator.site.compiled import Delivery
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from integrator.store.units import StoreUnavailable, Unit, UnitRefused
from integrator.telemetry import log
from tests.gateway.deliveries import (
    EVENT,
    EVENT_FLOW,
    FLOW,
    NISS,
    PARTY,
    SITE,
    T0,
    Bench,
    KnownFlow,
    fail_with,
)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    log.configure("info")
    migrate("sqlite:", tmp_path)
    store = open_store("sqlite:", limits=Limits(), process_id=b"p" * 16, data_dir=tmp_path)
    await store.open()
    try:
        yield Bench(store)
    finally:
        await store.close()


# --- success ------------------------------------------------------------------------------------


async def test_a_delivered_event_ends_in_one_unit_and_loses_its_body(bench: Bench) -> None:
    exchange = await bench.accept()
    bench.now = T0 + 1_500_000
    await bench.handler(exchange, FLOW, 0)
    assert await bench.status(exchange) == ("delivered", 0, None)
    (unit,) = bench.store.units
    assert [row.type for row in unit.records] == ["delivered"]
    assert unit.delivery is not None
    assert not unit.delivery.keep_body
    assert unit.records[0].retention == "P5Y"
    assert await bench.store.claim_delivery(exchange, 0, bench.now + 10**12, bench.now + 10**12 + 1) is None
    assert bench.metric('integrator_exchanges_total{flow="permit-notification",outcome="delivered"} 1.0')
    assert bench.metric('integrator_exchange_seconds_sum{flow="permit-notification"} 1.5')


async def test_the_route_gets_the_event_and_a_context_of_the_active_site(bench: Bench) -> None:
    exchange = await bench.accept()
    before = asyncio.get_running_loop().time()
    await bench.handler(exchange, FLOW, 0)
    ((uri, seen),) = bench.routes.seen
    assert (uri, seen.pattern, seen.message.as_json()) == (f"flow:{FLOW}", "InOnly", json.loads(EVENT))
    context = seen.context
    assert context.exchange_id == seen.id == str(uuid_utils.UUID(bytes=exchange))
    assert (context.attempts, context.entry, context.legs, context.kind) == (1, "delivery", [], "event")
    assert (context.site, context.authorisation) == (SITE.hash, "P-2")
    assert context.purpose_codes == {"bced": "NEW_CODE"}
    assert context.agent == Agent("RN/RBis", "17073003384")
    assert before < context.deadline <= asyncio.get_running_loop().time() + bench.limits.delivery_seconds


async def test_the_end_record_follows_the_first_one(bench: Bench) -> None:
    exchange = await bench.accept()
    await bench.handler(exchange, FLOW, 0)
    first, last = await bench.store.records_of(exchange)
    assert json.loads(last.leaf)["previous"] == first.leaf_hash.hex()


async def test_the_legs_of_the_attempt_stand_in_the_end_record(bench: Bench) -> None:
    bench.routes.act = lambda e: e.context.legs.append(Leg("regional/permits", "notify", "write", T0))
    exchange = await bench.accept(legs=[Leg("old", "old", "read", 1)])
    await bench.handler(exchange, FLOW, 0)
    (leg,) = (await bench.final(exchange))["legs"]
    assert leg["adapter"] == "regional/permits"


# --- failures that are retried -------------------------------------------------------------------

RETRIED = [
    errors.ProviderTimeout, errors.ProviderUnreachable, errors.ProviderFault, errors.BrokenContract,
    errors.RouteFailed, errors.Overloaded, errors.NotRecorded,
]  # fmt: skip


@pytest.mark.parametrize("kind", RETRIED)
async def test_a_failure_that_may_pass_is_tried_again_later(bench: Bench, kind: type) -> None:
    bench.routes.act = fail_with(kind(f"about {NISS}"))
    exchange = await bench.accept()
    await bench.handler(exchange, FLOW, 0)
    row = await bench.store.delivery(exchange)
    assert (row.state, row.attempt, row.reason) == ("accepted", 1, kind.category)
    assert row.due_us == T0 + 2_000_000
    assert bench.due == 1
    assert [leaf["type"] for leaf in await bench.leaves(exchange)] == ["received"]
    assert bench.metric('integrator_events_total{kind="delivery-retried"} 1.0')


async def test_what_a_route_rolled_back_is_not_delivered(bench: Bench) -> None:
    def roll_back(exchange: Any) -> None:
        exchange.rollback_only = True

    bench.routes.act = roll_back
    exchange = await bench.accept()
    await bench.handler(exchange, FLOW, 0)
    row = await bench.store.delivery(exchange)
    assert (row.state, row.attempt) == ("accepted", 1)


async def test_retries_back_off_and_end_in_a_dead_letter(bench: Bench) -> None:
    bench.routes.act = fail_with(errors.ProviderTimeout())
    exchange = await bench.accept()
    waits = []
    for attempt in range(2):
        await bench.handler(exchange, FLOW, attempt)
        due = (await bench.store.delivery(exchange)).due_us
        waits.append(due - bench.now)
        bench.now = due
    assert waits == [2_000_000, 4_000_000]
    await bench.handler(exchange, FLOW, 2)
    assert await bench.status(exchange) == ("dead-lettered", 2, "provider-timeout")
    leaf = await bench.final(exchange)
    assert (leaf["type"], leaf["attempts"]) == ("dead-lettered", 3)
    assert leaf["error"] == {"category": "provider-timeout", "code": "provider-timeout", "origin": "provider"}
    assert bench.store.units[-1].delivery.keep_body
    assert bench.metric('integrator_exchanges_total{flow="permit-notification",outcome="dead-lettered"} 1.0')


async def test_a_retry_that_succeeds_ends_as_delivered(bench: Bench) -> None:
    bench.routes.act = fail_with(errors.ProviderUnreachable())
    exchange = await bench.accept()
    await bench.handler(exchange, FLOW, 0)
    bench.routes.act = lambda exchange: None
    await bench.handler(exchange, FLOW, 1)
    assert await bench.status(exchange) == ("delivered", 1, None)
    leaf = await bench.final(exchange)
    assert leaf["attempts"] == 2
    assert "error" not in leaf


@pytest.mark.parametrize("mistake", ["exception", "raise", "late"])
async def test_mistakes_of_the_bus_and_slow_routes_are_failures_like_others(
    bench: Bench, mistake: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def slow(exchange: Exchange) -> None:
        await asyncio.Event().wait()

    def broken(exchange: Exchange) -> None:
        exchange.exception = KeyError(NISS)

    bench.limits = Limits(delivery_seconds=0.01)
    bench.handler = bench.make_handler()
    bench.routes.act = {"exception": broken, "raise": fail_with(KeyError(NISS)), "late": slow}[mistake]
    exchange = await bench.accept()
    await bench.handler(exchange, FLOW, 0)
    reason = "provider-timeout" if mistake == "late" else "internal"
    assert await bench.status(exchange) == ("accepted", 1, reason)
    captured = capsys.readouterr()
    assert NISS not in captured.out + captured.err


async def test_an_invalid_message_after_a_call_is_the_providers_and_retried(bench: Bench) -> None:
    def act(exchange: Exchange) -> None:
        exchange.context.legs.append(Leg("a", "b", "read", T0))
        raise errors.InvalidRequest

    bench.routes.act = act
    exchange = await bench.accept()
    await bench.handler(exchange, FLOW, 0)
    assert await bench.status(exchange) == ("accepted", 1, "broken-contract")


@pytest.mark.parametrize(("chance", "share"), [(0.0, 0.9), (0.5, 1.0), (0.999999, 1.1)])
def test_the_delay_is_exponential_capped_and_spread(chance: float, share: float) -> None:
    rule = Delivery(attempts=8, first_delay=2.0, factor=2.0, max_delay=600.0)
    delays = [delay_seconds(rule, attempt, chance) / share for attempt in (0, 1, 2, 8, 9, 5_000)]
    assert delays == pytest.approx([2.0, 4.0, 8.0, 512.0, 600.0, 600.0], rel=1e-5)


# --- failures that are final ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [errors.InvalidRequest, errors.Refused, errors.NotAuthenticated, errors.NoData]
)
async def test_a_failure_that_will_not_pass_is_dead_lettered_at_once(bench: Bench, kind: type) -> None:
    bench.routes.act = fail_with(kind(f"about {NISS}"))
    exchange = await bench.accept()
    await bench.handler(exchange, FLOW, 0)
    assert await bench.status(exchange) == ("dead-lettered", 0, kind.category)
    assert bench.due == 0
    assert NISS not in json.dumps(await bench.leaves(exchange))


@pytest.mark.parametrize("how", ["no-grant", "agent-now-required", "purpose-gone"])
async def test_a_grant_that_is_withdrawn_stops_the_delivery(bench: Bench, how: str) -> None:
    if how == "no-grant":
        bench.runtime.grant = None
        exchange = await bench.accept()
    elif how == "agent-now-required":
        exchange = await bench.accept(agent=None)
    else:
        bench.runtime.site = replace(SITE, purposes={})
        exchange = await bench.accept()
    await bench.handler(exchange, FLOW, 0)
    assert await bench.status(exchange) == ("dead-lettered", 0, "grant-withdrawn")
    assert bench.routes.seen == []
    leaf = await bench.final(exchange)
    assert leaf["error"]["code"] == "grant-withdrawn"
    assert leaf["site"] == SITE.hash


async def test_the_grant_is_asked_for_today_and_for_whom_the_party_acts(bench: Bench) -> None:
    exchange = await bench.accept(on_behalf_of="0229921078")
    await bench.handler(exchange, FLOW, 0)
    assert bench.runtime.asked == [(FLOW, PARTY, "environmental-permit", "2027-01-15", "0229921078")]


@pytest.mark.parametrize("how", ["removed", "no-event-any-more"])
async def test_a_flow_that_is_gone_stops_the_delivery(bench: Bench, how: str) -> None:
    exchange = await bench.accept()
    if how == "removed":
        bench.runtime.flows.clear()
    else:
        bench.runtime.flows[FLOW] = KnownFlow(replace(EVENT_FLOW, exchange="request-reply"), bench.routes)
    await bench.handler(exchange, FLOW, 0)
    assert await bench.status(exchange) == ("dead-lettered", 0, "flow-removed")
    assert bench.routes.seen == []


async def test_an_event_that_cannot_be_opened_is_dead_lettered_and_recorded(bench: Bench) -> None:
    other = Keyring([Key(f"{purpose}-1", purpose, b"x" * 32) for purpose in PURPOSES])
    exchange = await bench.accept()
    handler = DeliveryHandler(
        bench.store, bench.journal, other, lambda: bench.runtime,
        metrics=bench.metrics, on_due=bench._on_due, now_us=lambda: bench.now,
    )  # fmt: skip
    await handler(exchange, FLOW, 0)
    assert await bench.status(exchange) == ("dead-lettered", 0, "event-unreadable")
    leaf = await bench.final(exchange)
    assert (leaf["type"], leaf["consumer"]) == ("dead-lettered", {"party": PARTY})


async def test_a_kept_body_that_is_no_json_is_dead_lettered(bench: Bench) -> None:
    exchange = await bench.accept(b"{")
    await bench.handler(exchange, FLOW, 0)
    assert await bench.status(exchange) == ("dead-lettered", 0, "invalid-request")


# --- duplicates and races --------------------------------------------------------------------------


async def test_a_duplicate_message_has_no_second_effect(bench: Bench) -> None:
    exchange = await bench.accept()
    for _ in range(3):
        await bench.handler(exchange, FLOW, 0)
    assert len(bench.routes.seen) == 1
    assert bench.metric('integrator_events_total{kind="delivery-duplicate"} 2.0')


async def test_two_messages_at_once_make_one_attempt(bench: Bench) -> None:
    exchange = await bench.accept()
    await asyncio.gather(*(bench.handler(exchange, FLOW, 0) for _ in range(5)))
    assert len(bench.routes.seen) == 1


async def test_the_message_of_a_former_attempt_does_nothing(bench: Bench) -> None:
    bench.routes.act = fail_with(errors.ProviderFault())
    exchange = await bench.accept()
    await bench.handler(exchange, FLOW, 0)
    await bench.handler(exchange, FLOW, 0)
    assert len(bench.routes.seen) == 1


async def test_an_event_nobody_accepted_does_nothing(bench: Bench) -> None:
    await bench.handler(uuid_utils.uuid7().bytes, FLOW, 0)
    assert bench.routes.seen == []
    assert bench.store.units == []


async def test_who_comes_late_writes_nothing(bench: Bench) -> None:
    other = bench.make_handler()

    async def overtaken(exchange: Exchange) -> None:
        bench.routes.act = lambda exchange: None
        bench.now += int((bench.limits.delivery_seconds + 60) * 1e6)  # the lease has run out
        await other(identity, FLOW, 0)

    bench.routes.act = overtaken
    identity = await bench.accept()
    await bench.handler(identity, FLOW, 0)
    assert await bench.status(identity) == ("delivered", 0, None)
    assert [leaf["type"] for leaf in await bench.leaves(identity)] == ["received", "delivered"]
    assert bench.metric('integrator_events_total{kind="delivery-stale"} 1.0')
    assert bench.metric('integrator_exchanges_total{flow="permit-notification",outcome="delivered"} 1.0')


# --- the store fails --------------------------------------------------------------------------------


async def test_an_end_that_cannot_be_written_is_repeated_under_the_same_id(bench: Bench) -> None:
    exchange = await bench.accept()
    bench.store.errors = [StoreUnavailable()]
    with pytest.raises(StoreUnavailable):
        await bench.handler(exchange, FLOW, 0)
    await bench.handler(exchange, FLOW, 0)  # leased: nothing
    bench.now += int((bench.limits.delivery_seconds + 60) * 1e6)
    await bench.handler(exchange, FLOW, 0)
    assert await bench.status(exchange) == ("delivered", 0, None)
    assert len({seen.context.exchange_id for _, seen in bench.routes.seen}) == 1
    assert len(bench.routes.seen) == 2


async def test_a_record_the_database_refuses_counts_as_a_failed_attempt(bench: Bench) -> None:
    exchange = await bench.accept()
    bench.store.errors = [UnitRefused()]
    await bench.handler(exchange, FLOW, 0)
    assert await bench.status(exchange) == ("accepted", 1, "not-recorded")


async def test_a_dead_letter_the_database_refuses_is_recorded_without_its_details(bench: Bench) -> None:
    bench.routes.act = fail_with(errors.Refused())
    exchange = await bench.accept()
    bench.store.errors = [UnitRefused()]
    await bench.handler(exchange, FLOW, 0)
    assert await bench.status(exchange) == ("dead-lettered", 0, "refused")
    leaf = await bench.final(exchange)
    assert (leaf["type"], leaf["attempts"], leaf["error"]["category"]) == ("dead-lettered", 1, "refused")
    assert "previous" in leaf
    assert "authorisation" not in leaf


async def test_an_event_whose_exchange_has_its_end_already_is_not_delivered_for_ever(bench: Bench) -> None:
    exchange = await bench.accept()

    async def end_elsewhere(seen: Exchange) -> None:
        row = bench.journal.record("failed", seen.context, now_us=T0, final=True)
        await bench.store.commit(Unit([row]))

    bench.routes.act = end_elsewhere
    await bench.handler(exchange, FLOW, 0)
    assert await bench.status(exchange) == ("delivered", 0, None)
    types = [record.type for record in await bench.store.records_of(exchange)]
    assert types == ["received", "failed"]
