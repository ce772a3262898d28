"""The connection without a network: bytes in, an answer, an error or silence out."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrator.exchange import IntegratorError
from integrator.outbound.connection import Connection
from integrator.outbound.transport import HttpRequest, HttpResponse, Origin
from integrator.security.limits import DEFAULT

LIMITS = replace(DEFAULT, answer_header_bytes=500, answer_body_bytes=500)
ANSWERS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: u\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello",
)
NEARLY_HTTP = st.lists(
    st.sampled_from([
        b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.0 200\r\n", b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"Connection: close\r\n", b"X: y\r\n",
        b"\r\n", b"\n", b"\r", b"abc", b"3\r\nabc\r\n", b"0\r\n\r\n", b"\0", b"\xff", b"x" * 600, b" ", b":",
    ]),
    max_size=12,
)  # fmt: skip


class Wire(asyncio.Transport):
    """A transport that only remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        self.written += data

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted

    def get_write_buffer_size(self) -> int:
        return 0


def play(
    pieces: list[bytes], *, end: bool = False
) -> tuple[HttpResponse | IntegratorError | None, Connection, int]:
    """What comes of a request when these bytes arrive, piece by piece, and then perhaps the end."""

    async def run() -> tuple[HttpResponse | IntegratorError | None, Connection, int]:
        loop = asyncio.get_running_loop()
        lost: list[Connection] = []
        connection = Connection(loop, LIMITS, lost.append)
        wire = Wire()
        connection.connection_made(wire)
        origin = Origin("http", "x.example", 80)
        request = HttpRequest(origin, "POST", "/", (), b"", loop.time() + 60)
        waiter = connection.start(request, request.encode())
        for piece in pieces:
            if not wire.aborted:
                connection.data_received(piece)
        if end and not connection.closed:
            connection.connection_lost(None)
        assert wire.aborted <= connection.closed
        result: HttpResponse | IntegratorError | None = None
        if waiter.done():
            error = waiter.exception()
            assert error is None or isinstance(error, IntegratorError)
            result = error if error is not None else waiter.result()
        else:
            assert not connection.closed
            waiter.cancel()
            connection.abort()
        return result, connection, len(lost)

    return asyncio.run(run())


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % len(data) for place in places}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if start < end]


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(ANSWERS), st.lists(st.integers(0, 200), max_size=8))
def test_an_answer_is_the_same_however_it_is_cut(answer: bytes, places: list[int]) -> None:
    got, connection, lost = play(cut(answer, places))
    assert isinstance(got, HttpResponse)
    assert (got.status, got.body, got.header(b"x-a")) == (200, b"hello", "b")
    assert (connection.closed, lost) == (False, 0)


@settings(deadline=None, max_examples=200)
@given(NEARLY_HTTP, st.booleans())
def test_whatever_arrives_ends_in_an_answer_an_error_or_silence(pieces: list[bytes], end: bool) -> None:
    got, connection, lost = play(pieces, end=end)
    assert got is not None or not end
    assert lost == connection.closed
    if isinstance(got, HttpResponse):
        assert len(got.body) <= LIMITS.answer_body_bytes


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300), st.booleans())
def test_random_bytes_never_become_an_answer(data: bytes, end: bool) -> None:
    got, _, _ = play([data], end=end)
    assert not isinstance(got, HttpResponse)


def test_every_cut_of_every_answer_in_two() -> None:
    for answer in ANSWERS:
        for place in range(1, len(answer)):
            got, connection, _ = play([answer[:place], answer[place:]])
            assert isinstance(got, HttpResponse)
            assert (got.body, connection.closed) == (b"hello", False)


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_cut_off_anywhere_is_an_error(answer: bytes) -> None:
    for place in range(len(answer)):
        got, connection, lost = play([answer[:place]] if place else [], end=True)
        assert isinstance(got, IntegratorError)
        assert (connection.closed, lost) == (True, 1)
