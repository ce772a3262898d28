"""SOAP 1.1 and 1.2 envelopes and faults (WS-I Basic Profile 1.1/2.0: R1011, R1014, R1015, R2201).

DTDs and processing instructions (R1008, R1009) are refused earlier, by the parser.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from lxml import etree

from integrator.exchange import InvalidRequest

SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

CONTENT_TYPES = {"1.1": "text/xml; charset=utf-8", "1.2": "application/soap+xml; charset=utf-8"}
_VERSIONS = {f"{{{SOAP_11}}}Envelope": ("1.1", SOAP_11), f"{{{SOAP_12}}}Envelope": ("1.2", SOAP_12)}
_NAMESPACES = {"1.1": SOAP_11, "1.2": SOAP_12}
_START = {
    version: f'<?xml version="1.0" encoding="utf-8"?>\n<soap:Envelope xmlns:soap="{namespace}"><soap:Body>'.encode()
    for version, namespace in _NAMESPACES.items()
}
_END = b"</soap:Body></soap:Envelope>"
_FAULTS = (f"{{{SOAP_11}}}Fault", f"{{{SOAP_12}}}Fault")

# SOAP 1.1 fault codes as the bus names them; 1.2 renamed two.
_CODES_12 = {"Client": "Sender", "Server": "Receiver"}
_CODES_11 = {new: old for old, new in _CODES_12.items()}


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message as it came: SOAP version 1.1 or 1.2, header blocks, and the one child of Body."""

    version: str
    headers: list[etree._Element]
    body: etree._Element | None


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: code by its 1.1 name (Client, Server, …), reason, and the first detail element.

    `reason` is the sender's text: it is neither logged nor passed on (I5)."""

    code: str
    reason: str
    detail: etree._Element | None


def read(root: etree._Element) -> Envelope:
    """Take a parsed document apart.

    Raises InvalidRequest, reason `version-mismatch` for an Envelope of another SOAP version,
    `not-soap` for another root, `envelope` for a wrong structure.
    """
    known = _VERSIONS.get(str(root.tag))
    if known is None:
        if etree.QName(root).localname == "Envelope":
            raise InvalidRequest(
                "the envelope is of a SOAP version nobody speaks: use 1.1 or 1.2", reason="version-mismatch"
            )
        raise InvalidRequest("the root element must be a SOAP Envelope", reason="not-soap")
    version, namespace = known
    headers: list[etree._Element] = []
    body: etree._Element | None = None
    for child in root:
        tag = child.tag
        if body is not None:
            raise _wrong("nothing may follow the Body")
        if tag == f"{{{namespace}}}Body":
            body = child
        elif tag == f"{{{namespace}}}Header" and not headers and child.getprevious() is None:
            headers = list(child)
        else:
            raise _wrong("the Envelope may have one Header and one Body")
    if body is None:
        raise _wrong("the Envelope has no Body")
    if len(body) > 1:
        raise _wrong("the Body may have one child")
    first = body[0] if len(body) else None
    if first is not None and not str(first.tag).startswith("{"):
        raise _wrong("the child of the Body must have a namespace")
    return Envelope(version, headers, first)


def not_understood(envelope: Envelope, known: Collection[str]) -> list[str]:
    """Header blocks the sender says must be understood and `known` (Clark names) does not name."""
    namespace = _NAMESPACES[envelope.version]
    attribute = f"{{{namespace}}}mustUnderstand"
    return [
        str(header.tag)
        for header in envelope.headers
        if header.get(attribute, "").strip() in ("1", "true") and header.tag not in known
    ]


def wrap(body: etree._Element, version: str = "1.1") -> bytes:
    """The envelope of a message, UTF-8."""
    return (
        _START[version]
        + etree.tostring(body, encoding="UTF-8", xml_declaration=False, with_tail=False)
        + _END
    )


def fault(version: str, code: str, reason: str, detail: etree._Element | None = None) -> bytes:
    """A fault envelope, UTF-8. `code` is Client, Server, VersionMismatch or MustUnderstand.

    `reason` is text the bus wrote, safe to show."""
    namespace = _NAMESPACES[version]
    root = etree.Element(f"{{{namespace}}}Fault", nsmap={"soap": namespace})
    if version == "1.1":
        etree.SubElement(root, "faultcode").text = f"soap:{code}"
        etree.SubElement(root, "faultstring").text = reason
        name = "detail"
    else:
        value = etree.SubElement(
            etree.SubElement(root, f"{{{namespace}}}Code"), f"{{{namespace}}}Value"
        )  # fmt: skip
        value.text = f"soap:{_CODES_12.get(code, code)}"
        text = etree.SubElement(etree.SubElement(root, f"{{{namespace}}}Reason"), f"{{{namespace}}}Text")
        text.set(XML_LANG, "en")
        text.text = reason
        name = f"{{{namespace}}}Detail"
    if detail is not None:
        etree.SubElement(root, name).append(detail)
    return wrap(root, version)


def read_fault(body: etree._Element | None) -> Fault | None:
    """The fault a Body holds (its child, as `Envelope.body`), None where it holds something else."""
    if body is None or body.tag not in _FAULTS:
        return None
    if body.tag == _FAULTS[0]:
        code, reason, holder = body.findtext("faultcode"), body.findtext("faultstring"), body.find("detail")
    else:
        found = f"{{{SOAP_12}}}"
        code = body.findtext(f"{found}Code/{found}Value")
        reason = body.findtext(f"{found}Reason/{found}Text")
        holder = body.find(f"{found}Detail")
    local = (code or "Server").strip().rpartition(":")[2]
    detail = holder[0] if holder is not None and len(holder) else None
    return Fault(_CODES_11.get(local, local), (reason or "").strip(), detail)


def _wrong(message: str) -> InvalidRequest:
    return InvalidRequest(message, reason="envelope")
