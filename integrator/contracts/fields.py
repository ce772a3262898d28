"""The fields of a message: every JSON path it can have, and which of them the contract requires."""

from __future__ import annotations

from collections.abc import Mapping

from integrator.contracts.model_names import ANY_TYPE
from integrator.contracts.shape import ANY_KEY, TEXT_KEY, Plain, alternatives, shape


def paths(plain: Plain, element: str) -> dict[str, bool]:
    """JSON paths (`$.person.addresses.address[*].houseNumber`) → whether each is mandatory.

    A path is mandatory where it and all above it are; a part of a choice is not. Recursion stops at
    the second appearance of a type. Raises KeyError.
    """
    found: dict[str, bool] = {}
    _Walk(plain, found).type(plain["elements"][element]["type"], "$", True, frozenset())
    return found


class _Walk:
    def __init__(self, plain: Plain, found: dict[str, bool]) -> None:
        self._types: Mapping[str, Plain] = plain["types"]
        self._elements: Mapping[str, Plain] = plain["elements"]
        self._derived: Mapping[str, list[str]] = plain["derived"]
        self._found = found

    def type(self, identity: str, path: str, mandatory: bool, above: frozenset[str]) -> None:
        plain = self._types[identity]
        if plain["kind"] != "complex" or identity in above or identity == ANY_TYPE:
            return
        above |= {identity}
        for attribute in plain["attributes"]:
            self._add(f"{path}.{attribute['key']}", mandatory and attribute["required"])
        if (plain["simple"] or plain["mixed"]) and (plain["attributes"] or plain["any_attribute"]):
            self._add(f"{path}.{TEXT_KEY}", mandatory)
        if plain["particle"] is not None and not plain["mixed"]:
            many = {leaf.key: leaf.many for leaf in shape(plain["particle"], self._elements).leaves}
            self._particle(plain["particle"], path, mandatory, above, many)
        for derived in self._derived.get(identity, ()):
            self.type(derived, path, False, above)

    def _particle(
        self, particle: Plain, path: str, mandatory: bool, above: frozenset[str], many: Mapping[str, bool]
    ) -> None:
        mandatory = mandatory and particle["min"] > 0
        if particle["kind"] == "any":
            self._add(f"{path}.{ANY_KEY}", mandatory)
        elif particle["kind"] == "element":
            leaves = list(alternatives(particle, self._elements, many=False))
            for leaf in leaves:
                step = f"{path}.{leaf.key}" + ("[*]" if many[leaf.key] else "")
                needed = mandatory and len(leaves) == 1
                self._add(step, needed)
                self.type(leaf.type, step, needed, above)
        else:
            alone = particle["kind"] != "choice" or len(particle["items"]) == 1
            for item in particle["items"]:
                self._particle(item, path, mandatory and alone, above, many)

    def _add(self, path: str, mandatory: bool) -> None:
        self._found[path] = self._found.get(path, False) or mandatory
