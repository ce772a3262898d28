"""Sagas in memory, as Camel's InMemorySagaService: steps enlist, and are all completed or all compensated.

A saga lives in the process that began it, at most as long as the engine lets an exchange be delayed. What
ends it is sent, the last step first, to the endpoints the steps named; what fails is tried again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import uuid_utils

from integrator.engine.children import child, contained
from integrator.engine.exceptions import JavaException, failure
from integrator.engine.services import Services
from integrator.engine.steps import Run
from integrator.exchange import Exchange, Message, Overloaded

HEADER = "Long-Running-Action"
CLASS = "org.apache.camel.saga.InMemorySagaService"
RUNNING, COMPENSATING, COMPENSATED = "RUNNING", "COMPENSATING", "COMPENSATED"
COMPLETING, COMPLETED = "COMPLETING", "COMPLETED"


@dataclass(frozen=True, slots=True)
class Ending:
    """Where a message goes when a saga ends."""

    send: Run
    waits: bool


@dataclass(frozen=True, slots=True)
class Step:
    """What a `saga` step enlists: `timeout` in seconds, 0 for none; `options` become headers of the endings."""

    compensation: Ending | None = None
    completion: Ending | None = None
    options: tuple[tuple[str, Callable[[Exchange], Any]], ...] = ()
    timeout: float = 0.0

    @property
    def empty(self) -> bool:
        """Whether it enlists nothing."""
        return not (self.compensation or self.completion or self.options or self.timeout)


@dataclass(slots=True)
class Saga:
    """One saga and the steps enlisted in it."""

    id: str
    service: Service
    status: str = RUNNING
    enlisted: list[tuple[Step, dict[str, Any]]] = field(default_factory=list)
    timeouts: list[asyncio.TimerHandle] = field(default_factory=list)

    def begin(self, exchange: Exchange, step: Step) -> None:
        """Enlist a step. Raises JavaException where the saga has ended."""
        if self.status != RUNNING:
            raise failure("java.lang.IllegalStateException", f"Cannot begin: status is {self.status}")
        values = {name: value(exchange) for name, value in step.options}
        self.enlisted.append((step, {name: value for name, value in values.items() if value is not None}))
        if step.timeout:
            loop = asyncio.get_running_loop()
            self.timeouts.append(loop.call_later(step.timeout, self._time_out, exchange))

    async def compensate(self, exchange: Exchange) -> None:
        """Undo every step. What cannot be undone is logged. Raises JavaException where the saga was completed."""
        await self._end(exchange, COMPENSATING, COMPENSATED, "compensate")

    async def complete(self, exchange: Exchange) -> None:
        """Confirm every step. What cannot be reached is logged. Raises JavaException where it was compensated."""
        await self._end(exchange, COMPLETING, COMPLETED, "complete")

    async def _end(self, exchange: Exchange, during: str, after: str, verb: str) -> None:
        if self.status == RUNNING:
            self.status = during
            for timeout in self.timeouts:
                timeout.cancel()
            try:
                done = await self._send(exchange, during)
            finally:
                self.status = after
                self.service.forget(self)
            if not done:
                said = f"Unable to {verb} all required steps of the saga {self.id}"
                self.service.services.log("ERROR", said, exchange.history[0].origin, 0)
        elif self.status not in (during, after):
            raise failure("java.lang.IllegalStateException", f"Cannot {verb}: status is {self.status}")

    async def _send(self, exchange: Exchange, during: str) -> bool:
        done = True
        for step, values in reversed(self.enlisted):
            ending = step.compensation if during == COMPENSATING else step.completion
            if ending is not None:
                done = await self._try(exchange, ending, values) and done
        return done

    async def _try(self, exchange: Exchange, ending: Ending, values: dict[str, Any]) -> bool:
        service = self.service
        for attempt in range(service.attempts):
            if attempt:
                await service.services.sleep(service.delay)
            message = Message(conversions=service.services.conversions)
            message.headers[HEADER] = self.id
            message.headers.update(values)
            made = child(exchange, message, correlated=False)
            made.properties, made.variables, made.pattern = {}, {}, "InOnly"
            await contained(ending.send, ending.waits, made)
            if made.exception is None:
                return True
        return False

    def _time_out(self, exchange: Exchange) -> None:
        if self.status == RUNNING:
            self.service.run_beside(self._compensate_late(exchange))

    async def _compensate_late(self, exchange: Exchange) -> None:
        try:
            await self.compensate(exchange)
        except JavaException as error:
            self.service.services.log("WARN", error.message, exchange.history[0].origin, 0)


class Service:
    """The sagas that are under way, by id."""

    def __init__(self, services: Services, attempts: int, delay: float) -> None:
        self.services, self.attempts, self.delay = services, max(attempts, 1), delay
        self._sagas: OrderedDict[str, Saga] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def new(self) -> Saga:
        """Begin a saga. Raises Overloaded where too many are under way."""
        if len(self._sagas) >= self.services.keys_kept:
            raise Overloaded(f"more than {self.services.keys_kept} sagas are under way", reason="sagas")
        saga = Saga(str(uuid_utils.uuid7()), self)
        self._sagas[saga.id] = saga
        return saga

    def find(self, name: str | None) -> Saga | None:
        """The saga of an id, while it is under way."""
        return self._sagas.get(name) if name else None

    def forget(self, saga: Saga) -> None:
        """Let go of a saga that has ended."""
        self._sagas.pop(saga.id, None)

    def run_beside(self, work: Any) -> None:
        """Run what no exchange waits for."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
