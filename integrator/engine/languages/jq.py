"""jq: on JSON data, with Camel's header(), property() and variable().

Several outputs make a list, none makes null; a JSON null is null.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from integrator.engine.compiler import Expression, Predicate, Source
from integrator.engine.exceptions import CAMEL, RUNTIME_CAMEL, JavaException, failure, wrapped
from integrator.engine.javatypes import JavaList, JavaMap, cannot_convert, not_json, to_node
from integrator.engine.jq.errors import JqError, JqInputError
from integrator.engine.jq.program import compile_program
from integrator.engine.jq.values import MISSING
from integrator.engine.results import input_of, result_converter
from integrator.engine.spec import EXPRESSION, ID, RESULT_TYPE, SOURCE, TRIM, Spec
from integrator.exchange import Exchange, InvalidRequest, StreamBody

_JQ = "net.thisptr.jackson.jq.exception."
SPEC = Spec(
    "language",
    "jq",
    "jq on the body's JSON. Predicates hold for true only: 0 and texts do not count.",
    "3.18",
    "jq: '{niss: .person.personNumber}'",
    options=(EXPRESSION, RESULT_TYPE, SOURCE, TRIM, ID),
    text="expression",
)


def compile_jq(text: str) -> Callable[[Any], list[Any]]:
    """A program as a function from JSON data to the list of its outputs.

    Raises ExpressionError (compiling) and, from the function, JqError. Neither repeats data.
    """
    program = compile_program(text)
    return lambda value: program(value, None)


def first_or_null(program: Callable[[Any], list[Any]]) -> Callable[[Any], Any]:
    """The same program with its first output only, null where there is none."""

    def first(value: Any) -> Any:
        outputs = program(value)
        return outputs[0] if outputs else None

    return first


def expression(source: Source) -> Expression:
    """The outputs: none is null, one is itself, several are a list."""
    text = source.text.strip() if source.node.flag("trim") else source.text
    program, given = compile_program(text), input_of(source)
    convert = result_converter(source)
    data = _input(given, source.scope.services.conversions.parse_json)
    uses_exchange = any(name in text for name in ("header(", "property(", "variable("))

    def evaluate(exchange: Exchange) -> Any:
        body = exchange.message.body
        if given is not None or body.__class__ is not dict:
            body = data(exchange)
        try:
            outputs = program(body, exchange if uses_exchange else None)
        except JqError as error:
            raise jq_failure(error) from error
        found = outputs[0] if len(outputs) == 1 else JavaList(outputs) if outputs else None
        if found is MISSING:
            found = None
        return found if convert is None else convert(found)

    return evaluate


def predicate(source: Source) -> Predicate:
    """Whether the one output is `true`."""
    value = expression(source)
    return lambda exchange: value(exchange) is True


def jq_failure(error: JqError) -> JavaException:
    """Camel's wrapping of a jq error."""
    kind = "IllegalJsonInputException" if isinstance(error, JqInputError) else "JsonQueryException"
    if error.thrown:
        kind = "JsonQueryUserException"
    return wrapped(RUNTIME_CAMEL, failure(_JQ + kind, error.message))


def _input(given: Expression | None, parse: Callable[[bytes], Any]) -> Expression:
    def of_value(exchange: Exchange) -> Any:
        assert given is not None
        return _parsed(given(exchange), parse, None)

    def of_body(exchange: Exchange) -> Any:
        return _parsed(exchange.message.body, parse, exchange)

    return of_body if given is None else of_value


def _parsed(value: Any, parse: Callable[[bytes], Any], exchange: Exchange | None) -> Any:
    if value is None:
        text = "No body available of type: com.fasterxml.jackson.databind.JsonNode"
        raise wrapped(RUNTIME_CAMEL, failure(CAMEL + "InvalidPayloadException", text))
    if isinstance(value, StreamBody):
        value = value.read()
    if isinstance(value, (str, bytes)):
        if not value.strip():
            return MISSING
        try:
            if exchange is not None:
                return exchange.message.as_json()
            return parse(value.encode("utf-8", "replace") if isinstance(value, str) else value)
        except InvalidRequest as error:
            raise _not_json(error) from error
    if isinstance(value, (JavaMap, JavaList)):
        return to_node(value)
    if isinstance(value, (dict, list, int, float, bool)):
        return value
    raise wrapped(RUNTIME_CAMEL, cannot_convert(value, "com.fasterxml.jackson.databind.JsonNode"))


def _not_json(error: InvalidRequest) -> JavaException:
    cause = not_json(error)
    text = f"Error during type conversion to JSON due to {cause.java_class}: {cause.message}"
    return wrapped(RUNTIME_CAMEL, failure(CAMEL + "TypeConversionException", text, cause))
