"""jacksonXml: XML as plain maps and lists, by Jackson's conventions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lxml import etree

from integrator.engine.compiler import Node
from integrator.engine.exceptions import failure
from integrator.engine.jackson import INCLUDED, REFUSED, REFUSED_OPTIONS, included
from integrator.engine.javatypes import JavaList, JavaMap, to_text, type_of
from integrator.engine.payloads import body_bytes, refuse
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange, InvalidRequest

_CORE = "com.fasterxml.jackson."
SPEC = Spec(
    "dataformat",
    "jacksonXml",
    "XML as maps: attributes and elements by name without prefix, repeated ones as a list, all values texts.",
    "2.16",
    "unmarshal: {jacksonXml: {}}",
    options=(
        Option("prettyPrint", "Writes several lines.", type="boolean", default=False),
        Option("contentTypeHeader", "Sets Content-Type when writing.", type="boolean", default=True),
        Option("unmarshalType", "A Map type.", example="java.util.Map"),
        Option("include", "Which entries of maps are written.", default="ALWAYS", choices=INCLUDED),
        Option(
            "enableFeatures",
            "INDENT_OUTPUT writes several lines; those that need Java classes have no effect.",
        ),
        Option("disableFeatures", "Accepted, without effect."),
        Option("maxStringLength", "Accepted; the limits of the engine hold.", type="integer"),
        Option("timezone", "Accepted, without effect."),
        Option("enableJaxbAnnotationModule", "Accepted, without effect.", type="boolean"),
        *REFUSED_OPTIONS,
        Option("xmlMapper", "Not in the embedded engine: needs a Java bean."),
    ),
)
_REASONS = {**REFUSED, "xmlMapper": "needs a Java bean", "useList": "needs Java classes"}
_NAME = re.compile(r"[A-Za-z_][\w.-]*")


def marshal(node: Node, *, allow_null: bool = False) -> Run:
    """Data to XML; the root has the name of the Java class."""
    refuse(node, _REASONS)
    lines = node.flag("prettyPrint") or "INDENT_OUTPUT" in node.text("enableFeatures")
    typed, include = node.flag("contentTypeHeader"), node.text("include")
    spooling = node.scope.services.spooling

    def marshal_xml(exchange: Exchange) -> None:
        message = exchange.message
        if message.body is None and allow_null:
            return
        root = etree.Element(_root(message.body))
        _write(root, included(message.body, include))
        text = etree.tostring(root, encoding="unicode", pretty_print=lines)
        message.body = spooling.keep(_as_woodstox(text).encode("utf-8"))
        if typed:
            message.headers["Content-Type"] = "application/xml"

    return marshal_xml


def _as_woodstox(text: str) -> str:
    """`>` needs no escape but after `]]`; libxml2 always writes one."""
    return re.sub(r"(\]\])?&gt;", lambda found: found[0] if found[1] else ">", text)


def _root(value: Any) -> str:
    if isinstance(value, dict):
        return "LinkedHashMap" if isinstance(value, JavaMap) else "ObjectNode"
    if isinstance(value, list):
        return "ArrayList" if isinstance(value, JavaList) else "ArrayNode"
    return "null" if value is None else type_of(value).rpartition(".")[2].replace("[]", "")


def _write(parent: Any, value: Any) -> None:
    if isinstance(value, Mapping):
        for name, item in value.items():
            _child(parent, str(name), item)
    elif isinstance(value, list):
        for item in value:
            _child(parent, "item", item)
    elif value is not None:
        try:
            parent.text = to_text(value)
        except ValueError:
            raise failure(
                _CORE + "databind.JsonMappingException", "a text has characters that XML has not"
            ) from None


def _child(parent: Any, name: str, value: Any) -> None:
    if not _NAME.fullmatch(name):
        raise failure(_CORE + "databind.JsonMappingException", "a name is no name of an XML element")
    for item in value if isinstance(value, list) else (value,):
        _write(etree.SubElement(parent, name), item)


def unmarshal(node: Node, *, allow_null: bool = False) -> Run:
    """XML to maps and lists."""
    refuse(node, _REASONS)
    wanted = node.text("unmarshalType")
    if wanted and not wanted.startswith("java.util."):
        node.problem("/unmarshalType", "not-yet", "jacksonXml reads maps only", "Leave unmarshalType out.")

    def unmarshal_xml(exchange: Exchange) -> None:
        data = body_bytes(exchange, allow_null=allow_null)
        if data is None:
            return
        try:
            root = exchange.message.as_xml()
        except InvalidRequest as error:
            raise failure(_CORE + "core.JsonParseException", error.message) from error
        found = _read(root)
        exchange.message.body = found if isinstance(found, JavaMap) else JavaMap({"": found} if found else {})

    return unmarshal_xml


def _read(element: etree._Element) -> Any:
    children = [child for child in element if isinstance(child.tag, str)]
    text = "".join((element.text or "", *(child.tail or "" for child in element)))
    if not children and not element.attrib:
        return text
    found = JavaMap()
    for name, value in element.attrib.items():
        _add(found, etree.QName(name).localname, value)
    for child in children:
        _add(found, etree.QName(child).localname, _read(child))
    if text.strip():
        _add(found, "", text)
    return found


def _add(found: JavaMap, name: str, value: Any) -> None:
    if name not in found:
        found[name] = value
    elif isinstance(found[name], JavaList):
        found[name].append(value)
    else:
        found[name] = JavaList([found[name], value])
