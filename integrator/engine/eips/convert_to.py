"""convertBodyTo, convertHeaderTo and convertVariableTo: values as another Java type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from integrator.engine.compiler import Node
from integrator.engine.exceptions import CAMEL, JavaException, class_of, failure, text_of
from integrator.engine.javatypes import canonical, type_converter, type_of
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

    def convert_body(exchange: Exchange) -> None:
        message = exchange.message
        if message.body is None:
            return
        try:
            value = convert(message.body)
        except JavaException as error:
            raise _invalid(exchange, wanted, error) from error
        if value is not message.body:
            message.body = value

    return convert_body


def _invalid(exchange: Exchange, wanted: str, error: JavaException) -> JavaException:
    """Camel's exception for a body that has no such type."""
    text = (
        f"No body available of type: {wanted} but has type: {type_of(exchange.message.body)} on: Message."
        f" Caused by: {text_of(error)}. Exchange[{exchange.id}]. Caused by: [{class_of(error)} - {text_of(error)}]"
    )
    return failure(CAMEL + "InvalidPayloadException", text, error)


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
