"""XML inside JSON: mixed and open content is carried as XML text."""

from __future__ import annotations

from xml.sax.saxutils import escape

from lxml import etree

from integrator.contracts.problems import ContractViolation
from integrator.exchange import InvalidRequest
from integrator.security.parsers import parse_xml


def inner_markup(element: etree._Element) -> str:
    """What is inside an element, as XML text with the namespace declarations it needs."""
    parts = [escape(element.text or "")]
    for child in element:
        parts += markup(child), escape(child.tail or "")
    return "".join(parts)


def markup(element: etree._Element) -> str:
    """An element as XML text (exclusive C14N): prefixes it uses in names or in values, no others."""
    raw = etree.tostring(element, encoding="unicode", with_tail=False)
    used = [prefix for prefix in element.nsmap if prefix and f"{prefix}:" in raw]
    canonical = etree.tostring(
        element, method="c14n", exclusive=True, inclusive_ns_prefixes=used, with_tail=False
    )
    return canonical.decode("utf-8")


def parse_markup(text: str) -> etree._Element:
    """XML text inside a message, parsed by the hardened parser. Raises ContractViolation."""
    try:
        return parse_xml(text.encode("utf-8"))
    except (InvalidRequest, UnicodeEncodeError):
        raise ContractViolation.at("", "must be well-formed XML text") from None
