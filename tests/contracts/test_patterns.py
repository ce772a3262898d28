"""XSD regular expressions in JSON Schema's dialect, judged by libxml2."""

from __future__ import annotations

import pytest
from lxml import etree

from integrator.contracts.jsonschema import JsonSchema
from integrator.contracts.patterns import to_json_pattern
from integrator.contracts.problems import ContractViolation

TEXTS = [
    "", "a", "ab", "a b", " a", "\u00a0a", "5", "12", "٣", "a\nb", "^a$", "a-b", "[", "\\", "A1", "x.y", "é",
]  # fmt: skip


def accepted_by_xsd(pattern: str, text: str) -> bool:
    schema = etree.fromstring(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="a"><xs:simpleType>'
        '<xs:restriction base="xs:string"><xs:pattern/></xs:restriction></xs:simpleType></xs:element></xs:schema>'
    )
    facet = schema.find(".//{*}pattern")
    assert facet is not None
    facet.set("value", pattern)
    element = etree.Element("a")
    element.text = text
    return bool(etree.XMLSchema(schema).validate(element))


def accepted_by_json_schema(pattern: str, text: str) -> bool:
    try:
        JsonSchema({"type": "string", "pattern": to_json_pattern([pattern])}).validate(text)
    except ContractViolation:
        return False
    return True


@pytest.mark.parametrize(
    "pattern",
    [
        r"[^\s].*", r"\d\d", r"\d", r"[\da-f]+", r"a|ab", r"\^a\$", "^a$", r"a\-b", r"[a\-b]+", r"x\.y", r".",
        r"[^\d]", r"\D", r"\S+", r"\s*a", r"(a b)?", "[A-Z][0-9]{1,2}", r"\[", r"\\", r"[^^]",
    ],
)  # fmt: skip
def test_same_texts_are_accepted(pattern: str) -> None:
    for text in TEXTS:
        assert accepted_by_json_schema(pattern, text) == accepted_by_xsd(pattern, text), text


@pytest.mark.parametrize("pattern", [r"\i\c*", r"\w+", "[a-z-[aeiou]]", r"[\S]"])
def test_what_json_schema_cannot_say_is_left_out(pattern: str) -> None:
    assert to_json_pattern([pattern]) is None
    assert to_json_pattern(["a", pattern]) is None


def test_alternatives_of_one_step() -> None:
    assert to_json_pattern(["a", "b"]) == "^(?:a|b)$"
