"""JSON → XML: one closure a type that fills an element, compiled once from the plain model.

The contract's order is kept whatever the order of the keys. Unknown keys, wrong types, missing
mandatory parts and wrong choices are ContractViolations; what only XSD says (patterns, lengths,
ranges) is left to `Contract.validate`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lxml import etree

from integrator.contracts.decoding import type_labels
from integrator.contracts.markup import parse_markup
from integrator.contracts.model_names import ANY_TYPE
from integrator.contracts.particles import ParticleWriters
from integrator.contracts.problems import NOT_XML_TEXT, ContractViolation
from integrator.contracts.scalars import Scalars, Write, wrong
from integrator.contracts.shape import NIL, NIL_KEY, TEXT_KEY, TYPE, TYPE_KEY, Plain

Filler = Callable[[etree._Element, Any], None]


class Encoders:
    """The compiled writers of one contract, made when first asked for."""

    def __init__(self, plain: Plain, scalars: Scalars) -> None:
        self._types: Mapping[str, Plain] = plain["types"]
        self._elements: Mapping[str, Plain] = plain["elements"]
        self._derived: Mapping[str, list[str]] = plain["derived"]
        self._scalars = scalars
        self._fillers: dict[tuple[str, bool], Filler] = {}
        self._contents: dict[str, Filler] = {}
        self._particles = ParticleWriters(self._elements, self.filler, self._text)

    def of_root(self, name: str) -> Filler:
        """The filler of a global element. Raises KeyError."""
        element = self._elements[name]
        return self.filler(element["type"], element["nillable"])

    def filler(self, identity: str, nillable: bool) -> Filler:
        """What fills an element of this type with a JSON value; null makes a nillable one nil."""
        key = (identity, nillable)
        known = self._fillers.get(key)
        if known is not None:
            return known
        fillers = self._fillers
        fillers[key] = lambda element, value: fillers[key](element, value)
        plain = self._types[identity]
        compiled = self._complex(identity) if plain["kind"] == "complex" else self._simple(identity)
        fillers[key] = _nillable(compiled) if nillable else compiled
        return fillers[key]

    def _text(self, identity: str) -> Write | None:
        simple = self._types[identity]["kind"] != "complex"
        return self._scalars.write(identity) if simple else None

    def _simple(self, identity: str) -> Filler:
        write = self._scalars.write(identity)

        def fill(element: etree._Element, value: Any) -> None:
            element.text = write(value)

        return fill

    def _complex(self, identity: str) -> Filler:
        content = self._content(identity)
        plain = self._types[identity]
        derived = {label: name for name, label in type_labels(self._derived.get(identity, ())).items()}
        derived |= {name: name for name in derived.values()}
        abstract = plain["abstract"]
        if not derived and not abstract:
            return content

        def fill(element: etree._Element, value: Any) -> None:
            label = value.get(TYPE_KEY) if isinstance(value, Mapping) else None
            if label is None:
                if abstract:
                    raise ContractViolation.at("/" + TYPE_KEY, "is required: the type is abstract")
                content(element, value)
                return
            name = derived.get(label) if isinstance(label, str) else None
            if name is None:
                raise ContractViolation.at("/" + TYPE_KEY, "names a type that may not stand here")
            actual_name: Any = etree.QName(name)  # lxml writes it with its prefix
            element.set(TYPE, actual_name)
            rest = {key: item for key, item in value.items() if key != TYPE_KEY}
            actual = self._types[name]
            bare = rest.keys() == {TEXT_KEY} and not (actual["attributes"] or actual["any_attribute"])
            self._content(name)(element, rest[TEXT_KEY] if bare else rest)

        return fill

    # --- contents ---

    def _content(self, identity: str) -> Filler:
        known = self._contents.get(identity)
        if known is not None:
            return known
        contents = self._contents
        contents[identity] = lambda element, value: contents[identity](element, value)
        plain = self._types[identity]
        attributes = self._attributes(plain)
        bare = not attributes and not plain["any_attribute"]
        if plain["simple"] is not None:
            write = self._scalars.write(plain["simple"])
            compiled = self._simple(plain["simple"]) if bare else _text_filler(write, attributes)
        elif plain["mixed"] or identity == ANY_TYPE:
            compiled = _fill_markup if bare else _markup_filler(attributes)
        else:
            compiled = self._object_filler(plain, attributes)
        contents[identity] = compiled
        return compiled

    def _attributes(self, plain: Plain) -> _Attributes:
        return _Attributes(
            [
                (item["name"], item["key"], self._scalars.write(item["type"]), item["required"])
                for item in plain["attributes"]
            ],
            plain["any_attribute"],
        )

    def _object_filler(self, plain: Plain, attributes: _Attributes) -> Filler:
        write_children, keys = self._particles.content(plain["particle"])
        known = keys | attributes.keys
        set_attributes = attributes.set if attributes else None
        open_ended = plain["any_attribute"]

        def fill(element: etree._Element, value: Any) -> None:
            if value.__class__ is not dict and not isinstance(value, Mapping):
                raise wrong("an object")
            if set_attributes is not None:
                set_attributes(element, value)
            if not known.issuperset(value):
                _refuse_strangers(value, known, open_ended)
            write_children(element, value)

        return fill


class _Attributes:
    """Writes the attributes of one type. True where there are any to write."""

    def __init__(self, declared: list[tuple[str, str, Write, bool]], open_ended: bool) -> None:
        self._declared = declared
        self._open_ended = open_ended
        self.keys = frozenset(key for _name, key, _write, _required in declared)

    def __bool__(self) -> bool:
        return bool(self._declared) or self._open_ended

    def set(self, element: etree._Element, value: Mapping[str, Any]) -> None:
        for name, key, write, required in self._declared:
            item = value.get(key)
            if item is None:
                if required:
                    raise ContractViolation.at("/" + key, "is required")
                continue
            try:
                element.set(name, write(item))
            except ContractViolation as violation:
                raise violation.under(key) from None
            except ValueError:
                raise ContractViolation.at("/" + key, NOT_XML_TEXT) from None
        if self._open_ended:
            self._set_others(element, value)

    def _set_others(self, element: etree._Element, value: Mapping[str, Any]) -> None:
        for key, item in value.items():
            if key.startswith("@") and key not in self.keys and key not in (TYPE_KEY, NIL_KEY):
                if not isinstance(item, str):
                    raise ContractViolation.at("/@*", "must be a string")
                try:
                    element.set(key[1:], item)
                except ValueError:
                    raise ContractViolation.at("/@*", "is not an XML attribute") from None


def _nillable(fill: Filler) -> Filler:
    def fill_or_nil(element: etree._Element, value: Any) -> None:
        if value is None:
            element.set(NIL, "true")
        elif isinstance(value, Mapping) and value.get(NIL_KEY) is True:
            # Attributes may stand on a nil element; content may not.
            element.set(NIL, "true")
            for key, item in value.items():
                if not key.startswith("@") or not isinstance(item, (str, bool)):
                    raise ContractViolation.at("/" + NIL_KEY, "allows attributes only, as strings")
                if key != NIL_KEY:
                    element.set(key[1:], str(item))
        else:
            fill(element, value)

    return fill_or_nil


def _text_filler(write: Write, attributes: _Attributes) -> Filler:
    known = attributes.keys | {TEXT_KEY}
    open_ended = attributes._open_ended

    def fill(element: etree._Element, value: Any) -> None:
        if value.__class__ is not dict and not isinstance(value, Mapping):
            raise wrong("an object")
        attributes.set(element, value)
        if not known.issuperset(value):
            _refuse_strangers(value, known, open_ended)
        if TEXT_KEY not in value:
            raise ContractViolation.at("/" + TEXT_KEY, "is required")
        try:
            element.text = write(value[TEXT_KEY])
        except ContractViolation as violation:
            raise violation.under(TEXT_KEY) from None
        except ValueError:
            raise ContractViolation.at("/" + TEXT_KEY, NOT_XML_TEXT) from None

    return fill


def _markup_filler(attributes: _Attributes) -> Filler:
    known = attributes.keys | {TEXT_KEY}
    open_ended = attributes._open_ended

    def fill(element: etree._Element, value: Any) -> None:
        if isinstance(value, Mapping):
            attributes.set(element, value)
            if not known.issuperset(value):
                _refuse_strangers(value, known, open_ended)
            value = value.get(TEXT_KEY, "")
        _fill_markup(element, value)

    return fill


def _fill_markup(element: etree._Element, value: Any) -> None:
    if not isinstance(value, str):
        raise wrong("XML text")
    parsed = parse_markup(f"<markup>{value}</markup>")
    element.text = parsed.text
    element.extend(list(parsed))


def _refuse_strangers(value: Mapping[str, Any], known: frozenset[str], open_ended: bool) -> None:
    for key in value:
        if key in known or (open_ended and key.startswith("@")):
            continue
        names = ", ".join(sorted(known)) or "none"
        raise ContractViolation.at("/*", f"is not known to the contract, which has here: {names}")
