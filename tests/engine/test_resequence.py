"""resequence: order, duplicates, limits, governed exchanges, stopping."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrator.engine import Mocks, Services, compile_routes
from integrator.exchange import Context, Exchange, Overloaded
from tests.engine import clock
from tests.engine.helpers import exchange, route, rules, source


def resequence(config: str, steps: str = "{to: mock:out}") -> str:
    return route(f"resequence: {{header: n, {config}, steps: [{steps}]}}")


def send(text: str, given: list[Exchange], services: Services, after: float = 10.0) -> None:
    async def work() -> None:
        routes = compile_routes([source(text)], services)
        await asyncio.gather(*(routes.run("direct:start", made) for made in given))
        await asyncio.sleep(after)
        await routes.stop()

    clock.run(work())


def out(mocks: Mocks) -> list[int]:
    return [one.message.headers["n"] for one in mocks.received.get("mock:out", [])]


NUMBERS = st.lists(st.integers(-50, 50), max_size=30)


@given(NUMBERS, st.booleans())
def test_a_batch_is_sorted_and_loses_nothing(numbers: list[int], reverse: bool) -> None:
    mocks = Mocks()
    text = resequence(
        f"batchConfig: {{batchSize: 100, allowDuplicates: true, reverse: {str(reverse).lower()}}}"
    )
    send(text, [exchange("x", {"n": number}) for number in numbers], Services(mocks=mocks))
    assert out(mocks) == sorted(numbers, reverse=reverse)


@given(NUMBERS)
def test_a_batch_keeps_the_first_of_equal_ones(numbers: list[int]) -> None:
    mocks = Mocks()
    made = [exchange(place, {"n": number}) for place, number in enumerate(numbers)]
    send(resequence("batchConfig: {batchSize: 100}"), made, Services(mocks=mocks))
    assert out(mocks) == sorted(set(numbers))
    firsts = {number: place for place, number in reversed(list(enumerate(numbers)))}
    assert {
        one.message.headers["n"]: one.message.body for one in mocks.received.get("mock:out", [])
    } == firsts


@given(st.permutations(range(12)), st.integers(1, 12))
def test_batches_are_sorted_each(numbers: list[int], size: int) -> None:
    mocks = Mocks()
    made = [exchange("x", {"n": number}) for number in numbers]
    send(resequence(f"batchConfig: {{batchSize: {size}}}"), made, Services(mocks=mocks))
    expected = [n for start in range(0, 12, size) for n in sorted(numbers[start : start + size])]
    assert out(mocks) == expected


@given(st.permutations(range(12)))
def test_a_stream_that_comes_in_time_is_in_order(numbers: list[int]) -> None:
    mocks = Mocks()
    made = [exchange("x", {"n": number}) for number in numbers]
    send(resequence("streamConfig: {timeout: '1000', capacity: 50}"), made, Services(mocks=mocks))
    assert out(mocks) == list(range(12))


def test_a_full_stream_lets_others_wait() -> None:
    mocks = Mocks()
    made = [exchange("x", {"n": number}) for number in (9, 5, 1)]
    text = resequence("streamConfig: {timeout: '100', capacity: 2, deliveryAttemptInterval: '100'}")
    send(text, made, Services(mocks=mocks))
    assert sorted(out(mocks)) == [1, 5, 9]
    assert out(mocks)[0] == 5


def test_an_exchange_of_a_flow_ends_with_what_became_of_its_copy() -> None:
    ends: list[str] = []
    mocks = Mocks()

    async def work() -> None:
        routes = compile_routes(
            [source(resequence("batchConfig: {batchTimeout: '500'}"))], Services(mocks=mocks)
        )

        async def one(number: int) -> None:
            made = exchange("x", {"n": number}, context=Context("E", "f", "s", kind="event"))
            await routes.run("direct:start", made)
            ends.append(f"{number} after {len(mocks.received.get('mock:out', []))}")

        await asyncio.gather(one(2), one(1))

    clock.run(work())
    assert sorted(ends) == ["1 after 2", "2 after 2"] or sorted(ends) == ["1 after 1", "2 after 2"]
    assert out(mocks) == [1, 2]


def test_a_cancelled_exchange_is_not_passed_on() -> None:
    mocks = Mocks()

    async def work() -> None:
        routes = compile_routes(
            [source(resequence("batchConfig: {batchTimeout: '2000'}"))], Services(mocks=mocks)
        )
        made = [exchange("x", {"n": n}, context=Context("E", "f", "s", kind="event")) for n in (2, 1)]
        late = asyncio.ensure_future(routes.run("direct:start", made[0]))
        kept = asyncio.ensure_future(routes.run("direct:start", made[1]))
        await asyncio.sleep(0.1)
        late.cancel()
        await asyncio.gather(late, kept, return_exceptions=True)

    clock.run(work())
    assert out(mocks) == [1]


def test_what_waits_is_passed_on_when_the_routes_stop() -> None:
    for config in ("batchConfig: {batchTimeout: '60000'}", "streamConfig: {timeout: '60000'}"):
        mocks = Mocks()
        made = [exchange("x", {"n": number}) for number in (3, 1)]
        send(resequence(config), made, Services(mocks=mocks), after=0)
        assert out(mocks) == [1, 3]


def test_what_waits_is_bounded() -> None:
    made = [exchange("x", {"n": number}) for number in range(4)]
    send(resequence("batchConfig: {batchTimeout: '100'}"), made, Services(bodies_grouped=3))
    assert isinstance(made[3].exception, Overloaded)
    assert [one.exception for one in made[:3]] == [None] * 3


@pytest.mark.parametrize(
    ("config", "rule"),
    [
        ("batchConfig: {batchSize: many}", "option-type"),
        ("batchConfig: {batchTimeout: soon}", "option-type"),
        ("batchConfig: {size: 1}", "unknown-option"),
        ("streamConfig: {comparator: '#c'}", "not-yet"),
        ("streamConfig: text", "options"),
        ("constant: b, batchConfig: {}", "expression-missing"),
    ],
)
def test_mistakes(config: str, rule: str) -> None:
    assert rule in rules(resequence(config))
