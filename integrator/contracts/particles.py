"""Writes the children of an element from a JSON object, in the contract's order.

Two ways. The usual one asks the object for each key where the content model has it. Contents where
a group repeats, or one key stands at several places, are written from queues: what came first in
the array is written first, so the order among different elements of a repeated choice is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lxml import etree

from integrator.contracts.markup import parse_markup
from integrator.contracts.problems import NOT_XML_TEXT, ContractViolation
from integrator.contracts.scalars import Write
from integrator.contracts.shape import ANY_KEY, Leaf, Plain, alternatives, shape

Values = Mapping[str, Any]
Filler = Callable[[etree._Element, Any], None]
WriteChildren = Callable[[etree._Element, Any], None]

_ABSENT = object()


class _Part:
    """A compiled particle: how to write it, the keys it reads, whether it may write nothing.

    `nils` are the keys where null says something (a nillable element) instead of "absent".
    """

    __slots__ = ("empty", "keys", "nils", "write")

    def __init__(
        self, write: WriteChildren, keys: frozenset[str], empty: bool, nils: frozenset[str] = frozenset()
    ) -> None:
        self.write, self.keys, self.empty, self.nils = write, keys, empty, nils

    def given(self, values: Values) -> set[str]:
        """Its keys that the values have something for."""
        found = set(self.keys.intersection(values))
        for key in tuple(found):
            value = values[key]
            if value == [] or (value is None and key not in self.nils):
                found.remove(key)
        return found


class ParticleWriters:
    """Compiles content models; `filler(type, nillable)` fills one child, `text(type)` writes the
    value of a simple type and is None for others."""

    def __init__(
        self,
        elements: Mapping[str, Plain],
        filler: Callable[[str, bool], Filler],
        text: Callable[[str], Write | None],
    ) -> None:
        self._elements = elements
        self._filler = filler
        self._text = text

    def content(self, particle: Plain | None) -> tuple[WriteChildren, frozenset[str]]:
        """The writer of a whole content and every key it knows."""
        if particle is None:
            return _write_nothing, frozenset()
        content = shape(particle, self._elements)
        many = {leaf.key: leaf.many for leaf in content.leaves}
        if content.any_many is not None:
            many[ANY_KEY] = content.any_many
        if content.simple:
            part = self._part(particle, many)
            return part.write, part.keys
        part = self._queued(particle)
        return _from_queues(part, many), part.keys

    def _children(self, item: Plain) -> list[tuple[Leaf, Filler]]:
        leaves = alternatives(item, self._elements, many=False)
        return [(leaf, self._filler(leaf.type, leaf.nillable)) for leaf in leaves]

    # --- the usual way ---

    def _part(self, particle: Plain, many: Mapping[str, bool]) -> _Part:
        kind = particle["kind"]
        if kind == "any":
            return _any_part(particle, many[ANY_KEY])
        if kind == "element":
            return self._element_part(particle, many)
        parts = [self._part(item, many) for item in particle["items"]]
        group = _choice_part if kind == "choice" else _sequence_part
        return group(parts, particle["min"] == 0)

    def _element_part(self, item: Plain, many: Mapping[str, bool]) -> _Part:
        children = self._children(item)
        keys = frozenset(leaf.key for leaf, _fill in children)
        optional = item["min"] == 0
        if any(many[key] for key in keys):
            return _Part(_array_writer(children, item["min"], item["max"]), keys, optional)
        nils = frozenset(leaf.key for leaf, _fill in children if leaf.nillable)
        if len(children) == 1:
            write_text = None if nils else self._text(children[0][0].type)
            if write_text is not None:
                return _Part(_text_writer(children[0][0], write_text, optional), keys, optional)
            return _Part(_one_writer(*children[0], optional), keys, optional, nils)
        return _Part(_substitute_writer(children, optional), keys, optional, nils)

    # --- from queues ---

    def _queued(self, particle: Plain) -> _Part:
        if particle["kind"] == "any":
            return _queued_any(particle)
        if particle["kind"] == "element":
            return _queued_element(self._children(particle), particle)
        parts = [self._queued(item) for item in particle["items"]]
        group = _queued_choice if particle["kind"] == "choice" else _sequence_part
        # Strict inside: how often the whole may be left out is the loop's business.
        once = group(parts, optional=False)
        return _queued_group(once, particle["min"], particle["max"])


def _write_nothing(element: etree._Element, values: Values) -> None:
    del element, values


# --- elements -----------------------------------------------------------------------------------


def _one_writer(leaf: Leaf, fill: Filler, optional: bool) -> WriteChildren:
    name, key, nillable = leaf.name, leaf.key, leaf.nillable
    path = "/" + key
    make = etree.SubElement

    def write(element: etree._Element, values: Values) -> None:
        value = values.get(key, _ABSENT)
        if value is _ABSENT or (value is None and not nillable):
            if optional:
                return
            raise ContractViolation.at(path, "is required")
        try:
            fill(make(element, name), value)
        except ContractViolation as violation:
            raise violation.under(key) from None
        except ValueError:
            raise ContractViolation.at(path, NOT_XML_TEXT) from None

    return write


def _text_writer(leaf: Leaf, write_text: Write, optional: bool) -> WriteChildren:
    # The commonest element of all: one, simple, never nil. So it gets the shortest way.
    name, key = leaf.name, leaf.key
    path = "/" + key
    make = etree.SubElement

    def write(element: etree._Element, values: Values) -> None:
        value = values.get(key)
        if value is None:
            if optional:
                return
            raise ContractViolation.at(path, "is required")
        try:
            make(element, name).text = write_text(value)
        except ContractViolation as violation:
            raise violation.under(key) from None
        except ValueError:
            raise ContractViolation.at(path, NOT_XML_TEXT) from None

    return write


def _substitute_writer(children: list[tuple[Leaf, Filler]], optional: bool) -> WriteChildren:
    writers = [(leaf.key, _one_writer(leaf, fill, optional=False)) for leaf, fill in children]
    names = ", ".join(key for key, _write in writers)

    def write(element: etree._Element, values: Values) -> None:
        found = [write_one for key, write_one in writers if key in values]
        if len(found) > 1:
            raise ContractViolation.at("", f"has more than one of: {names}")
        if found:
            found[0](element, values)
        elif not optional:
            raise ContractViolation.at("", f"needs one of: {names}")

    return write


def _array_writer(children: list[tuple[Leaf, Filler]], least: int, most: int | None) -> WriteChildren:
    names = ", ".join(leaf.key for leaf, _fill in children)

    def write(element: etree._Element, values: Values) -> None:
        count = 0
        for leaf, fill in children:
            items = values.get(leaf.key)
            if items is None:
                continue
            if not isinstance(items, list):
                raise ContractViolation.at("/" + leaf.key, "must be an array")
            for number, item in enumerate(items, start=1):
                _write_item(element, leaf, fill, item, number)
            count += len(items)
        if count < least:
            raise ContractViolation.at("/" + names, "is required" if least == 1 else f"needs {least} items")
        if most is not None and count > most:
            raise ContractViolation.at("/" + names, f"may have {most} items")

    return write


def _write_item(element: etree._Element, leaf: Leaf, fill: Filler, item: Any, number: int) -> None:
    try:
        if item is None and not leaf.nillable:
            raise ContractViolation.at("", "may not be null")
        fill(etree.SubElement(element, leaf.name), item)
    except ContractViolation as violation:
        raise violation.under(f"{leaf.key}[{number}]") from None
    except ValueError:
        raise ContractViolation.at(f"/{leaf.key}[{number}]", NOT_XML_TEXT) from None


def _any_part(particle: Plain, many: bool) -> _Part:
    least, most = particle["min"], particle["max"]

    def write(element: etree._Element, values: Values) -> None:
        given = values.get(ANY_KEY)
        items = [] if given is None else given if many else [given]
        if not isinstance(items, list):
            raise ContractViolation.at("/" + ANY_KEY, "must be an array")
        for item in items:
            _write_any(element, item)
        if len(items) < least:
            raise ContractViolation.at("/" + ANY_KEY, "is required")
        if most is not None and len(items) > most:
            raise ContractViolation.at("/" + ANY_KEY, f"may have {most} items")

    return _Part(write, frozenset((ANY_KEY,)), least == 0)


def _write_any(element: etree._Element, item: Any) -> None:
    try:
        if not isinstance(item, str):
            raise ContractViolation.at("", "must be XML text")
        element.append(parse_markup(item))
    except ContractViolation as violation:
        raise violation.under(ANY_KEY) from None


# --- groups -------------------------------------------------------------------------------------


def _keys(parts: list[_Part]) -> frozenset[str]:
    return frozenset(key for part in parts for key in part.keys)


def _nils(parts: list[_Part]) -> frozenset[str]:
    return frozenset(key for part in parts for key in part.nils)


def _sequence_part(parts: list[_Part], optional: bool) -> _Part:
    writers = tuple(part.write for part in parts)

    def write(element: etree._Element, values: Values) -> None:
        for write_part in writers:
            write_part(element, values)

    whole = _Part(write, _keys(parts), optional or all(part.empty for part in parts), _nils(parts))
    if not optional:
        return whole

    def write_if_given(element: etree._Element, values: Values) -> None:
        if whole.given(values):
            write(element, values)

    return _Part(write_if_given, whole.keys, True, whole.nils)


def _alternatives(parts: list[_Part]) -> str:
    return " | ".join(", ".join(sorted(part.keys)) for part in parts)


def _choice_part(parts: list[_Part], optional: bool) -> _Part:
    empty = optional or any(part.empty for part in parts)
    names = _alternatives(parts)

    def write(element: etree._Element, values: Values) -> None:
        given = whole.given(values)
        if not given:
            if empty:
                return
            raise ContractViolation.at("", f"needs one of: {names}")
        for part in parts:
            if part.keys >= given:
                part.write(element, values)
                return
        raise ContractViolation.at("", f"mixes alternatives, it may have one of: {names}")

    whole = _Part(write, _keys(parts), empty, _nils(parts))
    return whole


def _queued_choice(parts: list[_Part], optional: bool) -> _Part:
    empty = optional or any(part.empty for part in parts)
    names = _alternatives(parts)

    def write(element: etree._Element, queues: Values) -> None:
        scores = [(len(part.given(queues)), -len(part.keys), -place) for place, part in enumerate(parts)]
        best = max(scores, default=(0, 0, 0))
        if best[0]:
            parts[-best[2]].write(element, queues)
        elif not empty:
            raise ContractViolation.at("", f"needs one of: {names}")

    return _Part(write, _keys(parts), empty, _nils(parts))


# --- queues -------------------------------------------------------------------------------------


def _from_queues(part: _Part, many: Mapping[str, bool]) -> WriteChildren:
    def write(element: etree._Element, values: Values) -> None:
        queues: dict[str, list[Any]] = {}
        for key in part.keys:
            value = values.get(key, _ABSENT)
            if value is _ABSENT or (value is None and many[key]):
                continue
            if many[key] and not isinstance(value, list):
                raise ContractViolation.at("/" + key, "must be an array")
            queues[key] = list(value) if many[key] else [value]
        part.write(element, queues)
        for key, rest in queues.items():
            if rest:
                raise ContractViolation.at("/" + key, "has more items than the contract allows here")

    return write


def _queued_element(children: list[tuple[Leaf, Filler]], item: Plain) -> _Part:
    least, most = item["min"], item["max"]
    keys = frozenset(leaf.key for leaf, _fill in children)
    names = ", ".join(leaf.key for leaf, _fill in children)

    def write(element: etree._Element, queues: Values) -> None:
        count = 0
        for leaf, fill in children:
            queue = queues.get(leaf.key)
            while queue and (most is None or count < most):
                count += 1
                _write_item(element, leaf, fill, queue.pop(0), count)
        if count < least:
            raise ContractViolation.at("/" + names, "is required")

    return _Part(write, keys, least == 0)


def _queued_any(particle: Plain) -> _Part:
    least, most = particle["min"], particle["max"]

    def write(element: etree._Element, queues: Values) -> None:
        queue, count = queues.get(ANY_KEY), 0
        while queue and (most is None or count < most):
            count += 1
            _write_any(element, queue.pop(0))
        if count < least:
            raise ContractViolation.at("/" + ANY_KEY, "is required")

    return _Part(write, frozenset((ANY_KEY,)), least == 0)


def _queued_group(once: _Part, least: int, most: int | None) -> _Part:
    def write(element: etree._Element, queues: Values) -> None:
        count = 0
        while (most is None or count < most) and any(queues.get(key) for key in once.keys):
            count += 1
            once.write(element, queues)
        if count < least and not once.empty:
            once.write(element, queues)  # says what is missing

    return _Part(write, once.keys, least == 0 or once.empty)
