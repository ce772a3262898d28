"""kamelet: calls a route made from a routeTemplate, with steps of this route where it says kamelet:sink."""

from __future__ import annotations

from integrator.engine import kamelets
from integrator.engine.compiler import Node
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing

SPEC = Spec(
    "eip",
    "kamelet",
    "Calls a routeTemplate of the site; its own steps run where the template says kamelet:sink, or at its end.",
    "3.8",
    "kamelet: {name: wrap, parameters: {level: high}, steps: [{to: direct:a}]}",
    options=(
        Option("name", "The template, with its parameters as a query if need be.", required=True,
               example="audit?level=high"),
        Option("parameters", "Values of its parameters.", type="object"),
        Option("steps", "What stands for kamelet:sink.", type="steps"),
    ),
    text="name",
)  # fmt: skip


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    uri = node.scope.uri(f"kamelet:{node.text('name')}", node.options.get("parameters"), node.pointer)
    if uri is None:
        return nothing
    node.scope.note_use(f"kamelet:{uri.path}", f"{node.pointer}/name")
    made = kamelets.instance(
        node, uri.path, kamelets.given(uri), lambda route: kamelets.nested(node, route), "name"
    )
    return nothing if made is None else kamelets.calling(node, made[0], f"kamelet:{node.text('name')}")
