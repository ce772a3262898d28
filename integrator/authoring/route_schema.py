"""The JSON Schema of route files for editors, from the parts' specifications.

Stricter than Camel's own schema: it has what the embedded engine runs, and nothing else. What only
`check` can tell (expressions, endpoints, names of other routes) it leaves open.
"""

from __future__ import annotations

import json
from typing import Any

from integrator.engine import registry
from integrator.engine.elements.route import FROM, ROUTE
from integrator.engine.spec import COMMON, Option, Spec

PATH = "schemas/editor/route.schema.json"
_TYPES: dict[str, Any] = {
    "string": {"type": ["string", "number", "boolean"]},
    "boolean": {
        "anyOf": [{"type": "boolean"}, {"type": "string", "pattern": "^(true|false|\\{\\{.*\\}\\})$"}]
    },
    "integer": {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^(-?\\d+|\\{\\{.*\\}\\})$"}]},
    "number": {"anyOf": [{"type": "number"}, {"type": "string"}]},
    "steps": {"$ref": "#/$defs/steps"},
    "object": {"$ref": "#/$defs/object"},
    "list": {
        "type": ["array", "string"],
        "items": {"anyOf": [{"$ref": "#/$defs/object"}, {"type": "string"}]},
    },
    "any": {},
}


def route_schema() -> dict[str, str]:
    """The schema's text by path in the repository."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Generated from the engine's parts: describes routes/<level>/<flow>.camel.yaml.",
        "type": "array",
        "items": {"$ref": "#/$defs/element"},
        "$defs": _definitions(),
    }
    return {PATH: json.dumps(schema, ensure_ascii=False, indent=1) + "\n"}


def _definitions() -> dict[str, Any]:
    elements = {name: registry.ELEMENTS.spec(name) for name in sorted(registry.ELEMENTS.names())}
    tops = {name: _part(spec) for name, spec in elements.items() if spec.kind == "element"}
    tops["beans"] = {"type": "array", "items": {"type": "object"}, "description": elements["beans"].doc}
    steps = {name: _part(registry.EIPS.spec(name)) for name in sorted(registry.EIPS.names())}
    return {
        "element": _one_of({**tops, "route": _part(ROUTE), "from": {"$ref": "#/$defs/from"}}),
        "from": _part(FROM),
        "steps": {"type": "array", "items": _one_of(steps)},
        "object": {
            "type": "object",
            "properties": {"steps": {"$ref": "#/$defs/steps"}, "from": {"$ref": "#/$defs/from"}},
        },
    }


def _one_of(parts: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": parts,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }


def _part(spec: Spec) -> dict[str, Any]:
    """An object with the part's options; the bare text it may be instead."""
    options = [*spec.options, *COMMON]
    properties = {option.name: _option(option) for option in options}
    if spec.name == "route":
        properties["from"] = {"$ref": "#/$defs/from"}
    if spec.expression or spec.kind == "language":
        properties |= {name: _language(name) for name in sorted(registry.LANGUAGES.names())}
        properties["expression"] = {"type": ["object", "string"]}
    made: dict[str, Any] = {"type": "object", "properties": properties, "description": spec.doc}
    if not spec.open:
        made["additionalProperties"] = False
    if spec.text or spec.name == "stop":
        return {"anyOf": [{"type": ["string", "null"]}, made], "description": spec.doc}
    return made


def _language(name: str) -> dict[str, Any]:
    return {
        "type": ["string", "number", "boolean", "object"],
        "description": registry.LANGUAGES.spec(name).doc,
    }


def _option(option: Option) -> dict[str, Any]:
    made: dict[str, Any] = {**_TYPES[option.type], "description": option.doc}
    if option.choices:
        made = {"description": option.doc, "enum": list(option.choices)}
    if option.default is not None:
        made["default"] = option.default
    if option.example is not None:
        made["examples"] = [option.example]
    return made
