"""JSON Schema validation: paths and keywords, nothing from outside."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from integrator.contracts.jsonschema import JsonSchema
from integrator.contracts.problems import ContractProblem, ContractViolation

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["niss"],
    "additionalProperties": False,
    "properties": {
        "niss": {"type": "string", "pattern": "^[0-9]{11}$"},
        "amount": {"type": "number", "minimum": 0},
        "when": {"type": "string", "format": "date"},
        "names": {"type": "array", "items": {"$ref": "#/$defs/name"}, "maxItems": 2},
        "open": {"type": "object", "additionalProperties": {"type": "integer"}},
        "never": False,
    },
    "$defs": {"name": {"type": "string", "maxLength": 5}},
}


@pytest.mark.parametrize(
    ("change", "violation"),
    [
        ({"niss": None}, ("$.niss", "type")),
        ({"niss": "canary"}, ("$.niss", "pattern")),
        ({"niss": ...}, ("$.niss", "required")),
        ({"amount": Decimal("-1.5")}, ("$.amount", "minimum")),
        ({"when": "1985-00-00"}, ("$.when", "format")),
        ({"names": ["a", "canary"]}, ("$.names[1]", "maxLength")),
        ({"names": ["a", "b", "c"]}, ("$.names", "maxItems")),
        ({"canary": 1}, ("$", "additionalProperties")),
        ({"open": {"canary": "canary"}}, ("$.open.*", "type")),
        ({"never": "canary"}, ("$.never", "is not allowed")),
    ],
)
def test_violation_is_path_and_keyword(change: dict[str, Any], violation: tuple[str, str]) -> None:
    value = {"niss": "85073003328", **change}
    value = {key: item for key, item in value.items() if item is not ...}
    with pytest.raises(ContractViolation) as caught:
        JsonSchema(SCHEMA).validate(value)
    assert caught.value.violations == [violation]
    assert "canary" not in str(caught.value)


def test_valid_values() -> None:
    schema = JsonSchema(SCHEMA)
    schema.validate({"niss": "85073003328", "amount": Decimal("12.50"), "open": {"x": 1}, "names": []})
    JsonSchema(True).validate({"anything": 1})
    with pytest.raises(ContractViolation):
        JsonSchema(False).validate({})


def test_no_more_violations_than_anyone_reads() -> None:
    with pytest.raises(ContractViolation) as caught:
        JsonSchema({"items": {"type": "string"}}).validate(list(range(100)))
    assert len(caught.value.violations) == 20


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"$ref": "http://127.0.0.1:9/x.json"}, "what it does not hold"),
        ({"$ref": "file:///etc/passwd"}, "what it does not hold"),
        ({"$ref": "other.json"}, "what it does not hold"),
        ({"$ref": "#/$defs/none"}, "what it does not hold"),
        ({"type": 3}, "not a JSON Schema"),
        ({"pattern": "("}, "not a JSON Schema"),
        ({"minimum": "x"}, "not a JSON Schema"),
    ],
)
def test_schema_that_cannot_be_used(schema: dict[str, Any], text: str) -> None:
    with pytest.raises(ContractProblem, match=text) as caught:
        JsonSchema(schema, file="schemas/x.json")
    assert caught.value.file == "schemas/x.json"
