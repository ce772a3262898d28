"""stub: stands in for an endpoint that is not there: any URI after it, and the message passes."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.components import seda
from integrator.engine.components.seda import leave
from integrator.engine.polling import polled
from integrator.engine.spec import Spec
from integrator.engine.steps import Run
from integrator.engine.uris import Uri
from integrator.exchange import Exchange

SPEC = Spec(
    "component",
    "stub",
    "Stands in for another endpoint, whose URI follows with all its options: the message passes, nothing is sent.",
    "2.10",
    "stub:smtp://mail.example.org",
    open=True,
)


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """The endpoint that does nothing, but for those who poll it."""
    program, address = node.scope.program, f"stub:{uri.path}"
    most = node.scope.services.waiting

    def keep(exchange: Exchange) -> None:
        if polled(program, address):
            leave(program, address, exchange, most)

    return keep


poll = seda.poll
