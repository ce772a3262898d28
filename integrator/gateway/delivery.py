"""One attempt to deliver one event: claim, re-check the grant, run the route, commit how it ended.

The queue's message only says which attempt is meant; the delivery table says whether it is still to
be made. A claim leases the row, so that a duplicate message does nothing; end record and state are
written in one unit of work with a compare-and-swap on the attempt, so that nothing ends twice. A
crash between the provider's answer and that commit leads to the same call again, with the exchange
id as Idempotency-Key (the outbound sends it): the recipient can tell (design, I3).

What becomes of a failure:

- retried, with exponential back-off: provider too slow, unreachable, at fault or breaking its
  contract, the bus overloaded or failing inside; nobody knows that the next attempt fails too;
- dead-lettered at once: the event itself breaks a contract (InvalidRequest), the law says no
  (Refused, NotAuthenticated), or a source the route asks knows nothing (NoData): the same answer
  comes back a minute later, and an operator should hear of it now;
- dead-lettered once the flow's attempts are spent.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from integrator.engine.durable import SCHEME
from integrator.exchange import (
    Context,
    Conversions,
    Exchange,
    IntegratorError,
    InvalidRequest,
    Message,
    NoData,
    NotAuthenticated,
    NotRecorded,
    ProviderTimeout,
    Refused,
    RouteFailed,
    now_us,
)
from integrator.gateway.aggregates import Aggregates
from integrator.gateway.errors import after_the_route, error_info, rolled_back
from integrator.gateway.eventbody import EventUnreadable, open_event
from integrator.gateway.plane import Today
from integrator.gateway.runtime import Routes
from integrator.journal.canonical import NotCanonical
from integrator.security import parsers
from integrator.security.keyring import Keyring
from integrator.security.limits import DEFAULT, Limits
from integrator.site.compiled import CompiledSite, Delivery, Flow, Grant
from integrator.store.api import ClaimedDelivery
from integrator.store.units import Conflict, DeliveryRow, RecordRow, Unit, UnitRefused
from integrator.telemetry import log

_LOG = log.get("gateway")
_LEASE_MARGIN_SECONDS = 15.0  # for the commit after the last moment of an attempt
_JITTER = 0.1

PERMANENT = (InvalidRequest, Refused, NotAuthenticated, NoData)

FLOW_REMOVED = "flow-removed"
AGGREGATE_REMOVED = "aggregate-removed"
GRANT_WITHDRAWN = "grant-withdrawn"
EVENT_UNREADABLE = "event-unreadable"


class DeliveryFlow(Protocol):
    """What a flow of the active site gives; `runtime.FlowRuntime` is one."""

    @property
    def flow(self) -> Flow:
        """The flow as registered."""
        ...

    @property
    def routes(self) -> Routes:
        """Its compiled routes."""
        ...


class DeliveryRuntime(Protocol):
    """What the active site gives; `runtime.Runtime` is one."""

    @property
    def site(self) -> CompiledSite:
        """The compiled site."""
        ...

    @property
    def flows(self) -> Mapping[str, DeliveryFlow]:
        """The flows by id."""
        ...

    def grant_for(
        self, flow: str, party: str | None, purpose: str | None, on_date: str, on_behalf_of: str | None = None
    ) -> Grant | None:
        """The grant under which the party may use the flow for the purpose on that day."""
        ...


class DeliveryStore(Protocol):
    """The part of `store.api.Store` a delivery needs."""

    async def claim_delivery(
        self, exchange_id: bytes, attempt: int, now_us: int, lease_until_us: int
    ) -> ClaimedDelivery | None:
        """Lease one attempt; None where it is not to be made."""
        ...

    async def commit(self, unit: Unit) -> Conflict | None:
        """Write a unit whole or not at all."""
        ...


class DeliveryJournal(Protocol):
    """The part of `journal.writer.Journal` a delivery needs."""

    def record(
        self, type_: str, context: Context, *, now_us: int, final: bool, retention: str = ...
    ) -> RecordRow:
        """The row of one record."""
        ...


class DeliveryMetrics(Protocol):
    """The part of `telemetry.metrics.Metrics` a delivery needs."""

    def ended(self, flow: str, outcome: str, seconds: float) -> None:
        """An exchange reached its final state so many seconds after it was accepted."""
        ...

    def count(self, kind: str, amount: float = 1) -> None:
        """Something of this kind happened."""
        ...


def delay_seconds(rule: Delivery, attempt: int, chance: float) -> float:
    """Seconds until the attempt after `attempt` (0 is the first): exponential, capped, ±10 %.

    `chance` in [0, 1) spreads events that failed together.
    """
    # Beyond 2**64 the cap has long decided; the bound keeps large attempts from overflowing.
    delay = min(rule.first_delay * rule.factor ** min(attempt, 64), rule.max_delay)
    return delay * (1 - _JITTER + 2 * _JITTER * chance)


@dataclass(slots=True)
class _Attempt:
    """One attempt under way. `flow` is None where the active site has it no longer; `work` is what the route
    added to groups of messages."""

    claimed: ClaimedDelivery
    context: Context
    flow: Flow | None = None
    work: Any = None

    @property
    def retention(self) -> str:
        return self.flow.retention if self.flow is not None else "P10Y"

    @property
    def last(self) -> bool:
        return self.flow is None or self.claimed.attempt + 1 >= self.flow.delivery.attempts


class DeliveryHandler:
    """The broker's handler: `await handler(exchange_id, flow, attempt)`.

    Never raises for what a provider or a route did. Raises the store's errors where the end could
    not be written: the broker hands the message out again, or the relay publishes it anew, and
    the lease decides.
    """

    def __init__(
        self,
        store: DeliveryStore,
        journal: DeliveryJournal,
        keyring: Keyring,
        runtime: Callable[[], DeliveryRuntime],
        *,
        metrics: DeliveryMetrics,
        on_due: Callable[[], None],
        limits: Limits = DEFAULT,
        conversions: Conversions | None = None,
        now_us: Callable[[], int] = now_us,
        chance: Callable[[], float] = random.random,
        aggregates: Aggregates | None = None,
    ) -> None:
        self._aggregates = aggregates
        self._store, self._journal, self._keyring = store, journal, keyring
        self._runtime, self._metrics, self._on_due = runtime, metrics, on_due
        self._limits = limits
        self._conversions = conversions or parsers.conversions(limits)
        self._now_us, self._chance = now_us, chance
        self._today = Today(now_us)

    async def __call__(self, exchange_id: bytes, flow: str, attempt: int) -> None:
        """Make one attempt, if it is still to be made."""
        now_us = self._now_us()
        lease_us = now_us + int((self._limits.delivery_seconds + _LEASE_MARGIN_SECONDS) * 1e6)
        claimed = await self._store.claim_delivery(exchange_id, attempt, now_us, lease_us)
        if claimed is None:
            self._metrics.count("delivery-duplicate")
            return
        runtime = self._runtime()
        try:
            body, context = open_event(self._keyring, claimed)
        except EventUnreadable as error:
            _LOG.error("event-unreadable", exchange=_text(exchange_id), flow=flow, exc_info=error)
            unreadable = RouteFailed(reason=EVENT_UNREADABLE)
            bare = _Attempt(claimed, _bare_context(claimed, runtime.site.hash))
            await self._dead_letter(bare, EVENT_UNREADABLE, unreadable)
            return
        await self._attempt(_Attempt(claimed, context), runtime, body)

    async def _attempt(self, attempt: _Attempt, runtime: DeliveryRuntime, body: bytes) -> None:
        context, claimed = attempt.context, attempt.claimed
        context.site, context.entry = runtime.site.hash, "delivery"
        context.attempts, context.legs = claimed.attempt + 1, []
        known = runtime.flows.get(claimed.flow)
        if known is None or known.flow.exchange != "event":
            await self._dead_letter(attempt, FLOW_REMOVED, Refused(reason=FLOW_REMOVED))
            return
        attempt.flow = known.flow
        if not self._authorise(context, runtime, claimed.flow):
            await self._dead_letter(attempt, GRANT_WITHDRAWN, Refused(reason=GRANT_WITHDRAWN))
            return
        arrival = context.arrival or {}
        if arrival.get("discarded"):
            context.outcome = "discarded"
            await self._delivered(attempt)
            return
        if str(arrival.get("uri", "")).startswith(SCHEME) and arrival["uri"] not in known.routes.uris:
            await self._dead_letter(attempt, AGGREGATE_REMOVED, Refused(reason=AGGREGATE_REMOVED))
            return
        error = await self._carry(attempt, known, body)
        if error is None:
            await self._delivered(attempt)
        else:
            await self._failed(attempt, error)

    def _authorise(self, context: Context, runtime: DeliveryRuntime, flow: str) -> bool:
        """Whether the active site still grants it today; the context then says under what authority."""
        grant = runtime.grant_for(flow, context.party, context.purpose, self._today(), context.on_behalf_of)
        purpose = runtime.site.purposes.get(context.purpose or "")
        if grant is None or purpose is None or (grant.agent == "required" and context.agent is None):
            return False
        context.authorisation, context.fields = grant.authorisation, grant.fields
        context.purpose_codes, context.legal_basis = purpose.contexts, purpose.legal_basis
        return True

    async def _carry(self, attempt: _Attempt, known: DeliveryFlow, body: bytes) -> IntegratorError | None:
        """Run the route; None when it ended well."""
        context = attempt.context
        context.deadline = asyncio.get_running_loop().time() + self._limits.delivery_seconds
        message = Message(conversions=self._conversions)
        exchange = Exchange(message, exchange_id=context.exchange_id, context=context, pattern="InOnly")
        arrival = context.arrival or {}
        message.headers.update(arrival.get("headers", {}))
        exchange.properties.update(arrival.get("properties", {}))
        kind = arrival.get("body", "json")
        try:
            if kind == "json":
                message.set_json(self._conversions.parse_json(body), body)
            elif kind == "bytes":
                message.body = body
            async with asyncio.timeout_at(context.deadline):
                await known.routes.run(arrival.get("uri") or f"flow:{known.flow.id}", exchange)
        except TimeoutError:
            return ProviderTimeout()
        except Exception as error:  # a mistake of ours must not leave the event without a next attempt
            exchange.exception = error
        failure = exchange.exception
        if failure is None:
            attempt.work = exchange.work
            return rolled_back() if exchange.rollback_only else None
        if not isinstance(failure, IntegratorError):
            _LOG.error("route-broke", exchange=context.exchange_id, flow=known.flow.id, exc_info=failure)
        return after_the_route(failure, bool(context.legs))

    # --- how it ends ---

    async def _delivered(self, attempt: _Attempt) -> None:
        context, claimed = attempt.context, attempt.claimed
        context.replied_us, context.error = self._now_us(), None
        row = DeliveryRow(claimed.exchange_id, claimed.attempt, "delivered", claimed.attempt, None)
        try:
            if attempt.work is not None and attempt.work.inputs:
                await self._aggregated(attempt, row)
            else:
                await self._end(attempt, "delivered", row)
        except IntegratorError as error:  # on what the groups have become, its messages cannot be aggregated
            context.aggregated_into, context.outcome = (), None
            await self._failed(attempt, error)
        except (UnitRefused, NotCanonical, ValueError) as error:
            # The database or the journal refuses this very record, and would refuse it for ever:
            # counted as a failed attempt, so that it cannot be delivered without end.
            _LOG.error("delivery-not-recorded", exchange=context.exchange_id, exc_info=error)
            await self._failed(attempt, NotRecorded())

    async def _failed(self, attempt: _Attempt, error: IntegratorError) -> None:
        if attempt.flow is None or attempt.last or isinstance(error, PERMANENT):
            await self._dead_letter(attempt, error.category, error)
            return
        claimed, rule = attempt.claimed, attempt.flow.delivery
        due_us = self._now_us() + int(delay_seconds(rule, claimed.attempt, self._chance()) * 1e6)
        row = DeliveryRow(
            claimed.exchange_id, claimed.attempt, "accepted", claimed.attempt + 1, due_us, error.category
        )
        if await self._commit(attempt, Unit(delivery=row)):
            self._metrics.count("delivery-retried")
            self._tell("delivery-failed", attempt, error)
            self._on_due()

    async def _dead_letter(self, attempt: _Attempt, reason: str, error: IntegratorError) -> None:
        context, claimed = attempt.context, attempt.claimed
        context.replied_us, context.error = self._now_us(), error_info(error)
        row = DeliveryRow(
            claimed.exchange_id,
            claimed.attempt,
            "dead-lettered",
            claimed.attempt,
            None,
            reason,
            keep_body=True,
        )
        try:
            await self._end(attempt, "dead-lettered", row)
        except (UnitRefused, NotCanonical, ValueError):
            # Without what the record could not hold: the end itself must be in the journal (I1).
            bare = _bare_context(claimed, context.site)
            bare.previous, bare.attempts, bare.error = context.previous, context.attempts, context.error
            bare.replied_us = context.replied_us
            attempt.context = bare
            await self._end(attempt, "dead-lettered", row)
        self._tell("dead-lettered", attempt, error)

    async def _end(self, attempt: _Attempt, kind: str, row: DeliveryRow) -> None:
        """Record and final state together. Raises UnitRefused, NotCanonical or ValueError for a record nobody takes."""
        now_us = self._now_us()
        record = self._journal.record(
            kind, attempt.context, now_us=now_us, final=True, retention=attempt.retention
        )
        if await self._commit(attempt, Unit([record], delivery=row)):
            seconds = (now_us - attempt.claimed.accepted_us) / 1e6
            self._metrics.ended(attempt.claimed.flow, kind, seconds)

    async def _aggregated(self, attempt: _Attempt, row: DeliveryRow) -> None:
        """End an event whose messages went into groups, in one transaction with those."""
        assert self._aggregates is not None  # without it routes have no groups in the store
        conflict, record = await self._aggregates.end(attempt.work, attempt.context, row, attempt.retention)
        if conflict is None:
            seconds = (record.time_us - attempt.claimed.accepted_us) / 1e6
            self._metrics.ended(attempt.claimed.flow, "delivered", seconds)
        else:
            await self._stale(attempt, Unit([record], delivery=row), conflict)

    async def _commit(self, attempt: _Attempt, unit: Unit) -> bool:
        """False where somebody else ended or moved the event meanwhile: nothing was written."""
        conflict = await self._store.commit(unit)
        if conflict is not None:
            await self._stale(attempt, unit, conflict)
        return conflict is None

    async def _stale(self, attempt: _Attempt, unit: Unit, conflict: Conflict) -> None:
        self._metrics.count("delivery-stale")
        _LOG.info("delivery-stale", exchange=attempt.context.exchange_id, conflict=conflict.kind)
        if conflict.kind == "ended":
            # The journal has its end already: without this its row would be delivered for ever.
            await self._store.commit(Unit(delivery=unit.delivery))

    @staticmethod
    def _tell(event: str, attempt: _Attempt, error: IntegratorError) -> None:
        _LOG.warning(
            event,
            exchange=attempt.context.exchange_id,
            flow=attempt.claimed.flow,
            attempt=attempt.claimed.attempt + 1,
            category=error.category,
            reason=error.reason,
        )


def _text(exchange_id: bytes) -> str:
    return str(UUID(bytes=exchange_id))


def _bare_context(claimed: ClaimedDelivery, site: str) -> Context:
    """What the delivery table alone says of an event."""
    return Context(
        exchange_id=_text(claimed.exchange_id),
        flow=claimed.flow,
        site=site,
        kind="event",
        entry="delivery",
        party=claimed.party,
        attempts=claimed.attempt + 1,
        received_us=claimed.accepted_us,
    )
