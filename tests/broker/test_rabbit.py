"""What only a real broker can do: refuse, go away, come back, raise an alarm."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import amqp
import pytest

from integrator.broker.link import BrokerRefused, BrokerUnavailable
from integrator.broker.messages import DEAD_LETTERS, encode, message_id, queue_name
from integrator.broker.rabbit import RabbitLink, _tls, dead_letter_arguments, queue_arguments
from integrator.security.limits import Limits
from integrator.store.api import DueDelivery
from tests.broker.support import FLOW, Handler, Proxy, Raw, Watch, delivery, make, patiently, until
from tests.services import rabbitmq

QUEUE = queue_name(FLOW)


@pytest.fixture
def raw(rabbitmq_url: str) -> Iterator[Raw]:
    link = Raw(rabbitmq_url)
    yield link
    link.close()


# --- queues --------------------------------------------------------------------------------------


async def test_queues_are_quorum_durable_bounded_and_have_a_net(
    rabbitmq_url: str, rabbitmq_server: rabbitmq.Server
) -> None:
    broker = make(rabbitmq_url, Handler())
    await broker.start()
    name = rabbitmq_url.rpartition("/")[2]
    listed = rabbitmq_server.control("list_queues", "-p", name, "name", "type", "durable", "arguments")
    await broker.stop()
    lines = dict(
        line.split("\t", 1) for line in listed.strip().splitlines() if line.startswith("integrator.")
    )
    assert set(lines) == {QUEUE, DEAD_LETTERS}
    for line in lines.values():
        assert line.startswith("quorum\ttrue\t")
    for argument in ("x-delivery-limit", "x-dead-letter-routing-key", "reject-publish", "at-least-once"):
        assert argument in lines[QUEUE]


def test_the_arguments_come_from_the_limits() -> None:
    limits = Limits(queue_redeliveries=9, queue_messages=8, dead_queue_messages=7, dead_letter_seconds=6)
    flow, dead = queue_arguments(limits), dead_letter_arguments(limits)
    assert (flow["x-delivery-limit"], flow["x-max-length"]) == (9, 8)
    assert (dead["x-max-length"], dead["x-message-ttl"]) == (7, 6_000)


async def test_a_queue_with_other_arguments_is_refused_with_the_remedy(rabbitmq_url: str, raw: Raw) -> None:
    raw._link._channel.queue_declare(QUEUE, durable=True, auto_delete=False)
    broker = make(rabbitmq_url, Handler())
    with pytest.raises(BrokerRefused, match=f"rabbitmqctl delete_queue {QUEUE}"):
        await broker.start()
    assert not broker.up


@pytest.mark.parametrize("wrong", ["password", "vhost"])
async def test_wrong_credentials_are_refused_with_the_remedy(rabbitmq_url: str, wrong: str) -> None:
    url = rabbitmq_url.replace("guest@", "wrong@") if wrong == "password" else rabbitmq_url + "-none"
    with pytest.raises(BrokerRefused, match="rabbitmqctl list_permissions") as caught:
        await make(url, Handler()).start()
    assert "wrong@" not in str(caught.value)


async def test_a_message_is_persistent_and_says_what_it_is(rabbitmq_url: str, raw: Raw) -> None:
    async def wait(_: DueDelivery) -> None:
        await asyncio.Event().wait()

    handler = Handler(wait)
    broker = make(rabbitmq_url, handler, deliveries_in_flight=1, drain_seconds=0.05)
    await broker.start()
    first, second = delivery(), delivery()
    await broker.publish([first])
    await until(lambda: handler.running == 1)
    await broker.publish([second])
    message = raw.take(QUEUE)
    await broker.stop()
    assert isinstance(message, amqp.Message)
    assert message.body == encode(second)
    assert message.properties["delivery_mode"] == 2
    assert message.properties["content_type"] == "application/json"
    assert message.properties["content_encoding"] == "utf-8"
    assert message.properties["message_id"] == message_id(second)
    assert set(message.properties.get("application_headers", {})) <= {"x-delivery-count"}  # the broker's


async def test_a_queue_removed_under_us_is_made_again(rabbitmq_url: str, raw: Raw) -> None:
    handler = Handler()
    broker = make(rabbitmq_url, handler)
    await broker.start()
    raw.delete(QUEUE)
    item = delivery()
    await patiently(broker, [item])
    await until(lambda: item in handler.calls)
    await broker.stop()


async def test_a_process_that_dies_is_counted_by_the_broker(rabbitmq_url: str, raw: Raw) -> None:
    # A message that kills its consumer every time ends in the dead-letter queue without our help.
    limits = Limits(queue_redeliveries=2)
    link = RabbitLink(rabbitmq_url, limits)
    link.open()
    link.declare([QUEUE])
    raw.put(QUEUE, encode(delivery()))
    seen = []
    for _ in range(3):
        link.consume(QUEUE, 1)
        await _pumped(link, seen)
        link.close()
        link = RabbitLink(rabbitmq_url, limits)
        link.open()
    link.close()
    assert [message.redeliveries for message in seen] == [0, 1, 2]
    await until(lambda: raw.depth(DEAD_LETTERS) == 1)


async def _pumped(link: RabbitLink, seen: list[Any]) -> None:
    def arrived() -> bool:
        link.pump()
        seen.extend(link.received())
        return len(seen) > before

    before = len(seen)
    await until(arrived)


# --- away and back -------------------------------------------------------------------------------


async def test_a_broker_that_is_down_at_the_start_is_waited_for(proxy: tuple[Proxy, str]) -> None:
    door, url = proxy
    await door.cut()
    handler, watch = Handler(), Watch()
    broker = make(url, handler, watch)
    await broker.start()
    assert not broker.up
    assert broker.reason is not None
    assert await broker.publish([delivery()]) == ["broker-down"]
    await door.start()
    await until(lambda: broker.up)
    await patiently(broker, [delivery()])
    await until(lambda: len(handler.calls) == 1)
    await broker.stop()
    assert watch.states[0] is False
    assert watch.states[-1] is True
    assert broker.reason is None


async def test_a_connection_that_breaks_is_made_again_and_nothing_confirmed_is_lost(
    proxy: tuple[Proxy, str],
) -> None:
    door, url = proxy
    handler, watch = Handler(), Watch()
    broker = make(url, handler, watch)
    await broker.start()
    confirmed: list[DueDelivery] = []
    for _ in range(3):
        items = [delivery() for _ in range(200)]
        publishing = asyncio.create_task(broker.publish(items))
        await asyncio.sleep(0)
        await door.cut()
        outcomes = await publishing
        confirmed += [item for item, reason in zip(items, outcomes, strict=True) if reason is None]
        assert set(outcomes) <= {None, "broker-down"}
        await until(lambda: not broker.up)
        await door.start()
        await until(lambda: broker.up)
    await until(lambda: set(confirmed) <= set(handler.calls))
    await broker.stop()
    assert watch.states == [True] + [False, True] * 3


async def test_a_broker_that_confirms_nothing_is_given_up(proxy: tuple[Proxy, str]) -> None:
    door, url = proxy
    broker = make(url, Handler(), confirm_seconds=0.2)
    await broker.start()
    door.stall()
    assert await broker.publish([delivery()]) == ["broker-down"]
    door.flow()
    await until(lambda: broker.up)
    await broker.stop()


async def test_back_off_grows_while_the_broker_is_away(proxy: tuple[Proxy, str]) -> None:
    door, url = proxy
    await door.cut()
    watch = Watch()
    broker = make(url, Handler(), watch, reconnect_seconds=5.0)
    await broker.start()
    tries: list[float] = []
    make_link = broker._publisher._make_link

    def counted(wake: Callable[[], None]) -> Any:
        tries.append(time.monotonic())
        return make_link(wake)

    broker._publisher._make_link = counted
    await until(lambda: len(tries) == 3)
    await broker.stop()
    first, second = tries[1] - tries[0], tries[2] - tries[1]
    assert second > 1.5 * first


async def test_messages_survive_the_end_of_a_node(
    rabbitmq_url: str, rabbitmq_server: rabbitmq.Server
) -> None:
    gate = asyncio.Event()

    async def wait(_: DueDelivery) -> None:
        await gate.wait()

    handler, watch = Handler(wait), Watch()
    broker = make(rabbitmq_url, handler, watch, deliveries_in_flight=2)
    await broker.start()
    items = [delivery() for _ in range(50)]
    assert await broker.publish(items) == [None] * 50
    await asyncio.to_thread(rabbitmq_server.stop_app)
    await until(lambda: not broker.up)
    assert await broker.publish([delivery()]) == ["broker-down"]
    await asyncio.to_thread(rabbitmq_server.start_app)
    gate.set()
    await until(lambda: broker.up)
    await until(lambda: set(handler.calls) == set(items))
    await broker.stop()
    assert watch.states[:3] == [True, False, True]


async def test_an_alarm_of_the_broker_holds_publishing_back(
    rabbitmq_url: str, rabbitmq_server: rabbitmq.Server
) -> None:
    handler = Handler()
    broker = make(rabbitmq_url, handler, confirm_seconds=0.5)
    await broker.start()
    await asyncio.to_thread(rabbitmq_server.control, "set_vm_memory_high_watermark", "absolute", "1MB")
    try:
        outcomes: list[str | None] = [None]
        async with asyncio.timeout(20):
            while outcomes != ["broker-blocked"]:
                outcomes = list(await broker.publish([delivery()]))
    finally:
        await asyncio.to_thread(rabbitmq_server.control, "set_vm_memory_high_watermark", "0.6")
    await patiently(broker, [delivery()])
    await broker.stop()


# --- one link ------------------------------------------------------------------------------------


def test_a_host_that_refuses_is_unavailable(free_port: Callable[[], int]) -> None:
    link = RabbitLink(f"amqp://guest:guest@127.0.0.1:{free_port()}//", Limits())
    with pytest.raises(BrokerUnavailable):
        link.open()
    link.close()


def test_the_second_host_of_a_url_is_tried(rabbitmq_url: str, free_port: Callable[[], int]) -> None:
    link = RabbitLink(f"amqp://guest:guest@127.0.0.1:{free_port()}//;{rabbitmq_url}", Limits())
    link.open()
    link.declare([QUEUE])
    link.close()


def test_tls_is_verified() -> None:
    assert _tls("amqp://host") is False
    assert _tls("amqps://host")["cert_reqs"].name == "CERT_REQUIRED"


def test_confirms_are_matched_one_by_one_and_many_at_a_time() -> None:
    link = RabbitLink("amqp://", Limits())
    link._unconfirmed = {number: f"m{number}" for number in range(1, 8)}
    link._on_ack(2, False)
    link._returned.add("m3")
    link._on_ack(4, True)
    link._on_nack(5, False)
    link._on_ack(5, False)  # known already
    link._on_ack(0, True)  # everything (AMQP 0-9-1, basic.ack)
    assert link.outcomes() == [
        (2, None), (1, None), (3, "unroutable"), (4, None), (5, "broker-refused"), (6, None), (7, None),
    ]  # fmt: skip
    assert link.outcomes() == []
    assert link._returned == set()
