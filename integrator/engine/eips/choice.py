"""choice: the steps of the first `when` that is true, or those of `otherwise`, or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrator.engine.compiler import Node, Predicate
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Block, Run, block
from integrator.exchange import Exchange

_STEPS = Option("steps", "What is done then.", type="steps")
SPEC = Spec(
    "eip",
    "choice",
    "Takes the first branch whose predicate is true; without one the exchange goes on unchanged.",
    "1.0",
    "choice: {when: [{simple: '${header.a} == 1', steps: []}], otherwise: {steps: []}}",
    options=(
        Option("when", "The branches, each a predicate with steps.", type="list"),
        Option("otherwise", "The branch where no predicate is true.", type="object"),
        Option("precondition", "Decides once, when the route is compiled, by placeholders.", type="boolean"),
    ),
)
WHEN = Spec(
    "part", "when", "A branch of a choice.", "1.0", "{simple: '${header.a} == 1', steps: []}", (_STEPS,),
    expression=True,
)  # fmt: skip
OTHERWISE = Spec("part", "otherwise", "The last branch.", "1.0", "otherwise: {steps: []}", (_STEPS,))


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    branches: list[tuple[Predicate, Block]] = []
    for index, value in enumerate(node.options.get("when") or ()):
        when = Node.of(WHEN, value, f"{node.pointer}/when/{index}", node.scope)
        if when is not None and not when.flag("disabled"):
            branches.append((when.predicate(), when.steps()))
    last = _otherwise(node, node.options.get("otherwise"))
    if node.flag("precondition"):
        return _decided(node, branches, last)
    if last.waits or any(body.waits for _, body in branches):
        return _waiting(branches, last)
    return _plain(branches, last)


def _otherwise(node: Node, value: Any) -> Block:
    if value is None:
        return block(())
    if isinstance(value, Mapping):
        found = Node.of(OTHERWISE, value, f"{node.pointer}/otherwise", node.scope)
        return found.steps() if found else block(())
    node.problem("/otherwise", "options", "otherwise is not a mapping", "Write otherwise: {steps: [...]}.")
    return block(())


def _plain(branches: list[tuple[Predicate, Block]], last: Block) -> Run:
    pairs = tuple((test, body.run) for test, body in branches)
    otherwise = last.run

    def choose(exchange: Exchange) -> None:
        for test, run in pairs:
            if test(exchange):
                run(exchange)
                return
        otherwise(exchange)

    return choose


def _waiting(branches: list[tuple[Predicate, Block]], last: Block) -> Run:
    triples = tuple((test, body.run, body.waits) for test, body in branches)
    otherwise, otherwise_waits = last.run, last.waits

    async def choose(exchange: Exchange) -> None:
        for test, run, waits in triples:
            if test(exchange):
                if waits:
                    await run(exchange)
                else:
                    run(exchange)
                return
        if otherwise_waits:
            await otherwise(exchange)
        else:
            otherwise(exchange)

    return choose


def _decided(node: Node, branches: list[tuple[Predicate, Block]], last: Block) -> Run:
    # A precondition has no message to look at: it is decided on an empty one.
    from integrator.exchange import Message

    empty = Exchange(Message(conversions=node.scope.services.conversions), exchange_id="precondition")
    return next((body.run for test, body in branches if test(empty)), last.run)
