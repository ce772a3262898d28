"""setHeader: a header becomes the value of an expression; its name is simple, too."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.names import dynamic_name
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange

SPEC = Spec(
    "eip",
    "setHeader",
    "Sets a header, also to null. Writing FOO over foo keeps the name foo.",
    "1.0",
    "setHeader: {name: Dossier, simple: '${exchangeProperty.dossier}'}",
    options=(Option("name", "Name of the header; may hold simple functions.", required=True),),
    expression=True,
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    fixed, dynamic = dynamic_name(node)
    value = node.expression()

    def set_header(exchange: Exchange) -> None:
        exchange.message.headers[fixed] = value(exchange)

    def set_dynamic(exchange: Exchange) -> None:
        found = value(exchange)
        exchange.message.headers[dynamic(exchange)] = found

    return set_header if fixed else set_dynamic
