"""stub: stands in for an endpoint that is not there: any URI after it, and the message passes."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.spec import Spec
from integrator.engine.steps import Run, nothing
from integrator.engine.uris import Uri

SPEC = Spec(
    "component",
    "stub",
    "Stands in for another endpoint, whose URI follows with all its options: the message passes, nothing is sent.",
    "2.10",
    "stub:smtp://mail.example.org",
    open=True,
)


def compile(_node: Node, _uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """The endpoint that does nothing."""
    return nothing
