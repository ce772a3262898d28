"""Complete groups become events of their own: own exchange id, own records, own deliveries.

The end record of each event that went into a group names the aggregate's exchange, and the aggregate's first
record names those events. Both are written in one transaction with what changes in the groups: a crash
before it leaves the event to be delivered again, one after it has lost nothing. The id of an aggregate is
chosen when its group begins, so that whatever runs it runs it under the same id.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from hashlib import sha256
from typing import Any, Protocol
from weakref import WeakValueDictionary

from integrator.engine.durable import SCHEME
from integrator.engine.groups import Complete, GroupName, KeptGroup, Work, timed_out
from integrator.exchange import Context, Conversions, NotRecorded
from integrator.gateway.eventbody import seal_event
from integrator.gateway.groups import GroupKeeper, as_bytes, drop, recorded
from integrator.journal.leaf import EXCHANGES_MAX
from integrator.security.keyring import Keyring
from integrator.site.compiled import Flow
from integrator.store.api import Change
from integrator.store.mediation import GroupRow, Mediation, add_event
from integrator.store.units import (
    Conflict,
    DeliveryRow,
    RecordRow,
    Stale,
    StoreOverloaded,
    StoreUnavailable,
    Unit,
    UnitConflict,
)
from integrator.telemetry import log

_LOG = log.get("gateway")
_TRIES = 200
_PAUSE_SECONDS = 0.05
_SWEEP = 100
LEFT_SECONDS = 60.0
"""How long a group of a step that no route has any more is left alone: another process may have a newer site."""


class Together(Protocol):
    """The part of `store.api.Store` that writes changes and records in one transaction."""

    async def together(
        self, changes: Sequence[Change], unit: Unit | None = None, *, expected: Sequence[int | None] = ()
    ) -> list[int]:
        """Write them; raises Stale or UnitConflict."""
        ...


class Recording(Protocol):
    """The part of `journal.writer.Journal` that is needed."""

    def record(
        self, type_: str, context: Context, *, now_us: int, final: bool, retention: str = ...
    ) -> RecordRow:
        """The row of one record."""
        ...


class Aggregates:
    """Ends events that went into groups, and begins the events complete groups are."""

    def __init__(
        self,
        store: Together,
        journal: Recording,
        keyring: Keyring,
        keeper: GroupKeeper,
        now_us: Callable[[], int],
        on_due: Callable[[], None],
    ) -> None:
        self._store, self._journal, self._keyring = store, journal, keyring
        self._keeper, self._now_us, self._on_due = keeper, now_us, on_due
        self._turns: WeakValueDictionary[GroupName, asyncio.Lock] = WeakValueDictionary()

    async def end(
        self, work: Work, context: Context, row: DeliveryRow, retention: str
    ) -> tuple[Conflict | None, RecordRow]:
        """Write the end record of an event, its final state, and what it did to groups; the conflict if it had ended.

        Where another event was faster, its messages are aggregated anew. Raises what the aggregate step
        raises, NotRecorded, UnitRefused, NotCanonical or ValueError.
        """
        async with AsyncExitStack() as turns:
            waited = False
            for turn in self._turns_of(work):
                waited = waited or turn.locked()
                await turns.enter_async_context(turn)
            if waited:  # the event before this one has changed the group
                await work.again()
            for number in range(_TRIES):
                record, changes, records = self._unit(work, context, retention)
                try:
                    await self._store.together(
                        [change for change, _ in changes],
                        Unit([record, *records], delivery=row),
                        expected=[rows for _, rows in changes],
                    )
                except UnitConflict as error:
                    return error.conflict, record
                except Stale:
                    # Other processes are faster: their events are spread, the first time at no cost.
                    await asyncio.sleep(random.uniform(0, _PAUSE_SECONDS) if number else 0)  # noqa: S311
                    await work.again()
                    continue
                if work.completed:
                    self._on_due()
                return None, record
        raise NotRecorded("too many events change the same group at once: it is tried again")

    def _turns_of(self, work: Work) -> list[asyncio.Lock]:
        # Events of one process wait for each other instead of aggregating in vain.
        names = sorted(
            {given.name for given in work.inputs}, key=lambda name: (name.step, name.scope, name.key)
        )
        return [self._turns.setdefault(name, asyncio.Lock()) for name in names]

    def _unit(
        self, work: Work, context: Context, retention: str
    ) -> tuple[RecordRow, list[tuple[Change, int | None]], list[RecordRow]]:
        context.outcome = "aggregated" if work.into else context.outcome
        context.aggregated_into, context.aggregated_into_total = work.into[:EXCHANGES_MAX], len(work.into)
        record = self._journal.record(
            "delivered", context, now_us=self._now_us(), final=True, retention=retention
        )
        changes = self._keeper.changes(work)
        records = []
        for complete in work.completed:
            begun, added = self._begin(complete, context.site, retention)
            records.append(begun)
            changes += [(change, 1) for change in added]
        return record, changes, records

    def _begin(self, complete: Complete, site: str, retention: str) -> tuple[RecordRow, list[Change]]:
        """The first record of an aggregate, and its rows in the delivery table."""
        now, context = self._now_us(), aggregate_context(complete, site, self._now_us())
        record = self._journal.record("received", context, now_us=now, final=False, retention=retention)
        exchange_id = as_bytes(complete.id)
        body, sealed, key_id = seal_event(
            self._keyring, exchange_id, complete.body, context, record.leaf_hash
        )
        row = (exchange_id, context.flow, context.party or "", now, now, now)
        return record, add_event(row, key_id, body, sealed)

    async def complete(self, group: KeptGroup, complete: Complete, site: str, retention: str) -> bool:
        """Begin the event of a group of the store; False where a message or another process was faster."""
        record, added = self._begin(complete, site, retention)
        changes = [*drop(group), *((change, 1) for change in added)]
        try:
            await self._store.together(
                [change for change, _ in changes], Unit([record]), expected=[rows for _, rows in changes]
            )
        except (Stale, UnitConflict):
            return False
        self._on_due()
        return True


def aggregate_context(complete: Complete, site: str, now_us: int) -> Context:
    """The context of an aggregate: that of its first event, about all its subjects, under its own id."""
    ids = complete.inputs
    if len(ids) > EXCHANGES_MAX:
        half = EXCHANGES_MAX // 2
        ids = ids[:half] + ids[-half:]
    return replace(
        complete.context,
        exchange_id=complete.id,
        site=site,
        entry="aggregate",
        aggregates=ids,
        aggregates_total=len(complete.inputs),
        aggregated_into=(),
        aggregated_into_total=0,
        arrival={"uri": SCHEME + complete.step, "body": "bytes", "discarded": complete.discarded},
        attempts=0,
        deadline=None,
        duplicate_of=None,
        error=None,
        legs=[],
        outcome=None,
        previous=None,
        provider_ticket=None,
        received_us=now_us,
        replied_us=None,
        request_bytes=len(complete.body),
        request_digest=sha256(complete.body).digest(),
        response_bytes=0,
        response_digest=None,
        sent_us=None,
        subjects_request=complete.subjects,
        subjects_response=(),
    )


class SweptFlow(Protocol):
    """What a flow of the active site gives; `runtime.FlowRuntime` is one."""

    @property
    def flow(self) -> Flow:
        """The flow as registered."""
        ...

    @property
    def routes(self) -> Any:
        """Its compiled routes, with the addresses they consume in `uris`."""
        ...


class SweptRuntime(Protocol):
    """What the active site gives; `runtime.Runtime` is one."""

    @property
    def site(self) -> Any:
        """The compiled site, with its `hash`."""
        ...

    @property
    def flows(self) -> Mapping[str, Any]:
        """The flows by id."""
        ...


class Sweeper:
    """Completes groups whose time is over, also after a restart, and those of steps that no route has any more.

    Every process sweeps: of two that complete a group one finds it gone.
    """

    def __init__(
        self,
        kept: Mediation,
        keeper: GroupKeeper,
        aggregates: Aggregates,
        runtime: Callable[[], SweptRuntime],
        conversions: Conversions,
        now_us: Callable[[], int],
        *,
        every_seconds: float = 1.0,
        left_seconds: float = LEFT_SECONDS,
    ) -> None:
        self._kept, self._keeper, self._aggregates = kept, keeper, aggregates
        self._runtime, self._conversions, self._now_us = runtime, conversions, now_us
        self._every, self._left = every_seconds, left_seconds

    async def run(self) -> None:
        """Sweep until cancelled."""
        clock = asyncio.get_running_loop().time
        look_for_left = clock()
        while True:
            await asyncio.sleep(self._every)
            with contextlib.suppress(StoreUnavailable, StoreOverloaded):  # the next time, then
                await self.sweep()
                if clock() >= look_for_left:
                    look_for_left = clock() + self._left / 4
                    await self.sweep_left()

    async def sweep(self) -> int:
        """Complete what is due; how many groups that were. Raises StoreUnavailable."""
        due = await self._kept.due(self._now_us(), _SWEEP)
        return sum([await self._complete(row, None) for row in due])

    async def sweep_left(self) -> int:
        """Complete the groups of steps that no route has any more. Raises StoreUnavailable."""
        done, before = 0, self._now_us() - int(self._left * 1e6)
        for flow, step in await self._kept.steps():
            if SCHEME + step not in self._addresses(flow):
                for row in await self._kept.untouched(flow, step, before, _SWEEP):
                    done += await self._complete(row, "force")
        return done

    def _addresses(self, flow: str) -> Collection[str]:
        known = self._runtime().flows.get(flow)
        return () if known is None else known.routes.uris

    async def _complete(self, row: GroupRow, by: str | None) -> bool:
        try:
            async with recorded():
                group = self._keeper.open(row)
                parts = await self._keeper.parts(group)
                complete = timed_out(group, parts, self._conversions, by)
                known = self._runtime().flows.get(row.flow)
                retention = known.flow.retention if known is not None else "P10Y"
                return await self._aggregates.complete(group, complete, self._runtime().site.hash, retention)
        except Exception as error:  # one group must not keep the others from their end
            _LOG.error("group-not-completed", flow=row.flow, step=row.step, exc_info=error)
            return False
