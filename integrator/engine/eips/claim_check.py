"""claimCheck: puts the message aside and takes it back, within one exchange."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from integrator.engine.compiler import Node
from integrator.engine.names import matching
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange, Message, Overloaded

SPEC = Spec(
    "eip",
    "claimCheck",
    "Puts the message aside under a key or on a stack, and takes it back; headers set since then stay.",
    "2.21",
    "claimCheck: {operation: Set, key: original}",
    options=(
        Option("operation", "What is done.", required=True, choices=("Set", "Get", "GetAndRemove", "Push", "Pop")),
        Option("key", "The key of Set, Get and GetAndRemove."),
        Option("filter", "What is taken back: body, headers, header:a*; with - not, with -- removed before.",
               example="body, header:X-*"),
        Option("aggregationStrategy", "Not yet in the embedded engine."),
        Option("aggregationStrategyMethodName", "Not in the embedded engine: needs a Java bean."),
    ),
)  # fmt: skip
_PROPERTY = "CamelClaimCheckRepository"
_MOST = 100
Merge = Callable[[Message, Message], None]


class ClaimChecks:
    """What an exchange has put aside: by key, and a stack."""

    java_class: ClassVar[str] = "org.apache.camel.processor.DefaultClaimCheckRepository"
    __slots__ = ("kept", "stack")

    def __init__(self) -> None:
        self.kept: dict[str, Message] = {}
        self.stack: list[Message] = []


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    for name in ("aggregationStrategy", "aggregationStrategyMethodName"):
        if node.options.get(name) is not None:
            node.problem(
                f"/{name}", "not-yet", f"{name} of claimCheck is not in the embedded engine", "Use filter."
            )
    operation, key = node.text("operation"), node.text("key")
    if operation in ("Set", "Get", "GetAndRemove") and not key:
        node.problem(
            "", "missing-option", f"claimCheck {operation} needs a key", f"For example: {SPEC.example}"
        )
    merge = merging(node.text("filter"))

    def claim_check(exchange: Exchange) -> None:
        checks = exchange.properties.get(_PROPERTY)
        if not isinstance(checks, ClaimChecks):
            checks = exchange.properties[_PROPERTY] = ClaimChecks()
        if operation in ("Set", "Push"):
            if len(checks.kept) + len(checks.stack) >= _MOST:
                raise Overloaded(f"an exchange puts more than {_MOST} messages aside", reason="claim-check")
            if operation == "Set":
                checks.kept[key] = exchange.message.copy()
            else:
                checks.stack.append(exchange.message.copy())
            return
        if operation == "Pop":
            found = checks.stack.pop() if checks.stack else None
        elif operation == "Get":
            found = checks.kept.get(key)
        else:
            found = checks.kept.pop(key, None)
        if found is not None:
            merge(exchange.message, found)

    return claim_check


def merging(text: str) -> Merge:
    """How a message that was put aside is merged into the current one."""
    items = [item.strip() for item in text.split(",") if item.strip()]
    removed = [item[2:] for item in items if item.startswith("--")]
    excluded = [item[1:] for item in items if item.startswith("-") and not item.startswith("--")]
    included = [item.removeprefix("+") for item in items if not item.startswith("-")]

    def takes(name: str) -> bool:
        if _fits(name, excluded) or _fits(name, removed):
            return False
        return _fits(name, included) if included else True

    def merge(current: Message, kept: Message) -> None:
        for name in list(current.headers):
            if _fits(f"header:{name}", removed):
                del current.headers[name]
        if not items or takes("body"):
            current.body = kept.body
        for name, value in kept.headers.items():
            if not items or takes(f"header:{name}"):
                current.headers[name] = value

    return merge


def _fits(name: str, patterns: list[str]) -> bool:
    kind, _, header = name.partition(":")
    for pattern in patterns:
        if pattern == kind or (kind == "header" and pattern == "headers"):
            return True
        if kind == "header" and pattern.startswith("header:") and matching(pattern[7:])(header):
            return True
    return False
