"""A loopback server that says exactly the bytes a test wants, well-behaved or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvloop

from integrator.outbound.transport import HttpRequest, Origin

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]


class RawServer:
    """Runs a script for each connection, numbered from 1; keeps every request it read."""

    def __init__(self) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self.origin = Origin("http", "127.0.0.1", 0)
        self.script: Script = self.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, **options: object) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, **options)  # type: ignore[arg-type]
        scheme = "https" if options.get("ssl") else "http"
        self.origin = Origin(scheme, "127.0.0.1", self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self.script(reader, writer, self.connections)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        """One whole request: head, and as many body bytes as its length says."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        request = head + await reader.readexactly(length)
        self.requests.append(request)
        return request

    def say(self, *answers: bytes, close: bool = False) -> Script:
        """Answer every request with the bytes given (the last ones for all that follow)."""

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _n: int) -> None:
            turn = 0
            while True:
                await self.read(reader)
                writer.write(answers[min(turn, len(answers) - 1)])
                await writer.drain()
                turn += 1
                if close:
                    return

        return script


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until a condition holds; fails after five seconds."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 (the peer's side has no event to wait for)
            await asyncio.sleep(0.001)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Everything here runs on both loops: production uses uvloop."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    raw = RawServer()
    await raw.start()
    yield raw
    await raw.stop()


def request(
    origin: Origin,
    *,
    method: str = "POST",
    target: str = "/",
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"{}",
    seconds: float = 5.0,
    idempotent: bool = False,
) -> HttpRequest:
    deadline = asyncio.get_running_loop().time() + seconds
    return HttpRequest(origin, method, target, headers, body, deadline, idempotent)
