"""The broker's promises, the same on the in-memory broker and on RabbitMQ."""

from __future__ import annotations

import asyncio
import statistics
import threading
import time

import pytest

from integrator.broker.link import BrokerRefused
from integrator.broker.messages import DEAD_LETTERS, encode, queue_name
from integrator.store.api import DueDelivery
from tests.broker.support import FLOW, Handler, Raw, Watch, delivery, make, patiently, until

QUEUE = queue_name(FLOW)


async def test_what_is_published_reaches_the_handler_once(url: str) -> None:
    handler, watch = Handler(), Watch()
    broker = make(url, handler, watch)
    await broker.start()
    items = [delivery(attempt=n % 3) for n in range(300)]
    assert await broker.publish(items) == [None] * 300
    await until(lambda: len(handler.calls) == 300)
    await broker.stop()
    assert sorted(handler.calls, key=repr) == sorted(items, key=repr)
    assert watch.states[0] is True


async def test_nothing_to_publish_is_nothing(url: str) -> None:
    broker = make(url, Handler())
    await broker.start()
    assert await broker.publish([]) == []
    await broker.stop()


async def test_publishing_before_start_and_after_stop_says_so(url: str) -> None:
    broker = make(url, Handler())
    assert await broker.publish([delivery()]) == ["broker-down"]
    await broker.start()
    await broker.stop()
    assert await broker.publish([delivery()]) == ["broker-down"]
    assert not broker.up


async def test_a_queue_nobody_declared_is_unroutable(url: str) -> None:
    handler = Handler()
    broker = make(url, handler)
    await broker.start()
    good, lost = delivery(), delivery("never-declared")
    assert await broker.publish([good, lost, lost, delivery()]) == [None, "unroutable", "unroutable", None]
    await until(lambda: len(handler.calls) == 2)
    await broker.stop()


async def test_a_full_queue_refuses_and_keeps_what_it_has(url: str, raw: Raw) -> None:
    gate = asyncio.Event()

    async def wait(_: DueDelivery) -> None:
        await gate.wait()

    handler = Handler(wait)
    broker = make(url, handler, queue_messages=5, deliveries_in_flight=1)
    await broker.start()
    outcomes = []
    for _ in range(40):
        outcomes += await broker.publish([delivery()])
    assert set(outcomes) == {None, "broker-refused"}
    gate.set()
    await until(lambda: len(handler.calls) >= outcomes.count(None))
    await broker.stop()
    assert len(handler.calls) == outcomes.count(None)


async def test_a_message_whose_handler_failed_is_handed_out_again(url: str) -> None:
    async def fail_twice(_: DueDelivery) -> None:
        if len(handler.calls) < 3:
            raise RuntimeError("the bus stumbles")

    handler, watch = Handler(fail_twice), Watch()
    broker = make(url, handler, watch)
    await broker.start()
    item = delivery()
    await broker.publish([item])
    await until(lambda: len(handler.calls) == 3)
    await broker.stop()
    assert handler.calls == [item] * 3
    assert watch.buried == []


async def test_a_handler_that_always_fails_ends_in_the_dead_letter_queue(url: str, raw: Raw) -> None:
    async def fail(item: DueDelivery) -> None:
        if item.attempt == 0:
            raise RuntimeError("the bus stumbles")

    handler, watch = Handler(fail), Watch()
    broker = make(url, handler, watch, queue_redeliveries=3)
    await broker.start()
    bad, good = delivery(), delivery(attempt=1)
    await broker.publish([bad, good])
    await until(lambda: bool(watch.buried))
    await until(lambda: raw.depth(DEAD_LETTERS) == 1)
    await broker.stop()
    assert handler.calls.count(bad) == 4  # the first time and three more
    assert handler.calls.count(good) == 1
    assert watch.buried == [(FLOW, "handler-failed")]
    assert watch.counts == {"message-dead-lettered": 1}
    assert raw.depth(QUEUE) == 0


@pytest.mark.parametrize(
    "body",
    [b"\xff\x00", b"{}", b"x" * 5_000, encode(delivery("another-flow"))],
    ids=["bytes", "keys", "size", "flow"],
)
async def test_a_message_that_cannot_be_read_is_kept_apart(url: str, raw: Raw, body: bytes) -> None:
    handler, watch = Handler(), Watch()
    broker = make(url, handler, watch)
    await broker.start()
    raw.put(QUEUE, body)
    good = delivery()
    await broker.publish([good])
    await until(lambda: handler.calls == [good] and bool(watch.buried))
    await until(lambda: raw.depth(DEAD_LETTERS) == 1)
    await broker.stop()
    ((flow, reason),) = watch.buried
    assert flow == FLOW
    assert reason.startswith("message-")


async def test_unread_messages_survive_a_stop_and_start(url: str) -> None:
    async def wait(_: DueDelivery) -> None:
        await asyncio.Event().wait()

    stuck = Handler(wait)
    first = make(url, stuck, deliveries_in_flight=4, drain_seconds=0.05)
    await first.start()
    items = [delivery() for _ in range(20)]
    assert await first.publish(items) == [None] * 20
    await until(lambda: len(stuck.calls) == 4)
    await first.stop()
    assert stuck.running == 0
    handler = Handler()
    second = make(url, handler)
    await second.start()
    await until(lambda: len(handler.calls) == 20)
    await second.stop()
    assert set(handler.calls) == set(items)


async def test_stop_lets_running_handlers_end_and_acknowledges_them(url: str, raw: Raw) -> None:
    gate = asyncio.Event()

    async def wait(_: DueDelivery) -> None:
        await gate.wait()

    handler = Handler(wait)
    broker = make(url, handler)
    await broker.start()
    await broker.publish([delivery() for _ in range(3)])
    await until(lambda: handler.running == 3)
    stopping = asyncio.create_task(broker.stop())
    await asyncio.sleep(0)
    gate.set()
    await stopping
    assert raw.depth(QUEUE) == 0


async def test_no_more_messages_are_in_flight_than_the_limit_says(url: str) -> None:
    gate = asyncio.Event()

    async def wait(_: DueDelivery) -> None:
        await gate.wait()

    handler = Handler(wait)
    broker = make(url, handler, flows=(FLOW, "other"), deliveries_in_flight=7)
    await broker.start()
    await broker.publish([delivery() for _ in range(30)])
    await until(lambda: handler.running == 7)
    # Another flow has its own window: a slow provider does not hold up the rest.
    await broker.publish([delivery("other")])
    await until(lambda: handler.running == 8)
    gate.set()
    await until(lambda: len(handler.calls) == 31)
    await broker.stop()
    assert handler.most_running <= 14


async def test_no_more_messages_wait_for_confirms_than_the_limit_says(url: str) -> None:
    handler = Handler()
    broker = make(url, handler, publishes_unconfirmed=25)
    await broker.start()
    assert broker._publisher is not None
    batches = [[delivery() for _ in range(60)] for _ in range(5)]
    outcomes = await asyncio.gather(*map(broker.publish, batches))
    assert outcomes == [[None] * 60] * 5
    assert 0 < broker._publisher.most_unconfirmed <= 25
    await until(lambda: len(handler.calls) == 300)
    await broker.stop()


async def test_the_queues_of_a_newly_active_site_are_followed(url: str) -> None:
    handler = Handler()
    broker = make(url, handler)
    await broker.start()
    broker.follow(["tax-notice"])
    item, old = delivery("tax-notice"), delivery()
    await patiently(broker, [item, old])  # RabbitMQ may refuse the first moments of a new queue
    await until(lambda: set(handler.calls) == {item, old})
    assert await broker.depths() == {FLOW: 0, "tax-notice": 0}
    await broker.stop()


async def test_depths_tell_what_waits(url: str) -> None:
    async def wait(_: DueDelivery) -> None:
        await asyncio.Event().wait()

    handler = Handler(wait)
    broker = make(url, handler, deliveries_in_flight=2, drain_seconds=0.05)
    await broker.start()
    await broker.publish([delivery() for _ in range(5)])
    await until(lambda: handler.running == 2)
    assert await broker.depths() == {FLOW: 3}
    await broker.stop()


async def test_a_message_takes_milliseconds(url: str) -> None:
    arrived: list[float] = []

    async def note(_: DueDelivery) -> None:
        arrived.append(time.perf_counter())

    broker = make(url, Handler(note))
    await broker.start()
    taken = []
    for number in range(30):
        begun = time.perf_counter()
        await broker.publish([delivery()])
        await until(lambda number=number: len(arrived) > number)
        taken.append(arrived[-1] - begun)
    await broker.stop()
    assert statistics.median(taken) < 0.02


async def test_threads_end_with_the_broker(url: str) -> None:
    broker = make(url, Handler())
    await broker.start()
    names = {thread.name for thread in threading.enumerate()}
    assert {"integrator-publisher", "integrator-consumer"} <= names
    begun = time.perf_counter()
    await broker.stop()
    assert time.perf_counter() - begun < 0.9  # woken, not found by the next tick
    assert not {t.name for t in threading.enumerate()} & {"integrator-publisher", "integrator-consumer"}


@pytest.mark.parametrize("wrong", ["redis://127.0.0.1", "", "kafka:x"])
def test_a_broker_of_another_kind_is_refused(wrong: str) -> None:
    with pytest.raises(BrokerRefused, match="memory:// or amqp://"):
        make(wrong, Handler())
