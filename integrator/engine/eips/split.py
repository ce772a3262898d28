"""split: each part of a value on its own; parts are drawn one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from integrator.engine.branches import OPTIONS, Branch, branching, numbered
from integrator.engine.children import child
from integrator.engine.compiler import Expression, Node
from integrator.engine.iterating import iterate
from integrator.engine.javatypes import JavaMessage
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.engine.strategies import Original
from integrator.exchange import Exchange

SPEC = Spec(
    "eip",
    "split",
    "Runs its steps for each part of a value; without a strategy the message stays as it was.",
    "1.0",
    "split: {jsonpath: '$.persons[*]', steps: [{to: direct:person}]}",
    options=(
        Option("steps", "What is done with each part.", type="steps"),
        Option("delimiter", "What separates the parts of a text; `false` leaves it whole.", default=","),
        *OPTIONS,
    ),
    expression=True,
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    body, how = node.steps(), branching(node, Original)
    delimiter = node.text("delimiter") or ","
    draw = _drawing(node, delimiter)
    streaming = how.streaming

    def branches(exchange: Exchange) -> Iterator[Branch]:
        found: Iterator[Any] = (part for part in draw(exchange) if part is not None)
        size = None
        if not streaming:
            whole = list(found)
            size, found = len(whole), iter(whole)
        message = exchange.message
        index, part = 0, next(found, None)
        while part is not None:
            following = next(found, None)
            made = child(exchange, message.copy())
            if isinstance(part, JavaMessage):
                made.message.headers.update(part.headers)
                made.message.body = part.body
            else:
                made.message.body = part
            if made.history[0].original is not None:
                made.history[0].original = made.message.copy()
            numbered(made, "Split", index, complete=following is None)
            if size is not None or following is None:
                made.properties["CamelSplitSize"] = index + 1 if size is None else size
            yield Branch(made, body.run, body.waits)
            index, part = index + 1, following

    async def split(exchange: Exchange) -> None:
        await how.run(exchange, branches(exchange))

    return split


def _drawing(node: Node, delimiter: str) -> Callable[[Exchange], Iterator[Any]]:
    """The parts: drawn by the language where it can, otherwise from the value of the expression."""
    source = node.expression_source()
    drawn = source.parts() if source else None
    if drawn is not None:
        return drawn
    value: Expression = source.expression() if source else (lambda _exchange: None)
    return lambda exchange: iterate(value(exchange), delimiter)
