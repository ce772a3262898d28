"""setExchangePattern: whether the following steps wait for answers."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange

SPEC = Spec(
    "eip",
    "setExchangePattern",
    "Makes the exchange InOnly or InOut for the rest of the route: what it sends then waits for answers, or does not.",
    "2.0",
    "setExchangePattern: InOnly",
    options=(
        Option("pattern", "InOnly goes on at once, InOut waits.", choices=("InOnly", "InOut"), required=True),
    ),
    text="pattern",
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    pattern = node.text("pattern")

    def set_pattern(exchange: Exchange) -> None:
        exchange.pattern = pattern

    return set_pattern
