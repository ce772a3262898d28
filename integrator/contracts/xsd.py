"""XSD validation by libxml2, from the texts of a compiled contract; errors reduced to path and rule.

libxml2's own messages quote values, so only its error type and the position are kept, and names
the contract does not know become `*` (I5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from lxml import etree

from integrator.contracts.model_names import XSD
from integrator.contracts.problems import ContractProblem, ContractViolation
from integrator.security.parsers import xml_parser

_BASE = "contract:///"
_STEP = re.compile(r"(?P<name>\*|[^/\[]+)(?:\[(?P<number>\d+)\])?")
_ATTRIBUTE = re.compile(r"Element '[^']*'(?:: The attribute|, attribute) '(?:\{[^}']*\})?([^']+)'")
_MOST_VIOLATIONS = 20

_RULES = {
    "SCHEMAV_ELEMENT_CONTENT": "is not what the contract expects here, or something is missing",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": "may not have text",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": "has an attribute the contract does not know",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_2": "has an attribute the contract does not know",
    "SCHEMAV_CVC_COMPLEX_TYPE_4": "lacks a required attribute",
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_1": "has a value of another type",
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_2": "has a value of another type",
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_3": "has a value of another type",
    "SCHEMAV_CVC_ENUMERATION_VALID": "has a value outside the allowed list",
    "SCHEMAV_CVC_PATTERN_VALID": "breaks the pattern",
    "SCHEMAV_CVC_LENGTH_VALID": "has the wrong length",
    "SCHEMAV_CVC_MINLENGTH_VALID": "is too short",
    "SCHEMAV_CVC_MAXLENGTH_VALID": "is too long",
    "SCHEMAV_CVC_MININCLUSIVE_VALID": "is too small",
    "SCHEMAV_CVC_MINEXCLUSIVE_VALID": "is too small",
    "SCHEMAV_CVC_MAXINCLUSIVE_VALID": "is too large",
    "SCHEMAV_CVC_MAXEXCLUSIVE_VALID": "is too large",
    "SCHEMAV_CVC_TOTALDIGITS_VALID": "has too many digits",
    "SCHEMAV_CVC_FRACTIONDIGITS_VALID": "has too many decimals",
    "SCHEMAV_CVC_ELT_1": "is not a message of this contract",
    "SCHEMAV_CVC_ELT_2": "is abstract: xsi:type or a substitute is needed",
    "SCHEMAV_CVC_ELT_3_1": "may not be nil",
    "SCHEMAV_CVC_ELT_3_2_1": "is nil and may not have content",
    "SCHEMAV_CVC_ELT_4_2": "has an xsi:type the contract does not know",
    "SCHEMAV_CVC_ELT_4_3": "has an xsi:type that may not stand here",
    "SCHEMAV_CVC_TYPE_2": "is of an abstract type",
    "SCHEMAV_CVC_TYPE_3_1_1": "may not have attributes",
    "SCHEMAV_CVC_TYPE_3_1_2": "may not have child elements",
    "SCHEMAV_CVC_IDC": "breaks a key or uniqueness rule",
}


class Schemas:
    """The compiled XSD of a contract. `names` are the local names that may appear in messages."""

    def __init__(
        self, documents: Mapping[str, str], entries: Mapping[str, str], names: Iterable[str], file: str
    ) -> None:
        parser = xml_parser()
        parser.resolvers.add(_Memory(documents))
        imports = (
            f'<xs:import {_namespace(namespace)} schemaLocation="{name.replace("#", "%23")}"/>'
            for namespace, name in entries.items()
        )
        text = f'<xs:schema xmlns:xs="{XSD}">{"".join(imports)}</xs:schema>'
        start = etree.fromstring(text.encode(), parser, base_url=_BASE + "start.xsd")
        try:
            self._schema = etree.XMLSchema(start)
        except etree.XMLSchemaParseError as error:
            last = error.error_log.last_error
            reason = f" ({last.message})" if last is not None else ""
            raise ContractProblem(
                file, "not-xsd", f"libxml2 refuses a schema{reason}", "correct the schema"
            ) from error
        self._names = frozenset(names)

    def validate(self, element: etree._Element) -> None:
        """Raises ContractViolation, with at most 20 (path, rule) pairs."""
        if self._schema.validate(element):
            return
        found: dict[tuple[str, str], None] = {}
        log: Any = self._schema.error_log  # iterable, whatever its stubs say
        for entry in log:
            if len(found) == _MOST_VIOLATIONS:
                break
            found[self._path(element, entry), _rule(entry)] = None
        raise ContractViolation(list(found))

    def _path(self, root: etree._Element, entry: etree._LogEntry) -> str:
        steps = (entry.path or "").strip("/").split("/")
        path, node = "/" + self._name(root), root
        for step in steps[1:]:
            match = _STEP.fullmatch(step)
            child = _child(node, match) if match else None
            if child is None:
                break
            node = child
            position = _position(node)
            path += "/" + self._name(node) + (f"[{position}]" if position else "")
        attribute = _ATTRIBUTE.match(entry.message or "")
        if attribute:
            path += "/@" + (attribute[1] if attribute[1] in self._names else "*")
        return path

    def _name(self, node: etree._Element) -> str:
        local = etree.QName(node).localname
        return local if local in self._names else "*"


class _Memory(etree.Resolver):
    """Serves the texts of the contract and nothing else."""

    def __init__(self, documents: Mapping[str, str]) -> None:
        self._documents = documents

    def resolve(self, url: str, public_id: str, context: Any) -> Any:  # type: ignore[override]
        del public_id
        text = self._documents.get(url.removeprefix(_BASE).replace("%23", "#"))
        if text is None:
            base: Any = self  # the stubs leave resolve_empty out
            return base.resolve_empty(context)
        return self.resolve_string(text, context, base_url=url)


def _namespace(namespace: str) -> str:
    return f'namespace="{namespace}"' if namespace else ""


def _rule(entry: etree._LogEntry) -> str:
    return _RULES.get(entry.type_name, "breaks the contract")


def _child(node: etree._Element, match: re.Match[str]) -> etree._Element | None:
    # libxml2 writes `p:name[2]` with the message's own prefix, or `*[2]` in a default namespace.
    number = int(match["number"] or 1)
    prefix, _, local = match["name"].rpartition(":")
    for child in node:
        if match["name"] != "*" and (etree.QName(child).localname != local or (child.prefix or "") != prefix):
            continue
        number -= 1
        if number == 0:
            return child
    return None


def _position(node: etree._Element) -> int | None:
    """Which of several siblings of its name it is, from 1; None where it is the only one."""
    before = sum(1 for _ in node.itersiblings(node.tag, preceding=True))
    after = next(node.itersiblings(node.tag), None)
    return before + 1 if before or after is not None else None
