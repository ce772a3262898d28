"""XML inside JSON: mixed and open content is carried as XML text."""

from __future__ import annotations

from xml.sax.saxutils import escape

from lxml import etree

from integrator.contracts.problems import ContractViolation
from integrator.exchange import InvalidRequest
from integrator.security.parsers import parse_xml


def inner_markup(element: etree._Element) -> str:
    """What is inside an element, as XML text with the namespace declarations it needs."""
    children = (etree.tostring(child, encoding="unicode") for child in element)
    return escape(element.text or "") + "".join(children)


def parse_markup(text: str) -> etree._Element:
    """XML text inside a message, parsed by the hardened parser. Raises ContractViolation."""
    try:
        return parse_xml(text.encode("utf-8"))
    except (InvalidRequest, UnicodeEncodeError):
        raise ContractViolation.at("", "must be well-formed XML text") from None
