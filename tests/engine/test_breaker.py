"""The circuit breaker: a state machine against a model that counts everything anew, and the step around it."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from integrator.engine import Mocks, RouteErrors, Services, compile_routes
from integrator.engine.breaker import CLOSED, HALF_OPEN, OPEN, Breaker, Settings
from integrator.engine.exceptions import class_of
from integrator.exchange import Exchange
from tests.engine import clock
from tests.engine.helpers import exchange, route, rules, source


class AgainstModel(RuleBasedStateMachine):
    """Calls of every kind at any time. The model keeps all outcomes and looks at the last ones again each time."""

    @initialize(
        window=st.integers(1, 6), minimum=st.integers(1, 8), trials=st.integers(1, 4),
        rate=st.sampled_from([1, 34, 50, 100]), slow=st.sampled_from([50, 100]), by_time=st.booleans(),
        automatic=st.booleans(),
    )  # fmt: skip
    def begin(self, window: int, minimum: int, trials: int, rate: int, slow: int, by_time: bool,
              automatic: bool) -> None:  # fmt: skip
        self.settings = Settings(rate, slow, 5, window, by_time, minimum, trials, 10, automatic)
        self.breaker = Breaker(self.settings)
        self.now = 100.0
        self.state, self.outcomes, self.opened, self.free = CLOSED, [], 0.0, 0  # type: ignore[var-annotated]
        self.under_way = 0

    def model_current(self) -> str:
        if self.state == OPEN and self.settings.automatic and self.now >= self.opened + 10:
            self.state, self.outcomes, self.free = HALF_OPEN, [], self.settings.trials
        return self.state

    def model_permits(self) -> bool:
        if self.state == OPEN and self.now >= self.opened + 10:
            self.state, self.outcomes, self.free = HALF_OPEN, [], self.settings.trials
        if self.state == HALF_OPEN and self.free > 0:
            self.free -= 1
            return True
        return self.state == CLOSED

    def model_ends(self, failed: bool, slow: bool) -> None:
        if self.state == OPEN:
            return
        self.outcomes.append((self.now, failed, slow))
        if self.state == HALF_OPEN:
            counted, least = self.outcomes[-self.settings.trials :], self.settings.trials
        elif self.settings.by_time:
            counted = [one for one in self.outcomes if int(one[0]) > int(self.now) - self.settings.window]
            least = self.settings.minimum
        else:
            counted = self.outcomes[-self.settings.window :]
            least = min(self.settings.minimum, self.settings.window)
        if len(counted) < least:
            return
        failures = sum(one[1] for one in counted) * 100 / len(counted)
        slows = sum(one[2] for one in counted) * 100 / len(counted)
        if failures >= self.settings.failure_rate or slows >= self.settings.slow_rate:
            self.state, self.opened = OPEN, self.now
        elif self.state == HALF_OPEN:
            self.state, self.outcomes = CLOSED, []

    @rule(seconds=st.sampled_from([0.4, 1, 3, 9.9, 10, 25]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def ask(self) -> None:
        permitted = self.breaker.permits(self.now)
        assert permitted == self.model_permits()
        self.under_way += permitted

    @rule(failed=st.booleans(), slow=st.booleans())
    def end(self, failed: bool, slow: bool) -> None:
        if not self.under_way:
            return
        self.under_way -= 1
        (self.breaker.failed if failed else self.breaker.succeeded)(self.now, 6.0 if slow else 1.0)
        self.model_ends(failed, slow)

    @rule()
    def release(self) -> None:
        if not self.under_way:
            return
        self.under_way -= 1
        self.breaker.released()
        if self.state == HALF_OPEN:
            self.free += 1

    @invariant()
    def same_state(self) -> None:
        if hasattr(self, "breaker"):
            assert self.breaker.current(self.now) == self.model_current()


TestAgainstModel = AgainstModel.TestCase
TestAgainstModel.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def breaking(options: str, steps: str = "{to: mock:try}, {throwException: {exceptionType: java.io.IOException, "
             "message: x}}", rest: str = "") -> str:  # fmt: skip
    return route(f"circuitBreaker: {{resilience4jConfiguration: {{{options}}}, steps: [{steps}]{rest}}}")


async def send(text: str, count: int, services: Services | None = None) -> list[Exchange]:
    routes = compile_routes([source(text)], services or Services())
    done = [exchange(number) for number in range(count)]
    for one in done:
        await routes.run("direct:start", one)
    return done


def test_an_open_breaker_keeps_calls_away_until_its_time_is_over() -> None:
    mocks = Mocks()

    async def work() -> None:
        routes = compile_routes(
            [source(breaking("minimumNumberOfCalls: 2, slidingWindowSize: 2, waitDurationInOpenState: 30"))],
            Services(mocks=mocks),
        )
        for seconds in (0, 0, 0, 29, 2):
            await asyncio.sleep(seconds)
            await routes.run("direct:start", exchange())

    clock.run(work())
    assert len(mocks.received["mock:try"]) == 3


async def test_side_by_side_calls_are_bounded_and_others_wait_so_long() -> None:
    text = breaking("bulkheadEnabled: true, bulkheadMaxConcurrentCalls: 1, bulkheadMaxWaitDuration: 5000",
                    "{delay: {constant: '20'}}")  # fmt: skip
    routes = compile_routes([source(text)], Services())
    done = [exchange(number) for number in range(3)]
    await asyncio.gather(*(routes.run("direct:start", one) for one in done))
    assert [one.exception for one in done] == [None] * 3


async def test_a_full_bulkhead_refuses() -> None:
    text = breaking("bulkheadEnabled: true, bulkheadMaxConcurrentCalls: 1", "{delay: {constant: '50'}}")
    routes = compile_routes([source(text)], Services())
    done = [exchange(number) for number in range(3)]
    await asyncio.gather(*(routes.run("direct:start", one) for one in done))
    refused = [one for one in done if one.exception is not None]
    assert len(refused) == 2
    assert {class_of(one.exception) for one in refused} == {
        "io.github.resilience4j.bulkhead.BulkheadFullException"
    }


async def test_what_is_given_up_is_cancelled() -> None:
    ended: list[bool] = []

    async def sleep(seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            ended.append(True)
            raise

    text = breaking("timeoutEnabled: true, timeoutDuration: 10", "{delay: {constant: '60000'}}")
    done = await send(text, 1, Services(sleep=sleep))
    assert class_of(done[0].exception) == "java.util.concurrent.TimeoutException"
    assert ended == [True]


async def test_a_cancelled_exchange_says_nothing_about_the_steps() -> None:
    text = breaking("minimumNumberOfCalls: 1, slidingWindowSize: 1", "{delay: {simple: '${header.ms}'}}")
    routes = compile_routes([source(text)], Services())
    task = asyncio.ensure_future(routes.run("direct:start", exchange(headers={"ms": 60_000})))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    after = exchange(headers={"ms": 0})
    await routes.run("direct:start", after)
    assert after.properties["CamelCircuitBreakerState"] == "CLOSED"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("circuitBreaker: {resilience4jConfiguration: {failureRateThreshold: 120}, steps: [{log: x}]}", "option-value"),
        ("circuitBreaker: {resilience4jConfiguration: {failureRateThreshold: 0}, steps: [{log: x}]}", "option-value"),
        ("circuitBreaker: {resilience4jConfiguration: {slidingWindowSize: 0}, steps: [{log: x}]}", "option-value"),
        ("circuitBreaker: {resilience4jConfiguration: {slidingWindowSize: many}, steps: [{log: x}]}", "option-type"),
        ("circuitBreaker: {resilience4jConfiguration: {slidingWindowType: TIME}, steps: [{log: x}]}", "option-value"),
        ("circuitBreaker: {resilience4jConfiguration: {failureRate: 1}, steps: [{log: x}]}", "unknown-option"),
        ("circuitBreaker: {resilience4jConfiguration: {circuitBreaker: x}, steps: [{log: x}]}", "not-yet"),
        ("circuitBreaker: {resilience4jConfiguration: {recordException: [NoSuch]}, steps: [{log: x}]}",
         "unknown-exception"),
        ("circuitBreaker: {resilience4jConfiguration: {ignoreException: [NoSuch]}, steps: [{log: x}]}",
         "unknown-exception"),
        ("circuitBreaker: {faultToleranceConfiguration: {}, steps: [{log: x}]}", "not-yet"),
        ("circuitBreaker: {configuration: x, steps: [{log: x}]}", "not-yet"),
        ("circuitBreaker: {steps: [{log: x}], onFallback: {fallbackViaNetwork: true}}", "option-value"),
        ("circuitBreaker: {steps: [{log: x}], onFallback: {stpes: []}}", "unknown-option"),
    ],
)  # fmt: skip
def test_bad_options(text: str, rule: str) -> None:
    assert rule in rules(route(text))
    with pytest.raises(RouteErrors):
        compile_routes([source(route(text))], Services())
