"""setVariable: a variable of the exchange becomes the value of an expression."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.names import dynamic_name, variables_of
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange

SPEC = Spec(
    "eip",
    "setVariable",
    "Sets a variable. Those of route: and global: live as long as the exchange here.",
    "4.4",
    "setVariable: {name: found, jq: .person}",
    options=(Option("name", "Name of the variable; may hold simple functions.", required=True),),
    expression=True,
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    fixed, dynamic = dynamic_name(node)
    value = node.expression()

    def set_variable(exchange: Exchange) -> None:
        found = value(exchange)
        name = fixed or dynamic(exchange)
        if found is None:
            variables_of(exchange, name).pop(name, None)
        else:
            variables_of(exchange, name)[name] = found

    return set_variable
