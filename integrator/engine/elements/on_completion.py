"""onCompletion: steps that run on a copy after the exchange has ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from integrator.engine.children import child, contained
from integrator.engine.compiler import Node, Predicate
from integrator.engine.elements.on_exception import original, predicate
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import FINAL, Block
from integrator.exchange import Exchange

SPEC = Spec(
    "element",
    "onCompletion",
    "Steps that run on a copy after an exchange that entered by a route of the file has ended.",
    "2.0",
    "onCompletion: {onFailureOnly: true, steps: [{log: failed}]}",
    options=(
        Option("onCompleteOnly", "Only where it did not fail.", type="boolean", default=False),
        Option("onFailureOnly", "Only where it failed.", type="boolean", default=False),
        Option("onWhen", "A predicate that must hold.", type="object"),
        Option("useOriginalMessage", "Takes the message as it came.", type="boolean", default=False),
        Option("mode", "Accepted; always after the route.", choices=("AfterConsumer", "BeforeConsumer")),
        Option("parallelProcessing", "Accepted; the exchange ends after its completions.", type="boolean"),
        Option("executorService", "Not in the embedded engine: needs a Java bean."),
        Option("steps", "What is done.", type="steps"),
    ),
)


@dataclass(frozen=True, slots=True)
class _Completion:
    body: Block
    when: Predicate | None
    ends: tuple[bool, ...]
    original: bool


def completion(node: Node) -> _Completion:
    """One compiled onCompletion."""
    if node.flag("onCompleteOnly") and node.flag("onFailureOnly"):
        node.problem(
            "/onFailureOnly",
            "option-value",
            "onCompleteOnly and onFailureOnly exclude each other",
            "Keep one.",
        )
    if node.options.get("executorService") is not None:
        node.problem("/executorService", "not-yet", "executorService needs a Java bean", "Leave it out.")
    ends = tuple(
        failed for failed, only in ((False, "onFailureOnly"), (True, "onCompleteOnly")) if not node.flag(only)
    )
    with node.scope.handled_by(FINAL):
        body = node.steps()
    return _Completion(body, predicate(node, "onWhen"), ends, original(node) == "message")


def completions(listed: Sequence[_Completion], route: str) -> Callable[[Exchange], Awaitable[None]]:
    """What a route runs after its exchanges; their own failures change nothing."""

    async def complete(exchange: Exchange) -> None:
        exchange.properties["CamelOnCompletionRouteIds"] = _ids(route, len(listed))
        failed = exchange.exception is not None
        for one in listed:
            if failed not in one.ends:
                continue
            source = exchange.history[0].original if one.original else None
            copy = child(exchange, (source or exchange.message).copy())
            copy.properties["CamelOnCompletion"] = True
            copy.pattern = "InOnly"  # nobody waits for its answer
            if one.when is None or one.when(copy):
                await contained(one.body.run, one.body.waits, copy)

    return complete


def _ids(route: str, count: int) -> list[str]:
    from integrator.engine.javatypes import JavaList

    return JavaList([route] * count)
