"""flow: where the route of a registered flow starts; only the gateway and the delivery send there."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.spec import Spec
from integrator.engine.steps import Run, nothing
from integrator.engine.uris import Uri

CONSUMES = True
SPEC = Spec(
    "component",
    "flow",
    "The start of a registered flow. The gateway decides who may send there; routes cannot.",
    "ours",
    "flow:person-consult",
)


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """Routes do not send to flows: that would pass the gateway by."""
    node.problem(
        "/uri", "flow-producer", f"a route cannot send to flow:{uri.path}", "Share its steps through direct:."
    )
    return nothing
