"""setVariables: several variables in order."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.eips import set_variable
from integrator.engine.names import each
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run

SPEC = Spec(
    "eip",
    "setVariables",
    "Sets several variables in order; later expressions see earlier ones.",
    "4.4",
    "setVariables: {variables: [{name: a, constant: '1'}, {name: b, simple: '${variable.a}'}]}",
    options=(Option("variables", "The variables, each as in setVariable.", type="list", required=True),),
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    return each(node, "variables", set_variable.SPEC, set_variable.compile)
