"""One HTTP/1.1 client connection: an asyncio protocol over httptools, strict about framing.

A connection carries one request at a time. Whatever breaks HTTP ends it: an answer nobody asked
for, two framings at once, a second length, bytes beyond the body, a compressed body (none was
asked for), more bytes than the limits allow. It returns to its pool only after a clean answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httptools

from integrator.exchange import BrokenContract, IntegratorError, ProviderTimeout, ProviderUnreachable
from integrator.outbound.transport import HttpRequest, HttpResponse
from integrator.security.limits import Limits

_INTERIM_MAX = 8  # 1xx answers before the final one
_BODILESS = (204, 304)


class ClosedBeforeAnswer(ProviderUnreachable):
    """The provider closed the connection before the first byte of an answer."""


class Connection(asyncio.Protocol):
    """A connection of a pool. `on_closed` is called once, when it is gone for whatever reason."""

    __slots__ = (
        "_answered_bytes", "_body", "_chunked", "_error", "_extra", "_head_bytes", "_head_done",
        "_headers", "_interim", "_length", "_limits", "_loop", "_no_body", "_on_closed", "_parser",
        "_response", "_reusable", "_timer", "_waiter", "closed", "idle_since", "transport", "used",
    )  # fmt: skip

    transport: asyncio.Transport

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        on_closed: Callable[[Connection], None],
    ) -> None:
        self._loop = loop
        self._limits = limits
        self._on_closed = on_closed
        self._waiter: asyncio.Future[HttpResponse] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._parser = httptools.HttpResponseParser(self)
        self.closed = False
        self.used = False  # has carried a whole exchange before: it may have grown stale
        self.idle_since = 0.0
        self._reset()

    def _reset(self) -> None:
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: bytes | bytearray = b""
        self._error: IntegratorError | None = None
        self._length: bytes | None = None
        self._response: HttpResponse | None = None
        self._chunked = self._head_done = self._no_body = self._reusable = self._extra = False
        self._head_bytes = self._interim = self._answered_bytes = 0

    # --- for the pool

    def start(self, request: HttpRequest, encoded: bytes) -> asyncio.Future[HttpResponse]:
        """Write a request; the future holds its answer or one of the transport's errors."""
        waiter: asyncio.Future[HttpResponse] = self._loop.create_future()
        if self.closed:  # the peer spoke or went away before it was asked anything
            waiter.set_exception(_closed_before_answer())
            return waiter
        self._no_body = request.method == "HEAD"
        self._waiter = waiter
        self._timer = self._loop.call_at(request.deadline, self._expire)
        self.transport.write(encoded)
        return waiter

    def abort(self) -> None:
        """Close at once, without waiting for the peer; a request in flight fails."""
        if not self.closed:
            self._gone()
            self.transport.abort()

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (asyncio)."""
        self.transport = transport  # type: ignore[assignment]  # create_connection gives a Transport

    def data_received(self, data: bytes) -> None:
        """Feed the parser (asyncio)."""
        if self._waiter is None:  # nobody asked: an early or a second answer
            self.abort()
            return
        self._answered_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._error = self._error or _broken("the provider switched protocols unasked", "upgrade")
        except httptools.HttpParserError:
            # After the end of the answer it means bytes beyond it: the answer stands, the
            # connection does not.
            self._extra = True
            if self._response is None:
                self._error = self._error or _broken("the provider's answer is not HTTP/1.1", "not-http")
        self._check_raw_size()
        if self._error is not None:
            self._fail(self._error)
        elif self._response is not None:
            self._finish(self._response)

    def eof_received(self) -> bool:
        """Let the transport close (asyncio)."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """End what is in flight (asyncio)."""
        if self.closed:
            return
        if self._waiter is not None:
            if exc is None and self._head_done and not self._chunked and self._length is None:
                self._complete()  # a body that ends with the connection (RFC 9112, 6.3)
                assert self._response is not None
                self._finish(self._response)
                return
            if self._answered_bytes:
                self._fail(_broken("the provider closed the connection inside its answer", "answer-cut-off"))
                return
            self._fail(_closed_before_answer())
            return
        self._gone()

    # --- httptools callbacks

    def on_message_begin(self) -> None:
        """What begins after the answer is something nobody asked for (httptools)."""
        self._extra = self._response is not None

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; trailers count against the limit and are dropped (httptools)."""
        if self._extra:
            return
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > self._limits.answer_header_bytes:
            self._error = self._error or _too_long("header", self._limits.answer_header_bytes)
        elif not self._head_done:
            self._headers.append((name, value))
            lower = name.lower()
            if lower in _FRAMING:
                self._framing(lower, value)

    def on_headers_complete(self) -> None:
        """Decide about the body before any of it is kept (httptools)."""
        if self._extra or self._parser.get_status_code() < 200:
            return
        self._head_done = True
        if self._parser.get_http_version() not in ("1.1", "1.0"):
            self._error = self._error or _broken("the provider does not speak HTTP/1.1", "http-version")
        if self._no_body:
            self._complete()
        elif self._length is not None and int(self._length) > self._limits.answer_body_bytes:
            self._error = self._error or _too_long("body", self._limits.answer_body_bytes)

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body, within the limit (httptools)."""
        if self._error is not None or self._extra or self._no_body:
            return
        body = self._body
        if not body:
            self._body = data
        elif isinstance(body, bytes):
            self._body = bytearray(body)
            self._body += data
        else:
            body += data
        if len(self._body) > self._limits.answer_body_bytes:
            self._error = _too_long("body", self._limits.answer_body_bytes)

    def on_message_complete(self) -> None:
        """The end of an interim or of the final answer (httptools)."""
        if self._extra:
            return
        if self._head_done:
            self._complete()
            return
        self._interim += 1
        self._headers = []
        self._length = None
        if self._interim > _INTERIM_MAX:
            self._error = self._error or _broken("the provider sends interim answers without end", "interim")

    # --- inside

    def _framing(self, name: bytes, value: bytes) -> None:
        error: IntegratorError | None = None
        if name == b"content-length":
            if self._length is not None or self._chunked:
                error = _broken("the provider's answer has two lengths", "framing")
            elif not value.isdigit():
                error = _broken("the length of the provider's answer is not a number", "framing")
            self._length = value
        elif name == b"transfer-encoding":
            if self._length is not None or self._chunked or value.strip().lower() != b"chunked":
                error = _broken("the provider's answer has two lengths or an unknown framing", "framing")
            self._chunked = True
        elif value.strip().lower() not in (b"", b"identity"):
            error = _broken("the provider compressed its answer, which nobody asked for", "encoded-answer")
        self._error = self._error or error

    def _check_raw_size(self) -> None:
        # What the parser holds back and what chunk framing adds is bounded by the raw bytes.
        limits = self._limits
        if not self._head_done:
            if self._answered_bytes > limits.answer_header_bytes:
                self._error = self._error or _too_long("header", limits.answer_header_bytes)
        elif self._answered_bytes > limits.answer_header_bytes + 2 * limits.answer_body_bytes:
            self._error = self._error or _too_long("body", limits.answer_body_bytes)

    def _complete(self) -> None:
        if self._response is not None:
            return
        parser = self._parser
        status = parser.get_status_code()
        self._response = HttpResponse(status, self._headers, bytes(self._body))
        self._reusable = (
            (self._length is not None or self._chunked or status in _BODILESS)
            and not self._no_body
            and parser.should_keep_alive()
        )

    def _finish(self, response: HttpResponse) -> None:
        waiter, self._waiter = self._waiter, None
        self._cancel_timer()
        transport = self.transport
        reusable = (
            self._reusable
            and not self._extra
            and not transport.is_closing()
            and not transport.get_write_buffer_size()
        )
        self._reset()
        self.used = True
        if not reusable:
            self.abort()
        if waiter is not None and not waiter.done():
            waiter.set_result(response)

    def _fail(self, error: IntegratorError) -> None:
        waiter, self._waiter = self._waiter, None
        self.abort()
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)

    def _expire(self) -> None:
        self._fail(timed_out())

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _gone(self) -> None:
        self.closed = True
        self._cancel_timer()
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(
                ProviderUnreachable("the connection to the provider was closed", origin="provider")
            )
        self._on_closed(self)


_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"content-encoding"})


def timed_out() -> ProviderTimeout:
    """The error of a deadline."""
    return ProviderTimeout(origin="provider")


def _closed_before_answer() -> ClosedBeforeAnswer:
    return ClosedBeforeAnswer(
        "the provider closed the connection without an answer: try again later",
        reason="connection-closed",
        origin="provider",
    )


def _broken(message: str, reason: str) -> BrokenContract:
    return BrokenContract(message, reason=reason, origin="provider")


def _too_long(part: str, limit: int) -> BrokenContract:
    return _broken(f"the {part} of the provider's answer is longer than {limit} bytes", "answer-too-long")
