"""seda: a route of the same set, beside this one. The exchange ends after what it started there."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from integrator.engine import durations
from integrator.engine.children import child, copy_results, settle, start
from integrator.engine.compiler import Node
from integrator.engine.exceptions import CAMEL, JavaException, failure
from integrator.engine.polling import Poll, parked, polled
from integrator.engine.program import Program
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Route, Run, Trail, call
from integrator.engine.uris import Uri
from integrator.exchange import Exchange, Overloaded

CONSUMES = True
SPEC = Spec(
    "component",
    "seda",
    "Gives a copy to another route of the set. An InOut exchange waits for the answer, an InOnly one goes on at once.",
    "1.1",
    "seda:audit",
    options=(
        Option("waitForTaskToComplete", "Whether the exchange waits.", default="IfReplyExpected",
               choices=("IfReplyExpected", "Always", "Never")),
        Option("timeout", "How long it waits; milliseconds.", default="30000"),
        Option("size", "How many messages may wait.", type="integer", default=1000),
        Option("concurrentConsumers", "How many messages the consuming route takes at once.", type="integer", default=1),
        Option("failIfNoConsumers", "Whether a missing route is an error.", type="boolean", default=False),
        Option("discardIfNoConsumers", "Accepted; without a route the message goes nowhere.", type="boolean"),
        Option("blockWhenFull", "Accepted; a full queue is an error.", type="boolean"),
        Option("multipleConsumers", "Accepted; one route consumes a queue.", type="boolean"),
        Option("purgeWhenStopping", "Accepted, without effect.", type="boolean"),
        Option("limitConcurrentConsumers", "Accepted, without effect.", type="boolean"),
        Option("pollTimeout", "Accepted, without effect.", type="integer"),
        Option("queue", "Not in the embedded engine: needs a Java bean."),
    ),
)  # fmt: skip


class _Queue:
    """Who runs and who waits at one consuming route."""

    def __init__(self, consumers: int) -> None:
        self.load = 0
        self.consumers = consumers
        self.turns = asyncio.Semaphore(consumers)

    def leave(self, _task: object) -> None:
        """One message less."""
        self.load -= 1


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """The sending side."""
    program, services = node.scope.program, node.scope.services
    address = f"seda:{uri.path}"
    wait = uri.options.get("waitForTaskToComplete", "IfReplyExpected")
    timeout = durations.seconds(uri.options.get("timeout", "30000"))
    size = uri.options.get("size", "1000")
    if timeout is None or not size.isdigit():
        node.problem(
            "/uri",
            "option-value",
            "timeout or size of seda: is no number",
            "Write timeout=30000 and size=1000.",
        )
        timeout, size = 30.0, "1000"
    most, strict = min(int(size), services.waiting), uri.options.get("failIfNoConsumers") == "true"
    deepest = services.routes_nested

    async def send(exchange: Exchange) -> None:
        route = program.consumers.get(address)
        waits = wait == "Always" or (wait != "Never" and exchange.pattern == "InOut")
        if route is None or not route.started:
            if strict:
                said = f"Cannot send to endpoint: {uri.name} as no consumers is registered"
                shown = "no route consumes a computed endpoint" if uri.computed else said
                raise JavaException("java.lang.IllegalStateException", shown, text=said)
            if polled(program, address):
                leave(program, address, exchange, most)
            if waits:
                raise _timed_out(uri)
            return
        queue = _queue(program.shared, address, route)
        if queue.load >= most + queue.consumers:
            raise failure("java.lang.IllegalStateException", "Queue full")
        made = _message(exchange, route, deepest)
        run = _consuming(queue, route)
        task = start(made, run, True, services.waiting, answered=waits)
        queue.load += 1
        task.add_done_callback(queue.leave)
        if not waits:
            return
        await asyncio.wait({task}, timeout=timeout or None)
        if not task.done():
            task.cancel()
            raise _timed_out(uri)
        copy_results(exchange, made)
        settle(exchange)

    return send


def leave(program: Program, address: str, exchange: Exchange, most: int) -> None:
    """Leave a copy for who polls. Raises where too many wait already."""
    waiting = parked(program, address)
    if len(waiting.messages) >= most:
        raise failure("java.lang.IllegalStateException", "Queue full")
    waiting.put(child(exchange, exchange.message.copy()))


def poll(node: Node, uri: Uri) -> Poll:
    """The polling side: messages that no route takes."""
    program, address = node.scope.program, f"{uri.scheme}:{uri.path}"

    async def take(_exchange: Exchange, wait: float | None) -> Exchange | None:
        return await parked(program, address).take(wait)

    return take


def _queue(shared: dict[str, object], address: str, route: Route) -> _Queue:
    loop = asyncio.get_running_loop()
    queues = shared.setdefault(address, WeakKeyDictionary())
    assert isinstance(queues, WeakKeyDictionary)
    found = queues.get(loop)
    if found is None:
        consumers = route.options.get("concurrentConsumers", "1")
        found = queues[loop] = _Queue(max(int(consumers), 1) if consumers.isdigit() else 1)
    assert isinstance(found, _Queue)
    return found


def _message(exchange: Exchange, route: Route, deepest: int) -> Exchange:
    made = child(exchange, exchange.message.copy())
    trail: Trail = made.history[0]
    trail.origin, trail.endpoint = route.id, route.endpoint
    trail.depth += 1
    trail.entered += 1
    if trail.depth > deepest:
        raise Overloaded(f"routes call each other more than {deepest} deep", reason="route-loop")
    return made


def _consuming(queue: _Queue, route: Route) -> Run:
    async def consume(made: Exchange) -> None:
        await queue.turns.acquire()
        try:
            await call(route.body.run, route.body.waits, made)
        finally:
            queue.turns.release()
            if route.completed is not None:
                await route.completed(made)

    return consume


def _timed_out(uri: Uri) -> Exception:
    return failure(
        CAMEL + "ExchangeTimedOutException",
        f"The OUT message was not received within: {uri.options.get('timeout', '30000')} millis",
    )
