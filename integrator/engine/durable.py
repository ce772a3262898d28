"""One aggregate step of event flows: its groups are in the store, and its complete groups are events.

The step is also a consumer, `aggregate:` and its id, by which the event of a complete group goes on where the
step's own steps begin.
"""

from __future__ import annotations

from integrator.engine import keeping
from integrator.engine.aggregation import flagged_all, flagged_inclusive, unflagged
from integrator.engine.aggregator import closed_key, scope_of
from integrator.engine.children import child
from integrator.engine.compiler import Node
from integrator.engine.groups import DurableStep, GroupName, Groups, Input, Work
from integrator.engine.program import Program
from integrator.engine.services import Services
from integrator.engine.steps import Block, Route, call
from integrator.exchange import Exchange

SCHEME = "aggregate:"


def is_of_event(exchange: Exchange) -> bool:
    """Whether an exchange is the run of an accepted event."""
    return exchange.context is not None and exchange.context.kind == "event"


def name_step(node: Node) -> str:
    """The id of an aggregate step: its route, and its own id or its place among the route's aggregates.

    The same step compiled twice has one id; notes a problem where two steps would share one.
    """
    scope, given = node.scope, node.options.get("id")
    known: dict[tuple[str, str], str] = scope.program.shared.setdefault(f"aggregates {scope.route}", {})
    place = (scope.source.file, node.pointer)
    if place not in known:
        name = given if isinstance(given, str) and given else f"aggregate{len(known) + 1}"
        if name in known.values():
            node.problem("/id", "option-value", f"two aggregates of the route {scope.route} have the id {name}",
                         "Give each its own: it names the groups in the store.")  # fmt: skip
        known[place] = name
    return f"{scope.route}/{known[place]}"


class Durable:
    """The step at work."""

    def __init__(self, step: DurableStep, body: Block, services: Services) -> None:
        self.step, self.body, self.services = step, body, services

    def register(self, program: Program) -> None:
        """Make the step a consumer of its own complete groups."""
        address = SCHEME + self.step.id
        program.consumers[address] = Route(self.step.id, address, Block(self._resume, waits=True))

    async def process(self, groups: Groups, exchange: Exchange) -> None:
        """Add one message of an event. Raises JavaException as Camel does, Overloaded where there is no room."""
        family, context = exchange.history[0].family, exchange.context
        assert context is not None
        work: Work = family.work
        if work is None:
            work = family.work = Work(groups, self.services.now_us())
        scope = scope_of(exchange)
        if flagged_all(exchange):
            await work.add(
                Input(self.step, GroupName(self.step.id, scope, ""), b"", context, all_before=True)
            )
            return
        key = self.step.rules.key(exchange)
        if key is None:
            return
        name = GroupName(self.step.id, scope, key)
        if self.step.rules.closed is not None and await work.is_closed(name):
            raise closed_key(exchange, key)
        message = keeping.encode(unflagged(child(exchange, exchange.message.copy())))
        inclusive = flagged_inclusive(exchange)
        await work.add(Input(self.step, name, message, context, all_after=inclusive))

    async def _resume(self, exchange: Exchange) -> None:
        """Run the steps on the aggregate an event brings."""
        keeping.restore(exchange, exchange.message.as_bytes())
        trail = exchange.history[0]
        if trail.original is not None:
            trail.original = exchange.message.copy()
        await call(self.body.run, self.body.waits, exchange)
