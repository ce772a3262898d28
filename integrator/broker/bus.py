"""The broker as the rest of the bus sees it: start, publish, stop, and whether it is up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Protocol

from integrator.broker.consumer import Consumer, Handler, retry_delay
from integrator.broker.link import BrokerRefused, Link, LinkMaker
from integrator.broker.memory import MemoryLink
from integrator.broker.messages import flow_of, queue_name
from integrator.broker.publisher import BROKER_DOWN, Publisher
from integrator.broker.rabbit import RabbitLink
from integrator.broker.thread import LinkState
from integrator.security.limits import DEFAULT, Limits
from integrator.store.api import DueDelivery
from integrator.telemetry import log

_LOG = log.get("broker")
_JOIN_SECONDS = 2.0

StateHook = Callable[[bool, str | None], None]
"""The broker went up, or down with the reason. Called on the loop."""


class Counts(Protocol):
    """Where countable happenings go; `telemetry.metrics.Metrics` is one."""

    def count(self, kind: str, amount: float = 1) -> None:
        """Something of this kind happened."""
        ...


def link_maker(url: str, limits: Limits) -> LinkMaker:
    """Makes links for a broker's URL: `memory://` or `amqp://`, `amqps://`. Raises BrokerRefused."""
    scheme = url.partition(":")[0]
    if scheme == "memory":
        return lambda wake: MemoryLink(url, limits, wake)
    if scheme in ("amqp", "amqps"):

        def rabbit(_wake: Callable[[], None]) -> Link:
            return RabbitLink(url, limits)

        return rabbit
    raise BrokerRefused(f"no broker of kind {scheme!r}: use memory:// or amqp://user:password@host/vhost")


class Broker:
    """One queue a flow, a publishing and a consuming thread, each with its own connection.

    Two connections, because RabbitMQ holds back whole connections that publish too fast, and an
    acknowledgement must not wait behind that (rabbitmq.com, docs/alarms). All methods are called
    on the event loop.
    """

    def __init__(
        self,
        url: str,
        flows: Iterable[str],
        handler: Handler,
        *,
        limits: Limits = DEFAULT,
        on_state: StateHook | None = None,
        on_buried: Callable[[str, str], None] | None = None,
        metrics: Counts | None = None,
        delay: Callable[[int], float] = retry_delay,
    ) -> None:
        self._make_link = link_maker(url, limits)
        self._queues: tuple[str, ...] = tuple(queue_name(flow) for flow in flows)
        self._handler, self._limits, self._delay = handler, limits, delay
        self._state_hook, self._buried_hook, self._metrics = on_state, on_buried, metrics
        self._states: dict[str, LinkState] = {}
        self._first: dict[str, asyncio.Future[LinkState]] = {}
        self._up = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._publisher: Publisher | None = None
        self._consumer: Consumer | None = None

    # --- life ---

    async def start(self) -> None:
        """Declare the queues and begin. A broker that cannot be reached is no error: it is retried.

        Raises BrokerRefused where a person has to act: credentials, queues with other arguments.
        """
        loop = self._loop = asyncio.get_running_loop()
        self._first = {name: loop.create_future() for name in ("publisher", "consumer")}
        self._publisher = Publisher(
            self._make_link,
            lambda: self._queues,
            self._reporter("publisher"),
            self._wake_consumer,
            self._remade,
            self._limits,
        )
        self._consumer = Consumer(
            self._make_link,
            self._consumable,
            self._handler,
            self._reporter("consumer"),
            self._buried,
            self._limits,
            self._delay,
        )
        self._publisher.start()
        first = await self._first["publisher"]
        if not first.refused:
            self._consumer.start()
            first = await self._first["consumer"]
        if first.refused:
            await self.stop()
            raise BrokerRefused(first.reason or "the broker refuses")

    async def stop(self) -> None:
        """Wait for running handlers and open confirms (`limits.drain_seconds`), then disconnect.

        RabbitMQ may hand out again what it was told is done in the last moment: harmless, as every
        duplicate.
        """
        if self._consumer is not None:
            await self._consumer.drain(self._limits.drain_seconds)
            await self._join(self._consumer)
        if self._publisher is not None:
            self._publisher.finish()
            await self._join(self._publisher)
        self._consumer = self._publisher = None
        self._up = False

    async def _join(self, thread: Publisher | Consumer) -> None:
        seconds = self._limits.drain_seconds + _JOIN_SECONDS
        if not await asyncio.to_thread(thread.join, seconds):
            _LOG.warning("broker-thread-stuck", thread=thread.name)

    def follow(self, flows: Iterable[str]) -> None:
        """A site with these event flows is active: their queues are declared and consumed too.

        Queues of flows that are gone are still emptied until the bus stops: their events are
        dead-lettered by the handler, with their reason.
        """
        known = dict.fromkeys(self._queues)
        known.update(dict.fromkeys(queue_name(flow) for flow in flows))
        self._queues = tuple(known)
        for thread in (self._publisher, self._consumer):
            if thread is not None:
                thread.wake()

    # --- work ---

    async def publish(self, deliveries: Sequence[DueDelivery]) -> Sequence[str | None]:
        """For each delivery None once the broker has it safe, else a reason. See Publisher.publish."""
        if self._publisher is None:
            return [BROKER_DOWN] * len(deliveries)
        return await self._publisher.publish(deliveries)

    async def depths(self) -> dict[str, int]:
        """Messages ready, by flow; empty while the broker is down."""
        if self._publisher is None:
            return {}
        return {flow_of(queue): depth for queue, depth in (await self._publisher.depths()).items()}

    # --- state ---

    @property
    def up(self) -> bool:
        """True while both connections work."""
        return self._up

    @property
    def reason(self) -> str | None:
        """Why it is down: text for operators, with the remedy where a person has to act."""
        return next((state.reason for state in self._states.values() if not state.up), None)

    def _reporter(self, name: str) -> Callable[[LinkState], None]:
        loop = self._loop
        assert loop is not None

        def report(state: LinkState) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                loop.call_soon_threadsafe(self._changed, name, state)

        return report

    def _changed(self, name: str, state: LinkState) -> None:
        known = self._states.get(name)
        self._states[name] = state
        first = self._first[name]
        if not first.done():
            first.set_result(state)
        if not state.up and (known is None or known.reason != state.reason):
            _LOG.warning("broker-down", side=name, reason=state.reason)
        up = len(self._states) == len(self._first) and all(s.up for s in self._states.values())
        if up == self._up and known is not None:
            return
        if up:
            _LOG.info("broker-up")
        if self._state_hook is not None and (up != self._up or not state.up):
            self._state_hook(up, self.reason)
        self._up = up

    def _consumable(self) -> Sequence[str]:
        # The publisher declares first: RabbitMQ refuses messages while two connections make one queue.
        declared = self._publisher.declared if self._publisher is not None else frozenset()
        return [queue for queue in self._queues if queue in declared]

    def _wake_consumer(self) -> None:
        if self._consumer is not None:
            self._consumer.wake()

    def _remade(self) -> None:
        if self._consumer is not None:
            self._consumer.renew()

    def _buried(self, flow: str, reason: str) -> None:
        if self._metrics is not None:
            self._metrics.count("message-dead-lettered")
        if self._buried_hook is not None:
            self._buried_hook(flow, reason)
