"""setProperty: an exchange property becomes the value of an expression; null removes it."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.names import PROTECTED, dynamic_name
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange

SPEC = Spec(
    "eip",
    "setProperty",
    "Sets an exchange property; null removes it. Names that start with Integrator are the bus's own.",
    "1.0",
    "setProperty: {name: niss, jq: .request.personNumber}",
    options=(Option("name", "Name of the property; may hold simple functions.", required=True),),
    expression=True,
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    fixed, dynamic = dynamic_name(node)
    value = node.expression()
    if fixed.startswith(PROTECTED):
        node.problem(
            "/name", "protected", f"properties named {PROTECTED}… are read-only", "Choose another name."
        )

    def set_property(exchange: Exchange) -> None:
        found = value(exchange)
        name = fixed or dynamic(exchange)
        if found is None or name.startswith(PROTECTED):
            exchange.properties.pop(name, None) if not name.startswith(PROTECTED) else None
        else:
            exchange.properties[name] = found

    return set_property
