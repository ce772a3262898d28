"""process: hands the exchange to a Python function of the site."""

from __future__ import annotations

from integrator.engine.calling import function, invocation
from integrator.engine.compiler import Node
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing
from integrator.exchange import Exchange

SPEC = Spec(
    "eip",
    "process",
    "Calls a function of the file beside the route, `<route>.beans.py`, with the exchange; what it returns does not "
    "count. Only the embedded engine has it.",
    "1.0",
    "process: {ref: normalise}",
    options=(Option("ref", "The function: `def normalise(exchange)`.", required=True, example="normalise"),),
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    found = function(node, node.text("ref"), "ref")
    if found is None:
        return nothing
    invoke = invocation(node, found, None, "ref")

    def process(exchange: Exchange) -> None:
        invoke(exchange)

    return process
