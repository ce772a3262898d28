"""wireTap: a copy of the message to another endpoint, beside the route."""

from __future__ import annotations

from integrator.engine.children import child, contained, start
from integrator.engine.compiler import Expression, Node, source
from integrator.engine.handled import handled
from integrator.engine.javatypes import to_text
from integrator.engine.names import variables_of
from integrator.engine.sending import Endpoints, endpoint, received
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Block, Run, call, nothing
from integrator.exchange import Exchange, Message

SPEC = Spec(
    "eip",
    "wireTap",
    "Sends a copy beside the route, which goes on at once; failures there change nothing, but that an event whose "
    "copy failed is delivered again. The exchange ends after it.",
    "1.3",
    "wireTap: {uri: direct:audit}",
    options=(
        Option("uri", "The endpoint; simple.", required=True, example="direct:audit"),
        Option("parameters", "Options of the endpoint.", type="object"),
        Option(
            "copy", "Whether the copy has the message; otherwise it is empty.", type="boolean", default=True
        ),
        Option("dynamicUri", "Whether the URI is simple.", type="boolean", default=True),
        Option("variableSend", "Variable whose value is sent instead of the body."),
        Option(
            "ignoreInvalidEndpoint", "Goes on where the URI names nothing.", type="boolean", default=False
        ),
        Option("pattern", "Accepted; nobody waits for an answer.", choices=("InOnly", "InOut")),
        Option("cacheSize", "Accepted, without effect.", type="integer"),
        Option("allowOptimisedComponents", "Accepted, without effect.", type="boolean"),
        Option("autoStartComponents", "Accepted, without effect.", type="boolean"),
        Option("executorService", "Not in the embedded engine: needs a Java bean."),
        Option("onPrepare", "Not in the embedded engine: needs a Java bean."),
        Option("variableReceive", "Not in the embedded engine: there is no answer."),
    ),
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    for name in ("executorService", "onPrepare", "variableReceive"):
        if node.options.get(name) is not None:
            node.problem(
                f"/{name}", "not-yet", f"{name} of wireTap is not in the embedded engine", "Leave it out."
            )
    text = node.text("uri")
    send = handled(
        node, _dynamic(node, text) if "${" in text and node.flag("dynamicUri") else _fixed(node, text)
    )
    tapped = _completing(node, send)
    copies, given, services = node.flag("copy"), node.text("variableSend"), node.scope.services

    def tap(exchange: Exchange) -> None:
        message = exchange.message.copy() if copies else Message(conversions=services.conversions)
        made = child(exchange, message, correlated=False)
        made.pattern = "InOnly"
        if not copies:
            made.properties.clear()
            made.variables.clear()
        if given:
            message.body = variables_of(exchange, given).get(given)
        start(made, tapped, True, services.waiting)

    return tap


def _fixed(node: Node, text: str) -> Run:
    uri = node.scope.uri(text, node.options.get("parameters"), node.pointer)
    found = endpoint(node, uri) if uri else None
    if uri is None or found is None:
        return nothing
    return received(node, found, uri.name)


def _completing(node: Node, send: Block) -> Run:
    """A tapped route is the first of its copy: what it runs on completion runs then."""
    consumers = node.scope.program.consumers

    async def complete(exchange: Exchange) -> None:
        await contained(send.run, send.waits, exchange)
        route = consumers.get(node.text("uri").partition("?")[0])
        if route is not None and route.completed is not None:
            await route.completed(exchange)

    return complete


def _dynamic(node: Node, text: str) -> Run:
    pointer = f"{node.pointer}/uri"
    found = source("simple", text, pointer, node.scope)
    value: Expression = found.expression() if found else nothing
    endpoints = Endpoints(node)
    node.scope.note_use(text, pointer, dynamic=True)

    async def send(exchange: Exchange) -> None:
        name, run, waits = endpoints.find((to_text(value(exchange)) or "").strip())
        exchange.history[0].endpoint = name
        await call(run, waits, exchange)

    return send
