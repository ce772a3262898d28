"""json-validator: the body against a JSON Schema of the site."""

from __future__ import annotations

from typing import Any

from integrator.contracts.problems import ContractProblem, ContractViolation
from integrator.engine import resources, unbuilt
from integrator.engine.compiler import Node
from integrator.engine.exceptions import CAMEL
from integrator.engine.javatypes import not_json
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing
from integrator.engine.uris import Uri
from integrator.engine.validation import violation
from integrator.exchange import Exchange, IntegratorError

_PACKAGE = CAMEL + "component.jsonvalidator."
_REASONS = {
    "errorHandler": unbuilt.BEAN,
    "objectMapper": unbuilt.BEAN,
    "uriSchemaLoader": unbuilt.BEAN,
    "allowContextMapAll": "shows the runtime",
}
SPEC = Spec(
    "component",
    "json-validator",
    "Validates the body against a JSON Schema. Errors name path and keyword, never the value.",
    "2.20",
    "json-validator:schemas/person.schema.json",
    options=(
        Option("failOnNullBody", "Whether no body is an error.", type="boolean", default=True),
        Option("headerName", "Header that is validated instead of the body."),
        Option("failOnNullHeader", "Whether no such header is an error.", type="boolean", default=True),
        Option("contentCache", "Accepted; the schema is read once.", type="boolean"),
        Option("enabledDeserializationFeatures", "Accepted, without effect."),
        Option("disabledDeserializationFeatures", "Accepted, without effect."),
        unbuilt.LAZY,
        *unbuilt.options(_REASONS),
    ),
)


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """The validation."""
    unbuilt.refuse(node, uri, _REASONS)
    if node.scope.checking:
        return nothing
    schema = _schema(node, resources.path_of(uri))
    if schema is None:
        return nothing
    header = uri.options.get("headerName")
    needed = uri.options.get("failOnNullHeader" if header else "failOnNullBody") != "false"
    parse = node.scope.services.conversions.parse_json

    def validate(exchange: Exchange) -> None:
        value = exchange.message.headers.get(header) if header else exchange.message.body
        if value is None or value in ("", b""):
            if needed:
                kind = "Header" if header else "Body"
                text = f'No JSON header "{header}"' if header else "No JSON body"
                text += " could be found on the input message"
                raise violation(exchange, f"{_PACKAGE}NoJson{kind}ValidationException", text)
            return
        try:
            if not header:
                value = exchange.message.as_json()
            elif isinstance(value, (str, bytes)):
                value = parse(value.encode("utf-8") if isinstance(value, str) else value)
        except IntegratorError as error:
            raise violation(exchange, _PACKAGE + "JsonValidationException", error.message) from not_json(
                error
            )
        try:
            schema.validate(value)
        except ContractViolation as error:
            raise _invalid(exchange, error) from None

    return validate


def _schema(node: Node, path: str) -> Any:
    from integrator.contracts.jsonschema import JsonSchema

    data = resources.read(node, path)
    if data is None:
        return None
    try:
        return JsonSchema(node.scope.services.conversions.parse_json(data), file=path)
    except (ContractProblem, IntegratorError):
        node.problem(
            "/uri", "resource", f"{path} is no JSON Schema", "Correct it; references stay inside it."
        )
        return None


def _invalid(exchange: Exchange, error: ContractViolation) -> IntegratorError:
    listed = [f"{path}: {rule}" for path, rule in error.violations]
    text = f"JSON validation error with {len(listed)} errors:\n" + "\n".join(listed)
    places = tuple(path for path, _ in error.violations)
    return violation(exchange, _PACKAGE + "JsonValidationException", text, places)
