"""A contract at run time: operations, codec, validation and serving, built from compiled plain data.

Imports lxml only: workers load what `compile` made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from lxml import etree

from integrator.contracts.codec import Codec
from integrator.contracts.fields import paths
from integrator.contracts.generated import json_schema
from integrator.contracts.model_names import XSD
from integrator.contracts.xsd import Schemas

_WSDL = "http://schemas.xmlsoap.org/wsdl/"
_SOAP = ("http://schemas.xmlsoap.org/wsdl/soap/", "http://schemas.xmlsoap.org/wsdl/soap12/")
_LOCATIONS = (f"{{{XSD}}}import", f"{{{XSD}}}include", f"{{{XSD}}}redefine")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. Elements are Clark names; `faults` maps fault name → detail element."""

    name: str
    soap_action: str
    soap_version: str  # 1.1 | 1.2, the first of soap_versions
    soap_versions: tuple[str, ...]
    input: str
    output: str | None
    faults: Mapping[str, str]


class Contract:
    """What one WSDL says. The XSD is compiled when first needed, then kept."""

    def __init__(self, plain: Mapping[str, Any]) -> None:
        self.plain = plain
        self.file: str = plain["file"]
        self.operations: Mapping[str, Operation] = {
            name: _operation(name, operation) for name, operation in plain["operations"].items()
        }
        self._by_input = {operation.input: operation for operation in self.operations.values()}
        self._codec = Codec(plain)
        self.decode = self._codec.decode
        self.encode = self._codec.encode
        self._schemas: Schemas | None = None

    def operation_of(self, root: etree._Element) -> Operation | None:
        """The operation whose request the body's root element is; SOAPAction is not asked."""
        return self._by_input.get(str(root.tag))

    @property
    def soap_versions(self) -> frozenset[str]:
        """The SOAP versions its bindings speak."""
        return frozenset(
            version for operation in self.operations.values() for version in operation.soap_versions
        )

    def validate(self, element: etree._Element) -> None:
        """Check a message against the XSD. Raises ContractViolation (paths and rules, no values)."""
        schemas = self._schemas
        if schemas is None:
            schemas = self.prepare()
        schemas.validate(element)

    def prepare(self) -> Schemas:
        """Compile the XSD now, so that the first message does not wait. Raises ContractProblem."""
        plain = self.plain
        self._schemas = Schemas(plain["documents"], plain["entries"], _names(plain), self.file)
        return self._schemas

    def paths(self, element: str) -> dict[str, bool]:
        """The JSON paths of a message → whether the contract requires each. Raises KeyError."""
        return paths(self.plain, element)

    def json_schema(self, element: str) -> dict[str, Any]:
        """The JSON Schema of a message's codec JSON. Raises KeyError."""
        return json_schema(self.plain, element)

    # --- serving ---

    def wsdl(self, location: str) -> bytes:
        """The WSDL for `?wsdl`: addresses are `location`, imports are `location?xsd=name`."""
        return self._served(self.plain["main"], location)

    def document(self, name: str, location: str = "") -> bytes | None:
        """An imported document for `?xsd=name`, None where there is none of that name.

        Its own imports become `location?xsd=name`, relative where no location is given."""
        if name not in self.plain["documents"] or name == self.plain["main"] or "#" in name:
            return None
        return self._served(name, location)

    def _served(self, name: str, location: str) -> bytes:
        root = etree.fromstring(self.plain["documents"][name])
        for node in root.iter(*_LOCATIONS):
            _redirect(node, "schemaLocation", location)
        for node in root.iter(f"{{{_WSDL}}}import"):
            _redirect(node, "location", location)
        for namespace in _SOAP:
            for node in root.iter(f"{{{namespace}}}address"):
                node.set("location", location)
        return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def _operation(name: str, plain: Mapping[str, Any]) -> Operation:
    return Operation(
        name=name,
        soap_action=plain["soap_action"],
        soap_version=plain["soap_version"],
        soap_versions=tuple(plain["soap_versions"]),
        input=plain["input"],
        output=plain["output"],
        faults=plain["faults"],
    )


def _redirect(node: etree._Element, attribute: str, location: str) -> None:
    name = node.get(attribute)
    if name is None:
        return
    if "#" in name:  # a schema inside the WSDL itself: its readers already have it
        del node.attrib[attribute]
    else:
        node.set(attribute, f"{location}?xsd={quote(name)}")


def _names(plain: Mapping[str, Any]) -> Iterator[str]:
    """Every local name of an element or attribute the contract has."""
    for name in plain["elements"]:
        yield name.rpartition("}")[2]
    for kind in plain["types"].values():
        for attribute in kind.get("attributes", ()):
            yield attribute["name"].rpartition("}")[2]
        stack = [kind["particle"]] if kind.get("particle") else []
        while stack:
            particle = stack.pop()
            stack.extend(particle.get("items", ()))
            if particle["kind"] == "element":
                yield particle["name"].rpartition("}")[2]
