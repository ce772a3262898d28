"""The in-memory transport: scripted answers, recorded requests. For tests of adapters and flows.

>>> transport = TransportDouble()
>>> transport.answer(200, b'{"id": 1}', {"Content-Type": "application/json"})
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping

from integrator.exchange import ProviderTimeout
from integrator.outbound.transport import HttpRequest, HttpResponse

Behaviour = Callable[[HttpRequest], HttpResponse]


class TransportDouble:
    """A `Transport` that plays its script in order and keeps every request in `requests`.

    Requests pass the same check against header injection as on the wire. When the script is used
    up `send` raises LookupError, unless `always` gave a standing behaviour.
    """

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []
        self.closed = False
        self._script: deque[Behaviour | None] = deque()
        self._standing: Behaviour | None = None

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """Add an answer to the script."""
        response = HttpResponse(status, _encode(headers), body)
        self._script.append(lambda _request: response)

    def fail(self, error: Exception) -> None:
        """Add an error to the script; `send` raises it."""

        def behaviour(_request: HttpRequest) -> HttpResponse:
            raise error

        self._script.append(behaviour)

    def never(self) -> None:
        """Add silence to the script: `send` waits for the deadline and raises ProviderTimeout."""
        self._script.append(None)

    def always(self, behaviour: Behaviour) -> None:
        """Answer with a function whenever the script is used up."""
        self._standing = behaviour

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Record the request and play the next part of the script."""
        request.encode()
        self.requests.append(request)
        behaviour = self._next()
        if behaviour is None:
            loop = asyncio.get_running_loop()
            await asyncio.sleep(max(0.0, request.deadline - loop.time()))
            raise ProviderTimeout(origin="provider")
        return behaviour(request)

    async def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    def _next(self) -> Behaviour | None:
        if self._script:
            return self._script.popleft()
        if self._standing is None:
            raise LookupError("no scripted answer is left: add one with answer(), fail() or always()")
        return self._standing


def _encode(headers: Mapping[str, str] | None) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
