"""poll: asks a fixed endpoint for a message that waits there."""

from __future__ import annotations

from integrator.engine.compiler import Node, source
from integrator.engine.eips.poll_enrich import computed, fixed, polling
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing

SPEC = Spec(
    "eip",
    "poll",
    "Takes in a message that waits at an endpoint; where nothing came in time the body is null.",
    "4.8",
    "poll: {uri: seda:late, timeout: '1000'}",
    options=(
        Option("uri", "The endpoint; simple.", required=True, example="seda:late"),
        Option("parameters", "Options of the endpoint.", type="object"),
        Option("timeout", "How long to wait: milliseconds; 0 not at all, -1 as long as the engine's limit allows.",
               default="20000", example="1000"),
        Option("variableReceive", "Variable that takes the message; body and headers stay."),
    ),
    text="uri",
)  # fmt: skip


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    text = node.text("uri")
    if not text:
        return nothing
    if "${" not in text:
        return polling(node, fixed(node, text), None, failed_too=False)
    found = source("simple", text, f"{node.pointer}/uri", node.scope)
    if found is None:
        return nothing
    return polling(node, computed(node, found.expression(), text), None, failed_too=False)
