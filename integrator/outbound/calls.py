"""What every compiled call of an operation offers the sender, and the headers both protocols share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from integrator.exchange import AdapterAnswer, Context, Headers, InvalidRequest
from integrator.outbound.transport import HttpResponse

# Headers that frame, route or authenticate: the transport and the protocols own them.
RESERVED = frozenset({
    "accept", "accept-encoding", "authorization", "connection", "content-encoding", "content-length",
    "content-type", "cookie", "expect", "host", "idempotency-key", "keep-alive", "proxy-authorization",
    "proxy-connection", "set-cookie", "soapaction", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip


class Prepared(NamedTuple):
    """A request ready to be sent, but for its deadline."""

    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes


class Call(Protocol):
    """One operation of one adapter, compiled once. Both parts are pure: nothing is sent."""

    method: str

    def prepare(self, body: Any, headers: Mapping[str, Any], context: Context, now_us: int) -> Prepared:
        """The request of a message. Raises InvalidRequest where the contract does not allow it."""
        ...

    def read(self, response: HttpResponse, context: Context) -> AdapterAnswer:
        """The answer in a response. Raises NoData, ProviderFault or BrokenContract."""
        ...


def outgoing_headers(
    names: Sequence[str],
) -> Callable[[Mapping[str, Any]], list[tuple[str, str]]]:
    """The function that takes the declared headers, and nothing else, from a message.

    It raises InvalidRequest (`header-value`) for a value that is not one line of text.
    """
    if not names:
        return lambda _headers: []

    def take(headers: Mapping[str, Any]) -> list[tuple[str, str]]:
        message = headers if isinstance(headers, Headers) else Headers(headers)
        return [(name, _text(name, message[name])) for name in names if name in message]

    return take


def returned_headers(names: Sequence[str]) -> Callable[[HttpResponse], dict[str, Any]]:
    """The function that takes the declared headers, and nothing else, from an answer."""
    wanted = [(name, name.lower().encode("latin-1")) for name in names]

    def take(response: HttpResponse) -> dict[str, Any]:
        found = ((name, response.header(key)) for name, key in wanted)
        return {name: value for name, value in found if value is not None}

    return take


def _text(name: str, value: Any) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        text = str(value)
        if text.isascii() and text.isprintable() and text == text.strip():
            return text
    raise InvalidRequest(
        f"the header {name} is not one line of ASCII text: set it to a text or a number",
        reason="header-value",
    )
