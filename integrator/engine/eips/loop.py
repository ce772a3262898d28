"""loop: steps so many times, or while a predicate holds."""

from __future__ import annotations

import asyncio

from integrator.engine.children import YIELD_EVERY, child, contained, copy_results, settle
from integrator.engine.compiler import Node, Predicate
from integrator.engine.javatypes import cannot_convert, converter, to_text
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Block, Run, call
from integrator.exchange import Exchange, Overloaded

SPEC = Spec(
    "eip",
    "loop",
    "Runs its steps so many times; each turn goes on from the one before. Turns are limited.",
    "2.0",
    "loop: {constant: '3', steps: [{setBody: {simple: '${body}${exchangeProperty.CamelLoopIndex}'}}]}",
    options=(
        Option("steps", "What is done in each turn.", type="steps"),
        Option("copy", "Whether each turn starts from the message as it came.", type="boolean", default=False),
        Option("doWhile", "Takes the expression as a predicate, tested before each turn.", type="boolean",
               default=False),
        Option("breakOnShutdown", "Accepted, without effect.", type="boolean"),
        Option("onPrepare", "Not in the embedded engine: needs a Java bean."),
    ),
    expression=True,
)  # fmt: skip
_integer = converter("java.lang.Integer")
assert _integer is not None


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    if node.options.get("onPrepare") is not None:
        node.problem("/onPrepare", "not-yet", "onPrepare needs a Java bean", "Leave it out.")
    body, copies, most = node.steps(), node.flag("copy"), node.scope.services.turns
    if node.flag("doWhile"):
        return _while(node.predicate(), body, copies, most)
    count = node.expression()

    async def loop(exchange: Exchange) -> None:
        value = to_text(count(exchange))  # Camel takes the number from its text: 1.9 is none
        if value is None:
            raise cannot_convert(value, "java.lang.Integer")
        assert _integer is not None
        turns = _integer(value)
        if turns > most:
            raise _endless(most)
        exchange.properties["CamelLoopSize"] = turns
        original = exchange.message.copy() if copies else None
        for index in range(turns):
            await _turn(exchange, body, index, original)

    return loop


def _while(test: Predicate, body: Block, copies: bool, most: int) -> Run:
    async def loop_while(exchange: Exchange) -> None:
        original = exchange.message.copy() if copies else None
        index = 0
        while test(exchange):
            if index >= most:
                raise _endless(most)
            await _turn(exchange, body, index, original)
            index += 1

    return loop_while


def _endless(most: int) -> Overloaded:
    return Overloaded(f"a loop has more than {most} turns", reason="loop")


async def _turn(exchange: Exchange, body: Block, index: int, original: object) -> None:
    if index % YIELD_EVERY == YIELD_EVERY - 1:
        await asyncio.sleep(0)
    exchange.properties["CamelLoopIndex"] = index
    if original is None:
        await call(body.run, body.waits, exchange)
        return
    made = child(exchange, original.copy(), correlated=False)  # type: ignore[attr-defined]
    await contained(body.run, body.waits, made)
    copy_results(exchange, made)
    settle(exchange)
