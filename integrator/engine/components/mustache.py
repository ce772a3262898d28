"""mustache: the body from a template of the site."""

from __future__ import annotations

from integrator.engine import resources, unbuilt
from integrator.engine.compiler import Node
from integrator.engine.mustache import compile_template
from integrator.engine.names import context_properties
from integrator.engine.problems import ExpressionError
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing
from integrator.engine.uris import Uri
from integrator.exchange import Exchange

SPEC = Spec(
    "component",
    "mustache",
    "Fills a template of the site with body, headers, variables and exchangeProperty; {{x}} is escaped for HTML.",
    "2.12",
    "mustache:schemas/letter.mustache",
    options=(
        Option("contentCache", "Accepted; templates are read once.", type="boolean"),
        Option("startDelimiter", "What begins a tag.", default="{{", example="<%"),
        Option("endDelimiter", "What ends a tag.", default="}}", example="%>"),
        unbuilt.LAZY,
        Option("encoding", "Encoding of the template.", default="UTF-8"),
        Option("allowContextMapAll", "Accepted, without effect.", type="boolean"),
        Option("allowTemplateFromHeader", "Not in the embedded engine: templates are files of the site.",
               choices=("false",)),
    ),
)  # fmt: skip


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """The endpoint."""
    if node.scope.checking:
        return nothing
    data = resources.read(node, resources.path_of(uri))
    if data is None:
        return nothing
    try:
        start, end = uri.options.get("startDelimiter", "{{"), uri.options.get("endDelimiter", "}}")
        render = compile_template(data.decode(uri.options.get("encoding", "utf-8")), start, end)
    except (ExpressionError, UnicodeDecodeError, LookupError) as error:
        remedy = error.remedy if isinstance(error, ExpressionError) else "Correct its encoding."
        node.problem("/uri", "resource", f"{uri.path} is no template: {error}", remedy)
        return nothing

    def fill(exchange: Exchange) -> None:
        message = exchange.message
        message.body = render({
            "body": message.body,
            "headers": dict(message.headers),
            "header": dict(message.headers),
            "variables": exchange.variables,
            "variable": exchange.variables,
            "exchangeProperty": {**exchange.properties, **context_properties(exchange)},
        })  # fmt: skip

    return fill
