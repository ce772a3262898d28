"""What every entry of the data plane shares: services, clocks, and how a context begins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import uuid_utils

from integrator.exchange import Context, Conversions, NotRecorded, Overloaded
from integrator.gateway.headers import Asked
from integrator.gateway.identity import Caller, Identity
from integrator.gateway.policy import Granted, PurposeRule, decide, take_quota
from integrator.gateway.quota import Quotas
from integrator.gateway.recording import Unwritten
from integrator.gateway.runtime import FlowRuntime, Runtime
from integrator.journal.noise import Noise
from integrator.journal.published import Published
from integrator.journal.vault import Vault
from integrator.journal.writer import Journal
from integrator.security.keyring import Keyring
from integrator.security.limits import Limits
from integrator.store.api import Change, Store
from integrator.store.units import StoreUnavailable
from integrator.telemetry.metrics import Metrics


def _always() -> None:
    return


class Today:
    """The date in Belgium, where grants begin and end at midnight. Looked up once a day."""

    __slots__ = ("_from_us", "_now_us", "_text", "_until_us")

    _ZONE = ZoneInfo("Europe/Brussels")

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._text, self._from_us, self._until_us = "", 0, 0

    def __call__(self) -> str:
        """The ISO date."""
        now = self._now_us()
        if not self._from_us <= now < self._until_us:  # also where the clock was set back
            self._from_us = now
            moment = datetime.fromtimestamp(now / 1_000_000, self._ZONE)
            midnight = datetime.combine(moment.date() + timedelta(days=1), datetime.min.time(), self._ZONE)
            self._text, self._until_us = moment.date().isoformat(), int(midnight.timestamp() * 1_000_000)
        return self._text


@dataclass(slots=True)
class Plane:
    """The services of the data plane, and what runs in it now."""

    store: Store
    journal: Journal
    keyring: Keyring
    metrics: Metrics
    limits: Limits
    identity: Identity
    quotas: Quotas
    noise: Noise
    unwritten: Unwritten
    open: dict[str, int]  # journalled exchanges without an end record → when they were received
    now_us: Callable[[], int]
    today: Today
    on_accepted: Callable[[], None]
    conversions: Conversions
    published: Published
    public_url: str | None = None
    accepting: Callable[[], None] = _always
    vault: Vault | None = None
    in_flight: int = field(default=0)

    def check_load(self) -> None:
        """Raises Overloaded where as many exchanges are in flight as may be, NotRecorded where none may be."""
        self.accepting()
        if self.in_flight > self.limits.exchanges_in_flight:
            raise Overloaded("too many exchanges are in flight: try again later")

    async def vaulted(
        self, flow: FlowRuntime, context: Context, part: str, payload: bytes
    ) -> Sequence[Change]:
        """What keeps a payload, to be written with its record; nothing for flows without a vault.

        Raises NotRecorded where the vault's key cannot be had now.
        """
        period = flow.flow.vault
        if period is None or self.vault is None:
            return ()
        try:
            return (await self.vault.keep(context.exchange_id, part, payload, period),)
        except StoreUnavailable:
            raise NotRecorded("the journal cannot be written now: try again later") from None

    def count_noise(self, reason: str) -> None:
        """One more request that names neither a flow nor a known party."""
        self.noise.add(reason, self.now_us())
        self.metrics.refused(reason)

    def begin(self, runtime: Runtime, flow: FlowRuntime | None, entry: str) -> Context:
        """The context of a request that has just arrived."""
        return Context(
            exchange_id=str(uuid_utils.uuid7()),
            flow=flow.id if flow is not None else "",
            site=runtime.site.hash,
            kind=flow.flow.exchange if flow is not None else "request-reply",
            entry=entry,
            received_us=self.now_us(),
            deadline=asyncio.get_running_loop().time() + self.limits.exchange_seconds,
        )

    def admit(
        self, runtime: Runtime, flow: FlowRuntime, context: Context, caller: Caller, asked: Asked
    ) -> Granted:
        """Decide whether the caller may; the context then says under what authority.

        Raises Refused or QuotaExceeded; what was asked stands in the context even then.
        """
        context.application, context.agent = asked.application, asked.agent
        context.dossier, context.inscription = asked.dossier, asked.inscription
        context.consumer_ticket, context.purpose = asked.ticket, asked.purpose
        context.sent_us = asked.sent_us
        consumer = runtime.directory.consumer(caller.party, asked.on_behalf_of)
        context.organisation = consumer.organisation
        if consumer is not caller.party:
            context.on_behalf_of = consumer.organisation
        granted, rule = decide(flow.grants, runtime.purposes, consumer.id, asked, self.today(), context.entry)
        _authorise(context, granted, rule)
        take_quota(self.quotas, granted, consumer.id)
        return granted


def _authorise(context: Context, granted: Granted, rule: PurposeRule) -> None:
    context.purpose_codes = rule.purpose.contexts
    context.legal_basis = rule.purpose.legal_basis
    context.authorisation = granted.grant.authorisation
    context.fields = granted.grant.fields


def name_caller(context: Context, caller: Caller) -> None:
    """Write into the context who proved to be asking."""
    context.party = caller.party.id
    context.organisation = caller.party.organisation
    context.key_id = caller.key_id
    context.certificate = caller.certificate
