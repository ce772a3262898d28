"""Peers that send too much, too slowly, or nothing at all; raw sockets against the process."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from integrator.operations.demo import CONSULT, reasons
from tests.bus.conftest import PERSON


def connect(town) -> socket.socket:
    return socket.create_connection(("127.0.0.1", town.bus.port), timeout=30)


def head(town, *more: str) -> bytes:
    key = town.keys["municipal/namur"]
    lines = [f"POST {CONSULT} HTTP/1.1", "Host: bus", f"Authorization: Bearer {key}"]
    lines += [f"{name}: {value}" for name, value in reasons().headers().items()]
    lines += ["Content-Type: application/json", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def read_all(connection: socket.socket) -> bytes:
    parts: list[bytes] = []
    try:
        while part := connection.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def chunks(count: int, size: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b"%x\r\n%s\r\n" % (size, b" " * size)


def test_a_body_over_the_limit_is_refused_while_it_streams(town):
    asked = len(town.received(PERSON))
    with closing(connect(town)) as connection:
        connection.sendall(head(town, "Transfer-Encoding: chunked"))
        for chunk in chunks(17, 65_536):  # a little more than 1 MiB, and no end
            connection.sendall(chunk)
        assert status(connection.recv(65_536)) == 413
    assert len(town.received(PERSON)) == asked


def test_a_declared_body_over_the_limit_is_refused_before_it_comes(town):
    with closing(connect(town)) as connection:
        connection.sendall(head(town, "Content-Length: 2000000"))
        assert status(connection.recv(65_536)) == 413


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked, identity",),
        ("Content-Length: -1",),
    ],
)
def test_two_framings_are_no_request(town, lines):
    asked = len(town.received(PERSON))
    with closing(connect(town)) as connection:
        connection.sendall(head(town, *lines) + b"0\r\n\r\n")
        assert status(connection.recv(65_536)) == 400
    assert len(town.received(PERSON)) == asked


def test_a_body_that_breaks_off_is_refused_and_recorded(town, eventually):
    with closing(connect(town)) as connection:
        connection.sendall(head(town, "Content-Length: 500") + b'{"niss"')
    eventually(
        lambda: town.journal("list", limit=5, flow="person-consult")["records"],
        lambda records: any(record["type"] == "refused" for record in records),
    )


def test_a_head_without_end_is_cut_off(town):
    with closing(connect(town)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nX-Long: ")
        try:
            for _ in range(40):
                connection.sendall(b"a" * 65_536)
        except (BrokenPipeError, ConnectionResetError):
            return  # cut off before the answer could be read
        answer = read_all(connection)
        assert not answer or status(answer) == 431


def test_many_small_headers_are_cut_off_too(town):
    with closing(connect(town)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\n")
        try:
            for number in range(200_000):
                connection.sendall(b"X-%d: %s\r\n" % (number, b"a" * 100))
        except (BrokenPipeError, ConnectionResetError):
            return
        raise AssertionError("a head of 20 MB was taken in")


def test_a_slow_peer_holds_up_nobody_and_is_sent_away(town):
    with closing(connect(town)) as silent, closing(connect(town)) as slow, closing(connect(town)) as after:
        slow.sendall(b"GET /health HTTP/1.1\r\nHost:")
        after.sendall(b"GET /health HTTP/1.1\r\nHost: bus\r\n\r\n")
        assert status(after.recv(65_536)) == 200
        after.sendall(b"\r\n")  # nothing of a request, and yet the idle timer starts anew
        assert town.consult().status == 200
        assert status(read_all(silent)) == 408
        assert status(read_all(slow)) == 408
        read_all(after)


def test_a_body_that_drips_ends_at_the_time_of_an_exchange(town):
    """Served by the same loop, it must not keep others waiting; the bound itself is the gateway's."""
    with closing(connect(town)) as dripping:
        body = json.dumps({"niss": "66091495277"}).encode()
        dripping.sendall(head(town, f"Content-Length: {len(body)}"))
        for byte in body[:-1]:
            dripping.sendall(bytes([byte]))
        assert town.consult().status == 200
        dripping.sendall(body[-1:])
        assert status(dripping.recv(65_536)) == 200
