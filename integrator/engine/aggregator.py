"""The groups of one aggregate step in memory: taking messages, completing, timing out, stopping.

The groups of governed exchanges are kept apart by flow, party and purpose. Complete groups run one after the
other, or side by side with parallelProcessing, as children of the exchange that completed them, so that it
ends after them. What a timer completes has no exchange: in a governed flow it reaches no adapter, because no
record could say so; event flows keep their groups in the store (`durable`), where each has a record of its own.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from integrator.engine.aggregation import (
    BY,
    KEY,
    Rules,
    Strategy,
    Taken,
    batch_size,
    flagged_all,
    flagged_inclusive,
    take,
    unflagged,
)
from integrator.engine.children import child, contained, family_ends
from integrator.engine.exceptions import CAMEL, JavaException, class_of
from integrator.engine.services import Services
from integrator.engine.steps import Block, Family, Trail, Where
from integrator.exchange import Exchange, Overloaded

Scope = tuple[str, ...]
GroupKey = tuple[Scope, str]


def scope_of(exchange: Exchange) -> Scope:
    """What groups are kept apart by, whatever their key: flow, party, on whose behalf, and purpose."""
    context = exchange.context
    if context is None:
        return ()
    return (context.flow, context.party or "", context.on_behalf_of or "", context.purpose or "")


@dataclass(slots=True)
class _Group:
    """An aggregate that is not complete; `ends` is when it times out, on the loop's clock."""

    answer: Exchange
    size: int = 1
    ends: float | None = None


class Aggregator:
    """One aggregate step at work. Called on one event loop."""

    def __init__(self, rules: Rules, how: Strategy, body: Block, services: Services, where: Where) -> None:
        self.rules, self.how, self.body, self.services, self.where = rules, how, body, services, where
        self.groups: OrderedDict[GroupKey, _Group] = OrderedDict()
        self.held = 0
        self._closed: OrderedDict[GroupKey, None] = OrderedDict()
        self._batch: set[GroupKey] = set()
        self._batched = 0
        self._turn = asyncio.Lock()
        self._ticker: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    def process(self, exchange: Exchange) -> None:
        """Take one message. Raises JavaException as Camel does, Overloaded where there is no room."""
        if flagged_all(exchange):
            self.complete_all(scope_of(exchange), "force", exchange)
            return
        text = self.rules.key(exchange)
        if text is None:
            return
        key = (scope_of(exchange), text)
        if key in self._closed:
            raise closed_key(exchange, text)
        self._aggregate(key, unflagged(child(exchange, exchange.message.copy())), exchange)
        if flagged_inclusive(exchange):
            self.complete_all(key[0], "force", exchange)

    def _aggregate(self, key: GroupKey, new: Exchange, exchange: Exchange) -> None:
        rules, group = self.rules, self.groups.get(key)
        self._check_room(begins=group is None)
        taken = take(rules, self.how, key[1], group.answer if group else None, new, self._batch_ends(key))
        if taken is None:
            return
        if group is None and rules.on_new_group:
            self.complete_all(key[0], "force", exchange)
        if taken.completed_by is None and not taken.discarded:
            self._keep(key, group, taken)
            return
        if group is not None:
            self._remove(key)
        self._finish(key, taken, exchange)

    def _finish(self, key: GroupKey, taken: Taken, exchange: Exchange) -> None:
        if taken.completed_by != "consumer":
            self._close(key)
            if not taken.discarded:
                self._submit(key, taken.answer, taken.completed_by or "", exchange)
            return
        batch, self._batch = self._batch, set()
        for one in sorted(batch):
            kept = self.groups.get(one)
            if one == key:
                self._close(key)
                self._submit(key, taken.answer, "consumer", exchange)
            elif kept is not None:
                self._complete(one, kept, "consumer", exchange)

    def _batch_ends(self, key: GroupKey) -> Callable[[Exchange], bool]:
        def ends(exchange: Exchange) -> bool:
            if not self.rules.batch:
                return False
            self._batch.add(key)
            self._batched += 1
            if 0 < batch_size(exchange) <= self._batched:
                self._batched = 0
                return True
            return False

        return ends

    def _check_room(self, *, begins: bool) -> None:
        if self.held >= self.services.groups_bodies or (
            begins and len(self.groups) >= self.services.groups_kept
        ):
            raise store_full(len(self.groups))

    def _keep(self, key: GroupKey, group: _Group | None, taken: Taken) -> None:
        if group is None:
            group = self.groups[key] = _Group(taken.answer)
        else:
            group.answer = taken.answer
            group.size += 1
        self.held += 1
        if taken.timeout is not None:
            group.ends = asyncio.get_running_loop().time() + taken.timeout / 1_000
        if (group.ends is not None or self.rules.interval) and self._ticker is None:
            self._ticker = asyncio.ensure_future(self._tick())

    def _remove(self, key: GroupKey) -> None:
        self.held -= self.groups.pop(key).size

    def _close(self, key: GroupKey) -> None:
        most = self.rules.closed
        if most is None:
            return
        self._closed[key] = None
        while len(self._closed) > (
            min(most, self.services.keys_kept) if most > 0 else self.services.keys_kept
        ):
            self._closed.popitem(last=False)

    # --- completing ---

    def complete_all(self, scope: Scope | None, by: str, exchange: Exchange | None) -> int:
        """Complete every group of a scope (None: of all); how many there were."""
        found = [(key, group) for key, group in self.groups.items() if scope is None or key[0] == scope]
        for key, group in found:
            self._complete(key, group, by, exchange)
        return len(found)

    def _complete(self, key: GroupKey, group: _Group, by: str, exchange: Exchange | None) -> None:
        self._remove(key)
        self._close(key)
        if by == "timeout" and self.rules.discard_timed_out:
            return
        self._submit(key, group.answer, by, exchange)

    def _submit(self, key: GroupKey, answer: Exchange, by: str, exchange: Exchange | None) -> None:
        """Run the steps on a complete aggregate, beside the exchange that completed it."""
        answer.properties[BY], answer.properties[KEY] = by, key[1]
        self.how.complete(answer)
        trail: Trail = answer.history[0]
        if exchange is None:
            trail.family = Family(self.services.children)
            answer.context = None  # it belongs to no exchange that is still open
            tasks = self._running
        else:
            trail.family, answer.context = exchange.history[0].family, exchange.context
            tasks = trail.family.tasks
        if trail.original is not None:
            trail.original = answer.message.copy()
        task = asyncio.ensure_future(self._run(answer, alone=exchange is None))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _run(self, answer: Exchange, *, alone: bool) -> None:
        if self.rules.parallel:
            await contained(self.body.run, self.body.waits, answer)
        else:
            async with self._turn:
                await contained(self.body.run, self.body.waits, answer)
        if answer.exception is not None:
            tell_failed(self.services, self.where, answer.exception)
        if alone:
            await family_ends(answer.history[0].family)

    # --- timers and the end ---

    async def _tick(self) -> None:
        """Complete what is due, as long as there are groups that may be."""
        interval = self.rules.interval
        while self.groups:
            await asyncio.sleep(interval or self.rules.tick)
            if interval:
                self.complete_all(None, "interval", None)
                continue
            for key, group in self._due():
                self._complete(key, group, "timeout", None)
        self._ticker = None

    def _due(self) -> Iterator[tuple[GroupKey, _Group]]:
        now = asyncio.get_running_loop().time()
        ended = [
            (one.ends, key, one)
            for key, one in self.groups.items()
            if one.ends is not None and one.ends <= now
        ]
        ended.sort(key=lambda item: item[0])
        yield from ((key, group) for _, key, group in ended)

    async def close(self) -> None:
        """Stop: complete what the step says is completed then, wait for what runs, tell what is lost."""
        if self.rules.force_on_stop:
            self.complete_all(None, "force", None)
        elif self.rules.complete_on_stop and self._ticker is not None:
            await asyncio.wait({self._ticker}, timeout=self.services.stop_seconds)
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None
        if self._running:
            await asyncio.wait(tuple(self._running), timeout=self.services.stop_seconds)
        for task in tuple(self._running):
            task.cancel()
        if self.groups:
            text = f"{len(self.groups)} groups of an aggregate in memory were dropped, {self.held} messages in all"
            self.services.log("WARNING", text, self.where.route, self.where.line)
            self.groups.clear()
            self.held = 0


def closed_key(exchange: Exchange, key: str) -> JavaException:
    """The error of a message for a group that was completed and closed."""
    return JavaException(
        CAMEL + "processor.aggregate.ClosedCorrelationKeyException",
        "the correlation key of the message has been closed",
        text=f"The correlation key [{key}] has been closed. Exchange[{exchange.id}]",
    )


def store_full(groups: int) -> Overloaded:
    """The error of an aggregate that can keep no more."""
    return Overloaded(
        f"aggregation store full: {groups} groups wait for more messages; complete them earlier, by a size or a"
        " timeout",
        reason="aggregation-full",
    )


def tell_failed(services: Services, where: Where, error: Exception) -> None:
    """Log that an aggregate's steps failed: nobody waits for it."""
    text = f"the steps of a complete aggregate failed: {class_of(error)}"
    services.log("ERROR", text, where.route, where.line)
