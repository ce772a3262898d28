"""Consumers that take messages by themselves: a clock, a directory, a queue, a query.

A route set is made first and started later, by whoever answers for its messages: `start` is given a `Take`,
which carries one message to its end, or to where it cannot be lost. Only then does the consumer let go of
what it came from. In the bus that is the gateway, behind the entry that names the consumer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from integrator.engine.exceptions import class_of
from integrator.engine.services import Services
from integrator.exchange import Message, NotRecorded, Overloaded

AGAIN_SECONDS = 5.0
"""How long a consumer that failed as a whole is left alone."""


@dataclass(slots=True)
class Offer:
    """A message a consumer took: `uri` is the consumer's address, as `timer:nightly`.

    `key` tells the same message again (a file's name, size and time; a queue's message id), None where there
    is no such thing. `properties` become exchange properties. `refused` is set where the message will be
    refused again whenever it comes again.
    """

    uri: str
    message: Message
    key: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    refused: bool = False


Take = Callable[[Offer], Awaitable[Exception | None]]
"""Carries a message on. None where it ended well or is safe; else why it was refused or failed."""


class Consumer(Protocol):
    """A consumer of one route. `file` is the route's; `alone`: it runs in one process at a time."""

    @property
    def file(self) -> str:
        """The route file it stands in."""
        ...

    @property
    def uri(self) -> str:
        """Its address: scheme and path, as the register's entry names it."""
        ...

    @property
    def alone(self) -> bool:
        """Whether two processes must not run it at once."""
        ...

    async def run(self, take: Take) -> None:
        """Take messages until cancelled, or until there are no more."""
        ...


def no_room(error: Exception | None) -> bool:
    """Whether nothing was wrong with a message: there was no room, or it could not be recorded, just now."""
    return isinstance(error, (Overloaded, NotRecorded))


Consumes = Callable[[Any, Any, Any], Consumer | None]
"""`consumer(node, uri, route)` of a component whose routes run by themselves; None where it is wrong."""


class LeadLostError(Exception):
    """Another process may lead now: the consumer waits for its turn again, at once."""


Leader = Callable[[str], AbstractAsyncContextManager[None]]
"""Enters once this process alone has the name; ends its body and raises LeadLostError where it is lost."""


@contextlib.asynccontextmanager
async def everybody(_name: str) -> AsyncIterator[None]:
    """The leader of a process that is the only one."""
    yield


class Running:
    """The consumers of a route set that have been started."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, consumers: Iterable[Consumer], take: Take, leader: Leader = everybody) -> None:
        """Run each in a task of its own."""
        for consumer in consumers:
            task = asyncio.get_running_loop().create_task(
                self._keep(consumer, take, leader), name=consumer.uri
            )
            self._tasks.append(task)

    async def stop(self) -> None:
        """Cancel them; a message under way is carried on by whoever took it."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, consumer: Consumer, take: Take, leader: Leader) -> None:
        """Run a consumer, again after a while where it failed as a whole."""
        while True:
            try:
                async with leader(consumer.uri) if consumer.alone else everybody(consumer.uri):
                    await consumer.run(take)
                    return
            except LeadLostError:
                continue
            except Exception as error:
                kind = class_of(error) if isinstance(error, Exception) else type(error).__name__
                self._services.log("ERROR", f"{consumer.uri} failed ({kind}): it starts again", "", 0)
                await self._services.sleep(AGAIN_SECONDS)


def named(consumers: Iterable[Consumer], uris: Collection[str] | None) -> list[Consumer]:
    """Those with these addresses; None means all."""
    return [consumer for consumer in consumers if uris is None or consumer.uri in uris]
