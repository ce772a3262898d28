"""routingSlip and dynamicRouter: one endpoint after the other, as the message says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from integrator.engine.compiler import Node
from integrator.engine.eips.recipient_list import uses_any
from integrator.engine.exceptions import JavaException
from integrator.engine.guards import REDELIVERY
from integrator.engine.handled import HandledEndpoints
from integrator.engine.iterating import iterate
from integrator.engine.javatypes import to_text
from integrator.engine.sending import Endpoints
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, Trail, call
from integrator.exchange import Exchange, Overloaded

_OPTIONS = (
    Option("uriDelimiter", "What separates the endpoints.", default=","),
    Option("ignoreInvalidEndpoints", "Leaves out those that name nothing.", type="boolean", default=False),
    Option("cacheSize", "Accepted; compiled endpoints are kept up to a bound.", type="integer"),
)
SPECS = (
    Spec("eip", "routingSlip", "Sends to each endpoint of a list, each getting what the one before made of it.", "1.3",
         "routingSlip: {simple: '${header.slip}'}", _OPTIONS, expression=True),
    Spec("eip", "dynamicRouter", "The same, asking again after each list until there is none. Turns are limited.",
         "2.5", "dynamicRouter: {simple: '${header.next}'}", _OPTIONS, expression=True),
)  # fmt: skip


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    value, endpoints, later = node.expression(), Endpoints(node), HandledEndpoints(node)
    route = node.scope.route
    delimiter, ignores = node.text("uriDelimiter") or ",", node.flag("ignoreInvalidEndpoints")
    most = node.scope.services.routes_entered
    uses_any(node, delimiter)

    async def visit(exchange: Exchange, slip: Iterator[Any], visited: int) -> int:
        for item in slip:
            visited += 1
            if visited > most:
                raise Overloaded(f"{node.spec.name} names more than {most} endpoints", reason="route-loop")
            handled_here = visited > 1  # Camel leaves the first endpoint to the handler around the slip
            try:
                name, run, waits = (later if handled_here else endpoints).find((to_text(item) or "").strip())
            except JavaException:
                if ignores:
                    continue
                raise
            exchange.properties["CamelSlipEndpoint"] = name
            exchange.history[0].endpoint = name
            before = {name: exchange.message.headers.get(name) for name in REDELIVERY}
            try:
                await call(run, waits, exchange)
            except Exception as error:
                exchange.properties["CamelFailureRouteId"] = route
                if handled_here:
                    trail: Trail = exchange.history[0]
                    trail.failed = trail.noted = trail.exhausted = None
                    _recount(exchange, before)
                raise error from error.__cause__
        return visited

    async def routing_slip(exchange: Exchange) -> None:
        await visit(exchange, iterate(value(exchange), delimiter), 0)

    async def dynamic_router(exchange: Exchange) -> None:
        visited = 0
        while True:
            slip = list(iterate(value(exchange), delimiter))
            if not slip:
                return
            visited = await visit(exchange, iter(slip), visited)

    return routing_slip if node.spec.name == "routingSlip" else dynamic_router


def _recount(exchange: Exchange, before: dict[str, Any]) -> None:
    """The handler around the slip counts for itself: it runs the whole slip again."""
    for name, value in before.items():
        if value is None:
            exchange.message.headers.pop(name, None)
        else:
            exchange.message.headers[name] = value
