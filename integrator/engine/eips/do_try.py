"""doTry, doCatch and doFinally: the route's own error handling, with causes searched as Camel does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from integrator.engine import exceptions
from integrator.engine.compiler import Node, Predicate
from integrator.engine.problems import did_you_mean
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Block, RouteStop, Run, block, nothing
from integrator.exchange import Exchange

UNGUARDED = True  # what no handler takes passes the route's error handler by, as in Camel
_STEPS = Option("steps", "What is done.", type="steps")
SPEC = Spec(
    "eip",
    "doTry",
    "Runs steps and catches what they throw. A stop inside skips doFinally, as in Camel.",
    "2.0",
    "doTry: {steps: [], doCatch: [{exception: [java.io.IOException], steps: []}], doFinally: {steps: []}}",
    options=(
        _STEPS,
        Option("doCatch", "The handlers, first match wins.", type="list"),
        Option("doFinally", "What is done in any case.", type="object"),
    ),
)
CATCH = Spec(
    "part",
    "doCatch",
    "A handler: subclasses match, and so do causes.",
    "2.0",
    "{exception: [java.io.IOException], steps: []}",
    options=(
        Option("exception", "Java class names; none means every exception.", type="list"),
        Option("onWhen", "A predicate that must hold, too.", type="object"),
        _STEPS,
    ),
)
ON_WHEN = Spec(
    "part", "onWhen", "A predicate.", "2.0", "onWhen: {simple: \"${exception.message} contains 'x'\"}",
    expression=True,
)  # fmt: skip
FINALLY = Spec("part", "doFinally", "What is done in any case.", "2.0", "doFinally: {steps: []}", (_STEPS,))
_DURING = ("CamelExceptionHandled", "CamelFailureEndpoint", "CamelFailureRouteId", "TryRouteBlock")


@dataclass(frozen=True, slots=True)
class _Catch:
    classes: frozenset[str]
    when: Predicate | None
    body: Block


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    body = node.guarded_by_nobody()
    catches = [
        catch
        for index, value in enumerate(node.options.get("doCatch") or ())
        if (catch := _catch(node, value, f"{node.pointer}/doCatch/{index}"))
    ]
    last = Node.of(FINALLY, node.options.get("doFinally"), f"{node.pointer}/doFinally", node.scope)
    final = last.guarded_by_nobody() if last and node.options.get("doFinally") is not None else block(())
    return _run(body, tuple(catches), final, node.scope.route)


def _catch(node: Node, value: Any, pointer: str) -> _Catch | None:
    found = Node.of(CATCH, value, pointer, node.scope)
    if found is None:
        return None
    classes = found.options.get("exception")
    if not isinstance(classes, (list, tuple)):
        classes = ["java.lang.Throwable"] if classes is None else [classes]
    for index, name in enumerate(classes):
        if not exceptions.known(str(name)):
            found.problem(
                f"/exception/{index}",
                "unknown-exception",
                f"the engine knows no exception class {name}",
                did_you_mean(str(name), exceptions.PARENTS),
            )
    when = found.options.get("onWhen")
    test = Node.of(ON_WHEN, when, f"{pointer}/onWhen", node.scope) if when is not None else None
    return _Catch(frozenset(map(str, classes)), test.predicate() if test else None, found.guarded_by_nobody())


async def _call(body: Block, exchange: Exchange) -> None:
    if body.waits:
        await body.run(exchange)
    else:
        body.run(exchange)


def _run(body: Block, catches: tuple[_Catch, ...], final: Block, route: str) -> Callable[[Exchange], Any]:
    async def do_try(exchange: Exchange) -> None:
        error: Exception | None = None
        handled = False
        exchange.properties["TryRouteBlock"] = True
        try:
            await _call(body, exchange)
        except RouteStop:
            # A stop skips doFinally; an error handler of a route inside, which ended the exchange, does not.
            if not exchange.history[0].handled:
                exchange.properties.pop("TryRouteBlock", None)
                raise
            handled = True
        except Exception as raised:  # every exception is offered to the handlers
            error = raised
        if error is not None:
            error = await _handle(exchange, error, catches, route)
        if final.run is not nothing:
            error = await _finally(final, exchange, error)
        for name in _DURING if error is None else ("CamelExceptionHandled", "TryRouteBlock"):
            exchange.properties.pop(name, None)
        if handled:
            raise RouteStop
        if error is not None:
            raise error from error.__cause__

    return do_try


async def _finally(final: Block, exchange: Exchange, error: Exception | None) -> Exception | None:
    """Run doFinally. An exception that nobody caught comes back after it, whatever it throws itself."""
    exchange.properties["TryRouteBlock"] = True
    try:
        await _call(final, exchange)
    except Exception:  # stands in the exchange's history
        if error is None:
            exchange.properties.pop("TryRouteBlock", None)
            raise
        exchange.history[0].failed = error
    if error is not None:
        exchange.properties["CamelExceptionCaught"] = error
    return error


async def _handle(
    exchange: Exchange, error: Exception, catches: tuple[_Catch, ...], route: str
) -> Exception | None:
    """Run the first handler that matches; the exception that is left, if any."""
    properties = exchange.properties
    properties["CamelExceptionCaught"] = error
    properties["TryRouteBlock"] = True
    exchange.exception = None
    for catch in catches:
        if exceptions.matches(error, catch.classes) and (catch.when is None or catch.when(exchange)):
            properties["CamelExceptionHandled"] = True
            properties.setdefault("CamelFailureEndpoint", exchange.history[0].endpoint)
            properties["CamelFailureRouteId"] = route
            try:
                await _call(catch.body, exchange)
            except Exception as again:  # what a handler throws replaces the first exception
                properties["CamelExceptionCaught"] = again
                return again
            return None
    return error
