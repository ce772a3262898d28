"""mock: keeps what arrives, for tests; without a test around it, nothing."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.engine.uris import Uri
from integrator.exchange import Exchange

SPEC = Spec(
    "component",
    "mock",
    "Keeps a copy of what arrives where Services has mocks; elsewhere the message passes.",
    "1.0",
    "mock:permits",
    options=(Option("retainLast", "Accepted; Mocks.kept is the bound.", type="integer"),),
)


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """The endpoint."""
    mocks = node.scope.services.mocks
    name = f"mock:{uri.path}"

    def receive(exchange: Exchange) -> None:
        if mocks is not None:
            mocks.record(name, snapshot(exchange))

    return receive


def snapshot(exchange: Exchange) -> Exchange:
    """A copy that later steps do not change."""
    copy = Exchange(
        exchange.message.copy(), exchange_id=exchange.id, context=exchange.context, pattern=exchange.pattern
    )
    copy.properties = dict(exchange.properties)
    copy.variables = dict(exchange.variables)
    copy.exception = exchange.exception
    return copy
