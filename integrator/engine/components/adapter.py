"""adapter: an operation of a connected system, the only way out of a route."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.exceptions import CAMEL, JavaException, failure
from integrator.engine.javatypes import JavaList, JavaMap, json_input, to_node
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.engine.uris import Uri
from integrator.exchange import Exchange

SPEC = Spec(
    "component",
    "adapter",
    "Calls an operation of an adapter of the site with the body as JSON data; its answer becomes the body.",
    "ours",
    "adapter:regional/bced-person?operation=getPerson",
    options=(Option("operation", "The operation, as the adapter's file names it.", required=True),),
)


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """The call. What the sender raises is the exchange's exception, under its Camel name."""
    services = node.scope.services
    sender, parse = services.sender, services.conversions.parse_json
    adapter, operation = uri.path, uri.options["operation"]

    async def call(exchange: Exchange) -> None:
        message = exchange.message
        body = message.body
        if body.__class__ is not dict:
            body = _data(body, parse)
        answer = await sender.call(adapter, operation, body, message.headers, exchange.context)
        message.body = answer.body
        headers = message.headers
        if answer.headers:
            headers.update(answer.headers)
        for name, value in (
            ("Adapter-Status", answer.status),
            ("Adapter-Code", answer.code),
            ("Adapter-Ticket", answer.ticket),
        ):
            if value is None:
                headers.pop(name, None)  # what an earlier call left is not this answer's
            else:
                headers[name] = value

    return call


def _data(body: object, parse: object) -> object:
    if isinstance(body, (str, bytes)):
        if not body:
            return None
        try:
            return json_input(body, parse)  # type: ignore[arg-type]
        except JavaException as error:
            raise failure(
                CAMEL + "TypeConversionException", "the body for an adapter is not JSON", error
            ) from error
    return to_node(body) if isinstance(body, (JavaMap, JavaList)) else body
