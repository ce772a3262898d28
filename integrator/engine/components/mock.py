"""mock: keeps what arrives, for tests; without a test around it, nothing."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.engine.uris import Uri
from integrator.exchange import Exchange

_EXPECTATIONS = ("assertPeriod", "browseLimit", "copyOnExchange", "expectedCount", "failFast", "log", "reportGroup",
                 "resultMinimumWaitTime", "resultWaitTime", "sleepForEmptyTest")  # fmt: skip
SPEC = Spec(
    "component",
    "mock",
    "Keeps a copy of what arrives where Services has mocks; elsewhere the message passes.",
    "1.0",
    "mock:permits",
    options=(
        Option("retainFirst", "Keeps only the first so many.", type="integer", default=-1),
        Option("retainLast", "Keeps only the last so many.", type="integer", default=-1),
        *(Option(name, "Accepted; expectations are those of tests.", type="any") for name in _EXPECTATIONS),
    ),
)


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """The endpoint."""
    mocks = node.scope.services.mocks
    name = f"mock:{uri.path}"
    first, last = (_bound(uri, option) for option in ("retainFirst", "retainLast"))

    def receive(exchange: Exchange) -> None:
        if mocks is None or (first is not None and len(mocks.received.get(name, ())) >= first):
            return
        mocks.record(name, snapshot(exchange))
        if last is not None:
            del mocks.received[name][: -last or None]

    return receive


def _bound(uri: Uri, option: str) -> int | None:
    text = uri.options.get(option, "")
    return int(text) if text.isdigit() else None


def snapshot(exchange: Exchange) -> Exchange:
    """A copy that later steps do not change."""
    copy = Exchange(
        exchange.message.copy(), exchange_id=exchange.id, context=exchange.context, pattern=exchange.pattern
    )
    copy.properties = dict(exchange.properties)
    copy.variables = dict(exchange.variables)
    copy.exception = exchange.exception
    return copy
