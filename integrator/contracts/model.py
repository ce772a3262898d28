"""Turns the schemas of a contract into a plain model: what codec, JSON Schema and field lists need.

Compile time; xmlschema reads and vets the XSD. The plain form, JSON-able:

`elements`: Clark name → {type, nillable, abstract, substitutes: [Clark names]}
`types`: id → one of
  {kind: atomic, base, as, white, …facets}   `as` is string | boolean | integer | decimal | float
  {kind: list, base, item, …facets}          {kind: union, base, members, …facets}
  {kind: complex, base, derivation, abstract, mixed, attributes, any_attribute, simple, particle}
`derived`: id → ids of named types that may stand for it by xsi:type.
Particles: {kind: element, name, key, type, min, max, nillable, default, fixed, ref},
  {kind: sequence | choice | all, min, max, items}, {kind: any, min, max}; max null is unbounded.
Named types have their Clark name as id, anonymous ones `#` and a number.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import xmlschema
from xmlschema.validators import XsdAnyAttribute, XsdAnyElement, XsdElement, XsdGroup

from integrator.contracts.model_names import ANY_TYPE, XSD
from integrator.contracts.problems import ContractProblem

_INTEGER_BITS = {"byte": 8, "short": 16, "int": 32, "long": 64}
_LENGTHS = {"length": "length", "minLength": "min_length", "maxLength": "max_length"}
# Ranges of XSD's own integer types (XML Schema part 2, 3.3.13-3.3.25).
_BUILT_IN_BOUNDS: dict[str, tuple[int | None, int | None]] = {
    "nonPositiveInteger": (None, 0),
    "negativeInteger": (None, -1),
    "nonNegativeInteger": (0, None),
    "positiveInteger": (1, None),
    **{name: (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for name, bits in _INTEGER_BITS.items()},
    **{f"unsigned{name.title()}": (0, 2**bits - 1) for name, bits in _INTEGER_BITS.items()},
}
_BOUNDS = {
    "minInclusive": "min_inclusive",
    "maxInclusive": "max_inclusive",
    "minExclusive": "min_exclusive",
    "maxExclusive": "max_exclusive",
}


def read_schemas(file: str, texts: Mapping[str, str], entries: Mapping[str, str]) -> xmlschema.XMLSchema10:
    """The vetted schemas of a closed set of texts, namespaces as in `Documents.entries`.

    The texts are laid out in a directory of their own and xmlschema may read nothing outside it.
    Raises ContractProblem.
    """
    imports = "".join(import_statement(namespace, quote(name)) for namespace, name in entries.items())
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        start = Path(folder, "#start")
        start.write_text(f'<xs:schema xmlns:xs="{XSD}">{imports}</xs:schema>', encoding="utf-8")
        try:
            return xmlschema.XMLSchema10(start.as_uri(), allow="sandbox", base_url=Path(folder).as_uri())
        except (xmlschema.XMLSchemaException, ValueError, OSError) as error:
            reason = str(error).split("\n", 1)[0]
            raise ContractProblem(
                file, "not-xsd", f"a schema is not valid ({reason})", "correct the schema"
            ) from error


def import_statement(namespace: str, location: str) -> str:
    """One `xs:import` of a schema text; the empty namespace is a schema without one."""
    name = f' namespace="{escape(namespace, quote=True)}"' if namespace else ""
    return f'<xs:import{name} schemaLocation="{escape(location, quote=True)}"/>'


def build_model(schema: xmlschema.XMLSchema10) -> dict[str, Any]:
    """The plain model of every global element and type of the schemas."""
    return _Model(schema).plain()


class _Model:
    def __init__(self, schema: xmlschema.XMLSchema10) -> None:
        self._maps = schema.maps
        self._types: dict[str, dict[str, Any]] = {}
        self._ids: dict[int, str] = {}
        self._kept: list[Any] = []  # keeps anonymous types alive, so that id() stays unique

    def plain(self) -> dict[str, Any]:
        elements = {
            name: self._global_element(element)
            for name, element in self._maps.elements.items()
            if not name.startswith(f"{{{XSD}}}")
        }
        named = [kind for name, kind in self._maps.types.items() if not name.startswith(f"{{{XSD}}}")]
        for kind in named:
            self._type(kind)
        return {"elements": elements, "types": self._types, "derived": self._derived(named)}

    def _global_element(self, element: Any) -> dict[str, Any]:
        return {
            "type": self._type(element.type),
            "nillable": bool(element.nillable),
            "abstract": bool(element.abstract),
            "substitutes": sorted(
                other.name for other in element.iter_substitutes() if other.name != element.name
            ),
        }

    def _derived(self, named: list[Any]) -> dict[str, list[str]]:
        derived: dict[str, list[str]] = {}
        for kind in named:
            if kind.is_simple() or kind.abstract:
                continue
            base = kind.base_type
            while base is not None and base.name != ANY_TYPE:
                if base.name is not None and not base.is_simple():
                    derived.setdefault(base.name, []).append(kind.name)
                base = base.base_type
        return derived

    # --- types ---

    def _type(self, kind: Any) -> str:
        if kind.name is not None:
            identity = str(kind.name)
        else:
            known = self._ids.get(id(kind))
            if known is not None:
                return known
            identity = f"#{len(self._ids) + 1}"
            self._ids[id(kind)] = identity
            self._kept.append(kind)
        if identity not in self._types:
            self._types[identity] = {}  # recursion finds the name
            self._types[identity].update(self._simple(kind) if kind.is_simple() else self._complex(kind))
        return identity

    def _base(self, kind: Any) -> str | None:
        base = kind.base_type
        return None if base is None or base is kind else self._type(base)

    def _simple(self, kind: Any) -> dict[str, Any]:
        plain: dict[str, Any] = {"base": self._base(kind)}
        if kind.is_list():
            plain |= {"kind": "list", "item": self._type(_list_item(kind))}
        elif kind.is_union():
            plain |= {"kind": "union", "members": [self._type(member) for member in _members(kind)]}
        else:
            plain |= {"kind": "atomic", "white": kind.white_space or "preserve"}
        facets = _facets(kind)
        if plain["kind"] == "atomic":
            plain["as"] = _json_kind(kind, facets)
            plain["primitive"] = _primitive(kind)
        return plain | facets

    def _complex(self, kind: Any) -> dict[str, Any]:
        plain: dict[str, Any] = {
            "kind": "complex",
            "base": None if kind.name == ANY_TYPE else self._base(kind),
            "derivation": kind.derivation,
            "abstract": bool(kind.abstract),
            "mixed": bool(kind.mixed),
            "attributes": self._attributes(kind),
            "any_attribute": any(isinstance(item, XsdAnyAttribute) for item in kind.attributes.values()),
            "simple": None,
            "particle": None,
        }
        if kind.has_simple_content():
            plain["simple"] = self._type(kind.content)
        elif kind.name != ANY_TYPE:
            keys: dict[str, str] = {}
            plain["particle"] = self._particle(kind.content, keys)
        return plain

    def _attributes(self, kind: Any) -> list[dict[str, Any]]:
        keys: dict[str, str] = {}
        found = []
        for name, attribute in kind.attributes.items():
            if name is None or attribute.use == "prohibited":
                continue
            found.append(
                {
                    "name": name,
                    "key": "@" + _key(name, keys),
                    "type": self._type(attribute.type),
                    "required": attribute.use == "required",
                    "default": attribute.default,
                    "fixed": attribute.fixed,
                }
            )
        return found

    # --- particles ---

    def _particle(self, item: Any, keys: dict[str, str]) -> dict[str, Any]:
        occurs = {"min": item.min_occurs, "max": item.max_occurs}
        if isinstance(item, XsdGroup):
            items = [self._particle(part, keys) for part in item if part.max_occurs != 0]
            return {"kind": item.model or "sequence", **occurs, "items": items}
        if isinstance(item, XsdAnyElement):
            return {"kind": "any", **occurs}
        assert isinstance(item, XsdElement)
        return {
            "kind": "element",
            **occurs,
            "name": item.name,
            "key": _key(item.name, keys),
            "type": self._type(item.type),
            "nillable": bool(item.nillable),
            "abstract": bool(item.abstract),
            "default": item.default,
            "fixed": item.fixed,
            "ref": item.ref is not None,
        }


def _key(name: str, keys: dict[str, str]) -> str:
    # The local name; where two namespaces use one name in the same type, the later keeps its Clark name.
    local = name.rpartition("}")[2]
    return local if keys.setdefault(local, name) == name else name


def _list_item(kind: Any) -> Any:
    while not hasattr(kind, "item_type"):
        kind = kind.base_type
    return kind.item_type


def _members(kind: Any) -> list[Any]:
    while not hasattr(kind, "member_types"):
        kind = kind.base_type
    return list(kind.member_types)


def _primitive(kind: Any) -> str:
    primitive = getattr(kind, "primitive_type", None)
    return "string" if primitive is None else str(primitive.local_name)


def _json_kind(kind: Any, facets: Mapping[str, Any]) -> str:
    primitive = _primitive(kind)
    if primitive == "boolean":
        return "boolean"
    if primitive == "decimal":
        found = "integer" if _is_integer(kind) else "decimal"
    elif primitive in ("float", "double"):
        found = "float"
    else:
        return "string"
    # A pattern on a number is about its spelling (leading zeros): only text keeps that.
    return "string" if "patterns" in facets else found


def _is_integer(kind: Any) -> bool:
    while kind is not None:
        if kind.name == f"{{{XSD}}}integer":
            return True
        kind = kind.base_type if kind.base_type is not kind else None
    return False


def _facets(kind: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    patterns: list[list[str]] = []
    step = kind
    while step is not None and not (step.name or "").startswith(f"{{{XSD}}}"):
        for name, facet in (getattr(step, "facets", None) or {}).items():
            if name is None:
                continue
            local = name.rpartition("}")[2]
            if local == "pattern":
                patterns.append(list(facet.regexps))
            elif local == "enumeration":
                plain.setdefault("enum", [element.get("value") for element in facet])
            elif local in _LENGTHS:
                plain.setdefault(_LENGTHS[local], int(facet.value))
            elif local in _BOUNDS:
                plain.setdefault(_BOUNDS[local], str(facet.elem.get("value")))
            elif local == "totalDigits":
                plain.setdefault("total_digits", int(facet.value))
            elif local == "fractionDigits":
                plain.setdefault("fraction_digits", int(facet.value))
        step = step.base_type if step.base_type is not step else None
    least, most = _BUILT_IN_BOUNDS.get(step.local_name if step is not None else "", (None, None))
    if least is not None and "min_exclusive" not in plain:
        plain.setdefault("min_inclusive", str(least))
    if most is not None and "max_exclusive" not in plain:
        plain.setdefault("max_inclusive", str(most))
    if patterns:
        plain["patterns"] = patterns
    return plain
