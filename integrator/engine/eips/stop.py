"""stop: the exchange ends here, for the routes that called this one, too."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.spec import Spec
from integrator.engine.steps import RouteStop, Run
from integrator.exchange import Exchange

SPEC = Spec(
    "eip",
    "stop",
    "Ends the exchange, the calling routes included; a doFinally around it does not run.",
    "1.0",
    "stop: {}",
)


def compile(_node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""

    def stop(exchange: Exchange) -> None:
        exchange.route_stop = True
        raise RouteStop

    return stop
