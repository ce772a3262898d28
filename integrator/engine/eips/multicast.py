"""multicast: the same message to several branches."""

from __future__ import annotations

from collections.abc import Iterator

from integrator.engine.branches import OPTIONS, Branch, branching, numbered
from integrator.engine.children import child
from integrator.engine.compiler import Node
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.engine.strategies import Latest
from integrator.exchange import Exchange

SPEC = Spec(
    "eip",
    "multicast",
    "Gives each of its steps a copy of the message; without a strategy the last result is the message.",
    "1.0",
    "multicast: {steps: [{to: direct:a}, {to: direct:b}]}",
    options=(
        Option("steps", "The branches, each step one; `pipeline` makes several steps one.", type="steps"),
        *OPTIONS,
    ),
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    listed = tuple(node.each_step())
    how = branching(node, Latest)
    last = len(listed) - 1

    def branches(exchange: Exchange) -> Iterator[Branch]:
        message = exchange.message
        for index, body in enumerate(listed):
            made = child(exchange, message.copy())
            numbered(made, "Multicast", index, complete=index == last)
            yield Branch(made, body.run, body.waits)

    async def multicast(exchange: Exchange) -> None:
        await how.run(exchange, branches(exchange))

    return multicast
