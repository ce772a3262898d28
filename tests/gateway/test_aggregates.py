"""Aggregates of event flows on both databases: nothing lost, nothing twice, each group an event of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from integrator.engine import Services, compile_routes
from integrator.exchange import ProviderUnreachable
from integrator.security.limits import DEFAULT
from integrator.store.mediation import Mediation
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from tests.engine.helpers import route, rules, source
from tests.gateway.aggregation import GROUPED, JOINED, T0, Groups, flow_route
from tests.gateway.deliveries import FLOW, NISS


@pytest.fixture
async def two_stores(postgres_url: str, tmp_path: Path) -> AsyncIterator[list[Any]]:
    migrate(postgres_url, tmp_path)
    async with AsyncExitStack() as stack:
        stores = []
        for number in range(2):
            opened = open_store(
                postgres_url, limits=DEFAULT, process_id=bytes([number + 1]) * 16, data_dir=tmp_path
            )
            await opened.open()
            stack.push_async_callback(opened.close)
            stores.append(opened)
        yield stores


def ids(*exchanges: bytes) -> list[str]:
    return [str(UUID(bytes=exchange)) for exchange in exchanges]


async def test_inputs_end_as_aggregated_and_the_aggregate_is_an_event_of_its_own(store: Any) -> None:
    bench = Groups(store, flow_route("completionSize: 2"))
    first, second = await bench.send("a", 1), await bench.send("a", 2)
    await bench.handler(first, FLOW, 0)
    assert await bench.status(first) == ("delivered", 0, None)
    assert bench.received() == []
    await bench.handler(second, FLOW, 0)
    (aggregate,) = await bench.aggregates_of()
    ends = [await bench.final(exchange) for exchange in (first, second)]
    assert [end["outcome"] for end in ends] == ["aggregated"] * 2
    assert [end["aggregated_into"] for end in ends] == [[aggregate["exchange"]]] * 2
    assert aggregate["aggregates"] == ids(first, second)
    assert (aggregate["kind"], aggregate["purpose"]) == ("event", "environmental-permit")
    assert "previous" not in aggregate
    group = UUID(aggregate["exchange"]).bytes
    assert await bench.status(group) == ("accepted", 0, None)
    assert bench.due == 1
    assert await bench.deliver() == 1
    assert bench.received() == [[{"key": "a", "value": 1}, {"key": "a", "value": 2}]]
    assert (await bench.final(group))["type"] == "delivered"
    (got,) = bench.mocks.received["mock:agg"]
    assert got.properties["CamelAggregatedCompletedBy"] == "size"
    assert (got.properties["CamelAggregatedSize"], got.properties["CamelAggregatedCorrelationKey"]) == (
        2,
        "a",
    )
    assert len(bench.received("after")) == 2


async def test_what_is_kept_cannot_be_read(store: Any) -> None:
    bench = Groups(store, flow_route("completionSize: 3"))
    await bench.handler(await bench.send("key-85073003328", "value-85073003328"), FLOW, 0)
    rows = await store.rows("SELECT head, key_mac, scope_mac FROM aggregation")
    rows += await store.rows("SELECT sealed FROM aggregation_part")
    everything = b"".join(bytes(value) for row in rows for value in row)
    assert b"85073003328" not in everything
    assert b"value" not in everything


async def test_an_attempt_that_fails_adds_nothing_and_is_added_once(store: Any) -> None:
    bench = Groups(store, flow_route("completionSize: 2"))
    failing = [ProviderUnreachable()]
    run = bench.runtime.flows[FLOW].routes.run

    async def failing_after_the_route(uri: str, exchange: Any) -> None:
        await run(uri, exchange)
        if failing:
            exchange.exception = failing.pop()

    bench.runtime.flows[FLOW].routes.run = failing_after_the_route
    exchange = await bench.send("a", 1)
    await bench.handler(exchange, FLOW, 0)
    assert (await bench.status(exchange))[:2] == ("accepted", 1)
    assert await store.rows("SELECT * FROM aggregation") == []
    await bench.handler(exchange, FLOW, 1)
    await bench.handler(exchange, FLOW, 1)  # the broker hands it out once more
    assert await store.rows("SELECT size FROM aggregation") == [(1,)]


async def test_the_aggregate_is_tried_again_under_its_own_id_and_dead_lettered_at_last(store: Any) -> None:
    fails = "{throwException: {exceptionType: java.net.ConnectException, message: down}}"
    bench = Groups(store, flow_route("completionSize: 1", fails))
    exchange = await bench.send("a", 1)
    await bench.handler(exchange, FLOW, 0)
    (aggregate,) = await bench.aggregates_of()
    group = UUID(aggregate["exchange"]).bytes
    for attempt in range(3):
        assert (await bench.status(group))[:2] == ("accepted", attempt)
        await bench.handler(group, FLOW, attempt)
    assert await bench.status(group) == ("dead-lettered", 2, "provider-unreachable")
    assert (await bench.final(group))["attempts"] == 3
    assert await bench.status(exchange) == ("delivered", 0, None)


@pytest.mark.parametrize(
    "parties", [("party", "municipal/namur", "municipal/liege"), ("on_behalf_of", "0207362739", "0316381138")]
)
async def test_groups_of_two_parties_never_mix_nor_those_they_act_for(
    store: Any, parties: tuple[str, str, str]
) -> None:
    bench = Groups(store, flow_route("completionSize: 2"))
    name, *values = parties
    for value in values:
        await bench.handler(await bench.send("a", 1, **{name: value}), FLOW, 0)
    assert await bench.aggregates_of() == []
    assert len(await store.rows("SELECT * FROM aggregation")) == 2


async def test_a_timeout_survives_a_restart(store: Any) -> None:
    route = flow_route("completionTimeout: 60000")
    bench = Groups(store, route)
    for value in (1, 2):
        await bench.handler(await bench.send("a", value), FLOW, 0)
        bench.now += 30_000_000
    again = Groups(store, route)
    again.now = T0 + 89_000_000
    assert await again.sweeper.sweep() == 0
    again.now = T0 + 90_000_000
    assert await again.sweeper.sweep() == 1
    assert await again.sweeper.sweep() == 0
    assert await again.deliver() == 1
    assert again.received() == [[{"key": "a", "value": 1}, {"key": "a", "value": 2}]]
    assert again.mocks.received["mock:agg"][0].properties["CamelAggregatedCompletedBy"] == "timeout"


async def test_an_interval_completes_all_groups_of_the_store(store: Any) -> None:
    bench = Groups(store, flow_route("completionInterval: 60000", strategy=JOINED))
    for key in "abb":
        await bench.handler(await bench.send(key, 1), FLOW, 0)
    bench.now += 60_000_000
    assert await bench.sweeper.sweep() == 2
    await bench.deliver()
    assert sorted(body.count('"key"') for body in bench.received()) == [1, 2]


async def test_a_group_that_times_out_to_be_discarded_ends_in_the_journal(store: Any) -> None:
    bench = Groups(store, flow_route("completionTimeout: 1000\n            discardOnCompletionTimeout: true"))
    await bench.handler(await bench.send("a", 1), FLOW, 0)
    bench.now += 2_000_000
    assert await bench.sweeper.sweep() == 1
    await bench.deliver()
    assert bench.received() == []
    (end,) = await bench.aggregates_of("received")
    final = await bench.final(UUID(end["exchange"]).bytes)
    assert (final["type"], final["outcome"]) == ("delivered", "discarded")


async def test_a_group_of_a_step_that_is_gone_is_dead_lettered_not_forgotten(store: Any) -> None:
    bench = Groups(store, flow_route("completionSize: 5"))
    await bench.handler(await bench.send("a", 1), FLOW, 0)
    bench.use(flow_route("completionSize: 5").replace("id: agg", "id: other"))
    assert await bench.sweeper.sweep_left() == 0  # another process may have a newer site
    bench.now += 61_000_000
    assert await bench.sweeper.sweep() == 0
    assert await bench.sweeper.sweep_left() == 1
    await bench.deliver()
    (aggregate,) = await bench.aggregates_of()
    assert await bench.status(UUID(aggregate["exchange"]).bytes) == ("dead-lettered", 0, "aggregate-removed")


async def test_a_batch_of_a_party_completes_all_its_groups(store: Any) -> None:
    batch = "setProperty: {name: CamelBatchSize, constant: '3'}"
    bench = Groups(store, flow_route("completionFromBatchConsumer: true", before=batch))
    for key in "aba":
        await bench.handler(await bench.send(key, 1), FLOW, 0)
    await bench.deliver()
    assert sorted(len(body) for body in bench.received()) == [1, 2]
    assert {one.properties["CamelAggregatedCompletedBy"] for one in bench.mocks.received["mock:agg"]} == {
        "consumer"
    }


async def test_a_new_group_completes_the_others(store: Any) -> None:
    bench = Groups(store, flow_route("completionSize: 9\n            completionOnNewCorrelationGroup: true"))
    for key in "aab":
        await bench.handler(await bench.send(key, 1), FLOW, 0)
    await bench.deliver()
    assert [len(body) for body in bench.received()] == [2]


async def test_an_aggregate_may_go_into_another(store: Any) -> None:
    inner = (
        "{aggregate: {correlationExpression: {constant: all}, completionSize: 2, "
        f"aggregationStrategy: '{GROUPED}', steps: [{{to: mock:outer}}]}}}}"
    )
    bench = Groups(store, flow_route("completionSize: 2", inner))
    sent = [await bench.send(key, number) for number, key in enumerate("aabb")]
    for exchange in sent:
        await bench.handler(exchange, FLOW, 0)
    assert await bench.deliver() == 3
    ((first, second),) = bench.received("outer")
    assert [one["value"] for one in first + second] == [0, 1, 2, 3]
    leaves = {leaf["exchange"]: leaf for leaf in await bench.aggregates_of()}
    (outer,) = [leaf for leaf in leaves.values() if set(leaf["aggregates"]) <= set(leaves)]
    for inside in outer["aggregates"]:
        assert (await bench.final(UUID(inside).bytes))["aggregated_into"] == [outer["exchange"]]


async def test_a_route_edit_goes_on_with_the_groups_there_are(store: Any) -> None:
    bench = Groups(store, flow_route("completionSize: 3"))
    await bench.handler(await bench.send("a", 1), FLOW, 0)
    bench.use(flow_route("completionSize: 2", "{setBody: {constant: new}}, {to: mock:agg}"))
    await bench.handler(await bench.send("a", 2), FLOW, 0)
    await bench.deliver()
    assert bench.received() == ["new"]
    assert bench.mocks.received["mock:agg"][0].properties["CamelAggregatedSize"] == 2


async def test_a_group_that_cannot_be_opened_keeps_no_other_from_its_end(store: Any) -> None:
    bench = Groups(store, flow_route("completionTimeout: 1000"))
    for key in "ab":
        await bench.handler(await bench.send(key, 1), FLOW, 0)
    (first, *_) = await store.rows("SELECT group_id FROM aggregation ORDER BY group_id")
    await store.change("UPDATE aggregation SET head = %s WHERE group_id = %s", (b"x" * 60, first[0]))
    bench.now += 2_000_000
    assert await bench.sweeper.sweep() == 1
    assert len(await store.rows("SELECT * FROM aggregation")) == 1


def test_two_aggregates_of_a_route_have_two_ids() -> None:
    step = "aggregate: {id: x, correlationExpression: {constant: a}, completionSize: 1, aggregationStrategy: '%s', steps: [{log: a}]}"
    text = route("\n".join([step % JOINED] * 2))
    services = Services(groups=object())  # type: ignore[arg-type]
    assert rules(text, services) == ["option-value"]
    assert rules(text.replace("id: x, ", ""), services) == []
    addresses = compile_routes([source(text.replace("id: x, ", ""))], services).uris
    assert {"aggregate:r/aggregate1", "aggregate:r/aggregate2"} <= addresses


async def test_parts_of_one_event_go_into_several_groups(store: Any) -> None:
    route = flow_route("completionSize: 2").replace("{jq: .key}", "{simple: '${body.length}'}")
    route = route.replace(
        "        - aggregate:",
        "        - setBody: {constant: 'a,bb,c,dd,e'}\n        - split:\n            tokenize: ','\n            steps:\n            - aggregate:",
    )
    head, _, tail = route.partition("            - aggregate:\n")
    inner, _, after = tail.partition("        - to: mock:after")
    bench = Groups(
        store,
        head
        + "            - aggregate:\n"
        + "".join(f"    {line}\n" for line in inner.splitlines())
        + "        - to: mock:after"
        + after,
    )
    exchange = await bench.send("x")
    await bench.handler(exchange, FLOW, 0)
    end = await bench.final(exchange)
    assert len(end["aggregated_into"]) == 3
    assert len(await bench.aggregates_of()) == 2
    await bench.deliver()
    assert sorted(bench.received()) == [["a", "c"], ["bb", "dd"]]
    assert await store.rows("SELECT size FROM aggregation") == [(1,)]


async def test_the_subjects_of_all_events_stand_in_the_aggregate(store: Any) -> None:
    from integrator.exchange import Subject

    bench = Groups(store, flow_route("completionSize: 2"))
    for number in (NISS, "17073003384"):
        sent = await bench.send("a", 1, subjects_request=(Subject("niss", number),))
        await bench.handler(sent, FLOW, 0)
    (aggregate,) = await bench.aggregates_of()
    (row,) = await store.records_of(UUID(aggregate["exchange"]).bytes)
    from integrator.journal import tags
    from tests.gateway.deliveries import KEYS

    for number in (NISS, "17073003384"):
        found = await store.find_records(tags.search_tags(KEYS, [(tags.NISS, number)]), 10)
        assert row.record_id in {record.record_id for record in found}


@pytest.mark.parametrize("option", ["eagerCheckCompletion: true", "parallelProcessing: true"])
async def test_a_predicate_on_what_is_collected_so_far(store: Any, option: str) -> None:
    condition = 'completionPredicate: {simple: "${exchangeProperty.CamelAggregatedSize} == 2"}'
    bench = Groups(store, flow_route(f"{condition}\n            {option}"))
    for value in range(3):
        await bench.handler(await bench.send("a", value), FLOW, 0)
    await bench.deliver()
    assert [[one["value"] for one in body] for body in bench.received()] == [[0, 1]]
    grouped = 'completionPredicate: {simple: "${exchangeProperty.CamelGroupedExchange.size} > 1"}'
    bench = Groups(store, flow_route(grouped))
    for value in range(2):
        await bench.handler(await bench.send("b", value), FLOW, 0)
    await bench.deliver()
    assert [[one["value"] for one in body] for body in bench.received()] == [[0, 1]]


async def test_all_groups_of_a_party_are_completed_by_a_message(store: Any) -> None:
    flag = "{choice: {when: [{jq: '.key == \"all\"', steps: [{setHeader: {name: CamelAggregationCompleteAllGroups, constant: 'true'}}]}]}}"
    bench = Groups(store, flow_route("completionSize: 9", before=flag[1:-1]))
    other = await bench.send("a", 0, party="municipal/liege")
    sent = [other, *[await bench.send(key, 1) for key in ("a", "b", "all")]]
    for exchange in sent:
        await bench.handler(exchange, FLOW, 0)
    assert len(await bench.aggregates_of()) == 2
    assert len(await store.rows("SELECT * FROM aggregation")) == 1  # the other party's


async def test_keys_of_complete_groups_are_closed(store: Any) -> None:
    bench = Groups(store, flow_route("completionSize: 1\n            closeCorrelationKeyOnCompletion: 10"))
    await bench.handler(await bench.send("a", 1), FLOW, 0)
    late = await bench.send("a", 2)
    await bench.handler(late, FLOW, 0)
    assert (await bench.status(late))[:2] == ("accepted", 1)
    assert len(await bench.aggregates_of()) == 1


async def test_the_store_is_full_at_its_limits(store: Any) -> None:
    bench = Groups(store, flow_route("completionSize: 9"), groups_kept=2)
    sent = [await bench.send(key) for key in "abc"]
    for exchange in sent:
        await bench.handler(exchange, FLOW, 0)
    assert [(await bench.status(exchange))[2] for exchange in sent] == [None, None, "overloaded"]
    bench = Groups(store, flow_route("completionSize: 9"), bodies_grouped=2)
    sent = [await bench.send("a") for _ in range(2)]
    for exchange in sent:
        await bench.handler(exchange, FLOW, 0)
    assert [(await bench.status(exchange))[2] for exchange in sent] == [None, "overloaded"]
    bench = Groups(store, flow_route("completionSize: 9"), group_bytes=100)
    large = await bench.send("b", "x" * 200)
    await bench.handler(large, FLOW, 0)
    assert (await bench.status(large))[2] == "overloaded"


async def test_events_that_come_at_once_are_each_in_one_group(store: Any) -> None:
    bench = Groups(store, flow_route("completionSize: 4", before="delay: {constant: '5'}"))
    sent = [await bench.send("a", number) for number in range(20)]
    await asyncio.gather(*(bench.handler(exchange, FLOW, 0) for exchange in sent))
    assert {await bench.status(exchange) for exchange in sent} == {("delivered", 0, None)}
    await bench.deliver()
    assert [len(body) for body in bench.received()] == [4] * 5
    assert sorted(one["value"] for body in bench.received() for one in body) == list(range(20))


async def test_two_processes_lose_nothing(two_stores: list[Any]) -> None:
    benches = [Groups(store, flow_route("completionSize: 5")) for store in two_stores]
    sent = [await benches[0].send(key, number) for number in range(20) for key in "ab"]
    work = [benches[place % 2].handler(exchange, FLOW, 0) for place, exchange in enumerate(sent)]
    await asyncio.gather(*work)
    assert {await benches[0].status(exchange) for exchange in sent} == {("delivered", 0, None)}
    await benches[0].deliver()
    bodies = benches[0].received()
    assert [len(body) for body in bodies] == [5] * 8
    assert sorted((one["key"], one["value"]) for body in bodies for one in body) == sorted(
        (key, number) for number in range(20) for key in "ab"
    )
    assert await Mediation(two_stores[0]).steps() == []


async def test_two_processes_complete_a_group_once(two_stores: list[Any]) -> None:
    benches = [Groups(store, flow_route("completionTimeout: 1000")) for store in two_stores]
    await benches[0].handler(await benches[0].send("a", 1), FLOW, 0)
    for bench in benches:
        bench.now += 5_000_000
    done = await asyncio.gather(*(bench.sweeper.sweep() for bench in benches))
    assert sum(done) == 1
    assert len(await benches[1].aggregates_of()) == 1


async def test_every_leaf_is_the_one_that_was_committed_to(store: Any) -> None:
    bench = Groups(store, flow_route("completionSize: 2"))
    for value in (1, 2):
        await bench.handler(await bench.send("a", value), FLOW, 0)
    await bench.deliver()
    leaves = await bench.all_leaves()
    assert [leaf["type"] for leaf in leaves].count("received") == 3
    assert [leaf["type"] for leaf in leaves].count("delivered") == 3
    assert json.dumps(leaves).count(NISS) == 0
