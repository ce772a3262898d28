"""JSON Schema (draft 2020-12, fit for OpenAPI 3.1) of a message, from the same model as the codec.

Every value the codec reads from a valid message validates. The schema is a little wider than the
XSD where JSON Schema cannot say it: the order of elements, digits of decimals, some patterns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from integrator.contracts.decoding import type_labels
from integrator.contracts.model_names import ANY_TYPE
from integrator.contracts.patterns import to_json_pattern
from integrator.contracts.shape import ANY_KEY, NIL_KEY, TEXT_KEY, TYPE_KEY, Plain, alternatives, shape

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_BOUNDS = {
    "min_inclusive": "minimum",
    "max_inclusive": "maximum",
    "min_exclusive": "exclusiveMinimum",
    "max_exclusive": "exclusiveMaximum",
}


def json_schema(plain: Plain, element: str) -> Schema:
    """The schema of a global element's JSON value, complex types under `$defs`. Raises KeyError."""
    builder = _Builder(plain)
    root = plain["elements"][element]
    schema = builder.element(root["type"], root["nillable"], element.rpartition("}")[2])
    return {"$schema": DIALECT, **schema, "$defs": builder.definitions}


class _Builder:
    def __init__(self, plain: Plain) -> None:
        self._types: Mapping[str, Plain] = plain["types"]
        self._elements: Mapping[str, Plain] = plain["elements"]
        self._derived: Mapping[str, list[str]] = plain["derived"]
        self._names: dict[tuple[str, str | None], str] = {}
        self.definitions: dict[str, Schema] = {}

    def element(self, identity: str, nillable: bool, hint: str) -> Schema:
        """The schema of an element of this type; `hint` names it where the type has no name."""
        plain = self._types[identity]
        choices = [self._type(identity, hint)] if not plain.get("abstract") else []
        for name, label in type_labels(self._derived.get(identity, ())).items():
            choices.append(self._reference(name, label, hint))
        if nillable:
            choices.append({"type": "null"})
            if plain.get("attributes") or plain.get("any_attribute"):
                choices.append(self._nil(plain))
        return choices[0] if len(choices) == 1 else {"anyOf": choices}

    def _type(self, identity: str, hint: str) -> Schema:
        plain = self._types[identity]
        if plain["kind"] != "complex":
            return self.simple(identity)
        return self._reference(identity, None, hint)

    def _reference(self, identity: str, label: str | None, hint: str) -> Schema:
        key = (identity, label)
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = self._free_name(identity, hint)
            self.definitions[name] = {}
            self.definitions[name].update(self._complex(identity, label))
        return {"$ref": f"#/$defs/{name}"}

    def _free_name(self, identity: str, hint: str) -> str:
        base = hint if identity.startswith("#") else identity.rpartition("}")[2]
        name, number = base, 1
        while name in self.definitions:
            number += 1
            name = f"{base}-{number}"
        return name

    def _complex(self, identity: str, label: str | None) -> Schema:
        plain = self._types[identity]
        bare = label is None and not plain["attributes"] and not plain["any_attribute"]
        if plain["mixed"] or identity == ANY_TYPE:
            text: Schema = {"type": "string", "description": "XML text"}
            if bare or identity == ANY_TYPE:
                return text if bare else {"anyOf": [text, {"type": "object"}]}
            return self._object(plain, label, {TEXT_KEY: text}, [TEXT_KEY], [])
        if plain["simple"] is not None:
            content = self.simple(plain["simple"])
            return content if bare else self._object(plain, label, {TEXT_KEY: content}, [TEXT_KEY], [])
        properties, required, groups = self._content(plain)
        return self._object(plain, label, properties, required, groups)

    def _object(
        self, plain: Plain, label: str | None, properties: Schema, required: list[str], groups: list[Schema]
    ) -> Schema:
        found: Schema = {}
        needed = []
        if label is not None:
            found[TYPE_KEY] = {"const": label}
            needed.append(TYPE_KEY)
        for attribute in plain["attributes"]:
            found[attribute["key"]] = self.simple(attribute["type"])
            if attribute["required"]:
                needed.append(attribute["key"])
        schema: Schema = {"type": "object", "properties": found | properties}
        if needed + required:
            schema["required"] = needed + required
        if plain["any_attribute"]:
            schema["patternProperties"] = {"^@": {"type": ["string", "number", "boolean", "array"]}}
        schema["additionalProperties"] = False
        return schema | ({"allOf": groups} if groups else {})

    def _nil(self, plain: Plain) -> Schema:
        attributes = {item["key"]: self.simple(item["type"]) for item in plain["attributes"]}
        others = {"type": ["string", "number", "boolean", "array"]} if plain["any_attribute"] else False
        return {
            "type": "object",
            "properties": {**attributes, NIL_KEY: {"const": True}},
            "required": [NIL_KEY],
            "additionalProperties": others,
        }

    def _content(self, plain: Plain) -> tuple[Schema, list[str], list[Schema]]:
        particle = plain["particle"]
        content = shape(particle, self._elements)
        properties: Schema = {}
        for leaf in content.leaves:
            schema = self.element(leaf.type, leaf.nillable, leaf.key)
            properties[leaf.key] = {"type": "array", "items": schema} if leaf.many else schema
        if content.any_many is not None:
            text = {"type": "string", "description": "XML text"}
            properties[ANY_KEY] = {"type": "array", "items": text} if content.any_many else text
        if particle is None:
            return properties, [], []
        arrays = {leaf.key for leaf in content.leaves if leaf.many}
        for item in _single_elements(particle):
            for leaf in alternatives(item, self._elements, many=True):
                if leaf.key not in arrays:
                    continue
                if item["max"] is not None:
                    properties[leaf.key]["maxItems"] = item["max"]
                if item["min"] and not item["ref"]:
                    properties[leaf.key]["minItems"] = item["min"]
        required, groups = self._needs(particle)
        return properties, sorted(required), groups

    def _needs(self, particle: Plain) -> tuple[set[str], list[Schema]]:
        # Keys that must be there, and for each mandatory choice its alternatives.
        if particle["min"] == 0:
            return set(), []
        if particle["kind"] == "any":
            return {ANY_KEY}, []
        if particle["kind"] == "element":
            keys = {leaf.key for leaf in alternatives(particle, self._elements, many=False)}
            return (keys, []) if len(keys) == 1 else (set(), [_one_of([{key} for key in sorted(keys)])])
        needs = [self._needs(item) for item in particle["items"]]
        if particle["kind"] == "choice":
            if not needs or any(not required for required, _groups in needs):
                return set(), []
            return set(), [_one_of([required for required, _groups in needs])]
        required = {key for keys, _groups in needs for key in keys}
        return required, [group for _keys, groups in needs for group in groups]

    # --- simple types ---

    def simple(self, identity: str) -> Schema:
        """The schema of a simple type's JSON value."""
        plain = self._types[identity]
        if plain["kind"] == "union":
            return {"anyOf": [*(self.simple(member) for member in plain["members"]), {"type": "string"}]}
        if plain["kind"] == "list":
            lengths = {
                "length": ("minItems", "maxItems"),
                "min_length": ("minItems",),
                "max_length": ("maxItems",),
            }
            bounds = {
                name: plain[facet] for facet, names in lengths.items() if facet in plain for name in names
            }
            return {"type": "array", "items": self.simple(plain["item"]), **bounds}
        return _ATOMIC[plain["as"]](plain)


def _one_of(alternatives_: list[set[str]]) -> Schema:
    return {"anyOf": [{"required": sorted(keys)} for keys in alternatives_]}


def _single_elements(particle: Plain) -> list[Plain]:
    """Elements whose own bounds hold for the whole content: each the only place of its key."""
    found: dict[str, list[Plain]] = {}

    def walk(item: Plain, repeated: bool) -> None:
        repeated = repeated or item["max"] != 1
        if item["kind"] == "element":
            found.setdefault(item["key"], []).append(item)
        for part in item.get("items", ()):
            if repeated and part["kind"] == "element":
                found.setdefault(part["key"], []).extend((part, part))
            else:
                walk(part, repeated)

    walk(particle, repeated=False)
    return [items[0] for items in found.values() if len(items) == 1]


def _string(plain: Plain) -> Schema:
    schema: Schema = {"type": "string"}
    if plain["primitive"] != "string" and "enum" not in plain:
        return schema
    if "enum" in plain:
        schema["enum"] = plain["enum"]
    if "length" in plain:
        schema |= {"minLength": plain["length"], "maxLength": plain["length"]}
    if "min_length" in plain:
        schema["minLength"] = plain["min_length"]
    if "max_length" in plain:
        schema["maxLength"] = plain["max_length"]
    patterns = [pattern for group in plain.get("patterns", ()) if (pattern := to_json_pattern(group))]
    if len(patterns) == 1:
        schema["pattern"] = patterns[0]
    elif patterns:
        schema["allOf"] = [{"pattern": pattern} for pattern in patterns]
    return schema


def _number(kind: str, plain: Plain) -> Schema:
    schema: Schema = {"type": kind}
    for facet, keyword in _BOUNDS.items():
        if facet in plain:
            bound = Decimal(plain[facet])
            schema[keyword] = int(bound) if bound == bound.to_integral_value() else float(bound)
    if "enum" in plain:
        schema["enum"] = [int(item) if kind == "integer" else float(item) for item in plain["enum"]]
    return schema


def _boolean(plain: Plain) -> Schema:
    del plain
    return {"type": "boolean"}


def _integer(plain: Plain) -> Schema:
    return _number("integer", plain)


def _decimal(plain: Plain) -> Schema:
    return _number("number", plain)


def _float(plain: Plain) -> Schema:
    del plain
    return {"anyOf": [{"type": "number"}, {"enum": ["INF", "-INF", "NaN"]}]}


_ATOMIC: dict[str, Callable[[Plain], Schema]] = {
    "string": _string,
    "boolean": _boolean,
    "integer": _integer,
    "decimal": _decimal,
    "float": _float,
}
