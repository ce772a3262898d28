"""The pool against servers that behave, and against raw sockets that do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from integrator.exchange import (
    BrokenContract,
    InvalidRequest,
    Overloaded,
    ProviderTimeout,
    ProviderUnreachable,
)
from integrator.outbound.pool import Pool
from integrator.outbound.transport import Origin
from integrator.security.limits import DEFAULT
from tests.outbound.conftest import RawServer, request, until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LIMITS = replace(DEFAULT, answer_header_bytes=2_000, answer_body_bytes=10_000)


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    made = Pool(limits=LIMITS)
    yield made
    await made.close()
    assert made.open_connections() == 0


# --- what goes well


async def test_an_answer_comes_back_and_the_connection_is_kept(pool: Pool, server: RawServer) -> None:
    for _ in range(3):
        response = await pool.send(request(server.origin))
        assert (response.status, response.body) == (200, b"ok")
    assert server.connections == 1
    assert server.requests[0].startswith(b"POST / HTTP/1.1\r\nHost: 127.0.0.1:")


@pytest.mark.parametrize(
    ("raw", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1;x=y\r\n!\r\n0\r\n\r\n", 200, b"ok!"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: y\r\n\r\n", 200, b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", 304, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, 200, b"ok"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 302, b""),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno", 500, b"no"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
    ],
)  # fmt: skip
async def test_clean_answers_of_every_framing(
    pool: Pool, server: RawServer, raw: bytes, status: int, body: bytes
) -> None:
    server.script = server.say(raw)
    for _ in range(2):
        response = await pool.send(request(server.origin))
        assert (response.status, response.body) == (status, body)
    assert server.connections == 1


async def test_interim_and_trailer_headers_are_not_the_answers(pool: Pool, server: RawServer) -> None:
    server.script = server.say(
        b"HTTP/1.1 103 Early Hints\r\nX-A: early\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nX-A: real\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-B: late\r\n\r\n"
    )
    response = await pool.send(request(server.origin))
    assert (response.header(b"x-a"), response.header(b"x-b")) == ("real", None)


async def test_an_answer_to_head_has_no_body_whatever_its_length_says(pool: Pool, server: RawServer) -> None:
    server.script = server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
    response = await pool.send(request(server.origin, method="HEAD", body=b""))
    assert (response.status, response.body) == (200, b"")


async def test_a_body_that_ends_with_the_connection(pool: Pool, server: RawServer) -> None:
    server.script = server.say(b"HTTP/1.1 200 OK\r\n\r\nall of it", close=True)
    assert (await pool.send(request(server.origin))).body == b"all of it"
    await until(lambda: not pool.open_connections())


async def test_connection_close_is_obeyed(pool: Pool, server: RawServer) -> None:
    server.script = server.say(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
    for _ in range(2):
        assert (await pool.send(request(server.origin))).body == b"ok"
    assert server.connections == 2


async def test_an_answer_in_the_smallest_pieces(pool: Pool, server: RawServer) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _n: int) -> None:
        await server.read(reader)
        for byte in b"HTTP/1.1 200 OK\r\nX-Y: z\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nok!!\r\n0\r\n\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)

    server.script = drip
    response = await pool.send(request(server.origin))
    assert (response.body, response.header(b"x-y")) == (b"ok!!", "z")


async def test_a_large_body_within_the_limit(pool: Pool, server: RawServer) -> None:
    body = bytes(range(250)) * 40
    server.script = server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + body)
    assert (await pool.send(request(server.origin))).body == body


# --- answers that break HTTP


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "framing"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nok", "framing"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nok\r\n0\r\n\r\n", "not-http"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok", "encoded-answer"),
        (b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok", None),
        (b"<html>no HTTP at all</html>\r\n\r\n", "not-http"),
        (b"SSH-2.0-OpenSSH_9\r\n", "not-http"),
        (b"HTTP/1.1 200 OK\r\nX Y: z\r\nContent-Length: 2\r\n\r\nok", "not-http"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", None),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 20 + OK, "interim"),
        (b"HTTP/1.1 200 OK\r\nX-Y: " + b"z" * 2_000 + b"\r\nContent-Length: 2\r\n\r\nok", "answer-too-long"),
        (b"HTTP/1.1 200 OK\r\nX-Y: " + b"z" * 5_000, "answer-too-long"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n", "answer-too-long"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10001\r\n\r\n", "answer-too-long"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999\r\n\r\n", "answer-too-long"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"7d0\r\n" + b"x" * 2_000 + b"\r\n"
         + b"2710\r\n" + b"x" * 10_000, "answer-too-long"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 10_001, "answer-too-long"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"y" * 30_000, "answer-too-long"),
    ],
)  # fmt: skip
async def test_answers_that_break_http_or_a_limit(
    pool: Pool, server: RawServer, raw: bytes, reason: str | None
) -> None:
    server.script = server.say(raw)
    with pytest.raises(BrokenContract) as caught:
        await pool.send(request(server.origin))
    assert reason is None or caught.value.reason == reason
    assert caught.value.origin == "provider"
    assert pool.open_connections() == 0  # closed at once


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"H",
    ],
)
async def test_an_answer_cut_off_is_not_an_answer(pool: Pool, server: RawServer, raw: bytes) -> None:
    server.script = server.say(raw, close=True)
    with pytest.raises(BrokenContract) as caught:
        await pool.send(request(server.origin, idempotent=True))
    assert caught.value.reason == "answer-cut-off"
    assert server.connections == 1  # not repeated


@pytest.mark.parametrize("extra", [b"more", OK, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"])
async def test_bytes_beyond_the_body_close_the_connection(
    pool: Pool, server: RawServer, extra: bytes
) -> None:
    server.script = server.say(OK + extra)
    for _ in range(2):
        assert (await pool.send(request(server.origin))).body == b"ok"
    assert server.connections == 2


async def test_bytes_on_an_idle_connection_close_it(pool: Pool, server: RawServer) -> None:
    async def chatty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, n: int) -> None:
        await server.read(reader)
        writer.write(OK)
        if n == 1:
            await idle.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await reader.read()

    idle = asyncio.Event()
    server.script = chatty
    assert (await pool.send(request(server.origin))).body == b"ok"
    idle.set()
    await until(lambda: not pool.open_connections())
    assert (await pool.send(request(server.origin))).body == b"ok"
    assert server.connections == 2


async def test_a_provider_that_speaks_before_it_is_asked(pool: Pool, server: RawServer) -> None:
    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _n: int) -> None:
        writer.write(b"220 mail.example ready\r\n")
        await reader.read()

    server.script = hasty
    with pytest.raises((BrokenContract, ProviderUnreachable)):
        await pool.send(request(server.origin))
    assert pool.open_connections() == 0


# --- time


async def test_silence_ends_at_the_deadline(pool: Pool, server: RawServer) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _n: int) -> None:
        await server.read(reader)
        assert await reader.read() == b""  # the pool closes
        closed.set()

    closed = asyncio.Event()
    server.script = silent
    with pytest.raises(ProviderTimeout):
        await pool.send(request(server.origin, seconds=0.05))
    await asyncio.wait_for(closed.wait(), 5)
    assert pool.open_connections() == 0


async def test_a_slow_drip_ends_at_the_deadline(pool: Pool, server: RawServer) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _n: int) -> None:
        await server.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    server.script = drip
    with pytest.raises(ProviderTimeout):
        await pool.send(request(server.origin, seconds=0.1))


async def test_a_deadline_already_over(pool: Pool, server: RawServer) -> None:
    with pytest.raises(ProviderTimeout):
        await pool.send(request(server.origin, seconds=-1))
    assert server.requests == []


async def test_cancelling_closes_the_connection(pool: Pool, server: RawServer) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _n: int) -> None:
        await server.read(reader)
        asked.set()
        await reader.read()

    asked = asyncio.Event()
    server.script = silent
    task = asyncio.create_task(pool.send(request(server.origin)))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pool.open_connections() == 0


async def test_unused_connections_are_closed_after_a_while(server: RawServer) -> None:
    pool = Pool(idle_seconds=0.02)
    await pool.send(request(server.origin))
    assert pool.open_connections() == 1
    await until(lambda: not pool.open_connections())
    await pool.close()


# --- no connection


async def test_nobody_listens(pool: Pool, free_port) -> None:
    with pytest.raises(ProviderUnreachable) as caught:
        await pool.send(request(Origin("http", "127.0.0.1", free_port())))
    assert caught.value.reason == "connection-refused"
    assert pool.open_connections() == 0


async def test_a_host_nobody_knows(pool: Pool) -> None:
    with pytest.raises(ProviderUnreachable) as caught:
        await pool.send(request(Origin("http", "no-such-host.invalid", 80)))
    assert caught.value.reason in ("name-unknown", "unreachable")
    assert "no-such-host" not in str(caught.value)


async def test_a_host_that_does_not_accept(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool(limits=replace(DEFAULT, connect_seconds=0.02))

    async def never(*_args: object, **_kw: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", never, raising=False)
    with pytest.raises(ProviderUnreachable) as caught:
        await pool.send(request(Origin("http", "127.0.0.1", 9)))
    assert caught.value.reason == "connect-timeout"
    with pytest.raises(ProviderTimeout):
        await pool.send(request(Origin("http", "127.0.0.1", 9), seconds=0.01))
    assert pool.open_connections() == 0


# --- repetition


def once_per_connection(server: RawServer):
    """Answers one request a connection, then closes it when the second one arrives."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _n: int) -> None:
        await server.read(reader)
        writer.write(OK)
        await server.read(reader)

    return script


async def test_an_idempotent_request_on_a_stale_connection_is_repeated_once(
    pool: Pool, server: RawServer
) -> None:
    server.script = once_per_connection(server)
    await pool.send(request(server.origin))
    response = await pool.send(request(server.origin, idempotent=True))
    assert response.body == b"ok"
    assert (server.connections, len(server.requests)) == (2, 3)


async def test_a_write_on_a_stale_connection_is_never_repeated(pool: Pool, server: RawServer) -> None:
    server.script = once_per_connection(server)
    await pool.send(request(server.origin))
    with pytest.raises(ProviderUnreachable) as caught:
        await pool.send(request(server.origin))
    assert caught.value.reason == "connection-closed"
    assert len(server.requests) == 2


async def test_a_fresh_connection_closed_without_an_answer_is_not_repeated(
    pool: Pool, server: RawServer
) -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _n: int) -> None:
        await server.read(reader)

    server.script = close
    with pytest.raises(ProviderUnreachable):
        await pool.send(request(server.origin, idempotent=True))
    assert len(server.requests) == 1


async def test_the_repetition_is_not_repeated(pool: Pool, server: RawServer) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, n: int) -> None:
        await server.read(reader)
        if n == 1:
            writer.write(OK)
            await server.read(reader)

    server.script = script
    await pool.send(request(server.origin))
    with pytest.raises(ProviderUnreachable):
        await pool.send(request(server.origin, idempotent=True))
    assert len(server.requests) == 3


async def test_a_write_takes_no_connection_that_has_rested(
    server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrator.outbound.pool.WRITE_REUSE_SECONDS", -1.0)
    pool = Pool()
    await pool.send(request(server.origin))
    await pool.send(request(server.origin, idempotent=True))
    assert server.connections == 1
    await pool.send(request(server.origin))
    assert server.connections == 2
    await pool.close()


# --- bounds


async def test_connections_are_bounded_and_the_rest_waits(server: RawServer) -> None:
    pool = Pool(connections=3)
    responses = await asyncio.gather(*(pool.send(request(server.origin)) for _ in range(50)))
    assert [response.body for response in responses] == [b"ok"] * 50
    assert server.connections <= 3
    assert pool.open_connections() == server.connections
    await pool.close()


async def test_who_waits_gets_the_place_of_a_broken_connection(server: RawServer) -> None:
    server.script = server.say(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
    pool = Pool(connections=2)
    responses = await asyncio.gather(*(pool.send(request(server.origin)) for _ in range(20)))
    assert len(responses) == 20
    assert server.connections == 20
    await until(lambda: not pool.open_connections())


async def test_waiting_is_bounded_in_number_and_time(server: RawServer) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _n: int) -> None:
        await server.read(reader)
        await reader.read()

    server.script = silent
    pool = Pool(limits=replace(DEFAULT, adapter_waiting=1), connections=1)
    first = asyncio.create_task(pool.send(request(server.origin)))
    await until(lambda: server.requests)
    waiting = asyncio.create_task(pool.send(request(server.origin, seconds=0.05)))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await pool.send(request(server.origin))
    with pytest.raises(Overloaded):
        await waiting
    cancelled = asyncio.create_task(pool.send(request(server.origin)))
    await asyncio.sleep(0)
    cancelled.cancel()
    first.cancel()
    await asyncio.gather(first, cancelled, return_exceptions=True)
    assert pool.open_connections() == 0
    await pool.close()


async def test_random_cancellations_leak_no_place(server: RawServer) -> None:
    pool = Pool(connections=2)
    tasks = [asyncio.create_task(pool.send(request(server.origin))) for _ in range(60)]
    for turn, task in enumerate(tasks):
        await asyncio.sleep(0)
        if turn % 3 == 0:
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert 0 <= pool.open_connections() <= 2
    answers = await asyncio.gather(*(pool.send(request(server.origin)) for _ in range(10)))
    assert len(answers) == 10
    await pool.close()
    assert pool.open_connections() == 0


async def test_closing_the_pool_ends_what_is_in_flight(server: RawServer) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _n: int) -> None:
        await server.read(reader)
        await reader.read()

    server.script = silent
    pool = Pool(connections=1)
    tasks = [asyncio.create_task(pool.send(request(server.origin))) for _ in range(2)]
    await until(lambda: server.requests)
    await pool.close()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(result, ProviderUnreachable)
    with pytest.raises(ProviderUnreachable):
        await pool.send(request(server.origin))


async def test_nothing_of_an_injected_request_is_written(pool: Pool, server: RawServer) -> None:
    with pytest.raises(InvalidRequest):
        await pool.send(request(server.origin, headers=(("X-A", "1\r\nX-B: 2"),)))
    assert server.connections == 0
