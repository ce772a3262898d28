"""setHeaders: several headers in order, later ones see earlier ones."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.eips import set_header
from integrator.engine.names import each
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run

SPEC = Spec(
    "eip",
    "setHeaders",
    "Sets several headers in order; later expressions see earlier headers.",
    "4.0",
    "setHeaders: {headers: [{name: a, constant: '1'}, {name: b, simple: '${header.a}'}]}",
    options=(Option("headers", "The headers, each as in setHeader.", type="list", required=True),),
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    return each(node, "headers", set_header.SPEC, set_header.compile)
