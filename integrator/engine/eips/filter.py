"""filter: nested steps for messages that match; the route goes on for all."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange

SPEC = Spec(
    "eip",
    "filter",
    "Runs its steps only for messages that match; the steps after it run for every message.",
    "1.0",
    "filter: {simple: '${header.Kind} == \"permit\"', steps: []}",
    options=(
        Option("steps", "What is done with messages that match.", type="steps"),
        Option("statusPropertyName", "Exchange property that tells whether the message matched."),
    ),
    expression=True,
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    test, body = node.predicate(), node.steps()
    status, run = node.text("statusPropertyName"), body.run

    def matched(exchange: Exchange) -> bool:
        found = test(exchange)
        if status:
            exchange.properties[status] = found
        return found

    async def filter_waiting(exchange: Exchange) -> None:
        if matched(exchange):
            await run(exchange)

    def filter_plain(exchange: Exchange) -> None:
        if matched(exchange):
            run(exchange)

    return filter_waiting if body.waits else filter_plain
