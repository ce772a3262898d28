"""bean: a Python function of the site, by URI."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.eips.bean import calling
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.engine.uris import Uri

SPEC = Spec(
    "component",
    "bean",
    "Calls a function of the file beside the route, `<route>.beans.py`, as the step bean does.",
    "1.0",
    "bean:check_digits",
    options=(
        Option("method", "The function again, with arguments if need be.", example="check_digits(${body})"),
        Option("scope", "Accepted; a function keeps nothing.", choices=("Singleton", "Request", "Prototype")),
        Option("cache", "Accepted, without effect.", type="boolean"),
        Option("lazyStartProducer", "Accepted, without effect.", type="boolean"),
    ),
)


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """The endpoint."""
    return calling(node, uri.path, uri.options.get("method", ""), "uri", "uri")
