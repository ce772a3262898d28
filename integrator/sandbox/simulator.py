"""What every simulator shares: reading requests, faults on demand, and the control endpoints.

`POST /_sandbox/faults {"fault": "timeout", "next": 3, "seconds": 2}` plans faults,
`DELETE /_sandbox/faults` forgets them, `GET /_sandbox/received` lists the latest requests.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, ClassVar, NamedTuple

from integrator.exchange import InvalidRequest
from integrator.sandbox.faults import REFUSED_SECONDS, SLOW_SECONDS, Fault, FaultQueue, Planned
from integrator.sandbox.listener import Listener
from integrator.security.limits import DEFAULT
from integrator.security.parsers import dump_json, parse_json

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

RECEIVED_MAX = 1_000
TIMEOUT_SECONDS = 60.0
SECONDS_MAX = 60.0
_HTML = b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Back soon</body></html>"


class Request(NamedTuple):
    """A whole request; header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """A whole answer."""

    status: int
    body: bytes = b""
    media: str = "application/json"


class Simulator(ABC):
    """An ASGI application that plays a connected system.

    Subclasses say what they answer, which faults they can play, and which request carries a
    reserved number. `path` is what the adapter's endpoint ends with.
    """

    path: ClassVar[str] = ""
    faults: ClassVar[frozenset[Fault]] = frozenset({Fault.TIMEOUT, Fault.SLOW, Fault.HTML, Fault.REFUSED})

    def __init__(self) -> None:
        self.planned = FaultQueue()
        self.received: deque[dict[str, Any]] = deque(maxlen=RECEIVED_MAX)
        self.listener: Listener | None = None

    @abstractmethod
    def answer(self, request: Request) -> Reply:
        """The answer of the system when all is well."""

    @abstractmethod
    def play(self, fault: Fault, request: Request) -> Reply:
        """The answer that a fault of this kind of system makes."""

    def reserved(self, request: Request) -> Fault | None:
        """The fault that a number in the request asks for."""
        return None

    def note(self, request: Request) -> dict[str, Any]:
        """What `received` keeps of a request."""
        return {
            "method": request.method,
            "path": request.path,
            "headers": request.headers,
            "body": request.body.decode("utf-8", "replace"),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request (ASGI 3)."""
        if scope["type"] != "http":
            return
        body = await _body(receive)
        if body is None:
            await _reply(send, Reply(413, b'{"title":"the body is too long"}'))
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request = Request(scope["method"], scope["path"], headers, body)
        if request.path.startswith("/_sandbox/"):
            await _reply(send, self._control(request))
            return
        self.received.append(self.note(request))
        reply = await self._reply_to(request, scope, receive)
        if reply is not None:
            await _reply(send, reply)

    async def _reply_to(self, request: Request, scope: Scope, receive: Receive) -> Reply | None:
        planned = self.planned.take()
        if planned is None:
            fault = self.reserved(request)
            if fault is None:
                return self.answer(request)
            planned = Planned(fault)
        if planned.fault is Fault.TIMEOUT:
            await _disconnected(receive, planned.seconds or TIMEOUT_SECONDS)
            await self._drop(scope, receive)
            return None
        if planned.fault is Fault.SLOW:
            await asyncio.sleep(planned.seconds if planned.seconds is not None else SLOW_SECONDS)
            return self.answer(request)
        if planned.fault is Fault.REFUSED:
            await self._drop(scope, receive)
            return None
        if planned.fault is Fault.HTML:
            return Reply(200, _HTML, "text/html; charset=utf-8")
        return self.play(planned.fault, request)

    async def _drop(self, scope: Scope, receive: Receive) -> None:
        if self.listener is not None:
            self.listener.drop(scope)
        await _disconnected(receive, TIMEOUT_SECONDS)

    # --- control

    def _control(self, request: Request) -> Reply:
        match request.method, request.path:
            case "POST", "/_sandbox/faults":
                return self._plan(request.body)
            case "GET", "/_sandbox/faults":
                return _json(200, {"planned": len(self.planned), "known": sorted(self.faults)})
            case "DELETE", "/_sandbox/faults":
                self.planned.clear()
                return Reply(204)
            case "GET", "/_sandbox/received":
                return _json(200, list(self.received))
            case "DELETE", "/_sandbox/received":
                self.received.clear()
                return Reply(204)
        return _json(
            404, {"title": "no such control: POST, GET or DELETE /_sandbox/faults, /_sandbox/received"}
        )

    def _plan(self, body: bytes) -> Reply:
        try:
            planned, times = self._read_plan(parse_json(body))
            if planned.fault is Fault.REFUSED and planned.seconds is not None:
                # Asked for a time, it is the listener that goes away, at once.
                if self.listener is not None:
                    asyncio.get_running_loop().call_later(0.01, self.listener.refuse, planned.seconds)
            else:
                self.planned.add(planned, times)
        except (InvalidRequest, ValueError) as error:
            return _json(400, {"title": str(error)})
        return _json(202, {"planned": len(self.planned)})

    def _read_plan(self, value: Any) -> tuple[Planned, int]:
        if not isinstance(value, dict) or not set(value) <= {"fault", "next", "seconds"}:
            raise ValueError("write an object with `fault` and, if you like, `next` and `seconds`")
        if value.get("fault") not in [str(fault) for fault in self.faults]:
            raise ValueError(f"`fault` is not one of {', '.join(sorted(self.faults))}")
        times, seconds = value.get("next", 1), value.get("seconds")
        if isinstance(times, bool) or not isinstance(times, int):
            raise ValueError("`next` is not a whole number: it says how many requests fail")
        if seconds is not None and (
            isinstance(seconds, bool)
            or not isinstance(seconds, (int, float))
            or not 0 <= seconds <= SECONDS_MAX
        ):
            raise ValueError(f"`seconds` is not a number from 0 to {SECONDS_MAX:g}")
        fault = Fault(value["fault"])
        if fault is Fault.REFUSED and "next" not in value and seconds is None:
            seconds = REFUSED_SECONDS
        return Planned(fault, seconds), times


def _json(status: int, value: Any) -> Reply:
    return Reply(status, dump_json(value))


async def _body(receive: Receive) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > DEFAULT.request_body_bytes:
            return None
        if not message.get("more_body"):
            return bytes(body)


async def _disconnected(receive: Receive, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return


async def _reply(send: Send, reply: Reply) -> None:
    headers = [(b"content-length", str(len(reply.body)).encode())]
    if reply.body:
        headers.append((b"content-type", reply.media.encode("latin-1")))
    if reply.status == 204:
        headers = []
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
