"""Raw ASGI in a few helpers: request heads read once, bounded bodies, answers with safe headers."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from integrator.exchange import InvalidRequest
from integrator.security.limits import Limits

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]

JSON = b"application/json"
PROBLEM = b"application/problem+json"
SOAP_TYPES = {"1.1": b"text/xml; charset=utf-8", "1.2": b"application/soap+xml; charset=utf-8"}

SAFE_HEADERS: RawHeaders = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
_BODY_HEADERS = (b"content-type", b"content-encoding", b"content-length")
_FORWARDED = (b"x-forwarded-for", b"forwarded", b"via")


class Head:
    """The header fields of one request: lower-case name → value, and the names sent twice."""

    __slots__ = ("repeated", "values")

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        values: dict[bytes, bytes] = {}
        repeated: set[bytes] | None = None
        for name, value in raw:
            if name in values:
                repeated = repeated or set()
                repeated.add(name)
            else:
                values[name] = value
        self.values = values
        self.repeated = repeated

    def text(self, name: bytes, longest: int) -> str | None:
        """The value as trimmed printable ASCII, or None where the header is absent or empty.

        Raises InvalidRequest with reason `header-repeated` or `header-unparsable`; it names the
        header, never its value.
        """
        value = self.values.get(name)
        if value is None:
            return None
        if self.repeated is not None and name in self.repeated:
            raise InvalidRequest(
                f"the header {name.decode('latin-1')} stands there twice: send it once",
                reason="header-repeated",
            )
        if len(value) <= longest and value.isascii():
            text = value.decode("ascii").strip(" \t")
            if text.isprintable():
                return text or None
        raise unparsable(name)


def unparsable(name: bytes, remedy: str = "use printable ASCII of a sensible length") -> InvalidRequest:
    """The 400 for a header that does not have its form."""
    return InvalidRequest(
        f"the header {name.decode('latin-1')} cannot be read: {remedy}", reason="header-unparsable"
    )


def media_type(head: Head) -> tuple[bytes, bytes]:
    """Content type in lower case without parameters, and its charset (b"" where none is named)."""
    value = head.values.get(b"content-type", b"")
    if value == JSON:
        return value, b""
    kind, _, parameters = value.partition(b";")
    charset = b""
    for parameter in parameters.split(b";"):
        name, _, text = parameter.partition(b"=")
        if name.strip().lower() == b"charset":
            charset = text.strip().strip(b'"').lower()
    return kind.strip().lower(), charset


def check_body_type(head: Head, allowed: tuple[bytes, ...]) -> bytes:
    """The content type, where it is one of `allowed`, in UTF-8 and not compressed.

    Raises InvalidRequest (415) with reason `content-type`, `charset` or `content-encoding`, and
    `header-repeated` (400) where one of these is there twice.
    """
    if head.repeated is not None and not head.repeated.isdisjoint(_BODY_HEADERS):
        raise InvalidRequest("a header about the body stands there twice", reason="header-repeated")
    kind, charset = media_type(head)
    if kind not in allowed:
        names = " or ".join(name.decode() for name in allowed)
        raise InvalidRequest(f"send the body as {names}", reason="content-type", status=415)
    if charset not in (b"", b"utf-8", b"utf8", b"us-ascii"):
        raise InvalidRequest("send the body in UTF-8", reason="charset", status=415)
    if head.values.get(b"content-encoding", b"identity").strip().lower() not in (b"identity", b""):
        raise InvalidRequest("send the body uncompressed", reason="content-encoding", status=415)
    return kind


async def read_body(receive: Receive, head: Head, limits: Limits) -> bytes:
    """The whole request body; never more than the limit is kept.

    Raises InvalidRequest: `body-too-large` (413), `body-timeout` (408) or `body-incomplete`.
    """
    limit = limits.request_body_bytes
    declared = head.values.get(b"content-length")
    if declared is not None and declared.isdigit() and int(declared[:20]) > limit:
        raise _too_large(limit)
    message = await receive() if declared is not None else None
    if message is not None and message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        return body
    try:
        async with asyncio.timeout(limits.exchange_seconds):
            return await _gather(receive, message, limit)
    except TimeoutError:
        raise InvalidRequest("the body came too slowly", reason="body-timeout", status=408) from None


async def _gather(receive: Receive, message: MutableMapping[str, Any] | None, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        if message is None:
            message = await receive()
        if message["type"] != "http.request":
            raise InvalidRequest("the connection closed before the body ended", reason="body-incomplete")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)
        message = None


def _too_large(limit: int) -> InvalidRequest:
    return InvalidRequest(f"the body is larger than {limit} bytes", reason="body-too-large", status=413)


async def answer(
    send: Send, status: int, content_type: bytes, body: bytes, extra: RawHeaders | None = None
) -> None:
    """Send one whole answer. A consumer that has gone is no error: its exchange is recorded."""
    headers = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        *SAFE_HEADERS,
    ]
    if extra:
        headers += extra
    try:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
    except OSError:
        return


class Proxies:
    """The networks of reverse proxies that may speak for a client certificate."""

    __slots__ = ("_known", "_networks")

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = [ipaddress.ip_network(text, strict=False) for text in networks]
        self._known: dict[str, bool] = {}  # proxies are few: a small bounded memory

    def trusts(self, scope: Scope) -> bool:
        """Whether the peer of this connection is a trusted proxy."""
        if not self._networks:
            return False
        host = _peer(scope)
        known = self._known.get(host)
        if known is None:
            known = _within(host, self._networks)
            if len(self._known) >= 1024:
                self._known.clear()
            self._known[host] = known
        return known


_LOOPBACK = [ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")]


def is_local(scope: Scope, head: Head) -> bool:
    """Whether the request comes from this machine itself, not through a proxy on it."""
    if any(name in head.values for name in _FORWARDED):
        return False
    return _within(_peer(scope), _LOOPBACK)


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _within(host: str, networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in networks)
