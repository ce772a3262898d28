"""rollback: the exchange fails, or ends marked for rollback."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.exceptions import CAMEL, failure
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import RouteStop, Run
from integrator.exchange import Exchange

SPEC = Spec(
    "eip",
    "rollback",
    "Throws RollbackExchangeException, or ends the route marked for rollback. The message is no expression.",
    "1.0",
    "rollback: {message: not complete}",
    options=(
        Option("message", "What happened, word by word."),
        Option("markRollbackOnly", "Ends the route without an exception.", type="boolean", default=False),
        Option("markRollbackOnlyLast", "The same: there are no nested transactions here.", type="boolean",
               default=False),
    ),
    text="message",
)  # fmt: skip


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    marks = node.flag("markRollbackOnly") or node.flag("markRollbackOnlyLast")
    message = node.text("message") or "Intended rollback"

    def rollback(exchange: Exchange) -> None:
        exchange.rollback_only = True
        if marks:
            raise RouteStop
        raise failure(CAMEL + "RollbackExchangeException", f"{message}. Exchange[{exchange.id}]")

    return rollback
