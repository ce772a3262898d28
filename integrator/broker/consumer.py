"""The consuming thread: hands batches of messages to the loop, settles them when the handler ended.

A message is acknowledged after its handler returned. Where the handler raised (a fault of the bus
itself: provider failures are its business) the message is handed out again after a growing delay,
a bounded number of times, then moved to the dead-letter queue; so is at once what cannot be read.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from integrator.broker.link import BrokerUnavailable, Link, LinkMaker, Received
from integrator.broker.messages import Unreadable, decode, flow_of, queue_name
from integrator.broker.thread import LinkState, LinkThread
from integrator.security.limits import Limits
from integrator.store.api import DueDelivery
from integrator.telemetry import log

_LOG = log.get("broker")
_IDLE_SECONDS = 60.0
_FIRST_RETRY_SECONDS = 0.5
_MAX_RETRY_SECONDS = 8.0

Handler = Callable[[bytes, str, int], Awaitable[None]]
"""Makes one attempt of one event: exchange id, flow, attempt. Raises only for faults of the bus."""

Buried = Callable[[str, str], None]
"""A message went to the dead-letter queue: flow, reason token. Called on the loop."""

Item = tuple[Received, DueDelivery]


def retry_delay(redeliveries: int) -> float:
    """Seconds before a message whose handler raised is handed out again."""
    return min(_FIRST_RETRY_SECONDS * 2.0**redeliveries, _MAX_RETRY_SECONDS)


class Consumer(LinkThread):
    """Consumes every queue, `limits.deliveries_in_flight` messages of each at a time."""

    def __init__(
        self,
        make_link: LinkMaker,
        queues: Callable[[], Sequence[str]],
        handler: Handler,
        on_state: Callable[[LinkState], None],
        on_buried: Buried,
        limits: Limits,
        delay: Callable[[int], float] = retry_delay,
    ) -> None:
        super().__init__("consumer", make_link, on_state, limits.reconnect_seconds)
        self._queues, self._handler, self._on_buried = queues, handler, on_buried
        self._limits, self._delay = limits, delay
        self._loop = asyncio.get_running_loop()
        # The thread's own: the link's generation, what it consumes, what waits to be requeued.
        self._generation = 0
        self._consumed: set[str] = set()
        self._later: list[tuple[float, int, Received]] = []
        self._order = itertools.count()
        # Shared: filled by the loop, emptied by the thread.
        self._settlements: deque[tuple[int, Received, bool]] = deque()
        self._closing = False
        self._renew = False
        # The loop's own.
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(limits.exchanges_in_flight)

    async def drain(self, seconds: float) -> None:
        """Take no more messages and wait for the running handlers; cancel what lasts longer."""
        self._closing = True
        self.wake()
        if self._tasks:
            _, pending = await asyncio.wait(self._tasks, timeout=seconds)
            for task in pending:
                task.cancel()
            if pending:
                _LOG.warning("deliveries-cut-short", count=len(pending))
                await asyncio.wait(pending)
        self.finish()

    def renew(self) -> None:
        """Connect anew: a queue was made again, and RabbitMQ may tie the new one to our old consumer,
        which then never gets what is in it. Any thread may call it."""
        self._renew = True
        self.wake()

    # --- on the loop ---

    def _take(self, generation: int, items: Sequence[Item]) -> None:
        for item in items:
            task = self._loop.create_task(self._handle(generation, *item))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _handle(self, generation: int, message: Received, delivery: DueDelivery) -> None:
        async with self._slots:
            if self._closing:
                return  # not begun: unsettled, it goes back when the link closes
            try:
                await self._handler(delivery.exchange_id, delivery.flow, delivery.attempt)
                done = True
            except Exception as error:  # a fault of the bus, whatever it is: bounded retries
                _LOG.error("delivery-handler-failed", flow=delivery.flow, exc_info=error)
                done = False
        self._settlements.append((generation, message, done))
        self.wake()

    # --- in the thread ---

    def _connected(self, link: Link) -> None:
        self._generation += 1
        self._renew = False
        self._consumed.clear()
        self._later.clear()
        self._follow(link)

    def _follow(self, link: Link) -> None:
        """Declare and consume what is not yet; queues of flows that are gone are emptied too."""
        queues = self._queues()
        link.declare(queues)
        for queue in queues:
            if queue not in self._consumed:
                link.consume(queue, self._limits.deliveries_in_flight)
                self._consumed.add(queue)

    def _step(self, link: Link) -> float:
        if self._renew:
            raise BrokerUnavailable("a queue was removed and made again")
        if self._closing:
            if self._consumed:
                link.cancel()
                self._consumed.clear()
        elif not self._consumed.issuperset(self._queues()):
            self._follow(link)
        self._settle(link)
        more = link.pump()
        received = link.received()
        if received:
            self._hand_over(link, received)
        if more or self._settlements:
            return 0.0
        return max(0.0, self._later[0][0] - time.monotonic()) if self._later else _IDLE_SECONDS

    def _hand_over(self, link: Link, received: Sequence[Received]) -> None:
        items: list[Item] = []
        for message in received:
            try:
                delivery = decode(message.body, self._limits.queue_message_bytes)
                if queue_name(delivery.flow) != message.queue:
                    raise Unreadable("message-queue")
            except Unreadable as error:
                self._bury(link, message, str(error))
            else:
                items.append((message, delivery))
        if items:
            self._on_loop(self._take, self._generation, items)

    def _settle(self, link: Link) -> None:
        while self._settlements:
            generation, message, done = self._settlements.popleft()
            if generation != self._generation:
                continue  # of a lost link: the broker hands it out again, the store knows it is done
            if done:
                link.ack(message)
            elif message.redeliveries >= self._limits.queue_redeliveries:
                self._bury(link, message, "handler-failed")
            else:
                due = time.monotonic() + self._delay(message.redeliveries)
                heapq.heappush(self._later, (due, next(self._order), message))
        while self._later and self._later[0][0] <= time.monotonic():
            link.requeue(heapq.heappop(self._later)[2])

    def _bury(self, link: Link, message: Received, reason: str) -> None:
        link.bury(message)
        flow = flow_of(message.queue)
        _LOG.error("message-dead-lettered", flow=flow, reason=reason, bytes=len(message.body))
        self._on_loop(self._on_buried, flow, reason)

    def _on_loop(self, call: Callable[..., None], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: what is unsettled goes back
            self._loop.call_soon_threadsafe(call, *arguments)

    def _lost(self) -> None:
        self._settlements.clear()
        self._later.clear()

    def _done(self) -> bool:
        return not self._settlements
