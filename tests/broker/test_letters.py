"""Somebody else's exchanges and queues on a real RabbitMQ: confirmed, settled, never lost in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from kombu.connection import Connection

from integrator.broker.letters import QueueClient
from integrator.exchange import ProviderFault, ProviderUnreachable
from integrator.security.limits import DEFAULT

pytestmark = pytest.mark.xdist_group("services")


@pytest.fixture
def channel(rabbitmq_url: str) -> Iterator[Any]:
    connection: Any = Connection(rabbitmq_url)
    made = connection.channel()
    made.exchange_declare("notices", "direct", durable=True, auto_delete=False)
    made.queue_declare("dead", durable=True, auto_delete=False)
    made.queue_declare("letters", durable=True, auto_delete=False,
                       arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"})  # fmt: skip
    made.queue_bind("letters", "notices", "go")
    yield made
    for name in ("letters", "dead"):
        made.queue_delete(name)
    made.exchange_delete("notices")
    connection.release()


@pytest.fixture
async def client(rabbitmq_url: str, channel: Any) -> AsyncIterator[QueueClient]:
    made = QueueClient(rabbitmq_url, DEFAULT)
    yield made
    await made.close()


def depth(channel: Any, queue: str) -> int:
    count: int = channel.queue_declare(queue, passive=True).message_count
    return count


async def give(client: QueueClient, body: bytes, exchange: str = "notices", key: str = "go") -> None:
    await client.publish(
        exchange,
        key,
        body,
        {"kind": "x", "odd": object()},
        {"message_id": "m1", "content_type": "text/plain"},
        5.0,
    )


async def test_a_message_comes_as_it_was_given(client: QueueClient) -> None:
    await give(client, b"hello")
    async with client.letters("letters", 10) as letters:
        letter = await letters.next()
        assert (letter.body, letter.headers) == (b"hello", {"kind": "x"})
        assert letter.properties["message_id"] == "m1"
        assert (letter.exchange, letter.routing_key, letter.redelivered) == ("notices", "go", False)
        letters.settle(letter, "ack")


async def test_what_no_queue_takes_is_an_error(client: QueueClient) -> None:
    with pytest.raises(ProviderFault) as caught:
        await give(client, b"x", key="nowhere")
    assert caught.value.reason == "unroutable"
    await give(client, b"y")  # the connection goes on


async def test_an_unknown_exchange_is_an_error_and_the_next_message_goes(
    client: QueueClient, channel: Any
) -> None:
    with pytest.raises(ProviderFault):
        await give(client, b"x", exchange="nobody")
    await give(client, b"y")
    assert depth(channel, "letters") == 1


@pytest.mark.parametrize(("how", "letters", "dead"), [("ack", 0, 0), ("reject", 0, 1), ("requeue", 1, 0)])
async def test_each_way_to_settle(
    client: QueueClient, channel: Any, how: str, letters: int, dead: int
) -> None:
    await give(client, b"x")
    async with client.letters("letters", 1) as reader:
        reader.settle(await reader.next(), how)
    async with asyncio.timeout(10):
        while (depth(channel, "letters"), depth(channel, "dead")) != (letters, dead):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_what_is_not_settled_comes_again(client: QueueClient) -> None:
    await give(client, b"x")
    async with client.letters("letters", 1) as reader:
        await reader.next()
    async with client.letters("letters", 1) as reader:
        again = await reader.next()
        assert again.redelivered
        reader.settle(again, "ack")


async def test_an_unknown_queue_is_told(client: QueueClient) -> None:
    async with client.letters("nothing", 1) as reader:
        with pytest.raises(ProviderFault):
            await reader.next()


async def test_an_unreachable_broker_is_named_by_no_address() -> None:
    made = QueueClient("amqp://someone:secret@127.0.0.1:1/x", DEFAULT)
    with pytest.raises(ProviderUnreachable) as caught:
        await give(made, b"x")
    assert "someone" not in str(caught.value)
    await made.close()
