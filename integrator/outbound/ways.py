"""What routes reach by Camel's own components: the adapters of http, files, sftp, sql and queue.

An adapter is found by what routes call it (`reached-as`). Every use asks its owner's `allow` for flow and
purpose, waits for room, leaves a resting system alone, has a time, and leaves a leg in the context.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from integrator.exchange import (
    Context,
    IntegratorError,
    Leg,
    ProviderTimeout,
    Refused,
    now_us,
)
from integrator.outbound.breaker import Breaker
from integrator.outbound.databases import Database, open_database
from integrator.outbound.errors import tells_down
from integrator.outbound.folders import LocalFolder
from integrator.outbound.gate import Gate
from integrator.outbound.references import ReferenceProblem, StartProblems, resolve_endpoints
from integrator.outbound.transport import HttpRequest, HttpResponse, Transport, parse_endpoint
from integrator.security.limits import DEFAULT, Limits
from integrator.site.compiled import Adapter, AdapterOperation, CompiledSite

_READ = ("read", "search")


class QueuesFor(Protocol):
    """Makes the client of a broker's address; the broker room has it."""

    def __call__(self, url: str, limits: Limits) -> Any:
        """The client, not yet connected."""
        ...


class AdapterWay:
    """One adapter that routes reach by themselves."""

    def __init__(
        self, adapter: Adapter, files: frozenset[str], limits: Limits, now: Callable[[], int]
    ) -> None:
        self.adapter = adapter.id
        self.declared = adapter
        self._operations = tuple(adapter.operations.values())
        self._flows_of_files = files
        self._now_us = now
        self._gate = Gate(adapter.concurrency, limits.adapter_waiting)
        self._breaker = Breaker(adapter.breaker_failures, adapter.breaker_open, time.monotonic)

    @contextlib.asynccontextmanager
    async def use(self, context: Context | None, access: str, what: str, size: int = 0) -> AsyncIterator[Leg]:
        """Use it for one exchange; see `engine.ways.Way`."""
        operation = self._allowed(context, access, what)
        assert context is not None
        now = asyncio.get_running_loop().time()
        deadline, own = now + self.declared.timeout, True
        if context.deadline is not None and context.deadline < deadline:
            deadline, own = context.deadline, False
        if not self._gate.try_enter():
            await self._gate.enter(deadline)
        try:
            self._breaker.admit()
            async with self._leg(context, operation, size, own=own) as leg:
                try:
                    async with asyncio.timeout_at(deadline):
                        yield leg
                except TimeoutError:
                    raise ProviderTimeout(
                        "the system did not answer in time: try again later", origin="provider"
                    ) from None
        finally:
            self._gate.leave()

    @contextlib.asynccontextmanager
    async def _leg(
        self, context: Context, operation: AdapterOperation, size: int, *, own: bool
    ) -> AsyncIterator[Leg]:
        leg = Leg(self.adapter, operation.name, operation.access, self._now_us(), sent_bytes=size)
        context.legs.append(leg)
        try:
            yield leg
        except IntegratorError as error:
            leg.status, leg.code = error.category, error.code
            down = tells_down(error) and (own or not isinstance(error, ProviderTimeout))
            (self._breaker.failed if down else self._breaker.abandoned)()
            raise
        except OSError:
            leg.status = "failed"
            self._breaker.abandoned()  # it said no to this, which says nothing about its health
            raise
        except BaseException:
            self._breaker.abandoned()
            raise
        leg.answered_us = self._now_us()
        leg.status = leg.status or "done"
        self._breaker.succeeded()

    def _allowed(self, context: Context | None, access: str, what: str) -> AdapterOperation:
        fitting = [operation for operation in self._operations if self._fits(operation, access, what)]
        if not fitting:
            raise Refused(
                "the route reaches what no operation of the adapter declares: declare it there",
                reason="operation-unknown",
            )
        for operation in fitting:
            for allow in operation.allow:
                if context is not None and allow.flow == context.flow and (
                    not allow.purposes or context.purpose in allow.purposes
                ):  # fmt: skip
                    return operation
        raise Refused(
            "the system's owner does not allow this operation for the flow and its purpose",
            reason="operation-not-allowed",
        )

    def taken_by(self, file: str, what: str, access: str = "read") -> bool:
        """Whether a flow with this route file may take messages from a place, or write about them there."""
        return any(
            f"{allow.flow} {file}" in self._flows_of_files
            for operation in self._operations
            if self._fits(operation, access, what)
            for allow in operation.allow
        )

    def _fits(self, operation: AdapterOperation, access: str, what: str) -> bool:
        if (access in _READ) is not (operation.access in _READ):
            return False
        protocol = self.declared.protocol
        if protocol == "http":
            method, _, asked = what.partition(" ")
            return operation.method == method and _fits_path(operation.path or "", asked)
        if protocol == "queue":
            named, _, key = what.partition("\0")
            return operation.place in (None, named) and (
                not operation.routing_keys or key in operation.routing_keys
            )
        place = operation.place
        return place is None or what == place or what.startswith(place + "/")


def _fits_path(pattern: str, path: str) -> bool:
    """Whether a path is one of an operation's: `{name}` stands for one segment."""
    wanted, given = pattern.split("/"), path.split("/")
    return len(wanted) == len(given) and all(
        bool(part) if form.startswith("{") else form == part for form, part in zip(wanted, given, strict=True)
    )


class FolderWay(AdapterWay):
    """An adapter of files: this machine's, or an SFTP server's."""

    folder: Any


class DatabaseWay(AdapterWay):
    """An adapter of a database."""

    database: Database


class QueueWay(AdapterWay):
    """An adapter of a broker."""

    queues: Any


class WebWay(AdapterWay):
    """An adapter of an HTTP server."""

    transport: Transport
    endpoint: str

    async def send(
        self,
        method: str,
        path: str,
        query: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        seconds: float,
    ) -> HttpResponse:
        """Send a request to a path below the endpoint."""
        origin, base = parse_endpoint(self.endpoint)
        target = (base.rstrip("/") + path or "/") + (f"?{query}" if query else "")
        deadline = asyncio.get_running_loop().time() + min(seconds, self.declared.timeout)
        return await self.transport.send(
            HttpRequest(origin, method, target, headers, body, deadline, method in ("GET", "HEAD"))
        )


class AdapterWays:
    """The ways out of one compiled site; see `engine.ways.Ways`.

    Raises StartProblems with every adapter that cannot be used. `close` ends their connections.
    """

    def __init__(
        self,
        site: CompiledSite,
        transport: Transport,
        *,
        resolve: Callable[[str], str],
        overrides: Mapping[str, str] | None = None,
        queues: QueuesFor | None = None,
        limits: Limits = DEFAULT,
        now: Callable[[], int] = now_us,
    ) -> None:
        self._transport, self._queues, self._limits, self._now = transport, queues, limits, now
        self._files = frozenset(f"{flow.id} {flow.route.file}" for flow in site.flows.values())
        self._found: dict[tuple[str, str], AdapterWay] = {}
        self._closing: list[Any] = []
        endpoints = resolve_endpoints(site, resolve, overrides or {})
        problems: list[str] = []
        for adapter in site.adapters.values():
            if adapter.called:
                continue
            key = (adapter.protocol, adapter.reached_as)
            if key in self._found:
                problems.append(f"adapter {adapter.id}: routes reach another one as {adapter.reached_as}: "
                                "give one of them another `reached-as`")  # fmt: skip
                continue
            try:
                self._found[key] = self._make(adapter, endpoints[adapter.id], resolve)
            except (ReferenceProblem, ValueError) as problem:
                problems.append(f"adapter {adapter.id}: {problem}")
        if problems:
            raise StartProblems(problems)

    def _make(self, adapter: Adapter, endpoint: str, resolve: Callable[[str], str]) -> AdapterWay:
        common = (adapter, self._files, self._limits, self._now)
        if adapter.protocol == "http":
            web = WebWay(*common)
            web.transport, web.endpoint = self._transport, endpoint
            return web
        if adapter.protocol == "sql":
            database = DatabaseWay(*common)
            database.database = open_database(endpoint, most=adapter.concurrency, limits=self._limits)
            self._closing.append(database.database)
            return database
        if adapter.protocol == "queue":
            queue = QueueWay(*common)
            if self._queues is None:
                raise ValueError("this process has no client of brokers: run the bus")
            queue.queues = self._queues(endpoint, self._limits)
            self._closing.append(queue.queues)
            return queue
        files = FolderWay(*common)
        if adapter.protocol == "sftp":
            try:
                from integrator.outbound.sftp import SftpFolder  # asyncssh is an extra, and slow to import
            except ImportError:
                raise ValueError("SFTP needs an extra: pip install 'integrator[sftp]'") from None

            security = adapter.security or {}
            files.folder = SftpFolder(endpoint, self._limits, **{
                name: resolve(security[name]) for name in ("key", "password", "known_hosts") if security.get(name)
            })  # fmt: skip
            self._closing.append(files.folder)
        else:
            files.folder = LocalFolder(Path(endpoint))
        return files

    def files(self, protocol: str, name: str) -> tuple[FolderWay, str] | None:
        """The files a directory is in, and its path there."""
        best: tuple[int, FolderWay, str] | None = None
        for (kind, known), way in self._found.items():
            if kind != protocol or not isinstance(way, FolderWay):
                continue
            called = known.rstrip("/")
            if name.rstrip("/") == called or name.startswith(called + "/"):
                rest = name[len(called) :].strip("/")
                if best is None or len(called) > best[0]:
                    best = (len(called), way, rest)
        return None if best is None else best[1:]

    def database(self, name: str) -> DatabaseWay | None:
        """The data source of this name."""
        found = self._found.get(("sql", name))
        return found if isinstance(found, DatabaseWay) else None

    def web(self, scheme: str, host: str) -> WebWay | None:
        """The server that routes call by this host, or whose address has it."""
        for (kind, known), way in self._found.items():
            if kind == "http" and isinstance(way, WebWay):
                address = urlsplit(way.endpoint)
                if known == host or (address.scheme, address.netloc) == (scheme, host):
                    return way
        return None

    def queue(self, name: str) -> QueueWay | None:
        """The broker of this connection factory; "" is the only one."""
        brokers = {known: way for (kind, known), way in self._found.items() if kind == "queue"}
        found = next(iter(brokers.values())) if not name and len(brokers) == 1 else brokers.get(name)
        return found if isinstance(found, QueueWay) else None

    async def close(self) -> None:
        """End the connections."""
        for one in self._closing:
            with contextlib.suppress(OSError, IntegratorError):
                await one.close()
