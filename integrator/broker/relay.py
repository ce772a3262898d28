"""The relay: publishes what the delivery table holds due, and again what got lost on the way.

Natural batches: while one round publishes, the next gathers. It sleeps until it is woken by an
accept, by the next due time, or by the look for stale rows, and never runs in circles: after a
round in which something could not be published it backs off, whatever wakes it, until the broker
is up again or the back-off has passed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from integrator.security.limits import DEFAULT, Limits
from integrator.store.api import DueDelivery
from integrator.store.units import StoreUnavailable
from integrator.telemetry import log

_LOG = log.get("broker")
_FIRST_BACKOFF_SECONDS = 0.2
_MAX_BACKOFF_SECONDS = 30.0
_MIN_PAUSE_SECONDS = 0.05
_BACKLOG_PATIENCE = 10  # stale rows of a queue that is not empty wait so many times longer


class Deliveries(Protocol):
    """The part of the store the relay works on (`store.api.Store`)."""

    async def due_deliveries(self, now_us: int, stale_before_us: int, limit: int) -> Sequence[DueDelivery]:
        """What is accepted and due, or relayed and untouched since `stale_before_us`."""
        ...

    async def mark_relayed(self, relayed: Sequence[DueDelivery], now_us: int) -> None:
        """The broker confirmed these."""
        ...

    async def next_due_us(self) -> int | None:
        """When the next accepted event is due."""
        ...


class Queues(Protocol):
    """The part of the broker the relay works on (`bus.Broker`)."""

    async def publish(self, deliveries: Sequence[DueDelivery]) -> Sequence[str | None]:
        """For each delivery None once the broker has it safe, else a reason."""
        ...

    async def depths(self) -> dict[str, int]:
        """Messages ready, by flow."""
        ...


class Relay:
    """Moves accepted events into their queues. One a process; several processes do no harm.

    `wake` after each accept and after each failed attempt, `resume` when the broker came up.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        queues: Queues,
        *,
        clock_us: Callable[[], int],
        limits: Limits = DEFAULT,
    ) -> None:
        self._deliveries, self._queues = deliveries, queues
        self._clock_us, self._limits = clock_us, limits
        self._stale_us = limits.relayed_stale_seconds * 1_000_000
        self._woken, self._resumed = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._blocked_until_us = 0
        self._stale_look_us = 0
        self.relayed = 0
        self.rounds = 0

    def start(self) -> None:
        """Begin, on the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="relay")

    async def stop(self) -> None:
        """End after the current round; what is not published stays accepted."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def wake(self) -> None:
        """Something is due, or due earlier than before."""
        self._woken.set()

    def resume(self) -> None:
        """The broker is up again: forget the back-off."""
        self._failures = 0
        self._blocked_until_us = 0
        self._resumed.set()
        self._woken.set()

    # --- the loop ---

    async def _run(self) -> None:
        while True:
            self._woken.clear()  # before looking: what comes in meanwhile is another round
            seconds = 0.0
            try:
                if await self.round():
                    continue
                seconds = 0.0 if self._blocked_seconds() > 0 else await self.pause_seconds()
            except StoreUnavailable:
                self._back_off()
            except Exception as error:  # the relay must outlive whatever a round met
                _LOG.error("relay-round-failed", exc_info=error)
                self._back_off()
            blocked = self._blocked_seconds()
            # A wake by an accept must not shorten the back-off; only `resume` does.
            event, seconds = (self._resumed, blocked) if blocked > 0 else (self._woken, seconds)
            with suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), seconds)

    def _blocked_seconds(self) -> float:
        return (self._blocked_until_us - self._clock_us()) / 1e6

    async def round(self) -> bool:
        """Publish one batch. True where it was full, so that more may be due."""
        self.rounds += 1
        now_us = self._clock_us()
        try:
            due = await self._deliveries.due_deliveries(
                now_us, await self._stale_before_us(now_us), self._limits.relay_batch
            )
            if not due:
                self._failures = 0
                return False
            outcomes = await self._queues.publish(due)
            relayed = [item for item, reason in zip(due, outcomes, strict=True) if reason is None]
            if relayed:
                await self._deliveries.mark_relayed(relayed, self._clock_us())
                self.relayed += len(relayed)
        except StoreUnavailable:
            _LOG.warning("relay-without-store")
            self._back_off()
            return False
        if len(relayed) < len(due):
            reasons = sorted({reason for reason in outcomes if reason is not None})
            _LOG.warning("not-relayed", count=len(due) - len(relayed), reasons=reasons)
            self._back_off()
            return False
        self._failures = 0
        return len(due) >= self._limits.relay_batch

    async def _stale_before_us(self, now_us: int) -> int:
        """Rows relayed before this time and not finished since are published again.

        Messages still in their queue are not lost, only late: while a queue has any, its rows get
        ten times the patience, else a backlog would multiply itself.
        """
        if now_us < self._stale_look_us:
            return now_us - _BACKLOG_PATIENCE * self._stale_us
        self._stale_look_us = now_us + self._stale_us // 4
        waiting = any((await self._queues.depths()).values())
        return now_us - (_BACKLOG_PATIENCE if waiting else 1) * self._stale_us

    def _back_off(self) -> None:
        seconds = min(_FIRST_BACKOFF_SECONDS * 2.0**self._failures, _MAX_BACKOFF_SECONDS)
        self._failures = min(self._failures + 1, 16)
        self._blocked_until_us = self._clock_us() + int(seconds * 1e6)
        self._resumed.clear()

    async def pause_seconds(self) -> float:
        """How long nothing needs to be done unless woken: until the next due time or stale look.

        Never less than 50 ms: a row that is due and cannot be had now must not make us spin.
        """
        now_us = self._clock_us()
        wait_us = max(0, self._stale_look_us - now_us) or self._stale_us // 4
        due_us = await self._deliveries.next_due_us()
        if due_us is not None:
            wait_us = min(wait_us, due_us - now_us)
        return max(wait_us / 1e6, _MIN_PAUSE_SECONDS)
