"""to: sends the exchange to an endpoint that stands in the route."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.sending import endpoint, received
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, is_waiting, nothing
from integrator.exchange import Exchange

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
    return nothing if found is None else received(node, with_pattern(node, found), uri.name)


def with_pattern(node: Node, send: Run) -> Run:
    """Sending with the step's own exchange pattern, for this call."""
    pattern = node.text("pattern")
    if not pattern:
        return send
    waits = is_waiting(send)

    async def send_waiting(exchange: Exchange) -> None:
        before, exchange.pattern = exchange.pattern, pattern
        try:
            await send(exchange)
        finally:
            exchange.pattern = before

    def send_plain(exchange: Exchange) -> None:
        before, exchange.pattern = exchange.pattern, pattern
        try:
            send(exchange)
        finally:
            exchange.pattern = before

    return send_waiting if waits else send_plain
