"""to: sends the exchange to an endpoint that stands in the route."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.sending import endpoint, received
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing

VARIABLES = (
    Option("variableSend", "Variable whose value is sent instead of the body."),
    Option("variableReceive", "Variable that takes the answer; body and headers stay."),
)
SPEC = Spec(
    "eip",
    "to",
    "Sends the message to an endpoint; its answer becomes the message.",
    "1.0",
    "to: adapter:regional/bced-person?operation=getPerson",
    options=(
        Option("uri", "The endpoint.", required=True, example="direct:next"),
        Option("parameters", "Options of the endpoint; dash-case names become camelCase.", type="object"),
        Option("pattern", "InOnly or InOut, for this call.", choices=("InOnly", "InOut")),
        *VARIABLES,
    ),
    text="uri",
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    uri = node.scope.uri(node.text("uri"), node.options.get("parameters"), node.pointer)
    if uri is None:
        return nothing
    found = endpoint(node, uri)
    return nothing if found is None else received(node, found, uri.name)
