"""enrich: asks another endpoint with a copy of the message, and takes its answer in."""

from __future__ import annotations

from integrator.engine.children import child, contained, copy_results, has_ended, settle
from integrator.engine.compiler import Node
from integrator.engine.eips.recipient_list import uses_any
from integrator.engine.eips.to import VARIABLES
from integrator.engine.exceptions import JavaException
from integrator.engine.javatypes import to_text
from integrator.engine.names import variables_of
from integrator.engine.sending import Endpoints
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.engine.strategies import OPTION, REFUSED, Latest, combine, folding
from integrator.exchange import Exchange

SPEC = Spec(
    "eip",
    "enrich",
    "Sends a copy to the endpoint an expression names; without a strategy its answer is the message, headers included.",
    "2.0",
    "enrich: {constant: direct:person}",
    options=(
        OPTION,
        Option(
            "aggregateOnException",
            "Whether the strategy sees a failed answer, too.",
            type="boolean",
            default=False,
        ),
        Option(
            "ignoreInvalidEndpoint",
            "Goes on where the endpoint names nothing.",
            type="boolean",
            default=False,
        ),
        Option("shareUnitOfWork", "Accepted; errors always count.", type="boolean"),
        Option("cacheSize", "Accepted; compiled endpoints are kept up to a bound.", type="integer"),
        Option("allowOptimisedComponents", "Accepted, without effect.", type="boolean"),
        Option("autoStartComponents", "Accepted, without effect.", type="boolean"),
        *VARIABLES,
        *REFUSED,
    ),
    expression=True,
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    uri, endpoints = node.expression(), Endpoints(node)
    fold = folding(node, Latest) if node.options.get(OPTION.name) is not None else None
    ignores, failed_too = node.flag("ignoreInvalidEndpoint"), node.flag("aggregateOnException")
    given, taken = node.text("variableSend"), node.text("variableReceive")
    uses_any(node)

    async def enrich(exchange: Exchange) -> None:
        try:
            name, run, waits = endpoints.find((to_text(uri(exchange)) or "").strip())
        except JavaException:
            if ignores:
                exchange.properties["CamelCorrelationId"] = exchange.id
                return
            raise
        made = child(exchange, exchange.message.copy())
        if given:
            made.message.body = variables_of(exchange, given).get(given)
        made.history[0].endpoint = name
        await contained(run, waits, made)
        if has_ended(made) and not (failed_too and fold and made.exception is not None):
            copy_results(exchange, made)
            if made.exception is not None and made.history[0].exhausted is not made.exception:
                exchange.exception = None
                raise made.exception from made.exception.__cause__  # for the route's error handler to take
        elif taken:
            exchange.properties["CamelCorrelationId"] = exchange.id
            _keep(exchange, taken, made)
        elif fold is None:
            copy_results(exchange, made)
        else:
            answer = combine(fold(exchange), exchange, made)
            if answer is not exchange:
                copy_results(exchange, answer)
        settle(exchange)

    return enrich


def _keep(exchange: Exchange, name: str, made: Exchange) -> None:
    variables_of(exchange, name)[name] = made.message.body
    for header, value in made.message.headers.items():
        exchange.variables[f"header:{name}.{header}"] = value
