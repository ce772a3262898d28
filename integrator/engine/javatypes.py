"""Java's types on Python values: texts, class names and conversions as routes see them.

Plain `dict` and `list` are JSON nodes (Camel: Jackson's), which print as pretty JSON; JavaMap and
JavaList are Java's collections, which print as `{a=1}` and `[a, b]`. Scalars need no such distinction.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from lxml import etree

from integrator.engine.exceptions import JavaException, class_of, failure, text_of
from integrator.exchange import Exchange, IntegratorError, InvalidRequest, StreamBody

NODES = "com.fasterxml.jackson.databind.node."


class JavaMap(dict[str, Any]):
    """A java.util.Map: `unmarshal`, `jsonpath` and simple's functions make them."""


class JavaList(list[Any]):
    """A java.util.List."""


class JavaSet(JavaList):
    """A java.util.Set in the order it was filled."""


class JavaArray(JavaList):
    """A Java array of objects."""


class JavaEntry:
    """A java.util.Map.Entry; prints as `key=value`."""

    __slots__ = ("key", "value")

    def __init__(self, key: Any, value: Any) -> None:
        self.key, self.value = key, value


class JavaIterator:
    """A java.util.Iterator of the given class: what it gives can be taken once."""

    __slots__ = ("_items", "java_class")

    def __init__(self, items: Iterator[Any], java_class: str) -> None:
        self._items, self.java_class = items, java_class

    def __iter__(self) -> Iterator[Any]:
        return self._items

    def __str__(self) -> str:
        return f"{self.java_class}@{id(self):x}"


class JavaMessage:
    """An org.apache.camel.Message as an element of a collection: a body with headers of its own."""

    __slots__ = ("body", "headers")
    java_class = "org.apache.camel.support.DefaultMessage"

    def __init__(self, body: Any, headers: Mapping[str, Any]) -> None:
        self.body, self.headers = body, headers


class NodeList(JavaList):
    """XPath's org.w3c.dom.NodeList: lxml elements, or texts of attributes and text nodes."""


class JavaClass(str):
    """A java.lang.Class, by its name; prints as `class NAME`."""


def to_java(value: Any) -> Any:
    """JSON data as Java collections, deeply."""
    if isinstance(value, dict):
        return JavaMap((key, to_java(item)) for key, item in value.items())
    if isinstance(value, list):
        return JavaList(to_java(item) for item in value)
    return value


def to_node(value: Any) -> Any:
    """Java collections as JSON data, deeply; anything else as it is."""
    if isinstance(value, dict):
        return {key: to_node(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_node(item) for item in value]
    return value


_SCALARS: dict[type, str] = {
    str: "java.lang.String",
    bool: "java.lang.Boolean",
    float: "java.lang.Double",
    Decimal: "java.math.BigDecimal",
    bytes: "byte[]",
    JavaMap: "java.util.LinkedHashMap",
    JavaList: "java.util.ArrayList",
    JavaSet: "java.util.LinkedHashSet",
    JavaArray: "java.lang.Object[]",
    JavaClass: "java.lang.Class",
    NodeList: "org.w3c.dom.NodeList",
    JavaEntry: "java.util.Map$Entry",
    datetime: "java.util.Date",
    dict: NODES + "ObjectNode",
    list: NODES + "ArrayNode",
}


def type_of(value: Any) -> str:
    """The Java class name of a value."""
    if isinstance(value, int) and not isinstance(value, bool):
        if -(2**31) <= value < 2**31:
            return "java.lang.Integer"
        return "java.lang.Long" if -(2**63) <= value < 2**63 else "java.math.BigInteger"
    name = _SCALARS.get(type(value))
    if name is not None:
        return name
    if isinstance(value, etree._Element):
        return "org.w3c.dom.Element"
    named = getattr(value, "java_class", None)
    if isinstance(named, str):
        return named
    if isinstance(value, BaseException):
        from integrator.engine.exceptions import class_of

        return class_of(value)
    return "java.util.Map" if isinstance(value, Mapping) else "java.lang.Object"


# --- text ---------------------------------------------------------------------------------------


def to_text(value: Any) -> str | None:
    """The value as java.lang.String; None for null."""
    if value is None or value.__class__ is str:
        return value
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, JavaClass):
        return f"class {value!s}"
    if isinstance(value, str):
        return str(value)
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return double_text(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, StreamBody):
        return value.read().decode("utf-8", "replace")
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%a %b %d %H:%M:%S UTC %Y")
    return _structure_text(value)


def _structure_text(value: Any) -> str:
    if isinstance(value, NodeList):
        return "".join(item if isinstance(item, str) else xml_text(item) for item in value)
    if isinstance(value, (JavaMap, JavaList)):
        return java_text(value)
    if isinstance(value, (dict, list)):
        return pretty(value)
    if isinstance(value, etree._Element):
        return xml_text(value)
    if isinstance(value, JavaEntry):
        return f"{java_text(value.key)}={java_text(value.value)}"
    if isinstance(value, BaseException):
        from integrator.engine.exceptions import class_of, text_of

        return f"{class_of(value)}: {text_of(value)}"
    if isinstance(value, Mapping):
        return java_text(JavaMap(value))
    return str(value)


def double_text(value: float) -> str:
    """Java's Double.toString."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value) if "e" not in repr(value) else format(Decimal(repr(value)), "f")
    mantissa, _, exponent = f"{Decimal(repr(value)):e}".partition("e")
    if "." not in mantissa:
        mantissa += ".0"
    mantissa = mantissa.rstrip("0") if not mantissa.endswith(".0") else mantissa
    if mantissa.endswith("."):
        mantissa += "0"
    return f"{mantissa}E{int(exponent)}"


def java_text(value: Any) -> str:
    """Java's toString of collections: `{a=1, b=[x, null]}`."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={java_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(java_text(item) for item in value) + "]"
    return "null" if value is None else _text(value)


def xml_text(element: etree._Element) -> str:
    """An XML element as text, without declaration."""
    return etree.tostring(element, encoding="unicode", with_tail=False)


def compact(value: Any) -> str:
    """JSON as Jackson writes it in one line; Decimals and large whole numbers keep their digits."""
    try:
        return orjson.dumps(value).decode("utf-8")
    except TypeError:
        return _written(value)  # what orjson has no number for


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(str(key))}:{_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_written(item) for item in value) + "]"
    if value is None:
        return "null"
    if isinstance(value, (bool, int, float, Decimal)):
        return _text(value)
    return _quoted(_text(value))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def pretty(value: Any, level: int = 0) -> str:
    """JSON as Jackson's default pretty printer writes it: two blanks, ` : `, arrays in one line."""
    if isinstance(value, dict):
        if not value:
            return "{ }"
        inner = ",\n".join(
            "  " * (level + 1) + compact(str(key)) + " : " + pretty(item, level + 1)
            for key, item in value.items()
        )
        return "{\n" + inner + "\n" + "  " * level + "}"
    if isinstance(value, list):
        return "[ " + ", ".join(pretty(item, level) for item in value) + " ]" if value else "[ ]"
    return compact(value)


# --- conversions --------------------------------------------------------------------------------

_SHORT = {
    "String": "java.lang.String",
    "Integer": "java.lang.Integer",
    "int": "java.lang.Integer",
    "Long": "java.lang.Long",
    "long": "java.lang.Long",
    "Short": "java.lang.Integer",
    "short": "java.lang.Integer",
    "Double": "java.lang.Double",
    "double": "java.lang.Double",
    "Float": "java.lang.Double",
    "float": "java.lang.Double",
    "Boolean": "java.lang.Boolean",
    "boolean": "java.lang.Boolean",
    "Object": "java.lang.Object",
    "byte[]": "byte[]",
    "java.lang.Float": "java.lang.Double",
    "java.lang.Short": "java.lang.Integer",
    "Map": "java.util.Map",
    "List": "java.util.List",
    "java.util.LinkedHashMap": "java.util.Map",
    "java.util.ArrayList": "java.util.List",
    "java.util.Collection": "java.util.List",
}


def canonical(type_name: str) -> str:
    """The full name of a Java type, short ones included."""
    return _SHORT.get(type_name, type_name)


def converter(type_name: str) -> Callable[[Any], Any] | None:
    """The function that converts to a Java type; None for a type the engine does not know.

    The functions pass null through and raise JavaException (TypeConversionException,
    NoTypeConversionAvailableException) for what cannot be converted.
    """
    return _CONVERTERS.get(canonical(type_name))


def cannot_convert(value: Any, type_name: str) -> JavaException:
    """No converter exists from this value's type (Camel names the value, we do not)."""
    given = "null" if value is None else type_of(value)
    message = f"No type converter available to convert from type: {given} to the required type: {type_name}"
    return failure("org.apache.camel.NoTypeConversionAvailableException", message)


def invalid_payload(exchange: Exchange, type_name: str, error: JavaException) -> JavaException:
    """Camel's exception for a body that has no such type, with what the conversion said."""
    said = f"{class_of(error)} - {text_of(error)}"
    text = (
        f"No body available of type: {type_name} but has type: {type_of(exchange.message.body)} on: Message."
        f" Caused by: {text_of(error)}. Exchange[{exchange.id}]. Caused by: [{said}]"
    )
    return failure("org.apache.camel.InvalidPayloadException", text, error)


def bad_conversion(value: Any, type_name: str, cause: JavaException) -> JavaException:
    """The converter refused this value."""
    message = (
        f"Error during type conversion from type: {type_of(value)} to the required type: {type_name}"
        f" due to {cause.java_class}: {cause.message}"
    )
    return failure("org.apache.camel.TypeConversionException", message, cause)


def _integer(type_name: str) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        if isinstance(value, (float, Decimal)):
            return int(value)
        if isinstance(value, (str, bytes, StreamBody)):
            text = _text(value)
            try:
                return _java_int(text)
            except ValueError:
                raise bad_conversion(value, type_name, bad_number()) from None
        raise cannot_convert(value, type_name)

    return convert


def _java_int(text: str) -> int:
    # Java takes digits with a sign, nothing else: no blanks, no underscores.
    if len(text) > 20 or not text.lstrip("+-").isascii() or not text.lstrip("+-").isdigit():
        raise ValueError
    return int(text)


def bad_number() -> JavaException:
    """Java's NumberFormatException, without the text it was about."""
    return failure("java.lang.NumberFormatException", "For input string")


def _double(value: Any) -> Any:
    if value is None or isinstance(value, float):
        return value
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            raise bad_conversion(value, "java.lang.Double", bad_number()) from None
    raise cannot_convert(value, "java.lang.Double")


def _boolean(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(value, int):
        return value != 0
    raise cannot_convert(value, "java.lang.Boolean")


def _bytes(value: Any) -> Any:
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, StreamBody):
        return value.read()
    if isinstance(value, str):
        return value.encode("utf-8")
    if isinstance(value, etree._Element):
        return etree.tostring(value, encoding="utf-8", with_tail=False)
    if isinstance(value, (dict, list)) and not isinstance(value, (JavaMap, JavaList)):
        return compact(value).encode("utf-8")
    raise cannot_convert(value, "byte[]")


def _map(value: Any) -> Any:
    if value is None or isinstance(value, JavaMap):
        return value
    if isinstance(value, dict):
        return to_java(value)
    raise cannot_convert(value, "java.util.Map")


def _list(value: Any) -> Any:
    if value is None or isinstance(value, JavaList):
        return JavaList(value) if isinstance(value, NodeList) else value
    if isinstance(value, list):
        return JavaList(value)
    raise cannot_convert(value, "java.util.List")


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "java.lang.String": to_text,
    "java.lang.Integer": _integer("java.lang.Integer"),
    "java.lang.Long": _integer("java.lang.Long"),
    "java.math.BigInteger": _integer("java.math.BigInteger"),
    "java.lang.Double": _double,
    "java.lang.Boolean": _boolean,
    "java.lang.Object": lambda value: value,
    "byte[]": _bytes,
    "java.util.Map": _map,
    "java.util.List": _list,
}


def json_input(value: Any, parse: Callable[[bytes], Any]) -> Any:
    """JSON data of a header, property or body. Raises JavaException where it is not JSON."""
    if isinstance(value, StreamBody):
        value = value.read()
    if isinstance(value, (str, bytes)):
        data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        try:
            return parse(data)
        except InvalidRequest as error:
            raise not_json(error) from None
    if isinstance(value, (JavaMap, JavaList)):
        return to_node(value)
    return value


def not_json(error: IntegratorError) -> JavaException:
    """Jackson's exception for a text that is not JSON."""
    return failure("com.fasterxml.jackson.core.JsonParseException", error.message)


def type_converter(type_name: str, parse_xml: Callable[[bytes], Any]) -> Callable[[Any], Any] | None:
    """`converter`, with the types of bodies besides: streams are bytes, documents are their root element."""
    name = canonical(type_name)
    if name in (
        "java.io.InputStream",
        "java.io.Reader",
        "java.nio.ByteBuffer",
        "org.apache.camel.StreamCache",
    ):
        return _stream(name)
    if name in ("org.w3c.dom.Document", "org.w3c.dom.Node", "org.w3c.dom.Element"):
        return _document(name, parse_xml)
    return converter(name)


def _stream(type_name: str) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if isinstance(value, StreamBody):
            return value
        try:
            return _bytes(value)
        except JavaException:
            raise cannot_convert(value, type_name) from None

    return convert


def _document(type_name: str, parse_xml: Callable[[bytes], Any]) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if value is None or isinstance(value, etree._Element):
            return value
        if isinstance(value, NodeList) and len(value) == 1 and not isinstance(value[0], str):
            return value[0]
        if isinstance(value, StreamBody):
            value = value.read()
        if not isinstance(value, (str, bytes)):
            raise cannot_convert(value, type_name)
        try:
            return parse_xml(value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value)
        except InvalidRequest as error:
            raise bad_conversion(
                value, type_name, failure("org.xml.sax.SAXParseException", error.message)
            ) from None

    return convert
