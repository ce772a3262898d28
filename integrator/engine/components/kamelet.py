"""kamelet: calls a route made from a routeTemplate of the site; source and sink stand inside templates."""

from __future__ import annotations

from integrator.engine import kamelets
from integrator.engine.compiler import Node, Scope
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, call, nothing
from integrator.engine.uris import Uri
from integrator.exchange import Exchange

CONSUMES = True
SPEC = Spec(
    "component",
    "kamelet",
    "Calls a routeTemplate of the site as if it were an endpoint; its parameters are the options. "
    "`kamelet:source` and `kamelet:sink` stand inside the template.",
    "3.8",
    "kamelet:audit?level=high",
    options=(
        Option("noErrorHandler", "Whether the caller alone deals with errors.", type="boolean", default=False),
        Option("block", "Accepted, without effect.", type="boolean"),
        Option("timeout", "Accepted, without effect.", type="integer"),
        Option("failIfNoConsumers", "Accepted, without effect.", type="boolean"),
        Option("bridgeErrorHandler", "Accepted, without effect.", type="boolean"),
        Option("location", "Not in the embedded engine: templates stand in route files of the site.",
               choices=("",)),
    ),
    open=True,
)  # fmt: skip


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """The endpoint."""
    scope = node.scope
    if uri.path == "sink":
        if not scope.program.making:
            node.problem("/uri", "kamelet-sink", "kamelet:sink stands outside a routeTemplate",
                         "Use it in the steps of a routeTemplate.")  # fmt: skip
            return nothing
        return _sink(scope)
    if uri.path == "source":
        node.problem(
            "/uri", "kamelet-sink", "kamelet:source is where a template starts", "Use it under from."
        )
        return nothing
    made = kamelets.instance(node, uri.path, kamelets.given(uri), None, "uri")
    return nothing if made is None else kamelets.calling(node, made[0], uri.name.replace("://", ":", 1))


def _sink(scope: Scope) -> Run:
    if scope.sink is None:
        return nothing
    body, name = scope.sink, f"kamelet://sink?routeId={scope.route}"

    async def call_sink(exchange: Exchange) -> None:
        exchange.history[0].endpoint = name
        await call(body.run, body.waits, exchange)

    return call_sink
