"""An accepted event in a real store, and a handler to deliver it: what delivery and broker tests share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import uuid_utils

from integrator import exchange as errors
from integrator.exchange import Agent, Context, Exchange, Subject
from integrator.gateway.delivery import DeliveryHandler
from integrator.gateway.eventbody import seal_event
from integrator.journal.writer import Journal
from integrator.security.keyring import PURPOSES, Key, Keyring
from integrator.security.limits import Limits
from integrator.site.compiled import CompiledSite, Delivery, Flow, Grant, Party, Purpose, RouteSource
from integrator.store.units import AcceptRow, Unit
from integrator.telemetry.metrics import Metrics

T0 = 1_800_000_000_000_000
FLOW = "permit-notification"
PARTY = "municipal/namur"
NISS = "85073003328"
EVENT = json.dumps({"applicant": {"niss": NISS}, "permit": "PE/2026/118"}).encode()
KEYS = Keyring([Key(f"{purpose}-1", purpose, bytes([n]) * 32) for n, purpose in enumerate(PURPOSES)])
SITE = CompiledSite(
    hash="ab" * 32,
    organisation="0316381138",
    languages=("fr",),
    purposes={"environmental-permit": Purpose("environmental-permit", {}, "Décret", {"bced": "NEW_CODE"})},
    parties={PARTY: Party(PARTY, "0207362739", {})},
    flows={},
    adapters={},
)
EVENT_FLOW = Flow(
    id=FLOW,
    title={},
    owner="regional/spw",
    exchange="event",
    route=RouteSource("r.camel.yaml", ()),
    request=None,
    answer=None,
    entries=(),
    retention="P5Y",
    delivery=Delivery(attempts=3, first_delay=2.0, factor=2.0, max_delay=5.0),
)


class Routes:
    """A route that is a function: raises, or returns."""

    def __init__(self, act: Callable[[Exchange], Any]) -> None:
        self.act, self.seen = act, []

    async def run(self, uri: str, exchange: Exchange) -> None:
        self.seen.append((uri, exchange))
        try:
            outcome = self.act(exchange)
            if asyncio.iscoroutine(outcome):
                await outcome
        except errors.IntegratorError as error:
            exchange.exception = error


@dataclass
class KnownFlow:
    flow: Flow
    routes: Routes


@dataclass
class Site:
    """What the active site says: its flows, and one grant or none."""

    flows: dict[str, KnownFlow]
    grant: Grant | None = field(
        default_factory=lambda: Grant((PARTY,), ("environmental-permit",), ("identity",), authorisation="P-2")
    )
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    site: CompiledSite = SITE

    def grant_for(self, *asked: Any) -> Grant | None:
        self.asked.append(asked)
        return self.grant


class Failing:
    """The store, with what its next commits do instead of writing."""

    def __init__(self, store: Any) -> None:
        self._store, self.errors, self.units = store, [], []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, unit: Unit) -> Any:
        if self.errors:
            error = self.errors.pop(0)
            if error is not None:
                raise error
        self.units.append(unit)
        return await self._store.commit(unit)


class Bench:
    """One event accepted in a store, and a handler to deliver it."""

    def __init__(self, store: Any) -> None:
        self.store, self.now = Failing(store), T0
        self.routes = Routes(lambda exchange: None)
        self.runtime = Site({FLOW: KnownFlow(EVENT_FLOW, self.routes)})
        self.metrics, self.due = Metrics(), 0
        self.journal = Journal(KEYS, "bus.example/journal")
        self.limits, self.chance = Limits(), 0.5
        self.handler = self.make_handler()

    def make_handler(self) -> DeliveryHandler:
        return DeliveryHandler(
            self.store,
            self.journal,
            KEYS,
            lambda: self.runtime,
            metrics=self.metrics,
            on_due=self._on_due,
            limits=self.limits,
            now_us=lambda: self.now,
            chance=lambda: self.chance,
        )

    def _on_due(self) -> None:
        self.due += 1

    async def accept(self, body: bytes = EVENT, **changes: Any) -> bytes:
        exchange = uuid_utils.uuid7()
        context = Context(
            exchange_id=str(exchange),
            flow=FLOW,
            site="cd" * 32,
            kind="event",
            party=PARTY,
            organisation="0207362739",
            agent=Agent("RN/RBis", "17073003384"),
            purpose="environmental-permit",
            purpose_codes={"bced": "OLD_CODE"},
            authorisation="P-1",
            subjects_request=(Subject("niss", NISS),),
            received_us=self.now,
        )
        context = replace(context, **changes)
        row = self.journal.record("received", context, now_us=self.now, final=False)
        sealed = seal_event(KEYS, exchange.bytes, body, context, row.leaf_hash)
        accepted = AcceptRow(exchange.bytes, FLOW, PARTY, self.now, self.now, *sealed)
        await self.store._store.commit(Unit([row], accept=accepted))
        return exchange.bytes

    async def status(self, exchange: bytes) -> tuple[str, int, str | None]:
        row = await self.store.delivery(exchange)
        return row.state, row.attempt, row.reason

    async def leaves(self, exchange: bytes) -> list[dict[str, Any]]:
        return [json.loads(record.leaf) for record in await self.store.records_of(exchange)]

    async def final(self, exchange: bytes) -> dict[str, Any]:
        (leaf,) = [leaf for leaf in await self.leaves(exchange) if leaf["type"] != "received"]
        return leaf

    def metric(self, text: str) -> bool:
        return text in self.metrics.render().decode()


def fail_with(error: Exception) -> Callable[[Exchange], None]:
    def act(exchange: Exchange) -> None:
        raise error

    return act
