"""pollEnrich: asks an endpoint for a message that waits there, and takes it in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from integrator.engine import durations
from integrator.engine.children import copy_results, has_ended, settle
from integrator.engine.compiler import Expression, Node
from integrator.engine.exceptions import JavaException
from integrator.engine.javatypes import to_text
from integrator.engine.names import variables_of
from integrator.engine.polling import Computed, Poll, note_polled, poller
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing
from integrator.engine.strategies import OPTION, REFUSED, Fold, Latest, combine, folding
from integrator.exchange import Exchange

SPEC = Spec(
    "eip",
    "pollEnrich",
    "Takes in a message that waits at the endpoint an expression names. Without a strategy it is the message, with "
    "the headers of both; where nothing came in time the body is null.",
    "2.0",
    "pollEnrich: {constant: seda:late, timeout: '1000'}",
    options=(
        Option("timeout", "How long to wait: milliseconds; 0 not at all, -1 as long as the engine's limit allows.",
               default="-1", example="1000"),
        OPTION,
        Option("aggregateOnException", "Whether the strategy sees a failed message, too.", type="boolean",
               default=False),
        Option("ignoreInvalidEndpoint", "Goes on where the endpoint names nothing.", type="boolean", default=False),
        Option("variableReceive", "Variable that takes the message; body and headers stay."),
        Option("cacheSize", "Accepted; compiled endpoints are kept up to a bound.", type="integer"),
        Option("allowOptimisedComponents", "Accepted, without effect.", type="boolean"),
        Option("autoStartComponents", "Accepted, without effect.", type="boolean"),
        *REFUSED,
    ),
    expression=True,
)  # fmt: skip
Find = Callable[[Exchange], Awaitable[tuple[str, Poll] | None]]


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    fold = folding(node, Latest) if node.options.get(OPTION.name) is not None else None
    return polling(node, _found(node), fold, failed_too=node.flag("aggregateOnException"))


def _found(node: Node) -> Find:
    """What finds the endpoint: fixed ones are compiled now."""
    written = node.expression_source()
    text = written.text.strip() if written else ""
    if written is None or not _is_computed(written.language, text):
        return fixed(node, text) if text else _nowhere
    return computed(node, written.expression(), text)


def _is_computed(language: str, text: str) -> bool:
    return language != "constant" and not (language == "simple" and "${" not in text)


async def _nowhere(_exchange: Exchange) -> None:
    return None


def fixed(node: Node, text: str) -> Find:
    """The endpoint that stands in the route."""
    uri = node.scope.uri(text, node.options.get("parameters"), node.pointer)
    poll = poller(node, uri) if uri else None
    if uri is None or poll is None:
        return _nowhere
    note_polled(node.scope.program, f"{uri.scheme}:{uri.path}")
    found = (uri.name, poll)

    async def find(_exchange: Exchange) -> tuple[str, Poll]:
        return found

    return find


def computed(node: Node, value: Expression, text: str) -> Find:
    """The endpoint that a message names."""
    scheme, colon, _ = text.partition(":")
    for one in (scheme,) if colon and scheme.isalnum() else ("seda", "stub"):
        note_polled(node.scope.program, f"{one}:*")
    shown = text if colon and scheme.isalnum() else "seda:${…}"
    node.scope.note_use(shown, node.pointer, dynamic=True)
    endpoints, ignores = Computed(node), node.flag("ignoreInvalidEndpoint")

    async def find(exchange: Exchange) -> tuple[str, Poll] | None:
        named = (to_text(value(exchange)) or "").strip()
        if not named:
            return None
        try:
            return endpoints.find(named)
        except JavaException:
            if ignores:
                return None
            raise

    return find


def polling(node: Node, find: Find, fold: Callable[[Exchange], Fold] | None, *, failed_too: bool) -> Run:
    """The step: poll, then take in."""
    if find is _nowhere:
        return nothing
    wait = durations.option(node, "timeout", _default(node))
    longest = node.scope.services.longest_delay
    seconds = longest if wait < 0 else min(wait, longest)
    taken = node.text("variableReceive")

    async def poll_enrich(exchange: Exchange) -> None:
        found = await find(exchange)
        if found is None:
            return
        name, poll = found
        made = await poll(exchange, seconds)
        before = exchange.message.copy()
        if made is not None and has_ended(made) and not failed_too:
            copy_results(exchange, made)
        elif fold is None:
            _take(exchange, made)
        else:
            _combine(exchange, made, fold)
        if taken and exchange.exception is None:
            answer, exchange.message = exchange.message, before
            variables_of(exchange, taken)[taken] = answer.body
            for header, value in answer.headers.items():
                exchange.variables[f"header:{taken}.{header}"] = value
        exchange.history[0].endpoint = name
        settle(exchange)

    return poll_enrich


def _default(node: Node) -> float:
    option = node.spec.option("timeout")
    return int(option.default) / 1000 if option else -1.0


def _take(exchange: Exchange, made: Exchange | None) -> None:
    """Camel's own way without a strategy."""
    if made is None:
        exchange.message.body = None
        return
    headers = exchange.message.headers
    copy_results(exchange, made)
    for name, value in headers.items():
        if name not in exchange.message.headers:
            exchange.message.headers[name] = value


def _combine(exchange: Exchange, made: Exchange | None, fold: Callable[[Exchange], Fold]) -> None:
    answer = combine(fold(exchange), exchange, made)
    if answer is not exchange:
        copy_results(exchange, answer)
