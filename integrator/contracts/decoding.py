"""XML → JSON: one closure an element type, compiled once from the plain model.

The element is expected to be valid (`Contract.validate`): what has no place in the model is a
ContractViolation, but what is missing is not looked for here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lxml import etree

from integrator.contracts.markup import inner_markup, markup
from integrator.contracts.model_names import ANY_TYPE
from integrator.contracts.problems import ContractViolation
from integrator.contracts.scalars import BLANK, Read, Scalars
from integrator.contracts.shape import (
    ANY_KEY,
    NIL,
    NIL_KEY,
    TEXT_KEY,
    TYPE,
    TYPE_KEY,
    XSI,
    Plain,
    Shape,
    shape,
)

Reader = Callable[[etree._Element], Any]
Given = Sequence[tuple[str, str]]
Content = Callable[[etree._Element, Given], Any]  # the element and its attributes, taken once
Attributes = Mapping[str, tuple[str, Read]]

_XSI_ATTRIBUTE = f"{{{XSI}}}"
_TRUE = ("true", "1")


class Decoders:
    """The compiled readers of one contract, made when first asked for."""

    def __init__(self, plain: Plain, scalars: Scalars) -> None:
        self._types: Mapping[str, Plain] = plain["types"]
        self._elements: Mapping[str, Plain] = plain["elements"]
        self._derived: Mapping[str, list[str]] = plain["derived"]
        self._scalars = scalars
        self._readers: dict[tuple[str, str | None], Reader] = {}
        self._contents: dict[str, Content] = {}

    def of_root(self, name: str) -> Reader:
        """The reader of a global element. Raises KeyError."""
        return self.reader(self._elements[name]["type"], None)

    def reader(self, identity: str, default: str | None) -> Reader:
        """The reader of an element of this type; `default` is its value where it is empty."""
        key = (identity, default)
        known = self._readers.get(key)
        if known is not None:
            return known
        readers = self._readers
        readers[key] = lambda element: readers[key](element)  # what recursion finds meanwhile
        plain = self._types[identity]
        complex_type = plain["kind"] == "complex"
        readers[key] = self._complex(identity) if complex_type else self._simple(identity, default)
        return readers[key]

    # --- simple types ---

    def _simple(self, identity: str, default: str | None) -> Reader:
        read = self._scalars.read(identity)
        plain = self._types[identity]
        empty = default if default is not None else ""
        if plain["kind"] == "atomic" and plain["as"] == "string" and plain.get("white") == "preserve":

            def read_text(element: etree._Element) -> Any:
                if element.items() and _only_xsi(element):
                    return None
                if len(element):
                    raise _unknown()
                return element.text or empty

            return read_text

        def read_value(element: etree._Element) -> Any:
            if element.items() and _only_xsi(element):
                return None
            if len(element):
                raise _unknown()
            return read(element.text or empty)

        return read_value

    # --- complex types ---

    def _complex(self, identity: str) -> Reader:
        content = self._content(identity)
        plain = self._types[identity]
        attributes = self._attributes(plain)
        kinds = self._kinds(identity)

        def read(element: etree._Element) -> Any:
            given: Any = element.items()
            for name, _text in given:
                if name[0] == "{" and name.startswith(_XSI_ATTRIBUTE):
                    return special(element)
            return content(element, given)

        def special(element: etree._Element) -> Any:
            label, actual = None, content
            given = element.get(TYPE)
            if given is not None:
                found = kinds(_resolve(element, given))
                if found is None:
                    raise ContractViolation.at("/" + TYPE_KEY, "names a type that may not stand here")
                label, actual = found
            if element.get(NIL, "").strip(BLANK) in _TRUE:
                return _nil(element, attributes)
            present: Any = element.items()
            value = actual(element, present)
            if label is None:
                return value
            return {TYPE_KEY: label, **(value if isinstance(value, dict) else {TEXT_KEY: value})}

        return read

    def _kinds(self, identity: str) -> Callable[[str], tuple[str | None, Content] | None]:
        labels = type_labels(self._derived.get(identity, ()))

        def find(name: str) -> tuple[str | None, Content] | None:
            if name == identity or identity == ANY_TYPE:
                return None, self._content(identity)
            label = labels.get(name)
            return None if label is None else (label, self._content(name))

        return find

    def _attributes(self, plain: Plain) -> dict[str, tuple[str, Read]]:
        return {
            attribute["name"]: (attribute["key"], self._scalars.read(attribute["type"]))
            for attribute in plain["attributes"]
        }

    def _content(self, identity: str) -> Content:
        known = self._contents.get(identity)
        if known is not None:
            return known
        contents = self._contents
        contents[identity] = lambda element, given: contents[identity](element, given)
        plain = self._types[identity]
        attributes = self._attributes(plain)
        if plain["simple"] is not None:
            compiled = self._text_content(plain, attributes)
        elif plain["mixed"] or identity == ANY_TYPE:
            compiled = _markup_content(plain, attributes)
        else:
            compiled = self._element_content(plain, attributes)
        contents[identity] = compiled
        return compiled

    def _text_content(self, plain: Plain, attributes: Attributes) -> Content:
        read = self._scalars.read(plain["simple"])
        if not attributes and not plain["any_attribute"]:

            def read_text(element: etree._Element, _given: Given) -> Any:
                if len(element):
                    raise _unknown()
                return read(element.text or "")

            return read_text
        open_ended = plain["any_attribute"]

        def read_object(element: etree._Element, given: Given) -> dict[str, Any]:
            value = _read_attributes(given, attributes, open_ended) if given else {}
            if len(element):
                raise _unknown()
            value[TEXT_KEY] = read(element.text or "")
            return value

        return read_object

    def _element_content(self, plain: Plain, attributes: Attributes) -> Content:
        content = shape(plain["particle"], self._elements)
        fields: dict[Any, tuple[str, bool, Reader]] = {
            leaf.name: (leaf.key, leaf.many, self.reader(leaf.type, leaf.default)) for leaf in content.leaves
        }
        return _object_reader(fields, content, attributes, plain["any_attribute"])


def _object_reader(
    fields: Mapping[Any, tuple[str, bool, Reader]], content: Shape, attributes: Attributes, open_ended: bool
) -> Content:
    find = fields.get

    def read(element: etree._Element, given: Given) -> dict[str, Any]:
        value = _read_attributes(given, attributes, open_ended) if given else {}
        for child in element:
            field = find(child.tag)
            if field is None:
                _read_stranger(child, content.any_many, value)
                continue
            key, many, read_child = field
            try:
                if not many:
                    if key in value:
                        raise ContractViolation.at("", "may stand only once")
                    value[key] = read_child(child)
                elif key in value:
                    value[key].append(read_child(child))
                else:
                    value[key] = [read_child(child)]
            except ContractViolation as violation:
                step = f"{key}[{len(value.get(key, ())) + 1}]" if many else key
                raise violation.under(step) from None
        return value

    return read


def _markup_content(plain: Plain, attributes: Attributes) -> Content:
    open_ended = plain["any_attribute"]

    def read(element: etree._Element, given: Given) -> Any:
        text = inner_markup(element)
        value = _read_attributes(given, attributes, open_ended) if given else {}
        if attributes or value:
            value[TEXT_KEY] = text
            return value
        return text

    return read


def type_labels(names: Any) -> dict[str, str]:
    """Type names → what stands in `@xsi:type`: the local name, or the Clark name where that is not enough."""
    labels: dict[str, str] = {}
    for name in names:
        local = name.rpartition("}")[2]
        labels[name] = name if local in labels.values() else local
    return labels


def _read_stranger(child: etree._Element, any_many: bool | None, value: dict[str, Any]) -> None:
    if any_many is None:
        raise _unknown()
    text = markup(child)
    if any_many:
        value.setdefault(ANY_KEY, []).append(text)
    elif ANY_KEY in value:
        raise ContractViolation.at("/*", "may stand only once")
    else:
        value[ANY_KEY] = text


def _read_attributes(given: Given, attributes: Attributes, open_ended: bool) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for name, text in given:
        attribute = attributes.get(name)
        if attribute is not None:
            try:
                value[attribute[0]] = attribute[1](text)
            except ContractViolation as violation:
                raise violation.under(attribute[0]) from None
        elif name.startswith(_XSI_ATTRIBUTE):
            continue
        elif open_ended:
            value["@" + name] = text
        else:
            raise ContractViolation.at("/@*", "is not known to the contract")
    return value


def _nil(element: etree._Element, attributes: Attributes) -> Any:
    given: Any = element.items()
    value = _read_attributes(given, attributes, open_ended=True)
    return {**value, NIL_KEY: True} if value else None


def _only_xsi(element: etree._Element) -> bool:
    """Whether a simple element is nil. Raises ContractViolation for attributes it cannot have."""
    for name in element.keys():  # noqa: SIM118 - an element iterates its children
        if not str(name).startswith(_XSI_ATTRIBUTE):
            raise ContractViolation.at("/@*", "is not known to the contract")
    return str(element.get(NIL, "")).strip(BLANK) in _TRUE


def _resolve(element: etree._Element, name: str) -> str:
    prefix, _, local = name.strip(BLANK).rpartition(":")
    namespace = element.nsmap.get(prefix or None)
    return f"{{{namespace}}}{local}" if namespace else local


def _unknown() -> ContractViolation:
    return ContractViolation.at("/*", "is not known to the contract")
