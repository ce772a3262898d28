"""setBody: the body becomes the value of an expression."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.spec import Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange

SPEC = Spec(
    "eip",
    "setBody",
    "Sets the body to the value of an expression, with the value's own type.",
    "1.0",
    "setBody: {jq: '{niss: .person.personNumber}'}",
    expression=True,
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    value = node.expression()

    def set_body(exchange: Exchange) -> None:
        exchange.message.body = value(exchange)

    return set_body
