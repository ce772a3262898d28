"""What a step sends to endpoints of its own choice runs under the route's error handler, as its steps do.

Camel wraps each recipient of a list and what a wire tap sends that way: the failing endpoint is tried
again, or its copy goes to the dead letters, while the others go on.
"""

from __future__ import annotations

from integrator.engine import guards
from integrator.engine.compiler import Node
from integrator.engine.sending import Endpoints
from integrator.engine.steps import Block, Run, Step, block, is_waiting


def handled(node: Node, run: Run) -> Block:
    """A function under the error handler that holds where the step stands."""
    return _handled(node, run, node.scope.handler)


class HandledEndpoints(Endpoints):
    """Endpoints that messages name, each under the error handler that holds where the step stands."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self._handler = node.scope.handler
        self._handled: dict[str, tuple[str, Run, bool]] = {}

    def find(self, text: str) -> tuple[str, Run, bool]:
        """Normal form, sending function, whether it waits. Raises JavaException for one that is not allowed."""
        found = self._handled.get(text)
        if found is not None:
            return found
        name, run, _waits = super().find(text)
        body = _handled(self._node, run, self._handler)
        if len(self._handled) >= self._kept:
            self._handled.clear()
        self._handled[text] = found = (name, body.run, body.waits)
        return found

    _kept = 256


def _handled(node: Node, run: Run, handler: int | guards.Guard) -> Block:
    steps = [Step(run, is_waiting(run), node.scope.where(node.pointer, node.spec.name))]
    return block(steps, handler) if isinstance(handler, int) else guards.block(steps, handler)
