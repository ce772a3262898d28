"""What languages share: result types, predicates from values, and what is read instead of the body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from integrator.engine.compiler import Expression, Source
from integrator.engine.javatypes import converter
from integrator.engine.names import property_of, variables_of
from integrator.engine.problems import ExpressionError
from integrator.exchange import Exchange, IntegratorError

_TYPES = "Use java.lang.String, Integer, Long, Double, Boolean, byte[], java.util.Map or java.util.List."


def result_converter(source: Source) -> Callable[[Any], Any] | None:
    """The conversion that `resultType` asks for. Raises ExpressionError for types the engine has not."""
    name = source.node.text("resultType").strip()
    if not name:
        return None
    found = converter(name)
    if found is None:
        raise ExpressionError(f"the result type {name} is unknown", _TYPES, "result-type")
    return found


def with_result_type(source: Source, value: Expression) -> Expression:
    """The expression, converted where `resultType` asks for it."""
    convert = result_converter(source)
    if convert is None:
        return value
    return lambda exchange: convert(value(exchange))


def convert_constant(source: Source, text: str) -> Any:
    """A constant in its result type. Raises ExpressionError where the text has none."""
    convert = result_converter(source)
    if convert is None:
        return text
    try:
        return convert(text)
    except IntegratorError as error:
        raise ExpressionError(f"the text is no {source.node.text('resultType')}", "Correct it.") from error


def truth(value: Any) -> bool:
    """Camel's boolean view of a value: false, null and what is empty are false, texts true unless `false`."""
    if value is None or value is False:
        return False
    if isinstance(value, str):
        return value.lower() == "true" if value.lower() in ("true", "false") else bool(value)
    if isinstance(value, (dict, list)):
        return bool(value)
    return True


def input_of(source: Source) -> Expression | None:
    """What `source: header:x` names; None for the body. Raises ExpressionError."""
    return reader(source.node.text("source"))


def reader(text: str) -> Expression | None:
    """What `header:x`, `property:x` or `variable:x` names; None for an empty text. Raises ExpressionError."""
    text = text.strip()
    if not text:
        return None
    kind, colon, name = text.partition(":")
    if not colon:
        kind, name = "variable", text

    def header(exchange: Exchange) -> Any:
        return exchange.message.headers.get(name)

    def exchange_property(exchange: Exchange) -> Any:
        return property_of(exchange, name)

    def variable(exchange: Exchange) -> Any:
        return variables_of(exchange, name).get(name)

    readers = {"header": header, "property": exchange_property, "variable": variable}
    found = readers.get(kind)
    if found is None:
        raise ExpressionError(f"source {kind}: is unknown", "Use header:, property: or variable:.")
    return found
