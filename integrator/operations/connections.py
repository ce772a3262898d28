"""Inbound connections, bounded: how many, how long and how large a request's head may be (I7).

uvicorn's protocol waits without end for a head and collects one of any length; a peer that sends
slowly, or never stops sending, would keep memory and a place for as long as it likes.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from integrator.security.limits import Limits

_ANSWERS = {
    408: b"HTTP/1.1 408 Request Timeout\r\n",
    431: b"HTTP/1.1 431 Request Header Fields Too Large\r\n",
    503: b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n",
}
_FILES_MAX = 65_536


def bounded(limits: Limits) -> type[HttpToolsProtocol]:
    """uvicorn's HTTP protocol within `connections`, `head_seconds` and `request_head_bytes`."""

    class Connection(HttpToolsProtocol):
        """One inbound connection. A timer runs only while a head is awaited that has not come whole."""

        _in_head = False
        _head_bytes = 0
        _patience: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            """Take the connection, or refuse it where there are too many."""
            super().connection_made(transport)
            self.transport = Joined(transport, self.loop)  # type: ignore[assignment]
            if len(self.connections) > limits.connections:
                self._close_with(503)
            else:
                self._wait_for_head()

        def connection_lost(self, exc: Exception | None) -> None:
            """Forget it."""
            self._stop_waiting()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            """Feed the parser, and count what it keeps back of a head."""
            if self.transport.is_closing():
                return
            super().data_received(data)
            if self._in_head:
                self._head_bytes += len(data)
                if self._head_bytes > limits.request_head_bytes:
                    self._close_with(431)
                    return
            elif self.cycle is not None and not self.cycle.response_complete:
                return
            if self._patience is None:  # part of a head, or what follows an answer and is none
                self._wait_for_head()

        def on_message_begin(self) -> None:
            """The first byte of a head (httptools)."""
            self._in_head, self._head_bytes = True, 0
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            """The end of the head (httptools)."""
            self._in_head = False
            if self._patience is not None:
                self._stop_waiting()
            super().on_headers_complete()

        def _wait_for_head(self) -> None:
            self._patience = self.loop.call_later(limits.head_seconds, self._close_with, 408)

        def _stop_waiting(self) -> None:
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None

        def _close_with(self, status: int) -> None:
            self._stop_waiting()
            if self.transport.is_closing():
                return
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(_ANSWERS[status] + b"content-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()

    return Connection


class Joined:
    """A transport that sends the head of an answer together with what follows it in the same turn.

    uvicorn writes head and body apart, and each would be a system call and a packet of its own.
    """

    __slots__ = ("_head", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send, or keep a head until the turn of the loop ends."""
        if self._head is not None:
            data, self._head = self._head + data, None
        elif data.startswith(b"HTTP/"):
            self._head = data
            self._loop.call_soon(self._send_head)
            return
        self._transport.write(data)

    def close(self) -> None:
        """Close, once everything is sent."""
        self._send_head()
        self._transport.close()

    def _send_head(self) -> None:
        if self._head is not None:
            data, self._head = self._head, None
            self._transport.write(data)


def raise_file_limit() -> None:
    """Let this process open as many files as it may: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, _FILES_MAX)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
