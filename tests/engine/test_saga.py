"""Sagas beyond Camel's own cases: bounds, mistakes, what is left behind."""

from __future__ import annotations

import asyncio

import pytest

from integrator.engine import Mocks, Services, compile_routes
from integrator.engine.exceptions import class_of
from integrator.engine.sagas import HEADER
from tests.engine import clock
from tests.engine.helpers import exchange, route, rules, source

BEANS = "- beans: [{name: saga, type: org.apache.camel.saga.InMemorySagaService}]\n"


async def test_sagas_under_way_are_bounded() -> None:
    text = BEANS + route("saga: {completionMode: MANUAL, steps: [{log: x}]}")
    routes = compile_routes([source(text)], Services(keys_kept=2))
    done = [exchange(number) for number in range(3)]
    for one in done:
        await routes.run("direct:start", one)
    assert [one.exception is None for one in done] == [True, True, False]
    assert class_of(done[2].exception) == "java.util.concurrent.RejectedExecutionException"


async def test_a_saga_that_ended_is_forgotten() -> None:
    text = BEANS + route("saga: {completion: mock:done, steps: [{log: x}]}")
    routes = compile_routes([source(text)], Services(keys_kept=1))
    for number in range(3):
        given = exchange(number)
        await routes.run("direct:start", given)
        assert given.exception is None
        assert HEADER not in given.message.headers


async def test_endings_run_in_reverse_and_carry_nothing_but_their_options() -> None:
    mocks = Mocks()
    text = BEANS + route(
        "saga: {compensation: mock:undo, option: [{key: n, constant: one}], steps: [{to: direct:sub}, "
        "{throwException: {exceptionType: java.io.IOException, message: x}}]}"
    ) + route("saga: {compensation: mock:undo, option: [{key: n, constant: two}, {key: gone, header: none}], "
              "steps: [{log: x}]}", "direct:sub", "sub")  # fmt: skip
    given = exchange("secret", {"h": "secret"}, properties={"p": "secret"})
    given.variables["v"] = "secret"
    await compile_routes([source(text)], Services(mocks=mocks)).run("direct:start", given)
    received = mocks.received["mock:undo"]
    assert [one.message.headers["n"] for one in received] == ["two", "one"]
    for one in received:
        assert (one.message.body, one.properties, one.variables) == (None, {}, {})
        assert set(one.message.headers) == {"n", HEADER}


def test_a_timeout_compensates_what_nobody_ended() -> None:
    mocks = Mocks()
    text = BEANS + route(
        "saga: {completionMode: MANUAL, timeout: 10s, compensation: mock:undo, steps: [{log: x}]}"
    )

    async def work() -> None:
        routes = compile_routes([source(text)], Services(mocks=mocks))
        await routes.run("direct:start", exchange())
        await asyncio.sleep(9)
        assert "mock:undo" not in mocks.received
        await asyncio.sleep(2)
        assert len(mocks.received["mock:undo"]) == 1

    clock.run(work())


def test_a_saga_that_ended_has_no_timeout() -> None:
    mocks = Mocks()
    text = BEANS + route(
        "saga: {timeout: 10s, compensation: mock:undo, completion: mock:done, steps: [{log: x}]}"
    )

    async def work() -> None:
        routes = compile_routes([source(text)], Services(mocks=mocks))
        await routes.run("direct:start", exchange())
        await asyncio.sleep(60)

    clock.run(work())
    assert set(mocks.received) == {"mock:done"}


def test_what_cannot_be_undone_is_tried_again_and_logged() -> None:
    logged: list[str] = []
    mocks = Mocks()
    text = BEANS.replace("Service}", "Service, properties: {maxRetryAttempts: 3, retryDelayInMilliseconds: 1000}}") + (
        route("saga: {compensation: direct:undo, steps: [{throwException: {exceptionType: java.io.IOException, "
              "message: x}}]}")
        + route("to: mock:undo\nthrowException: {exceptionType: java.io.EOFException, message: y}", "direct:undo", "u")
    )  # fmt: skip

    async def work() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        services = Services(
            mocks=mocks, log=lambda level, text, _route, _line: logged.append(f"{level} {text}")
        )
        await compile_routes([source(text)], services).run("direct:start", exchange())
        return loop.time() - began

    assert 2 <= clock.run(work()) < 3
    assert len(mocks.received["mock:undo"]) == 3
    assert logged[0].startswith("ERROR Unable to compensate all required steps of the saga ")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (route("saga: {steps: [{log: x}]}"), "bean"),
        (BEANS + route("saga: {sagaService: nope, steps: [{log: x}]}"), "bean"),
        ("- beans: [{name: a, type: org.apache.camel.processor.aggregate.StringAggregationStrategy}]\n"
         + route("saga: {sagaService: a, steps: [{log: x}]}"), "bean"),
        (BEANS + route("saga: {propagation: SOMETIMES, steps: [{log: x}]}"), "option-value"),
        (BEANS + route("saga: {propagation: NEVER, timeout: 1s, steps: [{log: x}]}"), "option-value"),
        (BEANS + route("saga: {propagation: NOT_SUPPORTED, completionMode: MANUAL, steps: [{log: x}]}"), "option-value"),
        (BEANS + route("saga: {timeout: soon, steps: [{log: x}]}"), "option-type"),
        (BEANS + route("saga: {compensation: 'nosuch:x', steps: [{log: x}]}"), "unknown-component"),
        (BEANS + route("saga: {compensation: {url: 'mock:x'}, steps: [{log: x}]}"), "unknown-option"),
        (BEANS + route("saga: {option: [{constant: x}], steps: [{log: x}]}"), "missing-option"),
        (BEANS + route("saga: {option: [{key: x}], steps: [{log: x}]}"), "expression-missing"),
        (BEANS + route("to: saga:finish"), "uri"),
        (route("to: saga:complete"), "bean"),
    ],
)  # fmt: skip
def test_mistakes(text: str, rule: str) -> None:
    assert rule in rules(text)
