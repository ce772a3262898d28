"""The ways out of a route: what components that leave the process may reach, as adapters declare it.

A component names a system as Camel does: by a directory, a host, a data source, a connection factory. `Ways`
finds the adapter that declares it; nothing else can be reached. Each use goes through `Way.use`, which asks
whether the adapter's owner lets this flow, for this purpose, do that, and leaves a leg in the context.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from integrator.exchange import Context, Leg


class Way(Protocol):
    """One connected system."""

    @property
    def adapter(self) -> str:
        """The id of its adapter."""
        ...

    def use(
        self, context: Context | None, access: str, what: str, size: int = 0
    ) -> AbstractAsyncContextManager[Leg]:
        """Use it: `access` is read or write, `what` the place in it, `size` the bytes that go there.

        Raises Refused (nobody declared that, or not for this flow and purpose), Overloaded,
        ProviderUnreachable (it is left alone for a while) and, past its time, ProviderTimeout.
        """
        ...

    def taken_by(self, file: str, what: str, access: str = "read") -> bool:
        """Whether the flow with this route file may take messages from that place, or write about them there."""
        ...


class Entry(Protocol):
    """A file."""

    @property
    def path(self) -> str:
        """Its path below the folder's root, with `/`."""
        ...

    @property
    def size(self) -> int:
        """Its bytes."""
        ...

    @property
    def modified_ms(self) -> int:
        """When it was written, in milliseconds since the epoch."""
        ...


class Folder(Protocol):
    """A directory of a connected system. Paths are relative to it; one that leaves it raises PermissionError.

    Raises OSError where the system says no.
    """

    async def listing(self, path: str, deep: int) -> Sequence[Entry]:
        """The files below a directory, `deep` levels of directories down; none where there is no such one."""
        ...

    async def info(self, path: str) -> Entry | None:
        """A file, None where there is none."""
        ...

    def read(self, path: str) -> AsyncIterator[bytes]:
        """Its content, piece by piece."""
        ...

    async def write(self, path: str, chunks: Iterable[bytes], *, append: bool, durable: bool) -> None:
        """Write a file; what was there goes, but where `append`. `durable`: it outlives a crash of the machine."""
        ...

    async def rename(self, path: str, to: str) -> None:
        """Give it another place, whatever is there; directories are made."""
        ...

    async def delete(self, path: str) -> bool:
        """Remove it; False where there is none."""
        ...

    async def make(self, path: str) -> None:
        """Make a directory, with those above it."""
        ...

    async def touch(self, path: str, modified_ms: int) -> None:
        """Set its time."""
        ...


class FolderWay(Way, Protocol):
    """A system of files."""

    @property
    def folder(self) -> Folder:
        """Its files."""
        ...


class Rows(Protocol):
    """What a statement gave."""

    @property
    def columns(self) -> Sequence[str] | None:
        """The names of its columns; None where it is no query."""
        ...

    @property
    def rows(self) -> Sequence[Sequence[Any]]:
        """Their values."""
        ...

    @property
    def changed(self) -> int:
        """How many rows it changed."""
        ...

    @property
    def keys(self) -> Sequence[Mapping[str, Any]]:
        """Keys the database made."""
        ...


class Database(Protocol):
    """A data source. `?` stands for a value in every statement. Raises an IntegratorError with Spring's class."""

    async def run(self, statement: str, values: Sequence[Any], *, reading: bool, keys: bool = False) -> Rows:
        """Run one statement. `reading`: it may change nothing."""
        ...

    async def run_many(self, statement: str, many: Sequence[Sequence[Any]]) -> int:
        """Run one statement for each list of values, all or none; how many rows changed."""
        ...


class DatabaseWay(Way, Protocol):
    """A database."""

    @property
    def database(self) -> Database:
        """Its data source."""
        ...


class WebAnswer(Protocol):
    """What an HTTP server answered."""

    @property
    def status(self) -> int:
        """The status."""
        ...

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        """Its headers as received."""
        ...

    @property
    def body(self) -> bytes:
        """The whole body."""
        ...


class WebWay(Way, Protocol):
    """An HTTP server."""

    async def send(
        self,
        method: str,
        path: str,
        query: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        seconds: float,
    ) -> WebAnswer:
        """Send a request to a path below the adapter's endpoint."""
        ...


class Letter(Protocol):
    """A message of a queue. `properties` are AMQP's, by their AMQP names."""

    body: bytes
    headers: dict[str, Any]
    properties: dict[str, Any]
    exchange: str
    routing_key: str
    redelivered: bool


class Queues(Protocol):
    """A message broker of somebody else."""

    async def publish(
        self, exchange: str, routing_key: str, body: bytes, headers: Mapping[str, Any],
        properties: Mapping[str, Any], seconds: float,
    ) -> None:  # fmt: skip
        """Give it a message, and wait for its confirmation. Raises an IntegratorError."""
        ...

    def letters(self, queue: str, prefetch: int) -> AbstractAsyncContextManager[Letters]:
        """Consume a queue."""
        ...


class Letters(Protocol):
    """The messages of one queue, each to be settled."""

    async def next(self) -> Letter:
        """The next one. Raises ProviderUnreachable where the connection is lost: unsettled ones come again."""
        ...

    def settle(self, letter: Any, how: str) -> None:
        """`ack`, `requeue`, or `reject` (to the queue's dead letters, where it has some)."""
        ...


class QueueWay(Way, Protocol):
    """A broker."""

    @property
    def queues(self) -> Queues:
        """Its queues."""
        ...


class Ways(Protocol):
    """The systems that the site's adapters declare, by the name that routes give them."""

    def files(self, protocol: str, name: str) -> tuple[FolderWay, str] | None:
        """The files (`files` or `sftp`) of `host`, or of a directory; and the path of that directory in them."""
        ...

    def database(self, name: str) -> DatabaseWay | None:
        """The data source of this name."""
        ...

    def web(self, scheme: str, host: str) -> WebWay | None:
        """The server of this host, with its port where it has one."""
        ...

    def queue(self, name: str) -> QueueWay | None:
        """The broker of this connection factory; "" is the only one."""
        ...


class NoWays:
    """The ways out of routes that are only checked, or run without adapters: none."""

    def files(self, protocol: str, name: str) -> tuple[FolderWay, str] | None:
        """None."""
        return None

    def database(self, name: str) -> DatabaseWay | None:
        """None."""
        return None

    def web(self, scheme: str, host: str) -> WebWay | None:
        """None."""
        return None

    def queue(self, name: str) -> QueueWay | None:
        """None."""
        return None
