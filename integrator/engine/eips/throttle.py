"""throttle: so many messages in a period, or so many at once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import Any

from integrator.engine import durations
from integrator.engine.compiler import Expression, Node, source
from integrator.engine.exceptions import CAMEL, failure, named
from integrator.engine.javatypes import converter, to_text
from integrator.engine.services import Services
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange, IntegratorError, Overloaded

SPEC = Spec(
    "eip",
    "throttle",
    "Lets so many messages pass in a period, or be under way at once; others wait or are refused. Counted in this process.",
    "1.0",
    "throttle: {constant: '10', timePeriodMillis: '1000'}",
    options=(
        Option("timePeriodMillis", "The period of TotalRequests.", default="1000", example="60000"),
        Option("mode", "TotalRequests counts in a period, ConcurrentRequests those under way.",
               default="TotalRequests", choices=("TotalRequests", "ConcurrentRequests")),
        Option("rejectExecution", "Refuses instead of waiting.", type="boolean", default=False),
        Option("correlationExpression", "Counts apart for each value.", type="object"),
        Option("asyncDelayed", "Accepted; waiting never blocks other exchanges.", type="boolean"),
        Option("callerRunsWhenRejected", "Accepted, without effect.", type="boolean"),
        Option("executorService", "Not in the embedded engine: needs a Java bean."),
    ),
    expression=True,
)  # fmt: skip
CORRELATION = Spec("part", "correlationExpression", "What is counted apart.", "4.0",
                   "correlationExpression: {header: party}", expression=True)  # fmt: skip
_integer = converter("java.lang.Integer")
assert _integer is not None


class _Counts:
    """What passed, by key; the oldest keys go."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.passed: OrderedDict[str, deque[float]] = OrderedDict()
        self.under_way: dict[str, int] = {}
        self.freed = asyncio.Event()
        self.waiting = 0
        self.limit: int | None = None

    def of(self, key: str) -> deque[float]:
        """When each of the last messages of a key leaves its period."""
        found = self.passed.get(key)
        if found is None:
            found = self.passed[key] = deque()
            while len(self.passed) > self.services.keys_kept:
                self.passed.popitem(last=False)
        else:
            self.passed.move_to_end(key)
        return found

    def waits(self) -> None:
        """Count one that waits. Raises Overloaded."""
        if self.waiting >= self.services.waiting:
            raise Overloaded(
                f"more than {self.services.waiting} messages wait at a throttle", reason="throttle"
            )
        self.waiting += 1


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    if node.options.get("executorService") is not None:
        node.problem("/executorService", "not-yet", "executorService needs a Java bean", "Leave it out.")
    most, key = node.expression(), _key(node)
    counts = _Counts(node.scope.services)
    rejects = node.flag("rejectExecution")
    if node.text("mode") == "ConcurrentRequests":
        return _concurrent(most, key, counts, rejects)
    return _total(most, key, counts, rejects, durations.option(node, "timePeriodMillis", 1.0))


def _key(node: Node) -> Expression:
    value = node.options.get("correlationExpression")
    if value is None:
        return lambda _exchange: ""
    if isinstance(value, str):
        found = source("simple", value, f"{node.pointer}/correlationExpression", node.scope)
        return found.expression() if found else (lambda _exchange: "")
    part = Node.of(CORRELATION, value, f"{node.pointer}/correlationExpression", node.scope)
    return part.expression() if part else (lambda _exchange: "")


def _limit(value: Any, counts: _Counts) -> int:
    if value is None and counts.limit is not None:
        return counts.limit  # what held before holds on
    if value is None:
        raise failure(CAMEL + "RuntimeExchangeException", "The max requests expression was evaluated as null")
    assert _integer is not None
    found: int = _integer(value)
    if found < 0:
        raise failure("java.lang.IllegalStateException", "The maximum requests per period is negative")
    counts.limit = found
    return found


def _refused(message: str) -> IntegratorError:
    return named(
        Overloaded(message, reason="throttle"), CAMEL + "processor.ThrottlerRejectedExecutionException"
    )


def _total(most: Expression, key: Expression, counts: _Counts, rejects: bool, period: float) -> Run:
    async def throttle(exchange: Exchange) -> None:
        limit, passed = _limit(most(exchange), counts), counts.of(to_text(key(exchange)) or "")
        if limit == 0:
            raise _refused(f"Exceeded the max throttle rate of 0 within {period * 1000:.0f}ms")
        clock = asyncio.get_running_loop().time
        counted = False
        try:
            while True:
                now = clock()
                while passed and passed[0] <= now:
                    passed.popleft()
                if len(passed) < limit:
                    passed.append(now + period)
                    return
                if rejects:
                    raise _refused(f"Exceeded the max throttle rate of {limit} within {period * 1000:.0f}ms")
                if not counted:
                    counts.waits()
                    counted = True
                await counts.services.sleep(max(passed[0] - now, 0.001))
        finally:
            counts.waiting -= counted

    return throttle


def _concurrent(most: Expression, key: Expression, counts: _Counts, rejects: bool) -> Run:
    async def throttle(exchange: Exchange) -> None:
        limit, name = _limit(most(exchange), counts), to_text(key(exchange)) or ""

        def leave(_exchange: Exchange, _failed: bool) -> None:
            left = counts.under_way[name] - 1
            if left:
                counts.under_way[name] = left
            else:
                del counts.under_way[name]
            counts.freed.set()
            counts.freed = asyncio.Event()

        counted = False
        try:
            while counts.under_way.get(name, 0) >= limit:
                if rejects:
                    raise _refused(f"Exceeded the max throttle rate of {limit}")
                if not counted:
                    counts.waits()
                    counted = True
                await counts.freed.wait()
        finally:
            counts.waiting -= counted
        counts.under_way[name] = counts.under_way.get(name, 0) + 1
        exchange.history[0].after.append(leave)

    return throttle
