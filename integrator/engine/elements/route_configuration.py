"""routeConfiguration: error handling, intercepts and completions for routes of any file of the set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from integrator.engine.compiler import Node, Scope
from integrator.engine.elements import error_handler, intercept, on_completion, on_exception
from integrator.engine.elements.on_exception import SPEC as ON_EXCEPTION
from integrator.engine.elements.route import holds
from integrator.engine.guards import Guard, Hooks
from integrator.engine.names import endpoint_pattern
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import FINAL, QUIET

SPEC = Spec(
    "element",
    "routeConfiguration",
    "What holds for all routes, or with an id for those that name it.",
    "3.12",
    "routeConfiguration: {id: strict, onException: [{onException: {exception: [java.lang.Exception], steps: []}}]}",
    options=(
        Option("errorHandler", "The error handler.", type="object"),
        Option("onException", "Each as `onException: {...}`.", type="list"),
        Option("onCompletion", "Each as `onCompletion: {...}`.", type="list"),
        Option("intercept", "Each as `intercept: {...}`.", type="list"),
        Option("interceptFrom", "Each as `interceptFrom: {...}`.", type="list"),
        Option("interceptSendToEndpoint", "Each as `interceptSendToEndpoint: {...}`.", type="list"),
        Option("precondition", "Whether it holds at all: simple over placeholders, asked once."),
        Option("errorHandlerRef", "Not in the embedded engine: needs a Java bean."),
    ),
)
_INTERCEPTS = {spec.name: spec for spec in intercept.SPECS}
PARTS: dict[str, Spec] = {
    "onException": ON_EXCEPTION,
    "onCompletion": on_completion.SPEC,
    "errorHandler": error_handler.SPEC,
    **_INTERCEPTS,
}
"""What may stand at the top of a file or in a routeConfiguration."""


@dataclass(slots=True)
class Configuration:
    """The elements of a file, or of a routeConfiguration, as written; compiled for each route."""

    scope: Scope
    parts: list[tuple[str, Any, str]] = field(default_factory=list)
    used: bool = False
    for_all: bool = False

    def of(self, *names: str) -> Iterator[tuple[str, Any, str]]:
        """The parts of these names: name, value, pointer."""
        return (part for part in self.parts if part[0] in names)


def configuration(node: Node) -> Configuration:
    """The parts of a routeConfiguration."""
    found = Configuration(node.scope)
    if node.options.get("errorHandlerRef") is not None:
        node.problem(
            "/errorHandlerRef", "not-yet", "errorHandlerRef needs a Java bean", "Write errorHandler."
        )
    if not holds(node, node.scope.checking):
        return found
    for name in PARTS:
        value = node.options.get(name)
        if value is None:
            continue
        if name == "errorHandler":
            found.parts.append((name, value, f"{node.pointer}/{name}"))
            continue
        for index, item in enumerate(value if isinstance(value, (list, tuple)) else ()):
            inner = item.get(name) if isinstance(item, Mapping) and len(item) == 1 else None
            if inner is None:
                node.problem(
                    f"/{name}/{index}",
                    "options",
                    f"an item of {name} is no {name}",
                    f"For example: {SPEC.example}",
                )
            else:
                found.parts.append((name, inner, f"{node.pointer}/{name}/{index}/{name}"))
    return found


def apply(scope: Scope, configurations: list[Configuration], own: tuple[Any, str] | None) -> None:
    """Set error handler and intercepts of a route's scope. `own` is the errorHandler of the route itself."""
    scope.intercepts, scope.sends, scope.handler = (), (), FINAL
    handler = error_handler.Handler()
    if own is not None:
        handler = _handler(scope, *own) or handler
    else:
        for one in configurations:
            listed = list(one.of("errorHandler"))
            if listed:
                handler = _handler(_scope_of(one, scope), *listed[-1][1:]) or handler
                break
    if handler.quiet:
        scope.handler = QUIET
    else:
        _guard(scope, configurations, handler)
    intercepts: dict[str, list[Any]] = {"intercept": [], "interceptSendToEndpoint": []}
    for one in configurations:
        for name, value, pointer in one.of(*intercepts):
            node = Node.of(_INTERCEPTS[name], value, pointer, _scope_of(one, scope))
            if node is not None:
                intercepts[name].append(intercept.compile_intercept(node))
    scope.intercepts = tuple(intercepts["intercept"])
    scope.sends = tuple(intercepts["interceptSendToEndpoint"])


def _handler(scope: Scope, value: Any, pointer: str) -> error_handler.Handler | None:
    node = Node.of(error_handler.SPEC, value, pointer, scope)
    return error_handler.handler(node) if node else None


def _guard(scope: Scope, configurations: list[Configuration], handler: error_handler.Handler) -> None:
    policies = []
    for one in configurations:
        for _, value, pointer in one.of("onException"):
            node = Node.of(ON_EXCEPTION, value, pointer, _scope_of(one, scope))
            if node is not None:
                policies.append(on_exception.policy(node, handler.redelivery))
    if not policies and handler.dead is None and not handler.redelivery.maximum and handler.hooks == Hooks():
        return
    # useOriginalMessage of onException switches the keeping of originals on, useOriginalBody does not; a dead
    # letter channel does with either.
    asked = any(policy.original == "message" for policy in policies)
    asked = asked or (handler.dead is not None and bool(handler.dead.original))
    scope.program.originals = scope.program.originals or asked
    scope.handler = Guard(
        scope.services, tuple(policies), handler.redelivery, handler.dead, asked, handler.hooks
    )


def starting(scope: Scope, configurations: list[Configuration]) -> list[Any]:
    """The interceptFrom elements that match the route's consumer."""
    found = []
    for one in configurations:
        for name, value, pointer in one.of("interceptFrom"):
            node = Node.of(_INTERCEPTS[name], value, pointer, _scope_of(one, scope))
            if node is None:
                continue
            compiled = intercept.compile_intercept(node)
            if not compiled.uri or endpoint_pattern(compiled.uri)(scope.start):
                found.append(compiled)
    return found


def completing(scope: Scope, configurations: list[Configuration]) -> list[Any]:
    """The onCompletion elements."""
    found = []
    for one in configurations:
        for _, value, pointer in one.of("onCompletion"):
            node = Node.of(on_completion.SPEC, value, pointer, _scope_of(one, scope))
            if node is not None:
                found.append(on_completion.completion(node))
                scope.program.originals = scope.program.originals or node.flag("useOriginalMessage")
    return found


def _scope_of(one: Configuration, route: Scope) -> Scope:
    """The scope of the configuration's file, compiling for this route."""
    one.used = True
    source = one.scope
    return Scope(
        source.source, source.program, source.problems, source.uses, route.route, source.checking,
        handler=FINAL, start=route.start, beans=source.beans,
    )  # fmt: skip
