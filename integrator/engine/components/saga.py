"""saga: ends the saga an exchange is part of."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.eips.saga import service_of
from integrator.engine.exceptions import failure, wrapped
from integrator.engine.javatypes import to_text
from integrator.engine.sagas import HEADER
from integrator.engine.spec import Spec
from integrator.engine.steps import Run, nothing
from integrator.engine.uris import Uri
from integrator.exchange import Exchange

SPEC = Spec(
    "component",
    "saga",
    "Completes or compensates the saga of the exchange, for those with completionMode MANUAL.",
    "2.21",
    "saga:complete",
)
_STATE = "java.lang.IllegalStateException"


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """The endpoint."""
    if uri.path not in ("complete", "compensate"):
        node.problem(
            "/uri", "uri", "saga: ends a saga in one of two ways", "Write saga:complete or saga:compensate."
        )
        return nothing
    service, completes = service_of(node, "sagaService"), uri.path == "complete"
    if service is None:
        return nothing

    async def end(exchange: Exchange) -> None:
        name = to_text(exchange.message.headers.get(HEADER))
        if name is None:
            raise failure(_STATE, f"Current exchange is not bound to a saga context: cannot {uri.path}")
        saga = service.find(name)
        if saga is None:
            missing = failure(_STATE, f"No coordinator found for saga id {name}")
            raise wrapped("java.util.concurrent.CompletionException", missing)
        await (saga.complete(exchange) if completes else saga.compensate(exchange))

    return end
