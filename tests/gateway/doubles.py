"""Doubles of the other rooms: a store in memory, routes that are functions, an ASGI client."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import jq

from integrator.contracts.jsonschema import JsonSchema
from integrator.exchange import Exchange, Leg, now_us
from integrator.gateway.app import Gateway
from integrator.gateway.credentials import new_key
from integrator.gateway.runtime import Runtime, Tools
from integrator.journal.writer import Journal
from integrator.security.keyring import PURPOSES, Key, Keyring
from integrator.security.limits import DEFAULT, Limits
from integrator.site.compiled import CompiledSite, Delivery, Entry, Flow, Grant, Party, Purpose, RouteSource
from integrator.store.api import DeliveryStatus, KeyRow, StoredRecord
from integrator.store.units import Conflict, RecordRow, StoreUnavailable, Unit
from integrator.telemetry.metrics import Metrics

NAMUR = "0207362739"
SPW = "0316381138"
IMIO = "0229921078"
NISS = "85073003328"
AGENT = "17073003384"


def keyring() -> Keyring:
    return Keyring(
        [Key(f"{purpose}-1", purpose, bytes([number]) * 32) for number, purpose in enumerate(PURPOSES)]
    )


class MemoryStore:
    """The store's contract in dictionaries, with failures on demand.

    `fail` holds what `commit` does next: an exception to raise, or None to write.
    """

    def __init__(self) -> None:
        self.units: list[Unit] = []
        self.records: list[RecordRow] = []
        self.keys: dict[str, KeyRow] = {}
        self.claims: dict[tuple[str, str, bytes], tuple[bytes, bytes]] = {}
        self.deliveries: dict[bytes, DeliveryStatus] = {}
        self.fail: Callable[[Unit], Exception | None] = lambda _unit: None
        self.down = False
        self.key_reads = 0
        self.in_progress = False

    async def commit(self, unit: Unit) -> Conflict | None:
        await asyncio.sleep(0)
        error = self.fail(unit)
        if self.down:
            error = StoreUnavailable()
        if error is not None:
            raise error
        claim = unit.idempotency
        if claim is not None:
            key = (claim.party, claim.flow, claim.key_mac)
            if self.in_progress:
                return Conflict("idempotency")
            if key in self.claims:
                exchange_id, digest = self.claims[key]
                return Conflict("idempotency", exchange_id, digest)
            self.claims[key] = (claim.exchange_id, claim.digest)
        for row in unit.records:
            if row.final and any(r.final and r.exchange_id == row.exchange_id for r in self.records):
                return Conflict("ended")
        self.units.append(unit)
        self.records.extend(unit.records)
        accept = unit.accept
        if accept is not None:
            self.deliveries[accept.exchange_id] = DeliveryStatus(
                accept.exchange_id,
                accept.flow,
                accept.party,
                "accepted",
                0,
                accept.accepted_us,
                accept.due_us,
                accept.accepted_us,
                None,
            )
        return None

    async def find_key(self, key_id: str) -> KeyRow | None:
        if self.down:
            raise StoreUnavailable
        self.key_reads += 1
        return self.keys.get(key_id)

    async def delivery(self, exchange_id: bytes) -> DeliveryStatus | None:
        if self.down:
            raise StoreUnavailable
        return self.deliveries.get(exchange_id)

    async def records_of(self, exchange_id: bytes) -> list[StoredRecord]:
        return [_stored(row) for row in self.records if row.exchange_id == exchange_id]

    # --- what tests look at ---

    def types(self) -> list[str]:
        return [row.type for row in self.records]

    def leaves(self) -> list[dict[str, Any]]:
        return [json.loads(row.leaf) for row in self.records]

    def move(self, exchange_id: bytes, **changes: Any) -> None:
        self.deliveries[exchange_id] = replace(self.deliveries[exchange_id], **changes)


def _stored(row: RecordRow) -> StoredRecord:
    return StoredRecord(
        row.record_id,
        row.exchange_id,
        row.time_us,
        row.type,
        row.final,
        row.flow,
        row.party,
        row.outcome,
        row.leaf,
        row.leaf_hash,
        None,
        row.details,
        row.details_key,
    )


Handler = Callable[[Exchange], Any]


def person(exchange: Exchange) -> Any:
    """The answer of the usual provider: more than most grants allow."""
    called(exchange)
    return {
        "niss": exchange.message.as_json()["niss"],
        "name": {"last": "Modèle", "first": "Alix"},
        "birthDate": "1985-07-30",
        "address": {"street": "Rue Exemple", "number": "1"},
        "income": 1,
    }


def called(exchange: Exchange) -> None:
    """As if the outbound had called a provider."""
    assert exchange.context is not None
    exchange.context.legs.append(Leg("regional/bced-person", "getPerson", "read", now_us()))


class FunctionRoutes:
    """Routes that are functions of the exchange; what they raise is the exchange's exception."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self.handlers = handlers
        self.ran: list[Exchange] = []

    async def run(self, uri: str, exchange: Exchange) -> None:
        self.ran.append(exchange)
        try:
            answer = self.handlers[uri](exchange)
            exchange.message.body = await answer if inspect.isawaitable(answer) else answer
        except Exception as error:
            exchange.exception = error


PERSON_REQUEST = {
    "type": "object",
    "required": ["niss"],
    "additionalProperties": False,
    "properties": {"niss": {"type": "string", "minLength": 11, "maxLength": 15}},
}
PERSON = {
    "type": "object",
    "required": ["niss", "name"],
    "properties": {
        "niss": {"type": "string"},
        "name": {"type": "object"},
        "birthDate": {"type": "string"},
        "address": {"type": ["object", "null"]},
    },
}
PERMIT = {
    "type": "object",
    "required": ["permit", "applicant"],
    "properties": {
        "permit": {"type": "string"},
        "applicant": {"type": "object", "required": ["niss"], "properties": {"niss": {"type": "string"}}},
    },
}
QUERY = {
    "type": "object",
    "properties": {
        "code": {"type": "string"},
        "year": {"type": "integer"},
        "full": {"type": "boolean"},
        "rate": {"type": "number"},
    },
}
ROUTE = RouteSource("routes/none.camel.yaml", ())


def flow(flow_id: str, *entries: Entry, **changes: Any) -> Flow:
    defaults: dict[str, Any] = {
        "title": {"en": flow_id},
        "owner": "regional/spw",
        "exchange": "request-reply",
        "route": ROUTE,
        "request": None,
        "answer": None,
    }
    return Flow(id=flow_id, entries=entries, **{**defaults, **changes})


def grant(*parties: str, **changes: Any) -> Grant:
    defaults: dict[str, Any] = {
        "purposes": ("environmental-permit",),
        "fields": ("identity", "address"),
        "authorisation": "protocol 14",
        "valid_from": "2020-01-01",
        "valid_until": "2099-12-31",
    }
    return Grant(parties=parties, **{**defaults, **changes})


def site(**changes: Any) -> CompiledSite:
    groups = {"identity": ("niss", "name", "birthDate"), "address": ("address",)}
    flows = [
        flow(
            "person-consult", Entry("rest", "/v1/persons/consult"), request="person-request", answer="person",
            subjects_request=("$.niss",), subjects_response=("$..niss",), field_groups=groups,
            grants=(
                grant("municipal/namur"),
                grant("municipal/liege", fields=("identity",), agent="optional", quota=(2, 60)),
                grant("municipal/mons", valid_until="2021-12-31"),
                grant("municipal/arlon", purposes=("statistics",)),
            ),
        ),
        flow(
            "permit-notification", Entry("rest", "/v1/permit-notifications"), request="permit", exchange="event",
            subjects_request=("$.applicant.niss",), delivery=Delivery(), grants=(grant("municipal/namur", fields=()),),
        ),
        flow(
            "code-list", Entry("rest", "/v1/codes/{code}", "GET", ("year", "full", "rate"), ("X-Wanted",)),
            request="query", data="public", grants=(grant("municipal/namur", fields=(), agent="optional"),),
        ),
        flow(
            "anything", Entry("rest", "/v1/anything"), Entry("rest", "/v1/anything", "PUT"), data="internal",
            grants=(grant("municipal/namur", fields=(), agent="optional"),),
        ),
    ]  # fmt: skip
    defaults: dict[str, Any] = {
        "hash": "ab" * 32,
        "organisation": SPW,
        "languages": ("en", "fr", "nl", "de"),
        "purposes": {
            "environmental-permit": Purpose(
                "environmental-permit", {"en": "Permit"}, "Décret du 11 mars 1999",
                {"bced": "ENVIRONMENTAL_OR_SINGLE_PERMIT"}, ("imio-urban", "spw-permits"), r"^PE/\d{4}/\d{1,6}$",
            ),
            "statistics": Purpose("statistics", {"en": "Statistics"}, "Loi", {}),
        },
        "parties": {
            "municipal/namur": Party("municipal/namur", NAMUR, {}, certificates=("sha256:" + "AA" * 32,)),
            "municipal/liege": Party("municipal/liege", "0207343933", {}),
            "municipal/mons": Party("municipal/mons", "0207889215", {}),
            "municipal/arlon": Party("municipal/arlon", "0207363600", {}),
            "software/imio": Party("software/imio", IMIO, {}, may_act_for=("municipal/namur",)),
            "regional/spw": Party("regional/spw", SPW, {}),
        },
        "flows": {known.id: known for known in flows},
        "adapters": {},
        "schemas": {"person-request": PERSON_REQUEST, "person": PERSON, "permit": PERMIT, "query": QUERY},
    }  # fmt: skip
    return CompiledSite(**{**defaults, **changes})


def compile_jq(text: str) -> Callable[[Any], Any]:
    program = jq.compile(text)
    return lambda value: program.input_value(value).first()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class World:
    """A gateway among doubles, and a client that speaks ASGI to it."""

    routes: FunctionRoutes
    handlers: dict[str, Handler]
    store: MemoryStore = field(default_factory=MemoryStore)
    keys: Keyring = field(default_factory=keyring)
    limits: Limits = DEFAULT
    now: Callable[[], int] = now_us
    gateway: Gateway = field(init=False)
    accepted: int = 0
    metrics: Metrics = field(default_factory=Metrics)
    options: dict[str, Any] = field(default_factory=dict)
    tools: Tools = field(init=False)
    credentials: dict[str, str] = field(default_factory=dict)

    def build(self, compiled: CompiledSite | None = None, **tools: Any) -> World:
        made: dict[str, Any] = {
            "routes": lambda _sources, _personal: self.routes,
            "schema": JsonSchema,
            "jq": compile_jq,
            "contracts": {},
            "binders": {},
        }
        self.tools = Tools(**{**made, **tools})
        self.gateway = Gateway(
            Runtime.build(compiled or site(), self.tools, self.limits), self.store,
            Journal(self.keys, "bus.example/journal"), self.keys, self.metrics, self.limits,
            on_accepted=self._wake, now_us=self.now, **self.options,
        )  # fmt: skip
        return self

    def _wake(self) -> None:
        self.accepted += 1

    def key(self, party: str, **changes: Any) -> str:
        """The Authorization value of a (new) key of a party."""
        if party not in self.credentials or changes:
            text, row = new_key(party, "test", self.keys, self.now())
            self.store.keys[row.key_id] = replace(row, **changes)
            if changes:
                return f"Bearer {text}"
            self.credentials[party] = f"Bearer {text}"
        return self.credentials[party]

    def headers(self, party: str = "municipal/namur", **changes: str | None) -> dict[str, str]:
        """The headers of a good request; a name given as None is left out."""
        good: dict[str, str | None] = {
            "content-type": "application/json",
            "authorization": self.key(party),
            "integrator-purpose": "environmental-permit",
            "integrator-dossier": "imio-urban:PE/2026/118",
            "integrator-agent": f"RN/RBis:{AGENT}",
        }
        good.update({name.replace("_", "-"): value for name, value in changes.items()})
        return {name: value for name, value in good.items() if value is not None}

    async def consult(
        self, body: Any = None, party: str = "municipal/namur", **changes: str | None
    ) -> Answer:
        body = {"niss": NISS} if body is None else body
        return await self.ask("POST", "/v1/persons/consult", self.headers(party, **changes), body)

    async def notify(self, body: Any = None, party: str = "municipal/namur", **changes: str | None) -> Answer:
        body = {"permit": "P1", "applicant": {"niss": NISS}} if body is None else body
        return await self.ask("POST", "/v1/permit-notifications", self.headers(party, **changes), body)

    async def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | list[tuple[str, str]] | None = None,
        body: Any = b"",
        *,
        client: str = "127.0.0.1",
        chunks: list[bytes] | None = None,
        disconnect: bool = False,
        send_fails: bool = False,
    ) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers or [])
        names = {name.lower() for name, _ in pairs}
        if chunks is None and raw and "content-length" not in names:
            pairs.append(("content-length", str(len(raw))))
        path, _, query = target.partition("?")
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "scheme": "http",
            "query_string": query.encode(), "client": (client, 1), "http_version": "1.1",
            "headers": [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in pairs],
        }  # fmt: skip
        parts = [raw] if chunks is None else chunks
        messages = [
            {"type": "http.request", "body": part, "more_body": disconnect or place < len(parts) - 1}
            for place, part in enumerate(parts)
        ]
        if disconnect:
            messages.append({"type": "http.disconnect"})
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if send_fails:
                raise OSError
            sent.append(message)

        await self.gateway(scope, receive, send)
        if not sent:
            return Answer(0, {}, b"")
        return Answer(
            sent[0]["status"],
            {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]},
            b"".join(message.get("body", b"") for message in sent[1:]),
        )


def fails(error: Exception, *, after_call: bool = True) -> Handler:
    """A route that raises, after a call to a provider or before any."""

    def handler(exchange: Exchange) -> Any:
        if after_call:
            called(exchange)
        raise error

    return handler
