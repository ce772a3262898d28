"""What xmlsecurity-sign and -verify have in common: options, beans they name, and how they write their result."""

from __future__ import annotations

from typing import Any

from lxml import etree

from integrator.engine.compiler import Bean, Node
from integrator.engine.elements.beans import XPATH
from integrator.engine.exceptions import CAMEL, failure
from integrator.engine.javatypes import to_text
from integrator.engine.uris import Uri
from integrator.engine.xmlsignature import signature_error
from integrator.exchange import Exchange, InvalidRequest, Message

_PREFIX = "CamelXmlSignature"
HEADERS = tuple(
    _PREFIX + name
    for name in (
        "MessageIsPlainText", "PlainTextEncoding", "OmitXmlDeclaration", "ContentReferenceUri", "ContentReferenceType",
        "SchemaResourceUri", "XpathsToIdAttributes", "TransformMethods", "XAdESQualifyingPropertiesId",
        "XAdESSignedDataObjectPropertiesId", "XAdESSignedSignaturePropertiesId", "XAdESDataObjectFormatEncoding",
        "XAdESNamespace", "XAdESPrefix",
    )
)  # fmt: skip
"""Headers that say what is to be done, and are cleared at the end."""


def flag(uri: Uri, name: str, default: bool = False) -> bool:
    """A yes or no of an endpoint."""
    return uri.options.get(name, str(default)).lower() == "true"


def header(message: Message, name: str, default: str | None) -> str | None:
    """What a header `CamelXmlSignature…` says instead of an option."""
    found = to_text(message.headers.get(_PREFIX + name))
    return default if found is None else found


def bean(node: Node, uri: Uri, option: str) -> tuple[str, Bean] | None:
    """The bean that an option of the endpoint names, with its name; notes where there is none."""
    name = uri.options.get(option, "").removeprefix("#bean:").removeprefix("#")
    found = node.scope.beans.get(name)
    if found is None and name:
        node.problem(
            "/uri", "bean", f"{option} of {uri.scheme}: there is no bean {name}", "Describe it under beans."
        )
    return None if found is None else (name, found)


def xpath(node: Node, uri: Uri, option: str) -> etree.XPath | None:
    """The XPath of the bean that an option names; notes what is wrong with it."""
    found = bean(node, uri, option)
    if found is None:
        return None
    name, described = found
    if described.java_class != XPATH:
        node.problem("/uri", "bean", f"the bean {name} is no XPath", f"Make it a {XPATH}.")
        return None
    try:
        return etree.XPath(str(described.properties.get("xPath", "")), regexp=False)
    except etree.XPathSyntaxError:
        node.problem("/uri", "bean", f"the XPath of the bean {name} does not compile", "Correct it.")
        return None


def encoding(node: Node, uri: Uri, option: str = "outputXmlEncoding") -> str:
    """The character encoding that an option names, UTF-8 without it; notes an unknown one."""
    name = uri.options.get(option) or "UTF-8"
    try:
        etree.tostring(etree.Element("a"), encoding=name)
        "".encode(name)
    except LookupError:
        node.problem("/uri", "option-value", f"{option} of {uri.scheme} is no encoding", "Write UTF-8.")
        return "UTF-8"
    return name


def document(message: Message, said: str) -> etree._Element:
    """The body as XML that may be changed. Raises XmlSignatureFormatException with the text `said`."""
    mandatory(message)
    try:
        if isinstance(message.body, etree._Element):
            return message.conversions.parse_xml(
                etree.tostring(message.body, encoding="utf-8", with_tail=False)
            )
        return message.conversions.parse_xml(message.as_bytes())
    except InvalidRequest as error:
        raise signature_error("Format", f"{said} ({error.message})") from None


def mandatory(message: Message) -> None:
    """Raises InvalidPayloadException where there is no body."""
    if message.body is None:
        raise failure(CAMEL + "InvalidPayloadException", "No body available of type: java.io.InputStream")


def written(node: Any, charset: str, *, declared: bool) -> bytes:
    """A node as bytes, taken out of its document: a text as it is, an element with the namespaces it has or uses."""
    if isinstance(node, str):
        return node.encode(charset)
    if (parent := node.getparent()) is not None:
        parent.remove(node)  # it declares of what stood around it only what it uses
    data: Any = etree.tostring(node, encoding=charset, with_tail=False, xml_declaration=False)
    declaration = f'<?xml version="1.0" encoding="{charset}"?>' if declared else ""
    return declaration.encode(charset) + bytes(data)


def finish(exchange: Exchange, uri: Uri, result: bytes) -> None:
    """Put the result into the message, as both components do."""
    message = exchange.message
    message.body = result
    if uri.options.get("outputXmlEncoding"):
        message.headers["CamelCharsetName"] = uri.options["outputXmlEncoding"]
    if flag(uri, "clearHeaders", True):
        for name in HEADERS:
            message.headers.pop(name, None)
