"""Relay, broker and delivery together on a real store: an accepted event always ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from integrator import exchange as errors
from integrator.broker import memory
from integrator.broker.bus import Broker
from integrator.broker.relay import Relay
from integrator.exchange import Exchange
from integrator.security.limits import Limits
from integrator.site.compiled import Delivery
from integrator.store.api import DueDelivery
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from tests.broker.support import FLOW, Proxy, make
from tests.gateway.deliveries import EVENT_FLOW, Bench, KnownFlow, fail_with


class Bus(Bench):
    """The bench with relay and broker around its handler, and a clock that can be put forward."""

    def __init__(self, store: Any) -> None:
        self._ahead_us = 0
        super().__init__(store)
        quick = Delivery(attempts=4, first_delay=0.01, factor=1.5, max_delay=0.05)
        self.runtime.flows[FLOW] = KnownFlow(replace(EVENT_FLOW, id=FLOW, delivery=quick), self.routes)
        self.broker: Broker | None = None
        self.relay: Relay | None = None

    @property
    def now(self) -> int:
        return time.time_ns() // 1_000 + self._ahead_us

    @now.setter
    def now(self, _value: int) -> None:
        """The clock is real; `pass_seconds` puts it forward."""

    def pass_seconds(self, seconds: float) -> None:
        self._ahead_us += int(seconds * 1e6)

    async def start(self, url: str) -> None:
        self.broker = make(url, self.handler)  # type: ignore[arg-type]
        self.broker._state_hook = lambda up, _reason: self.relay.resume() if up and self.relay else None
        self.relay = Relay(self.store, self.broker, clock_us=lambda: self.now, limits=Limits())
        await self.broker.start()
        self.relay.start()

    def _on_due(self) -> None:
        super()._on_due()
        if self.relay is not None:
            self.relay.wake()

    async def stop(self) -> None:
        if self.relay is not None and self.broker is not None:
            await self.relay.stop()
            await self.broker.stop()
        self.relay = self.broker = None

    async def accept(self, *arguments: Any, **changes: Any) -> bytes:
        identity = await super().accept(*arguments, **changes)
        if self.relay is not None:
            self.relay.wake()
        return identity

    async def ended(self, *events: bytes, state: str = "delivered", seconds: float = 30.0) -> None:
        async def all_there() -> bool:
            return all([(await self.store.delivery(event)).state == state for event in events])

        await _until(all_there, seconds)

    def attempts(self, event: bytes) -> int:
        return sum(seen.id.replace("-", "") == event.hex() for _, seen in self.routes.seen)


async def _until(condition: Callable[[], Awaitable[bool]], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - the database has no event
            await asyncio.sleep(0.005)


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    migrate("sqlite:", tmp_path)
    store = open_store("sqlite:", limits=Limits(), process_id=b"p" * 16, data_dir=tmp_path)
    await store.open()
    made = Bus(store)
    try:
        yield made
    finally:
        await made.stop()
        await store.close()


async def test_accepted_events_are_delivered_once_each(bus: Bus, url: str) -> None:
    await bus.start(url)
    events = [await bus.accept() for _ in range(60)]
    await bus.ended(*events)
    assert [bus.attempts(event) for event in events] == [1] * 60


async def test_an_event_is_retried_until_the_platform_takes_it(bus: Bus, url: str) -> None:
    def third_time_lucky(exchange: Exchange) -> None:
        if exchange.context.attempts < 3:
            raise errors.ProviderUnreachable

    bus.routes.act = third_time_lucky
    await bus.start(url)
    event = await bus.accept()
    await bus.ended(event)
    assert bus.attempts(event) == 3
    assert await bus.status(event) == ("delivered", 2, None)


async def test_an_event_nobody_takes_is_dead_lettered_when_its_attempts_are_spent(bus: Bus, url: str) -> None:
    bus.routes.act = fail_with(errors.ProviderFault())
    await bus.start(url)
    event, other = await bus.accept(), await bus.accept()
    await bus.ended(event, other, state="dead-lettered")
    assert bus.attempts(event) == bus.attempts(other) == 4
    assert await bus.status(event) == ("dead-lettered", 3, "provider-fault")
    assert [leaf["type"] for leaf in await bus.leaves(event)] == ["received", "dead-lettered"]


async def test_what_was_accepted_while_no_bus_ran_is_delivered_at_the_next_start(bus: Bus, url: str) -> None:
    events = [await bus.accept() for _ in range(5)]
    await bus.start(url)
    await bus.ended(*events)
    await bus.stop()
    more = [await bus.accept() for _ in range(5)]
    await bus.start(url)
    await bus.ended(*more)


async def test_a_message_the_broker_hands_out_twice_has_one_effect(bus: Bus, url: str) -> None:
    await bus.start(url)
    event = await bus.accept()
    await bus.ended(event)
    assert list(await bus.store.due_deliveries(bus.now, bus.now, 10)) == []
    again = DueDelivery(event, FLOW, 0)
    assert await bus.broker.publish([again, again]) == [None, None]
    probe = await bus.accept()
    await bus.ended(probe)
    assert bus.attempts(event) == 1


async def test_what_the_broker_lost_is_published_again(bus: Bus) -> None:
    url = "memory://that-dies"
    await bus.start(url)
    await bus.relay.stop()
    event = await bus.accept()
    await bus.broker.stop()
    await bus.store.mark_relayed(await bus.store.due_deliveries(bus.now, 0, 10), bus.now)
    memory.forget(url)
    await bus.start(url)
    bus.pass_seconds(120)
    bus.relay.wake()
    await bus.ended(event)
    memory.forget(url)


async def test_what_was_published_again_gets_its_time_anew(bus: Bus) -> None:
    event = await bus.accept()
    (due,) = await bus.store.due_deliveries(bus.now, 0, 10)
    await bus.store.mark_relayed([due], bus.now)
    bus.pass_seconds(3_600)
    relay = Relay(bus.store, Confirming(), clock_us=lambda: bus.now, limits=Limits())
    for _ in range(5):
        await relay.round()
    assert relay.relayed == 1
    assert await bus.status(event) == ("relayed", 0, None)


class Confirming:
    """A broker that takes everything and hands nothing out."""

    async def publish(self, deliveries: Sequence[DueDelivery]) -> Sequence[str | None]:
        return [None] * len(deliveries)

    async def depths(self) -> dict[str, int]:
        return {}


async def test_events_are_accepted_while_the_broker_is_down_and_delivered_later(
    bus: Bus, proxy: tuple[Proxy, str]
) -> None:
    door, url = proxy
    await bus.start(url)
    await door.cut()
    events = [await bus.accept() for _ in range(20)]
    assert {(await bus.status(event))[0] for event in events} == {"accepted"}
    await door.start()
    await bus.ended(*events)
    assert [bus.attempts(event) for event in events] == [1] * 20


async def test_a_broker_that_comes_and_goes_loses_nothing(bus: Bus, proxy: tuple[Proxy, str]) -> None:
    door, url = proxy
    await bus.start(url)
    events = []
    for _ in range(3):
        events += [await bus.accept() for _ in range(30)]
        await door.cut()
        events += [await bus.accept() for _ in range(5)]
        await door.start()
    await bus.ended(*events)
    assert {await bus.status(event) for event in events} == {("delivered", 0, None)}
    assert [bus.attempts(event) for event in events] == [1] * len(events)
