"""delay: waits before the route goes on; other exchanges go on meanwhile."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.javatypes import converter
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange, Overloaded

SPEC = Spec(
    "eip",
    "delay",
    "Waits so many milliseconds; without a value it does not wait. How long is limited.",
    "1.0",
    "delay: {constant: '500'}",
    options=(
        Option("asyncDelayed", "Accepted; waiting never blocks other exchanges.", type="boolean"),
        Option("callerRunsWhenRejected", "Accepted, without effect.", type="boolean"),
        Option("executorService", "Not in the embedded engine: needs a Java bean."),
    ),
    expression=True,
)
_long = converter("java.lang.Long")
assert _long is not None


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    if node.options.get("executorService") is not None:
        node.problem("/executorService", "not-yet", "executorService needs a Java bean", "Leave it out.")
    value, services = node.expression(), node.scope.services

    async def delay(exchange: Exchange) -> None:
        found = value(exchange)
        if found is None:
            return
        assert _long is not None
        seconds = _long(found) / 1_000
        if seconds > services.longest_delay:
            raise Overloaded(f"a delay is longer than {services.longest_delay:g} seconds", reason="delay")
        if seconds > 0:
            await services.sleep(seconds)

    return delay
