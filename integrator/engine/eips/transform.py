"""transform: as setBody; Camel keeps both names."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.eips import set_body
from integrator.engine.spec import Spec
from integrator.engine.steps import Run

SPEC = Spec(
    "eip",
    "transform",
    "Sets the body to the value of an expression.",
    "1.0",
    "transform: {jq: '{niss: .person.personNumber}'}",
    expression=True,
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    return set_body.compile(node)
