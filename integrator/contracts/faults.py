"""Faults in the contract's own words: an error of the bus becomes the family's fault detail.

Which code each category of error becomes is declared in the header family (`faults:` of its file).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lxml import etree

from integrator.contracts import envelope
from integrator.contracts.binder import localized
from integrator.contracts.contract import Contract
from integrator.contracts.problems import ContractViolation
from integrator.exchange import IntegratorError

# Errors whose SOAP fault code is not Client or Server.
_VERSION_MISMATCH = "version-mismatch"
_CLIENT_CATEGORIES = frozenset({"invalid-request", "not-authenticated", "refused"})


class Faults:
    """Builds and reads fault details of one contract with one header family.

    Without a family, or with one that declares no faults, faults carry no detail."""

    def __init__(self, contract: Contract, binder: Mapping[str, Any] | None) -> None:
        self._contract = contract
        self._plain: Mapping[str, Any] | None = binder["faults"] if binder is not None else None

    def detail(self, error: IntegratorError) -> etree._Element | None:
        """The fault detail of an error: category code, its source, a text per language."""
        plain = self._plain
        if plain is None:
            return None
        category = self._category(error)
        value: dict[str, Any] = {}
        _put(value, plain["code"], category["code"])
        if plain["source"] is not None:
            _put(value, plain["source"]["at"], plain["source"]["value"])
        if plain["description"] is not None:
            _put(value, plain["description"]["at"], localized(category["text"], plain["description"]))
        return self._contract.encode(plain["element"], value)

    def answer(self, version: str, error: IntegratorError) -> bytes:
        """The whole fault envelope of an error: reason is the error's own, safe message."""
        return envelope.fault(version, self.code(error), error.message, self.detail(error))

    def code(self, error: IntegratorError) -> str:
        """The SOAP fault code: Client where the caller can correct it, else Server."""
        if error.reason == _VERSION_MISMATCH:
            return "VersionMismatch"
        if self._plain is None:
            return "Client" if error.category in _CLIENT_CATEGORIES else "Server"
        return str(self._category(error)["fault"])

    def read(self, detail: etree._Element | None) -> str | None:
        """The code in a provider's fault detail, None where there is none of this contract."""
        plain = self._plain
        if plain is None or detail is None or detail.tag != plain["element"]:
            return None
        try:
            place = self._contract.decode(detail)
        except ContractViolation:
            return None
        for step in plain["code"]:
            if not isinstance(place, Mapping):
                return None
            place = place.get(step)
        return place if isinstance(place, str) else None

    def _category(self, error: IntegratorError) -> Mapping[str, Any]:
        assert self._plain is not None
        categories: Mapping[str, Mapping[str, Any]] = self._plain["categories"]
        return categories.get(error.category) or categories["internal"]


def _put(value: dict[str, Any], steps: list[str], item: Any) -> None:
    for step in steps[:-1]:
        value = value.setdefault(step, {})
    value[steps[-1]] = item
