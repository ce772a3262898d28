"""idempotentConsumer with the store's repository, on both databases: one of many, across processes and attempts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrator.engine.eips.idempotent_consumer import STORE
from integrator.security.limits import DEFAULT
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from tests.gateway.aggregation import Groups
from tests.gateway.deliveries import FLOW


def consuming(options: str = "", steps: str = "{to: mock:new}", after: str = "{to: mock:end}") -> str:
    """A route of the event flow with the consumer."""
    more = f", {options}" if options else ""
    return (
        f"- route:\n    id: r\n    from:\n      uri: flow:{FLOW}\n      steps:\n"
        f"        - idempotentConsumer: {{jq: .key, idempotentRepository: '#class:{STORE}'{more}, steps: [{steps}]}}\n"
        f"        - {after[1:-1]}\n"
    )


FAILS_ONCE = (
    "{choice: {when: [{simple: '${exchangeProperty.IntegratorAttempt} == 1', steps: [{throwException: "
    "{exceptionType: java.net.ConnectException, message: down}}]}]}}"
)


@pytest.mark.parametrize("eager", ["true", "false"])
async def test_of_two_workers_with_the_same_key_exactly_one_runs(store: Any, eager: str) -> None:
    route = consuming(f"eager: {eager}", "{delay: {constant: '50'}}, {to: mock:new}")
    workers = [Groups(store, route) for _ in range(2)]
    sent = [await workers[0].send(key) for key in "aabbc"]
    done = [workers[place % 2].handler(exchange, FLOW, 0) for place, exchange in enumerate(sent)]
    await asyncio.gather(*done)
    new = [one["key"] for worker in workers for one in worker.received("new")]
    assert sorted(new) == ["a", "b", "c"]
    ends = [one for worker in workers for one in worker.mocks.received["mock:end"]]
    assert (
        sorted(bool(one.properties.get("CamelDuplicateMessage")) for one in ends) == [False] * 3 + [True] * 2
    )


@pytest.mark.parametrize("eager", ["true", "false"])
async def test_a_failed_attempt_gives_its_key_back_and_takes_it_again(store: Any, eager: str) -> None:
    bench = Groups(store, consuming(f"eager: {eager}", f"{FAILS_ONCE}, {{to: mock:new}}"))
    first = await bench.send("a", 1)
    await bench.handler(first, FLOW, 0)
    assert await store.rows("SELECT * FROM message_key") == []
    await bench.handler(first, FLOW, 1)
    second = await bench.send("a", 2)
    await bench.handler(second, FLOW, 0)
    assert [one["value"] for one in bench.received("new")] == [1]


async def test_the_attempt_after_a_crash_is_no_duplicate_of_the_one_before(store: Any) -> None:
    bench = Groups(store, consuming())
    exchange = await bench.send("a", 1)
    context = bench.runtime.flows[FLOW].routes

    async def dies(uri: str, made: Any) -> None:
        await run(uri, made)
        raise RuntimeError("killed before the end was recorded")

    run, context.run = context.run, dies
    await bench.handler(exchange, FLOW, 0)
    context.run = run
    await bench.handler(exchange, FLOW, 1)
    assert [one["value"] for one in bench.received("new")] == [1, 1]
    assert not bench.mocks.received["mock:end"][1].properties.get("CamelDuplicateMessage")
    other = await bench.send("a", 2)
    await bench.handler(other, FLOW, 0)
    assert len(bench.received("new")) == 2


async def test_a_key_kept_on_failure_stays(store: Any) -> None:
    bench = Groups(store, consuming("removeOnFailure: false", f"{FAILS_ONCE}, {{to: mock:new}}"))
    await bench.handler(await bench.send("a", 1), FLOW, 0)
    await bench.handler(await bench.send("a", 2), FLOW, 0)
    assert bench.received("new") == []


async def test_parts_of_one_message_with_one_key_are_done_once(store: Any) -> None:
    inner = f"{{idempotentConsumer: {{simple: '${{body}}', idempotentRepository: '#class:{STORE}', steps: [{{to: mock:new}}]}}}}"
    text = (
        f"- route:\n    id: r\n    from:\n      uri: flow:{FLOW}\n      steps:\n        - setBody: {{constant: 'a,b,a'}}\n"
        f"        - split: {{tokenize: ',', steps: [{inner}]}}\n"
    )
    bench = Groups(store, text)
    await bench.handler(await bench.send("x"), FLOW, 0)
    assert sorted(bench.received("new")) == ["a", "b"]


async def test_keys_are_apart_for_each_party_and_expire(store: Any) -> None:
    bench = Groups(store, consuming())
    for party in ("municipal/namur", "municipal/liege", "municipal/namur"):
        await bench.handler(await bench.send("85073003328", party, party=party), FLOW, 0)
    assert len(bench.received("new")) == 2
    assert not any(
        b"85073003328" in bytes(row[0]) for row in await store.rows("SELECT key_mac FROM message_key")
    )
    bench.now += DEFAULT.message_key_seconds * 1_000_000
    assert await bench.keeper.expire() == 2
    await bench.handler(await bench.send("85073003328"), FLOW, 0)
    assert len(bench.received("new")) == 3


async def test_two_steps_share_a_repository_by_its_name(store: Any) -> None:
    beans = f"- beans: [{{name: seen, type: {STORE}, properties: {{processorName: permits}}}}]\n"
    text = beans + consuming().replace(f"'#class:{STORE}'", "'#seen'")
    first, second = Groups(store, text), Groups(store, text.replace("id: r\n", "id: other\n"))
    await first.handler(await first.send("a"), FLOW, 0)
    await second.handler(await second.send("a"), FLOW, 0)
    assert (len(first.received("new")), len(second.received("new"))) == (1, 0)


@settings(max_examples=15, deadline=None)
@given(keys=st.lists(st.sampled_from("abc"), min_size=1, max_size=12), eager=st.booleans())
def test_each_key_is_done_once_however_they_come(
    tmp_path_factory: pytest.TempPathFactory, keys: list[str], eager: bool
) -> None:
    async def work() -> None:
        directory = tmp_path_factory.mktemp("keys")
        migrate("sqlite:", directory)
        opened = open_store("sqlite:", limits=DEFAULT, process_id=b"p" * 16, data_dir=directory)
        await opened.open()
        try:
            bench = Groups(opened, consuming(f"eager: {str(eager).lower()}"))
            sent = [await bench.send(key) for key in keys]
            await asyncio.gather(*(bench.handler(exchange, FLOW, 0) for exchange in sent))
            assert sorted(one["key"] for one in bench.received("new")) == sorted(set(keys))
        finally:
            await opened.close()

    asyncio.run(work())
