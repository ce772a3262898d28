"""What the bus fetches by itself: each message of a consumer passes the gateway as any event does.

The register's entry says as which party and for which purpose. The message is checked, and its record and
delivery row are durable, before the consumer lets go of the file, queue or row it came from; a message the
consumer offers again (it was killed in between) is a duplicate by its key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

from integrator.exchange import IntegratorError, InvalidRequest, Message, Refused, RouteFailed
from integrator.gateway import events
from integrator.gateway.headers import Asked, parse_dossier
from integrator.gateway.identity import Caller
from integrator.gateway.pipeline import refuse
from integrator.gateway.plane import Plane, name_caller
from integrator.gateway.runtime import FlowRuntime, Runtime
from integrator.site.compiled import Entry
from integrator.telemetry import log

_LOG = log.get("gateway")
_ASCII = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
_PLAIN = (str, int, float, bool, type(None))


class Offered(Protocol):
    """What a consumer offers; `engine.lifecycle.Offer` is one."""

    uri: str
    message: Message
    key: str | None
    properties: Mapping[str, Any]
    refused: bool


class Consumption:
    """Takes the offers of one runtime's consumers: an instance is the engine's `Take`."""

    def __init__(self, plane: Plane, runtime: Runtime, jq: Callable[[str], Callable[[Any], Any]]) -> None:
        self._plane, self._runtime = plane, runtime
        self._entries: dict[str, tuple[FlowRuntime, Entry, Callable[[Any], Any] | None]] = {}
        for flow in runtime.flows.values():
            for entry in flow.flow.entries:
                if entry.kind == "consume":
                    dossier = jq(entry.dossier) if entry.dossier else None
                    self._entries[entry.path] = (flow, entry, dossier)

    @property
    def uris(self) -> frozenset[str]:
        """The consumers that have an entry: no other may run."""
        return frozenset(self._entries)

    async def __call__(self, offer: Offered) -> Exception | None:
        """None once the event is safe; else why it was refused. Raises LookupError without an entry."""
        found = self._entries.get(offer.uri)
        if found is None:
            raise LookupError(f"{offer.uri} has no entry in the register")
        flow, entry, dossier = found
        plane = self._plane
        context = plane.begin(self._runtime, flow, "consume")
        try:
            plane.check_load()
            party = self._runtime.directory.parties[entry.party or ""]
            caller = Caller(party, None, None)
            name_caller(context, caller)
            context.arrival, value, raw = self._arrival(flow, offer)
            context.request_bytes, context.request_digest = len(raw), events.digest(raw)
            asked = Asked(purpose=entry.purpose, idempotency_key=offer.key)
            if dossier is not None:
                text = dossier(value)
                asked.dossier = (
                    parse_dossier(quote(text, safe=_ASCII), None) if isinstance(text, str) else None
                )
            plane.admit(self._runtime, flow, context, caller, asked)
            flow.check_request(value)
            context.subjects_request = flow.request_subjects(value)
            ended = await events.accept(plane, flow, context, value, offer.key, raw=raw)
        except IntegratorError as error:
            ended = await refuse(plane, flow, context, error)
        except Exception:
            _LOG.error("consumer-broke", exchange=context.exchange_id, flow=flow.id, exc_info=True)
            ended = await refuse(plane, flow, context, RouteFailed())
        offer.refused = _for_good(ended.error)
        return ended.error

    @staticmethod
    def _arrival(flow: FlowRuntime, offer: Offered) -> tuple[dict[str, Any], Any, bytes]:
        """What a later attempt needs to make the message again, the canonical value, and the bytes kept.

        A flow with a request schema takes JSON; without one the body is kept as it came.
        """
        message = offer.message
        kind = "none" if message.body is None else "json" if flow.flow.request else "bytes"
        value: Any = None
        raw = b""
        if kind == "json":
            value = message.as_json()
            raw = events.canonical(value)
        elif kind == "bytes":
            raw = message.as_bytes()
        elif flow.flow.request:
            raise InvalidRequest("the message has no body", reason="body-missing")
        arrival = {"uri": offer.uri, "body": kind, "headers": _kept(message.headers),
                   "properties": _kept(offer.properties)}  # fmt: skip
        return arrival, value, raw


def _for_good(error: Exception | None) -> bool:
    """Whether a message would be refused again whenever it comes: whoever offers it need not."""
    return isinstance(error, (InvalidRequest, Refused)) and error.http_status not in (409, 429)


def _kept(values: Mapping[str, Any]) -> dict[str, Any]:
    """Texts, numbers and booleans; dates as text. Anything else does not outlive the consumer."""
    found = {}
    for name, value in values.items():
        if isinstance(value, datetime):
            value = value.isoformat()
        if isinstance(value, _PLAIN):
            found[name] = value
    return found
