"""Groups of messages in the store: what the engine asks of it, and what one run of an event does to them.

An event's messages are aggregated while its route runs, on what the store has then, so that errors appear at
the step. They are written with the event's end record, in one transaction: an event that fails, or whose
process dies, has added nothing. Where another event was faster, `Work.again` aggregates the same messages
anew on what the store has now, without running the route again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import uuid_utils

from integrator.engine import keeping
from integrator.engine.aggregation import BY, GROUPED, KEY, SIZE, Rules, Strategy, batch_size, take
from integrator.engine.javatypes import JavaList
from integrator.engine.strategies import grouping_full
from integrator.exchange import Context, Conversions, Exchange, Overloaded, Subject

Scope = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupName:
    """Which group: the step, what groups are kept apart by, the correlation key."""

    step: str
    scope: Scope
    key: str


@dataclass(frozen=True, slots=True)
class KeptPart:
    """What one message added: the event it came with, the value collected (b"" for none), whom it is about."""

    exchange_id: str
    value: bytes
    subjects: tuple[Subject, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptGroup:
    """A group as the store has it. `id` is the exchange id its aggregate will have; `head` the aggregate without
    what is collected; `context` that of its first message. `discards` drops it when `due_by` completes it."""

    name: GroupName
    id: str
    version: int
    size: int
    total_bytes: int
    head: bytes
    context: Context
    strategy: str
    delimiter: str = ""
    due_us: int | None = None
    due_by: str | None = None
    discards: bool = False


class Groups(Protocol):
    """The groups of the store. The gateway has them; contents are sealed there. Raises NotRecorded."""

    async def find(self, name: GroupName) -> KeptGroup | None:
        """The group of a key."""
        ...

    async def all_of(self, step: str, scope: Scope) -> Sequence[KeptGroup]:
        """Every group of a step and scope, oldest first."""
        ...

    async def count(self, step: str, scope: Scope) -> int:
        """How many those are."""
        ...

    async def parts(self, group: KeptGroup) -> Sequence[KeptPart]:
        """What the messages of a group added, in order."""
        ...

    async def is_closed(self, name: GroupName) -> bool:
        """Whether the key was completed and closed."""
        ...


@dataclass(frozen=True, slots=True)
class Complete:
    """A complete group: the event its aggregate is. `body` is what `keeping` made of it."""

    id: str
    step: str
    body: bytes
    context: Context
    inputs: tuple[str, ...]
    subjects: tuple[Subject, ...]
    discarded: bool = False


@dataclass(slots=True)
class Growing:
    """A group one run adds to; `stored` is what it was in the store, None where it begins here."""

    name: GroupName
    id: str
    context: Context
    how: Strategy
    answer: Exchange
    stored: KeptGroup | None = None
    head: bytes = b""
    size: int = 0
    total_bytes: int = 0
    parts: list[KeptPart] = field(default_factory=list)
    due_us: int | None = None
    due_by: str | None = None
    discards: bool = False


@dataclass(frozen=True, slots=True)
class Input:
    """A message for a group: kept, so that it can be aggregated again. `all_of` completes others of its scope."""

    step: DurableStep
    name: GroupName
    message: bytes
    context: Context
    all_before: bool = False
    all_after: bool = False


@dataclass(frozen=True, slots=True)
class DurableStep:
    """What an aggregate step is to its groups in the store. Limits as in Services."""

    id: str
    rules: Rules
    how: Strategy
    conversions: Conversions
    most_groups: int
    most_bytes: int


class Work:
    """What one run does to groups, to be written with its end."""

    def __init__(self, groups: Groups, now_us: int) -> None:
        self.groups, self.now_us = groups, now_us
        self.inputs: list[Input] = []
        self._turn = asyncio.Lock()  # parts of a message may come side by side
        self._begin()

    def _begin(self) -> None:
        self.open: dict[GroupName, Growing] = {}
        self.completed: list[Complete] = []
        self.dropped: list[KeptGroup] = []
        self.closed: list[GroupName] = []
        self._into: dict[str, None] = {}

    @property
    def into(self) -> tuple[str, ...]:
        """The exchange ids of the aggregates the run's messages went into."""
        return tuple(self._into)

    async def add(self, given: Input) -> None:
        """Aggregate one message. Raises as the aggregate does; then nothing was added."""
        async with self._turn:
            await self._apply(given)
            self.inputs.append(given)

    async def again(self) -> None:
        """Aggregate all messages of the run anew, on what the store has now."""
        self._begin()
        for given in self.inputs:
            await self._apply(given)

    async def is_closed(self, name: GroupName) -> bool:
        """Whether messages of a key are refused."""
        return name in self.closed or await self.groups.is_closed(name)

    async def _apply(self, given: Input) -> None:
        step, name = given.step, given.name
        if given.all_before:
            await self._complete_all(step, name.scope, "force")
            return
        growing = self.open.get(name) or await self._load(step, name)
        if growing is None:
            await self._check_room(step, name)
        batch = await self._batch_of(step, name.scope) if step.rules.batch else 0
        new = keeping.decode(given.message, step.conversions, given.context)
        grown = self._aggregate(given, growing, new, batch)
        if grown is None:
            return
        growing, by, discarded = grown
        self._into[growing.id] = None
        if growing.size == 1 and step.rules.on_new_group:
            await self._complete_all(step, name.scope, "force", but=name)
        if by is None:
            self.open[name] = growing
        elif by == "consumer":
            self.open[name] = growing
            await self._complete_all(step, name.scope, by)
        else:
            self.open.pop(name, None)
            await self._complete(step, growing, by, discarded=discarded)
        if given.all_after:
            await self._complete_all(step, name.scope, "force")

    def _aggregate(
        self, given: Input, growing: Growing | None, new: Exchange, batch: int
    ) -> tuple[Growing, str | None, bool] | None:
        step, name = given.step, given.name
        rules, how = step.rules, step.how
        old = None
        if growing is not None:
            old = growing.answer
            old.properties[SIZE] = growing.size

        def ends(exchange: Exchange) -> bool:
            return rules.batch and 0 < batch_size(exchange) <= batch + 1

        value = how.value(new, first=old is None)
        taken = take(rules, how, name.key, old, new, ends)
        if taken is None:
            return None
        if growing is None:
            growing = Growing(name, str(uuid_utils.uuid7()), given.context, how, taken.answer,
                              discards=rules.discard_timed_out)  # fmt: skip
            self._first_due(rules, growing)
        if not growing.head or not how.collects:
            growing.head = keeping.encode(taken.answer, (GROUPED, SIZE))
        growing.answer = taken.answer
        kept = b"" if value is None else keeping.encode_value(value)
        _check_size(step, growing, len(kept))
        growing.size += 1
        growing.total_bytes += len(kept)
        growing.parts.append(KeptPart(given.context.exchange_id, kept, given.context.subjects_request))
        if taken.timeout is not None:
            growing.due_us, growing.due_by = self.now_us + taken.timeout * 1_000, "timeout"
        if not rules.reads_group:
            taken.answer.properties.pop(GROUPED, None)
        return growing, taken.completed_by, taken.discarded

    def _first_due(self, rules: Rules, growing: Growing) -> None:
        if rules.interval:
            every = round(rules.interval * 1_000_000)
            growing.due_us, growing.due_by = (self.now_us // every + 1) * every, "interval"

    async def _load(self, step: DurableStep, name: GroupName) -> Growing | None:
        stored = await self.groups.find(name)
        if stored is None or any(one.id == stored.id for one in self.dropped):
            return None
        return await self._grow(step, stored)

    async def _grow(self, step: DurableStep, stored: KeptGroup) -> Growing:
        answer = keeping.decode(stored.head, step.conversions, stored.context)
        growing = Growing(
            stored.name, stored.id, stored.context, Strategy(stored.strategy, stored.delimiter, step.how.most), answer,
            stored, stored.head, stored.size, stored.total_bytes, [], stored.due_us, stored.due_by, stored.discards,
        )  # fmt: skip
        if step.rules.reads_group and growing.how.collects:
            collect(growing.how, answer, await self.groups.parts(stored), step.conversions)
        return growing

    async def _check_room(self, step: DurableStep, name: GroupName) -> None:
        count = await self.groups.count(name.step, name.scope)
        if count + sum(one.stored is None for one in self.open.values()) >= step.most_groups:
            raise Overloaded(
                f"aggregation store full: {count} groups of {name.step} wait for more messages; complete them"
                " earlier, by a size or a timeout",
                reason="aggregation-full",
            )

    async def _batch_of(self, step: DurableStep, scope: Scope) -> int:
        """How many messages the groups of a scope have."""
        known = {one.id for one in self.dropped} | {one.id for one in self.open.values()}
        stored = [one.size for one in await self.groups.all_of(step.id, scope) if one.id not in known]
        return sum(stored) + sum(one.size for name, one in self.open.items() if name.scope == scope)

    async def _complete_all(
        self, step: DurableStep, scope: Scope, by: str, but: GroupName | None = None
    ) -> None:
        known = {one.id for one in self.dropped} | {one.id for one in self.open.values()}
        found = [
            await self._grow(step, one)
            for one in await self.groups.all_of(step.id, scope)
            if one.id not in known
        ]
        found += [
            one
            for name, one in tuple(self.open.items())
            if (name.step, name.scope) == (step.id, scope) and name != but
        ]
        for one in found:
            if one.name != but:
                self.open.pop(one.name, None)
                await self._complete(step, one, by)

    async def _complete(
        self, step: DurableStep, growing: Growing, by: str, *, discarded: bool = False
    ) -> None:
        parts = [*(await self.groups.parts(growing.stored) if growing.stored else ()), *growing.parts]
        if growing.stored is not None:
            self.dropped.append(growing.stored)
        if step.rules.closed is not None:
            self.closed.append(growing.name)
        answer = keeping.decode(growing.head, step.conversions, growing.context)
        answer.properties[SIZE] = growing.size
        self.completed.append(finish(growing, answer, parts, by, step.conversions, discarded=discarded))


def _check_size(step: DurableStep, growing: Growing, more: int) -> None:
    if growing.size >= step.how.most:
        raise grouping_full(step.how.most)
    if growing.total_bytes + more > step.most_bytes:
        raise Overloaded(
            f"a group has more than {step.most_bytes} bytes: complete it earlier, by a size or a predicate",
            reason="aggregation-full",
        )


def collect(how: Strategy, answer: Exchange, parts: Iterable[KeptPart], conversions: Conversions) -> None:
    """Give an aggregate what its messages added."""
    values = [keeping.decode_value(part.value, conversions) for part in parts if part.value]
    answer.properties[GROUPED] = how.collected(values) if how.name == "String" else JavaList(values)


def finish(
    group: Growing | KeptGroup,
    answer: Exchange,
    parts: Sequence[KeptPart],
    by: str,
    conversions: Conversions,
    *,
    discarded: bool = False,
) -> Complete:
    """The event a complete group becomes. One that is discarded is recorded as any other, and runs no steps."""
    how = group.how if isinstance(group, Growing) else Strategy(group.strategy, group.delimiter)
    if how.collects:
        collect(how, answer, parts, conversions)
    answer.properties[BY], answer.properties[KEY] = by, group.name.key
    how.complete(answer)
    subjects = dict.fromkeys(subject for part in parts for subject in part.subjects)
    return Complete(
        group.id, group.name.step, keeping.encode(answer), group.context,
        tuple(dict.fromkeys(part.exchange_id for part in parts)), tuple(subjects), discarded,
    )  # fmt: skip


def timed_out(
    group: KeptGroup, parts: Sequence[KeptPart], conversions: Conversions, by: str | None = None
) -> Complete:
    """The event of a group of the store that its time completes, whatever route there is now."""
    answer = keeping.decode(group.head, conversions, group.context)
    answer.properties[SIZE] = group.size
    discarded = by is None and group.discards and group.due_by == "timeout"
    return finish(group, answer, parts, by or group.due_by or "timeout", conversions, discarded=discarded)
