"""loadBalance: each message to one of several steps."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from integrator.engine import exceptions
from integrator.engine.children import child, contained, copy_results, settle
from integrator.engine.compiler import Node
from integrator.engine.problems import did_you_mean
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import OPEN, Block, Run, call
from integrator.exchange import Exchange

_LATER = ("customLoadBalancer", "stickyLoadBalancer", "topicLoadBalancer")
SPEC = Spec(
    "eip",
    "loadBalance",
    "Gives each message to one of its steps: in turn, at random, by weight, or to the next where one fails.",
    "1.0",
    "loadBalance: {roundRobinLoadBalancer: {}, steps: [{to: direct:a}, {to: direct:b}]}",
    options=(
        Option("steps", "The choices, each step one.", type="steps"),
        Option("roundRobinLoadBalancer", "In turn.", type="object"),
        Option("randomLoadBalancer", "At random.", type="object"),
        Option("weightedLoadBalancer", "By weight, in turn or at random.", type="object"),
        Option("failoverLoadBalancer", "The first that does not fail.", type="object"),
        *(Option(name, "Not yet in the embedded engine.", type="any") for name in _LATER),
    ),
)
WEIGHTED = Spec(
    "part", "weightedLoadBalancer", "By weight.", "2.5", "weightedLoadBalancer: {distributionRatio: '3,1'}",
    (
        Option("distributionRatio", "A weight for each step.", required=True, example="3,1"),
        Option("distributionRatioDelimiter", "What separates them.", default=","),
        Option("roundRobin", "In turn instead of at random.", type="boolean", default=False),
    ),
)  # fmt: skip
FAILOVER = Spec(
    "part", "failoverLoadBalancer", "The first that does not fail, each on a copy of the message.", "2.0",
    "failoverLoadBalancer: {exception: [java.io.IOException]}",
    (
        Option("exception", "Classes that make it try the next; all by default.", type="list"),
        Option("maximumFailoverAttempts", "How often it tries another; -1 each once.", type="integer", default=-1),
        Option("roundRobin", "Begins after the one that was used last.", type="boolean", default=False),
        Option("sticky", "Begins with the one that did not fail last.", type="boolean", default=False),
        Option("inheritErrorHandler", "Whether the route's error handler sees each failure first.", type="boolean",
               default=True),
    ),
)  # fmt: skip
PLAIN = Spec("part", "roundRobinLoadBalancer", "In turn, or at random.", "1.0", "roundRobinLoadBalancer: {}")


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step. What was used last is known for the compiled route, in this process."""
    given = [name for name in node.options if name.endswith("LoadBalancer") and SPEC.option(name)]
    if len(given) != 1:
        node.problem(
            "",
            "missing-option",
            "loadBalance names no load balancer, or more than one",
            f"For example: {SPEC.example}",
        )
        return call_nothing
    name = given[0]
    if name in _LATER:
        node.problem(
            f"/{name}", "not-yet", f"{name} is not yet in the embedded engine", "Use roundRobinLoadBalancer."
        )
        return call_nothing
    value = node.options[name]
    spec = {"weightedLoadBalancer": WEIGHTED, "failoverLoadBalancer": FAILOVER}.get(name, PLAIN)
    options = Node.of(spec, value if isinstance(value, Mapping) else {}, f"{node.pointer}/{name}", node.scope)
    if options is None:
        return call_nothing
    if name == "failoverLoadBalancer":
        handler = node.scope.handler if options.flag("inheritErrorHandler") else OPEN
        with node.scope.handled_by(handler):
            return _failover(options, tuple(node.each_step()))
    choices = tuple(node.each_step())
    if not choices:
        return call_nothing
    choose = {"roundRobinLoadBalancer": _in_turn, "randomLoadBalancer": _at_random}.get(name)
    return _one(choices, choose(len(choices)) if choose else _weighted(options, len(choices)))


def call_nothing(_exchange: Exchange) -> None:
    """The step without choices."""


def _one(choices: tuple[Block, ...], choose: Callable[[], int]) -> Run:
    async def balance(exchange: Exchange) -> None:
        body = choices[choose()]
        await call(body.run, body.waits, exchange)

    return balance


def _in_turn(count: int) -> Callable[[], int]:
    last = -1

    def choose() -> int:
        nonlocal last
        last = (last + 1) % count
        return last

    return choose


def _at_random(count: int) -> Callable[[], int]:
    return lambda: secrets.randbelow(count)


def _weighted(node: Node, count: int) -> Callable[[], int]:
    parts = [
        part.strip()
        for part in node.text("distributionRatio").split(node.text("distributionRatioDelimiter") or ",")
    ]
    if (
        len(parts) != count
        or not all(part.isdigit() for part in parts)
        or not any(int(part) for part in parts)
    ):
        node.problem("/distributionRatio", "option-value", f"distributionRatio has no weight for each of {count} steps",
                     "Write one whole number for each, not all 0.")  # fmt: skip
        return lambda: 0
    weights = [int(part) for part in parts]
    left: list[int] = []
    place = 0

    def choose() -> int:
        nonlocal left, place
        if not any(left):
            left, place = list(weights), 0
        while True:
            index = place % count if in_turn else secrets.randbelow(count)
            place += 1
            if left[index] > 0:
                left[index] -= 1
                return index

    in_turn = node.flag("roundRobin")
    return choose


def _failover(node: Node, choices: tuple[Block, ...]) -> Run:
    classes = node.options.get("exception") or ()
    listed = [str(name) for name in classes] if isinstance(classes, (list, tuple)) else [str(classes)]
    for index, name in enumerate(listed):
        if not exceptions.known(name):
            node.problem(f"/exception/{index}", "unknown-exception", f"the engine knows no exception class {name}",
                         did_you_mean(name, exceptions.PARENTS))  # fmt: skip
    wanted = frozenset(listed)
    attempts = node.number("maximumFailoverAttempts", -1)
    in_turn, sticky = node.flag("roundRobin"), node.flag("sticky")
    most = node.scope.services.redeliveries
    last_good, last_used = 0, -1

    def places() -> list[int]:
        first = last_good if sticky else (last_used + 1) % len(choices) if in_turn else 0
        order = [(first + step) % len(choices) for step in range(len(choices))]
        if attempts < 0:
            return order
        tries = min(attempts + 1, most)
        return [order[step % len(order)] for step in range(tries)] if in_turn else order[:tries]

    async def fail_over(exchange: Exchange) -> None:
        nonlocal last_good, last_used
        made: Exchange | None = None
        for place in places() if choices else ():
            last_used = place
            made = child(exchange, exchange.message.copy(), correlated=False)
            await contained(choices[place].run, choices[place].waits, made)
            error = made.exception
            if error is None:
                last_good = place
                break
            if wanted and not exceptions.matches(error, wanted):
                break
        if made is not None:
            copy_results(exchange, made)
        settle(exchange)

    return fail_over
