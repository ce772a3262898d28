"""Redeliveries: how often a failing step is tried, for any policy and any number of failures."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from integrator.engine import Mocks, Services, compile_routes
from integrator.exchange import AdapterAnswer, ProviderUnreachable
from tests.engine import clock
from tests.engine.helpers import Answering, exchange, source

ROUTE = """
- errorHandler: {deadLetterChannel: {deadLetterUri: mock:dead, redeliveryPolicy: {%s}}}
- route:
    id: r
    from:
      uri: direct:start
      steps:
        - to: adapter:regional/x?operation=get
        - to: mock:end
"""


def tried(policy: str, failures: int, limit: int = 50) -> tuple[int, int, int, float]:
    """How often the adapter was called; messages at mock:end and mock:dead; seconds it took."""
    answers: list[Any] = [ProviderUnreachable("gone") for _ in range(failures)]
    sender, mocks = Answering(*answers, AdapterAnswer({})), Mocks()
    routes = compile_routes(
        [source(ROUTE % policy)], Services(sender=sender, mocks=mocks, redeliveries=limit)
    )
    took = 0.0

    async def work() -> None:
        nonlocal took
        loop = asyncio.get_running_loop()
        began = loop.time()
        await routes.run("direct:start", exchange({}))
        took = loop.time() - began

    clock.run(work())
    received = mocks.received
    return len(sender.calls), len(received.get("mock:end", ())), len(received.get("mock:dead", ())), took


@settings(max_examples=60, deadline=None)
@given(most=st.integers(-1, 6), failures=st.integers(0, 9))
def test_a_step_is_tried_as_often_as_its_policy_says(most: int, failures: int) -> None:
    limit = 8
    allowed = limit if most < 0 else most
    calls, ended, dead, _ = tried(f"maximumRedeliveries: {most}, redeliveryDelay: '10'", failures, limit)
    assert calls == min(failures, allowed) + 1
    assert (ended, dead) == ((1, 0) if failures <= allowed else (0, 1))


@settings(max_examples=30, deadline=None)
@given(
    failures=st.integers(1, 6),
    delay=st.integers(1, 2000),
    factor=st.integers(1, 4),
    longest=st.integers(1, 5000),
)
def test_delays_grow_up_to_the_longest(failures: int, delay: int, factor: int, longest: int) -> None:
    policy = (f"maximumRedeliveries: 10, redeliveryDelay: '{delay}', backOffMultiplier: {factor}, "
              f"useExponentialBackOff: true, maximumRedeliveryDelay: '{longest}'")  # fmt: skip
    _, _, _, took = tried(policy, failures)
    expected = sum(min(delay * factor**attempt, longest) for attempt in range(failures)) / 1000
    assert expected <= took < expected + 2


def test_delays_by_pattern() -> None:
    _, _, _, took = tried("maximumRedeliveries: 4, delayPattern: '1:100;3:1000'", 4)
    assert 2.2 <= took < 3.2
