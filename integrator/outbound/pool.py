"""The keep-alive pool: HTTP/1.1 over asyncio and httptools, the default transport.

Per origin a bounded number of connections; the one used last is used first, so that the rest can
grow old and be closed. What waits for a connection is bounded too. Nothing is sent twice, except
an idempotent request whose kept connection the peer had already closed.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque

from integrator.exchange import Overloaded, ProviderTimeout, ProviderUnreachable
from integrator.outbound.connection import ClosedBeforeAnswer, Connection, timed_out
from integrator.outbound.transport import HttpRequest, HttpResponse, Origin
from integrator.security.limits import DEFAULT, Limits

IDLE_SECONDS = 15.0
WRITE_REUSE_SECONDS = 1.0  # a write takes a kept connection only while it is surely fresh


class Pool:
    """Keep-alive connections to every origin, on the loop that first sends.

    `connections` bounds the open connections per origin, `idle_seconds` how long an unused one is
    kept; `tls` maps origins to their contexts, others get `default_tls`. See `Transport.send` for
    what it raises.
    """

    def __init__(
        self,
        *,
        limits: Limits = DEFAULT,
        connections: int = 64,
        idle_seconds: float = IDLE_SECONDS,
        default_tls: ssl.SSLContext | None = None,
        tls: dict[Origin, ssl.SSLContext] | None = None,
    ) -> None:
        self._limits = limits
        self._connections = connections
        self._idle_seconds = idle_seconds
        self._default_tls = default_tls
        self._tls = tls or {}
        self._hosts: dict[Origin, _Host] = {}
        self._closed = False

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send one request (see `Transport.send`)."""
        encoded = request.encode()
        if self._closed:
            raise _stopping()
        host = self._hosts.get(request.origin) or self._add_host(request.origin)
        connection = host.take(request.idempotent) or await host.acquire(request)
        reused = connection.used
        try:
            response = await connection.start(request, encoded)
        except ClosedBeforeAnswer:
            if not (reused and request.idempotent):
                raise
        except asyncio.CancelledError:
            connection.abort()
            raise
        else:
            if not connection.closed:
                host.release(connection)
            return response
        return await self._repeat(host, request, encoded)

    async def _repeat(self, host: _Host, request: HttpRequest, encoded: bytes) -> HttpResponse:
        # On a new connection, for another kept one may be just as stale.
        connection = await host.acquire(request, fresh=True)
        try:
            response = await connection.start(request, encoded)
        except asyncio.CancelledError:
            connection.abort()
            raise
        if not connection.closed:
            host.release(connection)
        return response

    async def close(self) -> None:
        """Close every connection; requests in flight fail as unreachable."""
        self._closed = True
        for host in self._hosts.values():
            host.close()

    def open_connections(self) -> int:
        """How many connections are open or being opened, to all origins."""
        return sum(host.open for host in self._hosts.values())

    def _add_host(self, origin: Origin) -> _Host:
        context = None
        if origin.scheme == "https":
            context = self._tls.get(origin) or self._default_tls
            if context is None:
                from integrator.outbound.tls import client_context

                context = self._default_tls = client_context()
        host = _Host(origin, context, self._limits, self._connections, self._idle_seconds)
        self._hosts[origin] = host
        return host


class _Host:
    """The connections to one origin. `open` counts those open, being opened or in use."""

    def __init__(
        self,
        origin: Origin,
        context: ssl.SSLContext | None,
        limits: Limits,
        most: int,
        idle_seconds: float,
    ) -> None:
        self._origin = origin
        self._context = context
        self._limits = limits
        self._most = most
        self._idle_seconds = idle_seconds
        self._loop = asyncio.get_running_loop()
        self._idle: deque[Connection] = deque()
        self._all: set[Connection] = set()
        # A waiter gets a connection, or None: a place to open one.
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False
        self.open = 0

    def take(self, idempotent: bool) -> Connection | None:
        """A kept connection at once, or None. Old ones are closed on the way."""
        idle = self._idle
        if not idle:
            return None
        kept_since = self._loop.time() - (self._idle_seconds if idempotent else WRITE_REUSE_SECONDS)
        while idle:
            connection = idle.pop()
            if connection.closed:
                continue
            if connection.idle_since >= kept_since and not connection.transport.is_closing():
                return connection
            connection.abort()
        return None

    async def acquire(self, request: HttpRequest, *, fresh: bool = False) -> Connection:
        """A connection, opened or waited for until the request's deadline."""
        if self.open < self._most:
            return await self._connect(request.deadline)
        if fresh and self._idle:
            self._idle.popleft().abort()  # the oldest makes place for the new one
            if self.open < self._most:
                return await self._connect(request.deadline)
        if len(self._waiters) >= self._limits.adapter_waiting:
            raise Overloaded("too many requests wait for a connection to the provider: try again later")
        waiter: asyncio.Future[Connection | None] = self._loop.create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout_at(request.deadline):
                connection = await waiter
        except TimeoutError:
            self._give_back(waiter)
            raise Overloaded("no connection to the provider became free in time: try again later") from None
        except asyncio.CancelledError:
            self._give_back(waiter)
            raise
        if connection is None:
            self.open -= 1  # the place was kept for us; _connect counts it again
            return await self._connect(request.deadline)
        if connection.closed:
            return await self.acquire(request)
        return connection

    def release(self, connection: Connection) -> None:
        """Take back a clean connection: to who waits first, else to the idle ones."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(self._idle_seconds, self._sweep)

    def close(self) -> None:
        """Close all connections and refuse who waits."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(_stopping())
        for connection in list(self._all):
            connection.abort()
        self._idle.clear()

    async def _connect(self, deadline: float) -> Connection:
        self.open += 1
        loop = self._loop
        soonest = loop.time() + self._limits.connect_seconds
        try:
            async with asyncio.timeout_at(min(deadline, soonest)):
                _, connection = await loop.create_connection(
                    lambda: Connection(loop, self._limits, self._lost),
                    self._origin.host,
                    self._origin.port,
                    ssl=self._context,
                    server_hostname=self._origin.host if self._context else None,
                )
        except TimeoutError:
            self._place_is_free()
            raise _too_slow_to_connect(late=deadline <= soonest) from None
        except (OSError, ssl.SSLError) as error:
            self._place_is_free()
            raise _unreachable(error) from None
        except BaseException:
            self._place_is_free()
            raise
        if connection.closed:  # gone before its place was known to `_lost`
            self._place_is_free()
        else:
            self._all.add(connection)
        if self._closed:
            connection.abort()
            raise _stopping()
        return connection

    def _lost(self, connection: Connection) -> None:
        if connection not in self._all:
            return  # failed while it was being opened: _connect frees its place
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._place_is_free()

    def _place_is_free(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)  # the place goes on to it, so `open` stays
                return
        self.open -= 1

    def _give_back(self, waiter: asyncio.Future[Connection | None]) -> None:
        # It may have been served in the very moment it gave up.
        if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            connection = waiter.result()
            if connection is None:
                self._place_is_free()
            elif not connection.closed:
                self.release(connection)

    def _sweep(self) -> None:
        self._sweeper = None
        now = self._loop.time()
        while self._idle and now - self._idle[0].idle_since >= self._idle_seconds:
            self._idle.popleft().abort()
        if self._idle:
            wait = self._idle[0].idle_since + self._idle_seconds - now
            self._sweeper = self._loop.call_later(wait, self._sweep)


def _unreachable(error: OSError) -> ProviderUnreachable:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _no_connection("the provider's certificate is not valid for it", "tls-certificate")
    if isinstance(error, ssl.SSLError):
        return _no_connection("no TLS connection with the provider could be made", "tls")
    if isinstance(error, socket.gaierror):
        return _no_connection("the provider's host name is unknown", "name-unknown")
    if isinstance(error, ConnectionRefusedError):
        return _no_connection("the provider refuses connections", "connection-refused")
    return _no_connection("no connection to the provider could be made", "unreachable")


def _stopping() -> ProviderUnreachable:
    return ProviderUnreachable("the bus is stopping: try again later", reason="stopping")


def _no_connection(message: str, reason: str) -> ProviderUnreachable:
    return ProviderUnreachable(f"{message}: try again later", reason=reason, origin="provider")


def _too_slow_to_connect(*, late: bool) -> ProviderTimeout | ProviderUnreachable:
    return (
        timed_out() if late else _no_connection("the provider does not accept connections", "connect-timeout")
    )
