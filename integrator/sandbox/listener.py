"""A loopback listener for a simulator: uvicorn's HTTP protocol, with the ways of a broken server.

uvicorn's own `Server` takes signals and cannot go deaf for a while; the protocol alone is enough.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

HOST = "127.0.0.1"


class Listener:
    """Serves an ASGI application on a loopback port (0: any free one)."""

    def __init__(self, app: Any, port: int = 0) -> None:
        self._config = Config(
            app, interface="asgi3", http="httptools", ws="none", lifespan="off", log_config=None,
            access_log=False, proxy_headers=False, server_header=False, date_header=False,
        )  # fmt: skip
        self._state = ServerState()
        self._server: asyncio.AbstractServer | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._reopening: asyncio.Task[None] | None = None
        self.port = port

    @property
    def url(self) -> str:
        """The base address, without a slash at its end."""
        return f"http://{HOST}:{self.port}"

    async def start(self) -> None:
        """Listen. Raises OSError where the port is in use."""
        self._config.load()
        await self._listen()

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        if self._pause is not None:
            self._pause.cancel()
        if self._reopening is not None:
            await self._reopening
        self._close()
        for task in list(self._state.tasks):
            task.cancel()
        await asyncio.gather(*self._state.tasks, return_exceptions=True)

    def refuse(self, seconds: float) -> None:
        """End every connection and refuse new ones for so long."""
        self._close()
        if self._pause is not None:
            self._pause.cancel()
        self._pause = asyncio.get_running_loop().call_later(seconds, self._reopen)

    def drop(self, scope: MutableMapping[str, Any]) -> None:
        """End the connection of a request without an answer."""
        for protocol in list(self._state.connections):
            if isinstance(protocol, HttpToolsProtocol) and protocol.scope is scope:
                protocol.transport.abort()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: HttpToolsProtocol(self._config, self._state, {}), HOST, self.port
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for protocol in list(self._state.connections):
            protocol.transport.abort()

    def _reopen(self) -> None:
        self._pause = None
        self._reopening = asyncio.get_running_loop().create_task(self._listen())
