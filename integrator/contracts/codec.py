"""The codec of one contract: XML ⇄ JSON of its messages (design, section 3).

Elements by local name, arrays exactly where the schema repeats, attributes `@x`, text beside
attributes `#text`, xsi:nil null, numbers and booleans typed, dates text, mixed and any content XML
text (`#any` for what stands at a wildcard). `@xsi:type` names a derived type by its local name.
A type with declared attributes is always an object, whether they are present or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

from lxml import etree

from integrator.contracts.decoding import Decoders, Reader
from integrator.contracts.encoding import Encoders, Filler
from integrator.contracts.problems import NOT_XML_TEXT, ContractViolation
from integrator.contracts.scalars import Scalars
from integrator.contracts.shape import Plain


class Codec:
    """Compiled readers and writers of every global element; made on first use, then kept."""

    def __init__(self, plain: Plain) -> None:
        scalars = Scalars(plain["types"])
        self._plain = plain
        self._decoders = Decoders(plain, scalars)
        self._encoders = Encoders(plain, scalars)
        self._readers: dict[Any, tuple[str, Reader]] = {}
        self._writers: dict[str, tuple[etree._Element, Filler]] = {}

    def decode(self, element: etree._Element) -> Any:
        """The JSON value of a valid message. Raises ContractViolation."""
        known = self._readers.get(element.tag)
        if known is None:
            known = self._reader(str(element.tag))
        try:
            return known[1](element)
        except ContractViolation as violation:
            raise violation.under(known[0]) from None

    def encode(self, name: str, value: Any) -> etree._Element:
        """The element `{namespace}local` of a JSON value. Raises ContractViolation."""
        known = self._writers.get(name)
        if known is None:
            known = self._writer(name)
        element = copy(known[0])
        try:
            known[1](element, value)
        except ContractViolation as violation:
            raise violation.under(_local(name)) from None
        except ValueError:
            raise ContractViolation.at("/" + _local(name), NOT_XML_TEXT) from None
        return element

    def _reader(self, name: str) -> tuple[str, Reader]:
        if name not in self._plain["elements"]:
            raise ContractViolation.at("/*", "is not a message of this contract")
        self._readers[name] = (_local(name), self._decoders.of_root(name))
        return self._readers[name]

    def _writer(self, name: str) -> tuple[etree._Element, Filler]:
        if name not in self._plain["elements"]:
            raise ContractViolation.at("/*", "is not a message of this contract")
        # Copying an empty root with its namespaces is cheaper than making one.
        root = etree.Element(name, nsmap=namespaces(self._plain, name))
        self._writers[name] = (root, self._encoders.of_root(name))
        return self._writers[name]


def namespaces(plain: Plain, name: str) -> dict[str, str]:
    """Prefix → namespace for every element a message can have, declared once at its root."""
    found: dict[str, str] = {}
    types: Mapping[str, Plain] = plain["types"]
    elements: Mapping[str, Plain] = plain["elements"]
    seen: set[str] = set()
    todo = [elements[name]["type"]]

    def add(element: str) -> None:
        if element.startswith("{"):
            found.setdefault(element[1:].partition("}")[0], f"n{len(found) + 1}")

    add(name)
    while todo:
        identity = todo.pop()
        if identity in seen:
            continue
        seen.add(identity)
        todo.extend(plain["derived"].get(identity, ()))
        stack = [types[identity].get("particle")]
        while stack:
            particle = stack.pop()
            if particle is None:
                continue
            stack.extend(reversed(particle.get("items", ())))
            if particle["kind"] == "element":
                substitutes = elements[particle["name"]]["substitutes"] if particle["ref"] else []
                for other in (particle["name"], *substitutes):
                    add(other)
                todo.append(particle["type"])
                todo.extend(elements[other]["type"] for other in substitutes)
    return {prefix: namespace for namespace, prefix in found.items()}


def _local(name: str) -> str:
    return name.rpartition("}")[2]
