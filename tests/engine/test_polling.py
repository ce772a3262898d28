"""poll and pollEnrich beyond Camel's own cases: limits, other exchanges, mistakes."""

from __future__ import annotations

import asyncio

import pytest

from integrator.engine import Services, compile_routes, endpoints
from integrator.engine.exceptions import class_of
from integrator.engine.polling import pollable
from tests.engine import clock
from tests.engine.helpers import exchange, problems, route, rules, source

LEAVES = route("to: 'seda:q?waitForTaskToComplete=Never&size=2'", "direct:leave", "leave")
TAKES = route("pollEnrich: {constant: 'seda:q', timeout: '5000'}", "direct:take", "take")


async def test_a_message_of_one_exchange_is_taken_by_another_that_waits() -> None:
    routes = compile_routes([source(LEAVES + TAKES)], Services())
    taker, leaver = exchange("mine"), exchange("theirs", {"h": 1})
    waiting = asyncio.ensure_future(routes.run("direct:take", taker))
    await asyncio.sleep(0)
    await routes.run("direct:leave", leaver)
    await waiting
    assert (taker.message.body, taker.message.headers["h"]) == ("theirs", 1)


async def test_what_waits_to_be_polled_is_bounded() -> None:
    routes = compile_routes([source(LEAVES + TAKES)], Services())
    done = [exchange(number) for number in range(3)]
    for one in done:
        await routes.run("direct:leave", one)
    assert [one.exception is None for one in done] == [True, True, False]
    assert class_of(done[2].exception) == "java.lang.IllegalStateException"


async def test_what_nobody_polls_is_not_kept() -> None:
    routes = compile_routes([source(LEAVES)], Services())
    done = [exchange(number) for number in range(5)]
    for one in done:
        await routes.run("direct:leave", one)
    assert all(one.exception is None for one in done)


def test_polling_for_ever_ends_at_the_limit() -> None:
    async def work() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        routes = compile_routes(
            [source(route("pollEnrich: {constant: 'seda:q'}"))], Services(longest_delay=100)
        )
        given = exchange("x")
        await routes.run("direct:start", given)
        assert given.message.body is None
        return loop.time() - began

    assert 100 <= clock.run(work()) < 110


async def test_a_poll_that_is_cancelled_leaves_the_message() -> None:
    routes = compile_routes([source(LEAVES + TAKES)], Services())
    waiting = asyncio.ensure_future(routes.run("direct:take", exchange()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await routes.run("direct:leave", exchange("kept"))
    after = exchange()
    await routes.run("direct:take", after)
    assert after.message.body == "kept"


async def test_computed_endpoints_reach_queues_only() -> None:
    routes = compile_routes([source(route("pollEnrich: {header: where, timeout: '0'}"))], Services())
    for where in ("file:/etc", "http://example.org", "direct:start", "log:x", "seda:a?nosuch=1"):
        given = exchange("x", {"where": where})
        await routes.run("direct:start", given)
        assert class_of(given.exception) == "org.apache.camel.ResolveEndpointFailedException", where
    given = exchange("x", {"where": "nonsense"})
    await routes.run("direct:start", given)
    assert class_of(given.exception) == "org.apache.camel.NoSuchEndpointException"


@pytest.mark.parametrize(
    ("step", "rule"),
    [
        ("pollEnrich: {constant: 'mock:a'}", "not-polled"),
        ("pollEnrich: {constant: 'direct:a'}", "not-polled"),
        ("pollEnrich: {constant: 'nosuch:a'}", "unknown-component"),
        ("pollEnrich: {constant: 'kafka:a'}", "not-yet"),
        ("pollEnrich: {constant: 'seda:a?sise=1'}", "unknown-endpoint-option"),
        ("pollEnrich: {constant: 'seda:a', timeout: soon}", "option-type"),
        ("pollEnrich: {timeout: '1'}", "expression-missing"),
        ("pollEnrich: {constant: 'seda:a', aggregationStrategy: '#nope'}", "bean"),
        ("poll: {}", "missing-option"),
        ("poll: {uri: 'mock:a'}", "not-polled"),
        ("poll: {uri: 'seda:${bdy}'}", "expression"),
    ],
)
def test_bad_polls(step: str, rule: str) -> None:
    assert rule in rules(route(step))


def test_the_nearest_option_is_offered() -> None:
    found = problems(route("poll: 'seda:a?sise=1'"))
    assert found[0].remedy == "Did you mean size?"
    assert {"seda", "stub"} <= set(pollable())


def test_polled_endpoints_count_for_egress() -> None:
    text = route("poll: 'seda:a'\npollEnrich: {simple: 'seda:${header.q}'}\npollEnrich: {header: q}")
    listed = [(use.uri, use.dynamic) for use in endpoints(source(text)) if not use.consumer]
    assert listed == [("seda:a", False), ("seda:${header.q}", True), ("seda:${…}", True)]
