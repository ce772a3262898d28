"""The concurrency limit of an adapter: so many calls at once, a bounded number waits."""

from __future__ import annotations

import asyncio
from collections import deque

from integrator.exchange import Overloaded


class Gate:
    """At most `most` inside, at most `waiting` before it, in the order they came.

    `try_enter` is the fast way; where it says no, `await enter(deadline)`. Every entry is followed
    by one `leave`.
    """

    __slots__ = ("_inside", "_most", "_queue", "_waiting")

    def __init__(self, most: int, waiting: int) -> None:
        self._most = most
        self._waiting = waiting
        self._inside = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def inside(self) -> int:
        """How many are inside now."""
        return self._inside

    def try_enter(self) -> bool:
        """Enter if there is room and nobody waits before."""
        if self._inside < self._most and not self._queue:
            self._inside += 1
            return True
        return False

    async def enter(self, deadline: float) -> None:
        """Wait for room until the deadline (loop time). Raises Overloaded."""
        if self.try_enter():
            return
        if len(self._queue) >= self._waiting:
            raise Overloaded("too many calls wait for the provider: try again later", reason="adapter-busy")
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            async with asyncio.timeout_at(deadline):
                await place
        except TimeoutError:
            self._withdraw(place)
            raise Overloaded(
                "the provider did not become free in time: try again later", reason="adapter-busy"
            ) from None
        except asyncio.CancelledError:
            self._withdraw(place)
            raise

    def leave(self) -> None:
        """Make room; who waits first comes in."""
        while self._queue:
            place = self._queue.popleft()
            if not place.done():
                place.set_result(None)  # the room goes over to it
                return
        self._inside -= 1

    def _withdraw(self, place: asyncio.Future[None]) -> None:
        if place.done() and not place.cancelled():
            self.leave()  # let in at the very moment it gave up
        else:
            place.cancel()
            if place in self._queue:
                self._queue.remove(place)
