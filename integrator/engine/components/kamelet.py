"""kamelet: calls a route made from a routeTemplate of the site; source and sink stand inside templates."""

from __future__ import annotations

from integrator.engine import kamelets
from integrator.engine.compiler import Node
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing
from integrator.engine.uris import Uri

CONSUMES = True
SPEC = Spec(
    "component",
    "kamelet",
    "Calls a routeTemplate of the site as if it were an endpoint; its parameters are the options. "
    "`kamelet:source` and `kamelet:sink` stand inside the template.",
    "3.8",
    "kamelet:audit?level=high",
    options=(
        Option("noErrorHandler", "Accepted; the caller's error handler always watches.", choices=("true",)),
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
        return scope.sink.run if scope.sink is not None else nothing
    if uri.path == "source":
        node.problem(
            "/uri", "kamelet-sink", "kamelet:source is where a template starts", "Use it under from."
        )
        return nothing
    made = kamelets.instance(node, uri.path, kamelets.given(uri), None, "uri")
    return nothing if made is None else kamelets.calling(node, made[0])
