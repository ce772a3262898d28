"""The `send()` seam: one HTTP request out, one answer back, whoever carries it (design, section 9).

A transport never follows redirects, never asks for compressed answers, never lets a header value
break a line, and never answers later than the request's deadline.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from integrator.exchange import InvalidRequest

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)  # RFC 9110, 5.6.2
_UNSAFE_IN_URL = re.compile(r"[\x00-\x20\x7f-\uffff\\]")
_UNSAFE_IN_HOST = re.compile(r"[^0-9A-Za-z.\-:_]", re.ASCII)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class EndpointProblem(ValueError):
    """An endpoint is not a plain http or https address; the text says which rule it breaks."""


class Origin(NamedTuple):
    """Where connections go: scheme `http` or `https`, host without brackets, port."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The value of the Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def parse_endpoint(url: str) -> tuple[Origin, str]:
    """Split an endpoint into its origin and its path (query kept, no trailing slash changes).

    Raises EndpointProblem; the text never repeats the address, which may come from a secret.
    """
    if _UNSAFE_IN_URL.search(url):
        raise EndpointProblem("the endpoint has a space, a control or a non-ASCII character: encode it")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise EndpointProblem(
            "the endpoint is not a URL: write scheme://host[:port]/path, port 1 to 65535"
        ) from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise EndpointProblem("the endpoint is neither http:// nor https://: only these are supported")
    if parts.username is not None or parts.password is not None:
        raise EndpointProblem("the endpoint holds a user name: credentials belong under `security`")
    if not parts.hostname or _UNSAFE_IN_HOST.search(parts.hostname):
        raise EndpointProblem("the endpoint has no valid host name: write scheme://host[:port]/path")
    if parts.fragment or url.endswith("#"):
        raise EndpointProblem("the endpoint has a fragment (#…): remove it")
    if port == 0:
        raise EndpointProblem("the endpoint has port 0: write one from 1 to 65535")
    target = parts.path or "/"
    if parts.query:
        target += "?" + parts.query
    return Origin(parts.scheme, parts.hostname, port or _DEFAULT_PORTS[parts.scheme]), target


class HttpRequest:
    """One request. `target` is the path with its query; `headers` has neither Host nor framing.

    `deadline` is a time of the running loop (`loop.time()`) after which nobody waits any more.
    `idempotent` allows one repetition on a new connection where the peer closed a kept one
    before the first byte of an answer; never set it for a write.
    """

    __slots__ = ("body", "deadline", "headers", "idempotent", "method", "origin", "target")

    def __init__(
        self,
        origin: Origin,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        deadline: float,
        idempotent: bool = False,
    ) -> None:
        self.origin = origin
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.deadline = deadline
        self.idempotent = idempotent

    def encode(self) -> bytes:
        """The request as HTTP/1.1 bytes, head and body.

        Raises InvalidRequest (`header-injection`) where a target, name or value could end its
        line, or is not Latin-1; nothing of such a request is ever written.
        """
        body = self.body
        lines = [
            f"{self.method} {self.target} HTTP/1.1\r\nHost: {self.origin.authority}\r\n"
            "Accept-Encoding: identity\r\n"
        ]
        lines += [f"{name}: {value}\r\n" for name, value in self.headers]
        if body or self.method in _WITH_BODY:
            lines.append(f"Content-Length: {len(body)}\r\n")
        head = "".join(lines)
        # Every CR and LF must be one of ours: one count instead of a look at every value.
        breaks = len(lines) + 2
        if head.count("\n") != breaks or head.count("\r") != breaks or "\0" in head:
            raise _injection()
        if " " in self.target or not _names_are_tokens(self.headers):
            raise _injection()
        try:
            return head.encode("latin-1") + b"\r\n" + body
        except UnicodeEncodeError:
            raise _injection() from None


_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_known_names: set[str] = set()  # names that passed; adapters declare them, so they are few


def _names_are_tokens(headers: Sequence[tuple[str, str]]) -> bool:
    for name, _ in headers:
        if name not in _known_names:
            if not _TOKEN.fullmatch(name):
                return False
            if len(_known_names) < 1_024:
                _known_names.add(name)
    return True


def _injection() -> InvalidRequest:
    return InvalidRequest(
        "a header name, header value or path has a line break or a character HTTP cannot carry: remove it",
        reason="header-injection",
    )


class HttpResponse:
    """One answer: status, headers as received, whole body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def header(self, name: bytes) -> str | None:
        """The first value of a header, by lower-case name, or None."""
        for key, value in self.headers:
            if key.lower() == name:
                return value.decode("latin-1")
        return None


class Transport(Protocol):
    """Carries requests. The pool is the real one; `double.TransportDouble` stands in for tests."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send one request and return the whole answer, whatever its status.

        Raises ProviderUnreachable (no connection, TLS, closed without an answer), ProviderTimeout
        (deadline), BrokenContract (an answer that breaks HTTP or a limit), Overloaded (too many
        wait for a connection), InvalidRequest (`header-injection`). Cancelling it closes the
        connection.
        """
        ...

    async def close(self) -> None:
        """Close every connection; requests in flight fail as unreachable."""
        ...
