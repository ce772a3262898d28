"""validator: the body against an XML Schema of the site."""

from __future__ import annotations

from typing import Any

from lxml import etree

from integrator.engine import resources, unbuilt
from integrator.engine.compiler import Node
from integrator.engine.exceptions import CAMEL
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing
from integrator.engine.uris import Uri
from integrator.engine.validation import violation
from integrator.exchange import Exchange, IntegratorError

_PACKAGE = CAMEL + "support.processor.validation."
_REASONS = {
    "errorHandler": unbuilt.BEAN,
    "resourceResolver": unbuilt.BEAN,
    "resourceResolverFactory": unbuilt.BEAN,
    "schemaFactory": unbuilt.BEAN,
}
SPEC = Spec(
    "component",
    "validator",
    "Validates the body against an XML Schema. Errors name element and rule, never the value.",
    "1.1",
    "validator:schemas/person.xsd",
    options=(
        Option("failOnNullBody", "Whether no body is an error.", type="boolean", default=True),
        Option("headerName", "Header that is validated instead of the body."),
        Option("failOnNullHeader", "Whether no such header is an error.", type="boolean", default=True),
        Option("useDom", "Accepted, without effect.", type="boolean"),
        Option("useSharedSchema", "Accepted; the schema is compiled once.", type="boolean"),
        Option(
            "schemaLanguage",
            "XML Schema; others are not in the embedded engine.",
            default="http://www.w3.org/2001/XMLSchema",
            choices=("http://www.w3.org/2001/XMLSchema",),
        ),
        unbuilt.LAZY,
        *unbuilt.options(_REASONS),
    ),
)


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """The validation."""
    unbuilt.refuse(node, uri, _REASONS)
    if node.scope.checking:
        return nothing
    path = resources.path_of(uri)
    root = resources.parse(node, path)
    if root is None:
        return nothing
    try:
        schema = etree.XMLSchema(root)
    except (etree.XMLSchemaParseError, LookupError, OSError):
        node.problem("/uri", "resource", f"{path} is no XML Schema", "Correct it; imports stay in the site.")
        return nothing
    header = uri.options.get("headerName")
    needed = uri.options.get("failOnNullHeader" if header else "failOnNullBody") != "false"
    parse = node.scope.services.conversions.parse_xml

    def validate(exchange: Exchange) -> None:
        value = exchange.message.headers.get(header) if header else exchange.message.body
        if value is None:
            if needed:
                kind = "Header" if header else "Body"
                text = f'XML header "{header}"' if header else "No XML body"
                text += f" could {'not ' if header else ''}be found on the input message"
                raise violation(exchange, f"{_PACKAGE}NoXml{kind}ValidationException", text)
            return
        try:
            data = value.encode("utf-8") if isinstance(value, str) else value
            tree = exchange.message.as_xml() if not header else parse(data)
        except IntegratorError as error:
            text = f"Validation failed for: {path}\nfatal errors: [\n{error.message}\n]"
            raise violation(exchange, _PACKAGE + "SchemaValidationException", text) from error
        if not schema.validate(tree):
            raise _invalid(exchange, path, schema)

    return validate


def _invalid(exchange: Exchange, path: str, schema: etree.XMLSchema) -> IntegratorError:
    log: Any = schema.error_log  # iterable, though its stubs do not say so
    places = tuple(dict.fromkeys(error.path or "/" for error in log))[:20]
    rules = [f"{error.path or '/'}: {error.type_name} (line {error.line})" for error in log][:20]
    text = f"Validation failed for: {path}\nerrors: [\n" + "\n".join(rules) + "\n]"
    return violation(exchange, _PACKAGE + "SchemaValidationException", text, places)
