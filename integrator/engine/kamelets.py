"""Kamelets: routes made from a routeTemplate for one endpoint, run on a copy of the exchange that calls them.

What `kamelet:sink` stands for depends on who calls: the steps of a `kamelet` step, the steps of a route that
starts from the kamelet, or nothing. As in Camel the error handler of the calling route watches a kamelet's
steps, too, but no onException does; what it gave up there is not handled again by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from integrator.engine.children import child, contained, copy_results, fail_with, settle
from integrator.engine.compiler import Node, Scope
from integrator.engine.elements import route_template
from integrator.engine.elements.route_template import Template
from integrator.engine.guards import Guard
from integrator.engine.steps import FINAL, QUIET, Block, Route, Run, Trail, nothing
from integrator.engine.uris import Uri
from integrator.exchange import Exchange, Overloaded

SOURCE, SINK = "kamelet:source", "kamelet:sink"
_NESTED = 16
Sink = Callable[[str], Block]
_SETTINGS = ("location", "block", "timeout", "noErrorHandler", "bridgeErrorHandler", "failIfNoConsumers",
             "exchangePattern", "lazyStartProducer")  # fmt: skip


def given(uri: Uri) -> dict[str, str]:
    """The parameters in a kamelet's URI."""
    return {name: value for name, value in uri.options.items() if name not in _SETTINGS}


def instance(
    node: Node, name: str, values: Mapping[str, str], sink: Sink | None, option: str
) -> tuple[Route, Scope, Mapping[str, Any]] | None:
    """The route of a kamelet for one place of use, its scope and `from`; notes what is wrong there.

    `sink` compiles what `kamelet:sink` stands for, given the id of the route.
    """
    program = node.scope.program
    template_id, _, route_id = name.partition("/")
    template = route_template.named(node, template_id, option)
    if template is None or not route_template.complete(node, template, values, option):
        return None
    if len(program.making) >= _NESTED or program.making.count(template_id):
        node.problem(f"/{option}", "template-loop", f"routeTemplate {template_id} calls itself",
                     "A kamelet cannot call itself: use a loop, or direct:.")  # fmt: skip
        return None
    return _made(node, template, values, sink, route_id)


def _made(
    node: Node, template: Template, values: Mapping[str, str], sink: Sink | None, route_id: str
) -> tuple[Route, Scope, Mapping[str, Any]]:
    program, around = node.scope.program, node.scope
    value, local = template.filled(values)
    origin, name = template.scope, route_id or f"{template.id}-{template.made}"
    target = sink(name) if sink is not None else None
    scope = Scope(
        origin.source, program, origin.problems, origin.uses, name, around.checking, handler=_handler(node), start=f"kamelet://{template.id}", beans={**origin.beans, **local},
    )  # fmt: skip
    scope.sink = target
    start = value.get("from")
    start = start if isinstance(start, Mapping) else {}
    steps = start.get("steps")
    pointer = f"{template.pointer}/from"
    listed = list(steps) if isinstance(steps, (list, tuple)) else []
    if target is not None and not any(_sinks(step) for step in listed):
        listed.append({"to": SINK})
    program.making.append(template.id)
    try:
        body = scope.block(listed or steps, f"{pointer}/steps")
    finally:
        program.making.pop()
    return Route(scope.route, f"kamelet://{template.id}", body), scope, start


def _handler(node: Node) -> int | Guard:
    """What deals with errors of a kamelet's steps: the calling route's error handler, without onException.

    Nothing does inside a doTry, a circuitBreaker or another kamelet, and with `noErrorHandler=true`.
    """
    handler = node.scope.handler
    if node.scope.program.making or "noErrorHandler=true" in node.text("uri"):
        return QUIET
    if isinstance(handler, Guard):
        return replace(handler, policies=())
    return FINAL if handler == FINAL else QUIET


def nested(node: Node, route: str) -> Block:
    """The steps of a `kamelet` step, as part of the kamelet's route.

    The calling route's onException says whether their errors are handled, but its steps are not run: Camel
    looks for those under the kamelet's route.
    """
    scope, handler = node.scope, node.scope.handler
    if isinstance(handler, Guard):
        bare = tuple(replace(policy, body=None) for policy in handler.policies)
        handler = replace(handler, policies=bare)
    before, scope.route = scope.route, route
    try:
        with scope.handled_by(handler):
            return node.steps()
    finally:
        scope.route = before


def _sinks(step: Any) -> bool:
    """Whether a step is `to: kamelet:sink`."""
    to = step.get("to") if isinstance(step, Mapping) else None
    uri = to.get("uri") if isinstance(to, Mapping) else to
    return isinstance(uri, str) and uri.replace("://", ":").startswith(SINK)


def calling(node: Node, route: Route, written: str) -> Run:
    """The call of a kamelet, on a copy whose results come back. `written` is its URI as it stands there."""
    services = node.scope.services
    deepest, most = services.routes_nested, services.routes_entered
    body = route.body

    async def call(exchange: Exchange) -> None:
        made = child(exchange, exchange.message.copy())
        trail: Trail = made.history[0]
        trail.origin, trail.endpoint = route.id, written
        trail.depth += 1
        trail.entered += 1
        if trail.depth >= deepest or trail.entered >= most:
            raise Overloaded(
                f"routes call each other more than {deepest} deep or {most} times", reason="route-loop"
            )
        await contained(body.run, body.waits, made)
        copy_results(exchange, made)
        error = made.exception
        if error is not None:
            exchange.exception = None
            if trail.exhausted is error:
                fail_with(exchange, error)
            raise error
        settle(exchange)

    return call if body.run is not nothing else nothing
