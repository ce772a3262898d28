"""Inbound connections: an answer leaves in one piece, what is streamed does not wait for its end."""

from __future__ import annotations

import asyncio

from integrator.operations.connections import Joined

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Wire(asyncio.Transport):
    """Keeps each write."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


async def test_head_and_body_leave_together() -> None:
    wire = Wire()
    joined = Joined(wire, asyncio.get_running_loop())
    joined.write(HEAD)
    assert wire.sent == []
    joined.write(b"ok")
    await asyncio.sleep(0)
    assert wire.sent == [HEAD + b"ok"]


async def test_a_head_alone_waits_for_one_turn_of_the_loop() -> None:
    wire = Wire()
    joined = Joined(wire, asyncio.get_running_loop())
    joined.write(HEAD)
    await asyncio.sleep(0)
    assert wire.sent == [HEAD]
    joined.write(b"one")
    joined.write(b"two")
    assert wire.sent == [HEAD, b"one", b"two"]


async def test_two_answers_in_one_turn_stay_in_order() -> None:
    wire = Wire()
    joined = Joined(wire, asyncio.get_running_loop())
    for part in (HEAD, b"ok", HEAD, b"ok"):
        joined.write(part)
    await asyncio.sleep(0)
    assert b"".join(wire.sent) == (HEAD + b"ok") * 2


async def test_closing_sends_what_is_kept() -> None:
    wire = Wire()
    joined = Joined(wire, asyncio.get_running_loop())
    joined.write(HEAD)
    joined.close()
    assert wire.sent == [HEAD]
    assert joined.is_closing()
    await asyncio.sleep(0)
    assert wire.sent == [HEAD]
