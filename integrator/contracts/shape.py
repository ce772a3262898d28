"""What a complex type's content looks like in JSON: its keys, and which of them are arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

XSI = "http://www.w3.org/2001/XMLSchema-instance"
NIL = f"{{{XSI}}}nil"
TYPE = f"{{{XSI}}}type"
NIL_KEY, TYPE_KEY, TEXT_KEY, ANY_KEY = "@xsi:nil", "@xsi:type", "#text", "#any"

Plain = Mapping[str, Any]
_MANY = 2  # enough to know that something repeats


@dataclass(frozen=True, slots=True)
class Leaf:
    """One element the content allows, substitutes resolved: where it goes in JSON, and its type."""

    name: str
    key: str
    type: str
    nillable: bool
    default: str | None
    many: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """All elements of a content by tag. `any_many` is None without a wildcard; `simple` is true
    where every key stands at one place that does not repeat as a group (the fast way to write)."""

    leaves: tuple[Leaf, ...]
    any_many: bool | None
    simple: bool


def shape(particle: Plain | None, elements: Mapping[str, Plain]) -> Shape:
    """The shape of a content model; `elements` are the contract's global ones."""
    if particle is None:
        return Shape((), None, True)
    totals = _totals(particle)
    leaves: dict[str, Leaf] = {}
    for item in _elements(particle):
        many = totals[item["key"]] >= _MANY
        for leaf in alternatives(item, elements, many):
            leaves.setdefault(leaf.name, leaf)
    simple = not _repeats(particle) and all(
        count == 1 for count in _places(particle).values()
    )  # a key at two places of a choice is still at one place a branch
    any_total = totals.get(ANY_KEY)
    return Shape(tuple(leaves.values()), None if any_total is None else any_total >= _MANY, simple)


def alternatives(item: Plain, elements: Mapping[str, Plain], many: bool) -> Iterator[Leaf]:
    """The element of a particle and what may substitute it, abstract heads left out."""
    if not item["abstract"]:
        yield Leaf(item["name"], item["key"], item["type"], item["nillable"], _given(item), many)
    if item["ref"]:
        for name in elements[item["name"]]["substitutes"]:
            other = elements[name]
            if not other["abstract"]:
                local = name.rpartition("}")[2]
                yield Leaf(name, local, other["type"], other["nillable"], None, many)


def _given(item: Plain) -> str | None:
    value = item["default"] if item["default"] is not None else item["fixed"]
    return None if value is None else str(value)


def _elements(particle: Plain) -> Iterator[Plain]:
    if particle["kind"] == "element":
        yield particle
    for item in particle.get("items", ()):
        yield from _elements(item)


def _times(particle: Plain) -> int:
    maximum = particle["max"]
    return _MANY if maximum is None else min(int(maximum), _MANY)


def _totals(particle: Plain) -> dict[str, int]:
    # How often a key can occur at most: sums over a sequence, the largest over a choice.
    times = _times(particle)
    if particle["kind"] in ("element", "any"):
        return {particle.get("key", ANY_KEY): times}
    totals: dict[str, int] = {}
    for item in particle["items"]:
        for key, count in _totals(item).items():
            known = totals.get(key, 0)
            totals[key] = max(known, count) if particle["kind"] == "choice" else known + count
    return {key: count * times for key, count in totals.items()}


def _repeats(particle: Plain) -> bool:
    if particle["kind"] in ("element", "any"):
        return False
    return _times(particle) >= _MANY or any(_repeats(item) for item in particle["items"])


def _places(particle: Plain) -> dict[str, int]:
    if particle["kind"] in ("element", "any"):
        return {particle.get("key", ANY_KEY): 1}
    places: dict[str, int] = {}
    for item in particle["items"]:
        for key, count in _places(item).items():
            known = places.get(key, 0)
            places[key] = max(known, count) if particle["kind"] == "choice" else known + count
    return places
