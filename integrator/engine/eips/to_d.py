"""toD: sends the exchange to an endpoint whose URI is computed from it."""

from __future__ import annotations

from integrator.engine.compiler import Node, source
from integrator.engine.eips import to
from integrator.engine.sending import DYNAMIC, dynamic, received
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing

SPEC = Spec(
    "eip",
    "toD",
    "Sends the message to the endpoint that a simple expression names: adapters of the site, direct:, what an adapter declares.",
    "2.16",
    "toD: direct:${header.next}",
    options=(
        Option("uri", "The endpoint; simple.", required=True, example="direct:${header.next}"),
        Option("parameters", "Options of the endpoint.", type="object"),
        Option("pattern", "InOnly or InOut, for this call.", choices=("InOnly", "InOut")),
        Option(
            "ignoreInvalidEndpoint", "Goes on where the URI names nothing.", type="boolean", default=False
        ),
        Option("cacheSize", "Accepted, without effect.", type="integer"),
        Option("allowOptimisedComponents", "Accepted, without effect.", type="boolean"),
        Option("autoStartComponents", "Accepted, without effect.", type="boolean"),
        *to.VARIABLES,
    ),
    text="uri",
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    text = node.text("uri")
    if "${" not in text and "$simple{" not in text:
        return to.compile(node)
    found = source("simple", text, f"{node.pointer}/uri", node.scope)
    if found is None:
        return nothing
    node.scope.note_use(text, f"{node.pointer}/uri", dynamic=True)
    scheme = text.partition(":")[0]
    if "${" not in scheme and scheme not in DYNAMIC:
        node.problem(
            "/uri",
            "dynamic-uri",
            f"dynamic endpoints of {scheme}: are not allowed",
            "Use adapter: or direct:; a statement of sql: stands in the route, with :#name for values.",
        )
    return received(node, to.with_pattern(node, dynamic(node, found.expression())), None)
