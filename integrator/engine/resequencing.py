"""Resequencers: messages wait until they can be passed on in order, in batches or as a stream.

Each message is passed on as a copy. The copy of a governed exchange is a child of it: the exchange ends, or
is tried again, with what became of the copy; exchanges of no flow go on at once, as in Camel.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort_left
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cmp_to_key
from typing import Any

from integrator.engine.children import child, contained
from integrator.engine.exceptions import CAMEL, JavaException, failure
from integrator.engine.services import Services
from integrator.engine.steps import Block, Family
from integrator.exchange import Exchange, Overloaded

Compare = Callable[[Any, Any], int]


@dataclass(slots=True, eq=False)
class Waiting:
    """A message that waits: its value, its copy, and the task that passes it on when its turn has come."""

    value: Any
    copy: Exchange
    turn: asyncio.Event = field(default_factory=asyncio.Event)
    dropped: bool = False
    task: asyncio.Task[None] | None = None

    async def leave(self, body: Block) -> None:
        """Wait for its turn, then run the steps."""
        await self.turn.wait()
        if not self.dropped:
            await contained(body.run, body.waits, self.copy)

    def drop(self) -> None:
        """Pass it on to nobody."""
        self.dropped = True
        self.turn.set()


class Resequencer:
    """What both kinds share: waiting messages, and one task that passes them on as long as there are any."""

    def __init__(self, body: Block, services: Services) -> None:
        self.body, self.services = body, services
        self.news = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._copies: set[asyncio.Task[None]] = set()

    def admit(self, exchange: Exchange, value: Any, waiting: int) -> Waiting:
        """Make the copy that waits. Raises Overloaded where too many wait."""
        if waiting >= self.services.bodies_grouped:
            raise Overloaded(
                f"more than {self.services.bodies_grouped} messages wait at a resequencer: give it smaller batches",
                reason="resequencer-full",
            )
        copy = child(exchange, exchange.message.copy())
        trail = copy.history[0]
        if exchange.context is None:
            trail.family = Family(self.services.children)
        made = Waiting(value, copy)
        made.task = asyncio.ensure_future(made.leave(self.body))
        tasks = self._copies if exchange.context is None else trail.family.tasks
        tasks.add(made.task)
        made.task.add_done_callback(tasks.discard)
        return made

    def wake(self, work: Callable[[], Awaitable[None]]) -> None:
        """Tell the worker that something came; start it where none runs."""
        self.news.set()
        if self._worker is None:
            self._worker = asyncio.ensure_future(self._work(work))

    async def _work(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        finally:
            self._worker = None

    async def news_within(self, seconds: float) -> bool:
        """Whether something came before the time was over."""
        if not self.news.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self.news.wait()
            except TimeoutError:
                return False
        return True

    async def pass_on(self, made: Waiting) -> None:
        """Let a message go, and wait until its steps have ended."""
        assert made.task is not None
        made.turn.set()
        await asyncio.wait({made.task})

    async def stop_working(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)


class Batches(Resequencer):
    """Batches in order: of `size` messages, or of those there are when none came for `timeout` seconds."""

    def __init__(
        self,
        body: Block,
        services: Services,
        compare: Compare,
        size: int,
        timeout: float,
        *,
        duplicates: bool,
    ) -> None:
        super().__init__(body, services)
        self.compare, self.size, self.timeout, self.duplicates = compare, size, timeout, duplicates
        self.queue: list[Waiting] = []

    def take(self, exchange: Exchange, value: Any) -> None:
        """Take one message. Raises Overloaded."""
        self.queue.append(self.admit(exchange, value, len(self.queue)))
        self.wake(self._run)

    async def _run(self) -> None:
        while self.queue:
            came = await self.news_within(self.timeout)
            self.news.clear()
            if not came:
                await self._send(self._drain())
            while came and len(self.queue) >= self.size:
                await self._send(self._drain())

    def _drain(self) -> list[Waiting]:
        batch, self.queue = self.queue[: self.size], self.queue[self.size :]
        ordered: list[Waiting] = []

        def compare(one: Waiting, other: Waiting) -> int:
            return self.compare(one.value, other.value)

        order = cmp_to_key(compare)
        for made in batch:
            try:
                place = bisect_left(ordered, order(made), key=order)
                while place < len(ordered) and self.compare(made.value, ordered[place].value) == 0:
                    if not self.duplicates:
                        break
                    place += 1
            except JavaException:  # it cannot be compared with the others: Camel leaves it out, too
                made.drop()
                continue
            if place < len(ordered) and self.compare(made.value, ordered[place].value) == 0:
                made.drop()
            else:
                ordered.insert(place, made)
        return ordered

    async def _send(self, ordered: list[Waiting]) -> None:
        for made in ordered:
            await self.pass_on(made)

    async def close(self) -> None:
        """Stop: pass on what waits, in order."""
        await self.stop_working()
        while self.queue:
            await self._send(self._drain())


class Stream(Resequencer):
    """A stream in order of whole numbers: a message waits for the one before it, or for `timeout` seconds."""

    def __init__(
        self,
        body: Block,
        services: Services,
        capacity: int,
        timeout: float,
        interval: float,
        *,
        reject_old: bool,
    ) -> None:
        super().__init__(body, services)
        self.capacity, self.timeout, self.interval, self.reject_old = capacity, timeout, interval, reject_old
        self.last: int | None = None
        self.sequence: list[Waiting] = []
        self.held: dict[int, asyncio.TimerHandle] = {}
        self.room = asyncio.Event()

    async def take(self, exchange: Exchange, number: int) -> None:
        """Take one message; waits where there is no room. Raises JavaException for one that is too late."""
        while len(self.sequence) >= self.capacity:
            self.room.clear()
            await self.room.wait()
        if self.reject_old and self.last is not None and number < self.last:
            raise failure(
                CAMEL + "processor.resequencer.MessageRejectedException",
                "rejecting message [], it should have been sent before the last delivered message []",
            )
        numbers = [made.value for made in self.sequence]
        place = bisect_left(numbers, number)
        if place < len(numbers) and numbers[place] == number:
            return  # Camel's sequence is a set
        made = self.admit(exchange, number, len(self.sequence))
        insort_left(self.sequence, made, key=lambda one: one.value)
        if place < len(numbers) and numbers[place] == number + 1:
            self._release(number + 1)
        follows = place > 0 and numbers[place - 1] == number - 1
        if not follows and self.last != number - 1:
            loop = asyncio.get_running_loop()
            self.held[number] = loop.call_later(self.timeout, self._release, number)
        self.wake(self._run)

    def _release(self, number: int) -> None:
        handle = self.held.pop(number, None)
        if handle is not None:
            handle.cancel()

    async def _run(self) -> None:
        while self.sequence:
            await self.news_within(self.interval)
            self.news.clear()
            await self._deliver(lambda made: made.value not in self.held)

    async def _deliver(self, ready: Callable[[Waiting], bool]) -> None:
        while self.sequence and ready(self.sequence[0]):
            made = self.sequence.pop(0)
            self.last = made.value
            self.room.set()
            await self.pass_on(made)

    async def close(self) -> None:
        """Stop: pass on what waits, in order."""
        await self.stop_working()
        for handle in self.held.values():
            handle.cancel()
        self.held.clear()
        await self._deliver(lambda _made: True)
