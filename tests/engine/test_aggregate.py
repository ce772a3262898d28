"""aggregate in memory: what real Camel cannot be asked, limits, governed exchanges, stopping, conservation."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrator.engine import Mocks, Services, compile_routes
from integrator.engine.eips.aggregate import STORE
from integrator.engine.exceptions import class_of
from integrator.engine.strategies import Buffer
from integrator.exchange import Context, Exchange, Overloaded
from tests.engine import clock
from tests.engine.helpers import exchange, route, rules, source

CLASS = "#class:org.apache.camel.processor.aggregate.{}AggregationStrategy"


def aggregate(options: str, strategy: str = "GroupedBody", steps: str = "{to: mock:agg}") -> str:
    return (
        f"aggregate: {{correlationExpression: {{header: k}}, aggregationStrategy: '{CLASS.format(strategy)}', "
        f"{options}, steps: [{steps}]}}"
    )


def send(
    text: str, given: list[Exchange], services: Services, *, after: float = 0.0, stop: bool = True
) -> None:
    """Send them one after the other, wait so many seconds, and stop the routes."""

    async def work() -> None:
        routes = compile_routes([source(text)], services)
        for made in given:
            await routes.run("direct:start", made)
        await asyncio.sleep(after)
        if stop:
            await routes.stop()

    clock.run(work())


def bodies(mocks: Mocks, name: str = "mock:agg") -> list[Any]:
    return [one.message.body for one in mocks.received.get(name, [])]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers()), max_size=30), st.integers(1, 5))
def test_every_message_is_in_exactly_one_group(messages: list[tuple[str, int]], size: int) -> None:
    mocks = Mocks()
    text = route(aggregate(f"completionSize: {size}, forceCompletionOnStop: true"))
    send(text, [exchange(number, {"k": key}) for key, number in messages], Services(mocks=mocks))
    groups = bodies(mocks)
    assert Counter(number for group in groups for number in group) == Counter(n for _, n in messages)
    assert all(len(group) <= size for group in groups)
    for key in "abc":  # and in the order they came
        mine = [
            one.message.body
            for one in mocks.received.get("mock:agg", [])
            if one.properties["CamelAggregatedCorrelationKey"] == key
        ]
        assert [number for group in mine for number in group] == [n for k, n in messages if k == key]


@given(st.lists(st.text("ab;,", max_size=5), max_size=20), st.sampled_from(["", ";", "--"]))
def test_texts_are_joined_as_python_joins_them(texts: list[str], delimiter: str) -> None:
    mocks = Mocks()
    beans = (
        "- beans: [{name: joined, type: org.apache.camel.processor.aggregate.StringAggregationStrategy, "
        f"properties: {{delimiter: '{delimiter}'}}}}]\n"
    )
    step = aggregate(f"completionSize: {max(len(texts), 1)}").replace(CLASS.format("GroupedBody"), "#joined")
    send(beans + route(step), [exchange(text, {"k": "a"}) for text in texts], Services(mocks=mocks))
    assert bodies(mocks) == ([delimiter.join(texts)] if texts else [])


@given(st.integers(0, 60), st.integers(1, 7))
def test_what_is_split_comes_together_again(count: int, size: int) -> None:
    mocks = Mocks()
    step = aggregate(f"completionSize: {size}, forceCompletionOnStop: true").replace(
        "{header: k}", "{constant: one}"
    )
    text = route(f"split: {{simple: '${{body}}', steps: [{{{step}}}]}}")
    send(text, [exchange(list(range(count)))], Services(mocks=mocks))
    assert [number for group in bodies(mocks) for number in group] == list(range(count))


def test_groups_of_different_parties_and_purposes_never_mix() -> None:
    contexts = [
        Context("E", "f", "s", party="a", purpose="p"),
        Context("E", "f", "s", party="b", purpose="p"),
        Context("E", "f", "s", party="a", purpose="q"),
        Context("E", "g", "s", party="a", purpose="p"),
        Context("E", "f", "s", party="a", purpose="p"),
    ]
    mocks = Mocks()
    made = [exchange(number, {"k": "1"}, context=context) for number, context in enumerate(contexts)]
    send(route(aggregate("completionSize: 2")), made, Services(mocks=mocks))
    assert bodies(mocks) == [[0, 4]]


def test_a_message_completes_the_groups_of_its_own_party_only() -> None:
    mocks = Mocks()
    mine, other = (Context("E", "f", "s", party=party) for party in "ab")
    made = [exchange(1, {"k": "1"}, context=mine), exchange(2, {"k": "1"}, context=other)]
    made.append(exchange("all", {"CamelAggregationCompleteAllGroups": True}, context=other))
    send(route(aggregate("completionSize: 9")), made, Services(mocks=mocks))
    assert bodies(mocks) == [[2]]


def test_an_aggregate_belongs_to_the_exchange_that_completed_it_or_to_none() -> None:
    seen: list[Context | None] = []

    class Sender:
        async def call(
            self, adapter: str, operation: str, body: Any, headers: Any, context: Context | None
        ) -> Any:
            seen.append(context)
            raise LookupError

    first, second = (Context(name, "f", "s", party="a") for name in ("E-1", "E-2"))
    made = [exchange(1, {"k": "1"}, context=first), exchange(2, {"k": "1"}, context=second)]
    ask = "{to: 'adapter:regional/x?operation=get'}"
    send(route(aggregate("completionSize: 2", steps=ask)), made, Services(sender=Sender()))
    assert seen == [second]
    seen.clear()
    timed = route(aggregate("completionTimeout: 100", steps=ask))
    send(timed, [exchange(1, {"k": "1"}, context=first)], Services(sender=Sender()), after=5)
    assert seen == [None]  # the outbound refuses it: no record says what it is for


def test_the_exchange_ends_after_the_aggregate_it_completed() -> None:
    mocks = Mocks()

    async def work() -> None:
        text = route(aggregate("completionSize: 1", steps="{delay: {constant: '5000'}}, {to: mock:agg}"))
        routes = compile_routes([source(text)], Services(mocks=mocks))
        await routes.run("direct:start", exchange("x", {"k": "1"}))
        assert bodies(mocks) == [["x"]]

    clock.run(work())


def test_complete_groups_run_in_turn_or_side_by_side() -> None:
    def ends(option: str) -> float:
        async def work() -> float:
            text = route(aggregate(f"completionSize: 1{option}", steps="{delay: {constant: '1000'}}"))
            routes = compile_routes([source(text)], Services())
            loop = asyncio.get_running_loop()
            begun = loop.time()
            await asyncio.gather(*(routes.run("direct:start", exchange(n, {"k": n})) for n in range(1, 5)))
            return round(loop.time() - begun)

        return clock.run(work())

    assert (ends(""), ends(", parallelProcessing: true")) == (4, 1)


@pytest.mark.parametrize(
    ("limits", "sent", "refused"),
    [
        ({"groups_kept": 2}, "abca", [2]),
        ({"groups_bodies": 2}, "aab", [2]),
        ({"bodies_grouped": 2}, "aaab", [2]),
    ],
)
def test_the_store_is_full_at_its_limits(limits: dict[str, int], sent: str, refused: list[int]) -> None:
    made = [exchange(key, {"k": key}) for key in sent]
    send(route(aggregate("completionSize: 9")), made, Services(**limits))  # type: ignore[arg-type]
    full = [place for place, one in enumerate(made) if isinstance(one.exception, Overloaded)]
    assert full == refused
    assert all(made[place].exception.reason == "aggregation-full" for place in full)  # type: ignore[union-attr]


def test_what_is_left_when_the_routes_stop() -> None:
    told: list[str] = []
    mocks = Mocks()
    services = Services(mocks=mocks, log=lambda _level, text, _route, _line: told.append(text))
    made = [exchange("x", {"k": key}) for key in "aab"]
    send(route(aggregate("completionSize: 9")), made, services)
    assert told == ["2 groups of an aggregate in memory were dropped, 3 messages in all"]
    assert bodies(mocks) == []
    told.clear()
    send(route(aggregate("completionSize: 9, forceCompletionOnStop: true")), made, services)
    assert (told, bodies(mocks)) == ([], [["x", "x"], ["x"]])
    assert mocks.received["mock:agg"][0].properties["CamelAggregatedCompletedBy"] == "force"
    mocks.received.clear()
    waits = route(aggregate("completionTimeout: 2000, completeAllOnStop: true"))
    send(waits, made, services)
    assert (told, bodies(mocks)) == ([], [["x", "x"], ["x"]])


def test_the_timer_rests_where_no_group_waits() -> None:
    mocks = Mocks()

    async def work() -> None:
        text = route(aggregate("completionTimeout: 100"))
        routes = compile_routes([source(text)], Services(mocks=mocks))
        for _ in range(2):
            await routes.run("direct:start", exchange("x", {"k": "1"}))
            await asyncio.sleep(5)
            assert len(asyncio.all_tasks()) == 1

    clock.run(work())
    assert bodies(mocks) == [["x"], ["x"]]


def test_failures_of_the_steps_are_told_without_content() -> None:
    told: list[tuple[str, str]] = []
    services = Services(log=lambda level, text, _route, _line: told.append((level, text)))
    boom = "{throwException: {exceptionType: java.io.IOException, message: '85073003328'}}"
    made = exchange("x", {"k": "1"})
    send(route(aggregate("completionSize: 1", steps=boom)), [made], services)
    assert told == [("ERROR", "the steps of a complete aggregate failed: java.io.IOException")]
    assert made.exception is None


def test_a_closed_key_names_no_value_in_the_error() -> None:
    made = [exchange("x", {"k": "85073003328"}) for _ in range(2)]
    send(route(aggregate("completionSize: 1, closeCorrelationKeyOnCompletion: 0")), made, Services())
    error = made[1].exception
    assert class_of(error).endswith("ClosedCorrelationKeyException")  # type: ignore[arg-type]
    assert "85073003328" not in str(error)


def test_a_list_of_parts_is_bounded() -> None:
    made = exchange(",".join("x" * 2_000))
    text = route(
        f"split: {{tokenize: ',', streaming: true, aggregationStrategy: '{CLASS.format('GroupedBody')}', "
        "steps: [{setHeader: {name: a, constant: b}}]}"
    )
    send(text, [made], Services(bodies_grouped=1_000))
    assert isinstance(made.exception, Overloaded)
    assert made.exception.reason == "aggregation-full"


def test_any_number_of_parts_needs_the_same_memory() -> None:
    def peak(parts: int) -> int:
        made = exchange("abc," * parts)
        text = route("split: {tokenize: ',', streaming: true, steps: [{setHeader: {name: a, constant: b}}]}")
        tracemalloc.start()
        try:
            send(text, [made], Services())
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)  # what is loaded and compiled once
    assert peak(20_000) < peak(2_000) + 200_000


def test_joined_texts_are_kept_in_few_pieces_that_are_not_joined_anew() -> None:
    buffer = Buffer()
    for number in range(20_000):
        buffer.add(str(number), ";" if number else "")
    buffer.add(None, ";")
    assert str(buffer) == ";".join(map(str, range(20_000)))
    assert len(buffer._joined) == 39_999 // 4_096


@pytest.mark.parametrize(
    ("step", "rule"),
    [
        (aggregate("completionInterval: 1000, completionTimeout: 1000"), "option-value"),
        (
            aggregate("completionFromBatchConsumer: true, discardOnAggregationFailure: true"),
            "option-value",
        ),
        (
            "aggregate: {correlationExpression: {header: k}, completionSize: 1, steps: [{log: x}]}",
            "missing-option",
        ),
        (aggregate("parallelProcessing: true"), "completion-missing"),
        (aggregate("completionSize: many"), "option-type"),
        (aggregate("completionTimeout: soon"), "option-type"),
        (aggregate("completionSize: 1, aggregateController: '#c'"), "not-yet"),
        (aggregate("completionSize: 1, executorService: '#c'"), "not-yet"),
        (aggregate("completionSize: 1, timeoutCheckerExecutorService: '#c'"), "not-yet"),
        (aggregate("completionSize: 1, aggregationStrategyMethodName: x"), "not-yet"),
        (aggregate("completionSize: 1, aggregationRepository: '#class:x.Hazelcast'"), "bean"),
        (aggregate("completionSize: 1, aggregationRepository: '#none'"), "bean"),
        (aggregate("completionSize: 1", "Zip"), "bean"),
        (aggregate("completionPredicate: {simple: '${header.a} =='}"), "expression"),
        (aggregate("completionPredicate: {header: a, constant: b}"), "expression-missing"),
        (aggregate("completionSize: 1, completionsize: 2"), "unknown-option"),
        ("aggregate: {aggregationStrategy: 'x', completionSize: 1, steps: [{log: x}]}", "missing-option"),
        (
            aggregate("completionSize: 1").replace("{header: k}", "{headr: k}"),
            "unknown-option",
        ),
    ],
)
def test_mistakes(step: str, rule: str) -> None:
    assert rule in rules(route(step))


def test_the_repository_of_the_store_is_known() -> None:
    assert rules(route(aggregate(f"completionSize: 1, aggregationRepository: '#class:{STORE}'"))) == []
