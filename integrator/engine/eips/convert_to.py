"""convertBodyTo, convertHeaderTo and convertVariableTo: values as another Java type."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from integrator.engine.compiler import Node
from integrator.engine.exceptions import CAMEL, JavaException, class_of, failure
from integrator.engine.javatypes import canonical, invalid_payload, type_converter
from integrator.engine.names import dynamic_name, variables_of
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing
from integrator.exchange import Exchange, IntegratorError

_TYPE = Option("type", "The Java type: String, Integer, byte[], java.util.Map, org.w3c.dom.Document …", required=True,
               example="java.lang.String")  # fmt: skip
_CHARSET = Option("charset", "The encoding between text and bytes.", default="UTF-8", example="iso-8859-1")
_MANDATORY = Option("mandatory", "Whether a value that cannot be converted is an error; otherwise it is null.",
                    type="boolean", default=True)  # fmt: skip
_NAMED = (Option("name", "Its name.", required=True), Option("toName", "Another name for the result."))
SPECS = (
    Spec("eip", "convertBodyTo", "Converts the body; null stays null.", "1.0", "convertBodyTo: {type: String}",
         (_TYPE, _CHARSET, _MANDATORY), text="type"),
    Spec("eip", "convertHeaderTo", "Converts a header.", "4.7", "convertHeaderTo: {name: count, type: Integer}",
         (*_NAMED, _TYPE, _CHARSET, _MANDATORY)),
    Spec("eip", "convertVariableTo", "Converts a variable.", "4.7", "convertVariableTo: {name: count, type: Integer}",
         (*_NAMED, _TYPE, _CHARSET, _MANDATORY)),
)  # fmt: skip
Convert = Callable[[Any], Any]


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    name = node.scope.fill(node.text("type"), f"{node.pointer}/type").strip()
    convert = type_converter(name, node.scope.services.conversions.parse_xml)
    if convert is None:
        if name:
            node.problem(
                "/type",
                "type",
                f"the engine knows no type {name}",
                "Use String, Integer, byte[], Map, List …",
            )
        return nothing
    encoded = _with_charset(node, canonical(name), convert)
    checked = _mandatory(node, canonical(name), encoded)
    return {"convertBodyTo": _body, "convertHeaderTo": _header, "convertVariableTo": _variable}[
        node.spec.name
    ](node, checked)


def _with_charset(node: Node, name: str, convert: Convert) -> Convert:
    charset = node.text("charset")
    if not charset:
        return convert
    try:
        "".encode(charset)
    except LookupError:
        node.problem("/charset", "option-value", f"there is no encoding {charset}", "Use for example UTF-8.")
        return convert

    def in_charset(value: Any) -> Any:
        if isinstance(value, str) and name in ("byte[]", "java.io.InputStream"):
            return value.encode(charset, "replace")
        if isinstance(value, bytes) and name == "java.lang.String":
            return value.decode(charset, "replace")
        return convert(value)

    return in_charset


def _mandatory(node: Node, name: str, convert: Convert) -> Convert:
    if node.flag("mandatory"):
        return convert

    def lenient(value: Any) -> Any:
        try:
            return convert(value)
        except IntegratorError as error:
            if class_of(error) == CAMEL + "TypeConversionException":
                raise  # there is a conversion, and it refuses the value
            return None

    return lenient


def _body(node: Node, convert: Convert) -> Run:
    wanted = canonical(node.scope.fill(node.text("type"), f"{node.pointer}/type").strip())
    read = _as_received(convert) if wanted == "java.lang.String" and not node.text("charset") else None

    def convert_body(exchange: Exchange) -> None:
        message = exchange.message
        if message.body is None:
            return
        try:
            value = read(exchange) if read is not None else convert(message.body)
        except JavaException as error:
            raise invalid_payload(exchange, wanted, error) from error
        if value is not message.body:
            message.body = value

    return convert_body


def _as_received(convert: Convert) -> Callable[[Exchange], Any]:
    """Text of bytes in the encoding their sender named, which Camel keeps in a property of the exchange."""

    def read(exchange: Exchange) -> Any:
        body, charset = exchange.message.body, exchange.properties.get("CamelCharsetName")
        if isinstance(body, bytes) and isinstance(charset, str):
            with contextlib.suppress(LookupError):
                return body.decode(charset, "replace")
        return convert(body)

    return read


def _header(node: Node, convert: Convert) -> Run:
    fixed, dynamic = dynamic_name(node)
    target, computed = dynamic_name(node, "toName")
    renames = node.options.get("toName") is not None

    def convert_header(exchange: Exchange) -> None:
        name = fixed or dynamic(exchange)
        headers = exchange.message.headers
        if name in headers:
            headers[(target or computed(exchange)) if renames else name] = convert(headers[name])

    return convert_header


def _variable(node: Node, convert: Convert) -> Run:
    fixed, dynamic = dynamic_name(node)
    target, computed = dynamic_name(node, "toName")
    renames, mandatory = node.options.get("toName") is not None, node.flag("mandatory")

    def convert_variable(exchange: Exchange) -> None:
        name = fixed or dynamic(exchange)
        values = variables_of(exchange, name)
        if name in values:
            other = (target or computed(exchange)) if renames else name
            variables_of(exchange, other)[other] = convert(values[name])
        elif mandatory:
            text = f"No '{name}' variable available. Exchange[{exchange.id}]"
            raise failure(CAMEL + "NoSuchVariableException", text)

    return convert_variable
