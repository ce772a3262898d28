"""The publishing thread: many messages on the way at once, each answered when its confirm arrives."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from integrator.broker.link import BrokerUnavailable, Link, LinkMaker
from integrator.broker.messages import encode, message_id, queue_name
from integrator.broker.thread import LinkState, LinkThread
from integrator.security.limits import Limits
from integrator.store.api import DueDelivery

_IDLE_SECONDS = 60.0

BROKER_DOWN = "broker-down"
BROKER_BLOCKED = "broker-blocked"


class _Batch:
    """Deliveries published together; the loop hears of them once, when all are settled."""

    __slots__ = ("_future", "_loop", "_outcomes", "deliveries", "left", "next")

    def __init__(self, deliveries: Sequence[DueDelivery], loop: asyncio.AbstractEventLoop) -> None:
        self.deliveries = deliveries
        self.next = 0  # index of the first not yet published
        self.left = len(deliveries)
        self._outcomes: list[str | None] = [BROKER_DOWN] * len(deliveries)
        self._loop = loop
        self._future: asyncio.Future[list[str | None]] = loop.create_future()

    def settle(self, index: int, reason: str | None) -> None:
        """The outcome of one; the last one tells the loop."""
        self._outcomes[index] = reason
        self.left -= 1
        if not self.left:
            self.finish()

    def finish(self) -> None:
        """Tell the loop; what has no outcome yet counts as not published."""
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._resolve)

    def _resolve(self) -> None:
        if not self._future.done():
            self._future.set_result(self._outcomes)

    async def result(self) -> list[str | None]:
        """The outcomes, in the order of the deliveries."""
        return await self._future


class Publisher(LinkThread):
    """Publishes what the relay hands it. See `publish`."""

    def __init__(
        self,
        make_link: LinkMaker,
        queues: Callable[[], Sequence[str]],
        on_state: Callable[[LinkState], None],
        on_declared: Callable[[], None],
        on_remade: Callable[[], None],
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__("publisher", make_link, on_state, limits.reconnect_seconds)
        self._queues, self._limits, self._clock = queues, limits, clock
        self._on_declared, self._on_remade = on_declared, on_remade
        self.declared: frozenset[str] = frozenset()
        self._inbox: deque[_Batch] = deque()
        self._underway: dict[int, tuple[_Batch, int]] = {}
        self._questions: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[dict[str, int]]]] = deque()
        self._progress = 0.0  # when the last confirm came, or the first unconfirmed was sent
        self.most_unconfirmed = 0

    async def publish(self, deliveries: Sequence[DueDelivery]) -> list[str | None]:
        """None for each confirmed message, else why it is not (or may not be) in its queue.

        Reasons: `broker-down`, `broker-blocked`, `broker-refused` (queue full), `unroutable`.
        A message that was sent and lost its confirm may be there all the same: the store's
        compare-and-swap on the attempt makes the second one harmless.
        """
        if not deliveries:
            return []
        batch = _Batch(deliveries, asyncio.get_running_loop())
        self._inbox.append(batch)
        self.wake()
        return await batch.result()

    async def depths(self) -> dict[str, int]:
        """Messages ready, by queue; empty while the broker is down."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[dict[str, int]] = loop.create_future()
        self._questions.append((loop, future))
        self.wake()
        return await future

    # --- in the thread ---

    def _connected(self, link: Link) -> None:
        self._declare(link)
        link.start_publishing()

    def _declare(self, link: Link) -> None:
        queues = self._queues()
        link.declare(queues)
        self.declared = frozenset(queues)
        self._on_declared()

    def _step(self, link: Link) -> float:
        if not self.declared.issuperset(self._queues()):
            self._declare(link)
        self._send(link)
        more = link.pump()
        self._collect(link)
        while self._questions:
            self._answer({queue: link.depth(queue) for queue in self._queues()})
        if self._underway and self._clock() - self._progress > self._limits.confirm_seconds:
            raise BrokerUnavailable(f"no confirm within {self._limits.confirm_seconds:g} s")
        if more or (self._inbox and len(self._underway) < self._limits.publishes_unconfirmed):
            return 0.0
        return _IDLE_SECONDS

    def _send(self, link: Link) -> None:
        room = self._limits.publishes_unconfirmed - len(self._underway)
        if room and self._inbox and not self._underway:
            self._progress = self._clock()
        while self._inbox and room > 0:
            batch = self._inbox[0]
            if link.blocked:
                self._inbox.popleft()
                self._refuse(batch, BROKER_BLOCKED)
                continue
            stop = min(len(batch.deliveries), batch.next + room)
            for index in range(batch.next, stop):
                delivery = batch.deliveries[index]
                number = link.publish(queue_name(delivery.flow), encode(delivery), message_id(delivery))
                self._underway[number] = (batch, index)
                batch.next = index + 1
            if stop == len(batch.deliveries):
                self._inbox.popleft()
            room = self._limits.publishes_unconfirmed - len(self._underway)
        self.most_unconfirmed = max(self.most_unconfirmed, len(self._underway))

    @staticmethod
    def _refuse(batch: _Batch, reason: str) -> None:
        for index in range(batch.next, len(batch.deliveries)):
            batch.settle(index, reason)

    def _collect(self, link: Link) -> None:
        gone = False
        for number, reason in link.outcomes():
            self._progress = self._clock()
            known = self._underway.pop(number, None)
            if known is None:
                continue  # given up during an alarm
            batch, index = known
            batch.settle(index, reason)
            gone = gone or (
                reason == "unroutable" and queue_name(batch.deliveries[index].flow) in self.declared
            )
        if link.blocked:
            # No confirm comes before the alarm is over; what was sent may still be published then.
            for batch, index in self._underway.values():
                batch.settle(index, BROKER_BLOCKED)
            self._underway.clear()
        if gone:
            self._declare(link)  # somebody removed a queue: the next try finds it again
            self._on_remade()

    def _answer(self, depths: dict[str, int]) -> None:
        loop, future = self._questions.popleft()

        def resolve() -> None:
            if not future.done():
                future.set_result(depths)

        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(resolve)

    def _lost(self) -> None:
        batches = {id(batch): batch for batch, _ in self._underway.values()}
        batches.update((id(batch), batch) for batch in self._inbox)
        self._underway.clear()
        self._inbox.clear()
        for batch in batches.values():
            batch.finish()
        while self._questions:
            self._answer({})

    def _done(self) -> bool:
        return not self._underway and not self._inbox
