"""onException: what is done with errors of a class, in every route of the file or routeConfiguration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrator.engine import exceptions
from integrator.engine.calling import hook
from integrator.engine.compiler import Node, Predicate
from integrator.engine.elements.redelivery import redelivery
from integrator.engine.guards import Hooks, Policy, Redelivery
from integrator.engine.problems import did_you_mean
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import OPEN, Block

SPEC = Spec(
    "element",
    "onException",
    "What is done with errors of a class. The nearest class wins, and causes come before what wraps them.",
    "1.0",
    "onException: {exception: [java.io.IOException], handled: {constant: 'true'}, steps: []}",
    options=(
        Option("exception", "Java class names.", type="list", required=True, example=["java.io.IOException"]),
        Option("handled", "Whether the caller sees no exception; a predicate.", type="object"),
        Option("continued", "Whether the route goes on after the failed step; a predicate.", type="object"),
        Option("onWhen", "A predicate that must hold, too.", type="object"),
        Option("retryWhile", "Tries again as long as the predicate holds.", type="object"),
        Option("redeliveryPolicy", "How often and how late a failed step is tried again.", type="object"),
        Option("redeliveryPolicyRef", "A bean of Camel's class RedeliveryPolicy instead."),
        Option("useOriginalMessage", "Handles the message as it came.", type="boolean", default=False),
        Option("useOriginalBody", "Handles the body as it came, with the headers as they are.", type="boolean",
               default=False),
        Option("steps", "What is done.", type="steps"),
        Option("onExceptionOccurredRef", "A function of the site, called at each such error.", example="note"),
        Option("onRedeliveryRef", "A function of the site, called before each redelivery.", example="note"),
    ),
)  # fmt: skip
PREDICATE = Spec("part", "predicate", "A predicate.", "1.0", "handled: {constant: 'true'}", expression=True)


def predicate(node: Node, name: str) -> Predicate | None:
    """The predicate of an option; None where the option is not there."""
    value = node.options.get(name)
    if value is None:
        return None
    if not isinstance(value, Mapping):
        value = {"constant": value} if isinstance(value, bool) else {"simple": value}
    found = Node.of(PREDICATE, value, f"{node.pointer}/{name}", node.scope)
    return found.predicate() if found else None


def policy(node: Node, parent: Redelivery) -> Policy:
    """The compiled onException."""
    classes = node.options.get("exception")
    listed = [str(name) for name in classes] if isinstance(classes, (list, tuple)) else [str(classes)]
    for index, name in enumerate(listed):
        if not exceptions.known(name):
            node.problem(
                f"/exception/{index}", "unknown-exception", f"the engine knows no exception class {name}",
                did_you_mean(name, exceptions.PARENTS),
            )  # fmt: skip
    has_steps = bool(node.options.get("steps"))
    body: Block | None = None
    if has_steps:
        with node.scope.handled_by(OPEN):
            body = node.steps()
    return Policy(
        tuple(listed),
        redelivery(node, parent, has_steps=has_steps),
        body,
        predicate(node, "onWhen"),
        predicate(node, "handled"),
        predicate(node, "continued"),
        predicate(node, "retryWhile"),
        original(node),
        Hooks(hook(node, "onExceptionOccurredRef"), hook(node, "onRedeliveryRef")),
    )


def original(node: Node) -> str:
    """Which part of the message as it came is asked for: "", "message" or "body"."""
    if node.flag("useOriginalMessage"):
        return "message"
    return "body" if node.flag("useOriginalBody") else ""


def read(value: Any, pointer: str, scope: Any) -> Node | None:
    """The options of an onException."""
    return Node.of(SPEC, value, pointer, scope)
