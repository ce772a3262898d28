"""The consumers of the active runtime: started, stopped and swapped, each in one process at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

from integrator.engine.lifecycle import LeadLostError
from integrator.gateway.consumption import Consumption
from integrator.gateway.plane import Plane
from integrator.gateway.runtime import Routes, Runtime
from integrator.store.units import StoreUnavailable
from integrator.telemetry import log

_LOG = log.get("gateway")
LEAD_SECONDS = 1.0
"""How often a process asks whether it leads, or still leads."""


class LeadStore(Protocol):
    """The part of `store.api.Store` that elects."""

    async def lead(self, name: str) -> bool:
        """True where this process alone has the name."""
        ...

    async def resign(self, name: str) -> None:
        """Let another process lead."""
        ...


class Leadership:
    """A lock of the database by name: `async with leadership(name)` runs its body in one process at a time."""

    def __init__(self, store: LeadStore, seconds: float = LEAD_SECONDS) -> None:
        self._store, self._seconds = store, seconds

    @contextlib.asynccontextmanager
    async def __call__(self, name: str) -> AsyncIterator[None]:
        """Wait for the lead, hold it; raises LeadLostError in the body's place where it is lost."""
        await self._until(name, leads=True)
        _LOG.info("consumer-leads", consumer=name)
        body = asyncio.current_task()
        assert body is not None
        lost = False

        async def watch() -> None:
            nonlocal lost
            await self._until(name, leads=False)
            lost = True
            body.cancel()

        watching = asyncio.get_running_loop().create_task(watch(), name=f"lead {name}")
        try:
            yield
        except asyncio.CancelledError:
            if not lost:
                raise
            body.uncancel()
            _LOG.warning("consumer-lead-lost", consumer=name)
            raise LeadLostError(name) from None
        finally:
            watching.cancel()
            if not lost:
                with contextlib.suppress(StoreUnavailable):
                    await self._store.resign(name)

    async def _until(self, name: str, *, leads: bool) -> None:
        # Nobody tells when a lock of the database comes free or is lost: it has to be asked for.
        while True:
            if await self._leads(name) is leads:
                return
            await asyncio.sleep(self._seconds)

    async def _leads(self, name: str) -> bool:
        try:
            return await self._store.lead(name)
        except StoreUnavailable:
            return False


class Consumers:
    """Those of one bus process. `later` runs what has to wait until no exchange of a former runtime runs."""

    def __init__(self, plane: Plane, store: LeadStore, jq: Callable[[str], Callable[[Any], Any]]) -> None:
        self._plane, self._jq = plane, jq
        self._leader = Leadership(store)
        self._routes: list[Routes] = []
        self._closing: set[asyncio.Task[None]] = set()

    def start(self, runtime: Runtime) -> None:
        """Start the consumers that have an entry in the register."""
        take = Consumption(self._plane, runtime, self._jq)
        for flow in runtime.flows.values():
            uris = {entry.path for entry in flow.flow.entries if entry.kind == "consume"}
            if uris:
                flow.routes.start(take, uris=uris, leader=self._leader)
        self._routes = list({id(flow.routes): flow.routes for flow in runtime.flows.values()}.values())

    async def swap(self, runtime: Runtime) -> None:
        """Stop those of the former runtime, then start the new one's.

        What its routes still hold is ended when no exchange of it can run any more.
        """
        former, self._routes = self._routes, []
        for routes in former:
            await routes.pause()
        if former:
            limits = self._plane.limits
            seconds = max(limits.exchange_seconds, limits.delivery_seconds)
            task = asyncio.get_running_loop().create_task(_stop_later(former, seconds))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        self.start(runtime)

    async def pause(self) -> None:
        """Take no new messages."""
        for routes in self._routes:
            await routes.pause()

    async def stop(self) -> None:
        """End everything; no message may follow."""
        for task in tuple(self._closing):
            task.cancel()  # what it waits for has ended: it stops its routes now
        await asyncio.gather(*self._closing, return_exceptions=True)
        for routes in self._routes:
            await routes.stop()


async def _stop_later(former: list[Routes], seconds: float) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(seconds)
    for routes in former:
        await routes.stop()
