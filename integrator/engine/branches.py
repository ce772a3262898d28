"""Children of one step, one after the other or side by side: what split, multicast and recipientList share.

Side by side at most `Services.side_by_side` run at once, and a few times as many wait for their turn to be
aggregated: parts are drawn as they are needed, so that any number of them needs the same memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from integrator.engine import durations
from integrator.engine.children import (
    YIELD_EVERY,
    contained,
    copy_results,
    fail_with,
    has_ended,
    settle,
)
from integrator.engine.compiler import Node
from integrator.engine.exceptions import CAMEL, JavaException, class_of, text_of
from integrator.engine.spec import Option
from integrator.engine.steps import Run
from integrator.engine.strategies import OPTION, REFUSED, Fold, Folding, Sharing, folding
from integrator.exchange import Exchange

_AHEAD = 4  # times side_by_side: finished children that wait for one before them
OPTIONS = (
    OPTION,
    Option("parallelProcessing", "Runs them side by side, as many as the engine's limit allows.", type="boolean",
           default=False),
    Option("streaming", "Takes results as they come; parts are drawn one by one.", type="boolean", default=False),
    Option("stopOnException", "Ends at the first that fails.", type="boolean", default=False),
    Option("timeout", "How long to wait for all of them, side by side only; 0 is for ever.", default="0",
           example="5s"),
    Option("shareUnitOfWork", "Whether the whole ends as a part of it ended.", type="boolean", default=False),
    Option("parallelAggregate", "Accepted; results are aggregated one by one.", type="boolean"),
    Option("synchronous", "Accepted, without effect.", type="boolean"),
    Option("executorService", "Not in the embedded engine: needs a Java bean."),
    Option("onPrepare", "Not in the embedded engine: needs a Java bean."),
    *REFUSED,
)  # fmt: skip


class Branch(NamedTuple):
    """A child and what it runs."""

    exchange: Exchange
    run: Run
    waits: bool


@dataclass(frozen=True, slots=True)
class Branching:
    """How a step runs its children. `timeout` in seconds, 0 for none; `limit` side by side."""

    folding: Folding
    parallel: bool
    streaming: bool
    stops: bool
    shares: bool
    timeout: float
    limit: int

    async def run(self, parent: Exchange, branches: Iterator[Branch]) -> None:
        """Run them all; the aggregate becomes the parent's state. Raises as the parent has to fail or end."""
        fold = self.folding(parent)
        if self.shares:
            fold = Sharing(fold)
        if self.parallel:
            await _Race(self, parent, fold).run(branches)
        else:
            await self._in_turn(parent, branches, fold)
        fold.finish()
        answer = fold.answer
        if answer is not None and answer is not parent:
            copy_results(parent, answer)
        settle(parent)

    async def _in_turn(self, parent: Exchange, branches: Iterator[Branch], fold: Fold) -> None:
        for number, branch in enumerate(branches):
            if number % YIELD_EVERY == YIELD_EVERY - 1:
                await asyncio.sleep(0)
            await contained(branch.run, branch.waits, branch.exchange)
            self.take(parent, fold, number, branch.exchange)

    def take(self, parent: Exchange, fold: Fold, number: int, done: Exchange) -> None:
        """Aggregate a child, or end with it where stopOnException says so."""
        if self.stops and has_ended(done):
            if done.exception is not None:
                error = done.exception
                copied = stopped(number, parent, error)
                parent.history.extend(done.history[1:2])
                fail_with(parent, copied)
            copy_results(parent, done)
            settle(parent)
        fold.add(done)


def stopped(number: int, parent: Exchange, error: Exception) -> JavaException:
    """Camel's exception around the one that stopped the others."""
    said = f"Multicast processing failed for number {number}. Exchange[{parent.id}]"
    wrapped = JavaException(
        CAMEL + "CamelExchangeException",
        said,
        text=f"{said}. Caused by: [{class_of(error)} - {text_of(error)}]",
    )
    wrapped.java_cause = error
    return wrapped


class _Race:
    """Children side by side. Aggregated in their order, or with `streaming` as they end."""

    def __init__(self, branching: Branching, parent: Exchange, fold: Fold) -> None:
        self.branching, self.parent, self.fold = branching, parent, fold
        self.running: set[asyncio.Task[None]] = set()
        self.window: deque[tuple[int, Exchange]] = deque()
        self.ended: dict[int, Exchange] = {}

    async def run(self, branches: Iterator[Branch]) -> None:
        """Run all of them, or those that end in time."""
        branching, loop = self.branching, asyncio.get_running_loop()
        ends = loop.time() + branching.timeout if branching.timeout > 0 else None
        more, number = True, 0
        try:
            while True:
                while (
                    more
                    and len(self.running) < branching.limit
                    and len(self.window) < branching.limit * _AHEAD
                ):
                    branch = next(branches, None)
                    if branch is None:
                        more = False
                        break
                    self._start(number, branch)
                    number += 1
                if not self.running:
                    break
                left = None if ends is None else max(ends - loop.time(), 0)
                done, self.running = await asyncio.wait(
                    self.running, timeout=left, return_when=asyncio.FIRST_COMPLETED
                )
                self._take()
                if not done:
                    break  # the timeout
            self._take(late=True)
        finally:
            await self._cancel()

    def _start(self, number: int, branch: Branch) -> None:
        async def work() -> None:
            await contained(branch.run, branch.waits, branch.exchange)
            self.ended[number] = branch.exchange

        self.window.append((number, branch.exchange))
        self.running.add(asyncio.ensure_future(work()))

    def _take(self, *, late: bool = False) -> None:
        if self.branching.streaming:
            for number in list(self.ended):
                self.branching.take(self.parent, self.fold, number, self.ended.pop(number))
            self.window.clear()
            return
        while self.window and (late or self.window[0][0] in self.ended):
            number, exchange = self.window.popleft()
            if number in self.ended:
                del self.ended[number]
                self.branching.take(self.parent, self.fold, number, exchange)

    async def _cancel(self) -> None:
        for task in self.running:
            task.cancel()
        if self.running:
            await asyncio.wait(self.running)


def branching(node: Node, default: type[Fold]) -> Branching:
    """The options of a step that runs children."""
    for name in ("executorService", "onPrepare"):
        if node.options.get(name) is not None:
            node.problem(f"/{name}", "not-yet", f"{name} needs a Java bean", "Leave it out.")
    timeout = durations.option(node, "timeout")
    parallel = node.flag("parallelProcessing")
    if timeout > 0 and not parallel:
        node.problem("/timeout", "option-value", f"timeout of {node.spec.name} needs parallelProcessing",
                     "Add parallelProcessing: true, or leave the timeout out.")  # fmt: skip
    return Branching(
        folding(node, default),
        parallel,
        node.flag("streaming"),
        node.flag("stopOnException"),
        node.flag("shareUnitOfWork"),
        timeout,
        max(node.scope.services.side_by_side, 1),
    )


def numbered(made: Exchange, kind: str, index: int, *, complete: bool) -> None:
    """The properties by which a child knows its place: CamelSplitIndex, CamelMulticastComplete …"""
    made.properties[f"Camel{kind}Index"] = index
    made.properties[f"Camel{kind}Complete"] = complete
