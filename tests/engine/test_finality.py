"""Accepted events stay whole: they end after every child they started, and with what became of it."""

from __future__ import annotations

import pytest

from integrator.engine import Mocks, Services
from integrator.engine.exceptions import class_of
from integrator.exchange import Context, Exchange
from tests.engine import clock
from tests.engine.helpers import exchange, route, run

BOOM = "throwException: {exceptionType: java.io.IOException, message: boom}"
SLOW = "delay: {constant: '1000'}\nto: mock:child"
CHILDREN = {
    "seda": route("to: seda:next") + route(SLOW, "seda:next", "next"),
    "seda of seda": route("to: seda:a") + route("to: seda:b", "seda:a", "a") + route(SLOW, "seda:b", "b"),
    "wireTap": route("wireTap: {uri: direct:next}") + route(SLOW, "direct:next", "next"),
    "threads": route(f"threads: {{poolSize: 2}}\n{SLOW}"),
    "parallel parts": route(
        "split: {tokenize: ',', parallelProcessing: true, steps: [{delay: {constant: '1000'}}, {to: mock:child}]}"
    ),
    "tap in a part": route("split: {tokenize: ',', steps: [{wireTap: {uri: direct:next}}]}")
    + route(SLOW, "direct:next", "next"),
}


def event() -> Exchange:
    made = exchange("x", context=Context("E", "f", "s", kind="event", party="p"))
    made.pattern = "InOnly"
    return made


@pytest.mark.parametrize("kind", CHILDREN)
def test_an_event_ends_after_its_children(kind: str) -> None:
    mocks, made = Mocks(), event()
    ends: list[int] = []

    async def work() -> None:
        await run(CHILDREN[kind], made, Services(mocks=mocks))
        ends.append(len(mocks.received["mock:child"]))

    clock.run(work())
    assert ends == [1]
    (child,) = mocks.received["mock:child"]
    if kind != "threads":  # there the exchange itself goes on
        assert child.id != made.id
    assert child.context is made.context


@pytest.mark.parametrize("kind", ["seda", "seda of seda", "wireTap", "tap in a part"])
def test_an_event_whose_child_failed_has_failed(kind: str) -> None:
    made = event()
    clock.run(run(CHILDREN[kind].replace("to: mock:child", BOOM), made))
    assert class_of(made.exception) == "java.io.IOException"  # type: ignore[arg-type]
    assert any(getattr(one, "step", "") == "throwException" for one in made.history)


@pytest.mark.parametrize("kind", ["seda", "wireTap"])
def test_in_other_exchanges_it_changes_nothing_as_in_camel(kind: str) -> None:
    made = exchange("x")
    made.pattern = "InOnly"
    clock.run(run(CHILDREN[kind].replace("to: mock:child", BOOM), made))
    assert made.exception is None


def test_a_child_whose_failure_was_handled_has_not_failed() -> None:
    made = event()
    handler = (
        "- onException: {exception: [java.io.IOException], handled: {constant: 'true'}, steps: [{log: x}]}\n"
    )
    clock.run(run(handler + CHILDREN["seda"].replace("to: mock:child", BOOM), made))
    assert made.exception is None
