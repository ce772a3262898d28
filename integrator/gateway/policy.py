"""May they? Grant, purpose, validity, dossier, agent and quota of one request.

Refusals carry a stable reason and say nothing of other grants or of what would be accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from integrator.exchange import Dossier, Overloaded, Refused
from integrator.gateway.headers import Asked
from integrator.gateway.quota import Quotas
from integrator.gateway.subjects import Minimiser, compile_minimiser
from integrator.site.compiled import Flow, Grant, Purpose

# What people type when a form insists on a dossier (BCED users' committee; design, section 5).
VOID = frozenset(
    [
        "valeur sans importance",
        "sans importance",
        "sans objet",
        "sans",
        "aucun",
        "aucune",
        "neant",
        "néant",
        "rien",
        "inconnu",
        "n/a",
        "na",
        "nvt",
        "n.v.t.",
        "nihil",
        "geen",
        "onbekend",
        "zonder",
        "keine",
        "kein",
        "unbekannt",
        "none",
        "nil",
        "null",
        "undefined",
        "unknown",
        "void",
        "empty",
        "vide",
        "test",
        "tests",
        "testing",
        "dummy",
        "todo",
        "tbd",
        "xxx",
        "abc",
        "dossier",
    ]
)


@dataclass(frozen=True, slots=True)
class PurposeRule:
    """A purpose with its dossier rule compiled."""

    purpose: Purpose
    sources: frozenset[str]
    pattern: re.Pattern[str] | None

    @classmethod
    def compile(cls, purpose: Purpose) -> PurposeRule:
        """Compile the dossier pattern; it applies to the whole decoded id."""
        pattern = purpose.dossier_pattern
        return cls(
            purpose, frozenset(purpose.dossier_sources), re.compile(pattern, re.ASCII) if pattern else None
        )

    def check(self, dossier: Dossier | None, inscription: str | None) -> None:
        """Raises Refused: `dossier-missing`, `-void`, `-source`, `-pattern`."""
        if dossier is None:
            if inscription is None and (self.sources or self.pattern):
                raise Refused("name the dossier that justifies the exchange", reason="dossier-missing")
            return
        if is_void(dossier.id):
            raise Refused("the dossier is an empty value: name a real one", reason="dossier-void")
        if self.sources and dossier.source not in self.sources:
            raise Refused("the dossier's source is not one of this purpose", reason="dossier-source")
        if self.pattern is not None and not self.pattern.fullmatch(dossier.id):
            raise Refused("the dossier's id has not the form of its source", reason="dossier-pattern")


def is_void(dossier_id: str) -> bool:
    """Whether a dossier id says nothing: "0", "valeur sans importance", one character repeated…"""
    text = " ".join(dossier_id.split()).casefold()
    return text in VOID or len(set(text) - set(" .-_/0")) == 0 or len(set(text)) == 1


@dataclass(frozen=True, slots=True)
class Granted:
    """One grant for one flow, ready to be applied."""

    grant: Grant
    valid_from: str
    valid_until: str
    minimise: Minimiser
    key: tuple[str, int]  # names its buckets: flow and place among the flow's grants

    def covers(self, entry: str) -> bool:
        """Whether the grant holds at this kind of entry (`rest`, `soap`)."""
        return not self.grant.entries or entry in self.grant.entries


class Grants:
    """The grants of one flow, found by consumer party and purpose."""

    __slots__ = ("_by_party", "_by_party_and_purpose")

    def __init__(self, flow: Flow) -> None:
        self._by_party: dict[str, set[str]] = {}
        self._by_party_and_purpose: dict[tuple[str, str], list[Granted]] = {}
        for place, grant in enumerate(flow.grants):
            granted = Granted(
                grant,
                grant.valid_from or "0000",
                grant.valid_until or "9999~",
                _minimiser(flow, grant),
                (flow.id, place),
            )
            for party in grant.parties:
                self._by_party.setdefault(party, set()).update(grant.purposes)
                for purpose in grant.purposes:
                    self._by_party_and_purpose.setdefault((party, purpose), []).append(granted)

    def find(self, party: str, purpose: str, on_date: str, entry: str = "rest") -> Granted | None:
        """The first grant in file order that covers this kind of entry and this ISO date."""
        for granted in self._by_party_and_purpose.get((party, purpose), ()):
            if granted.valid_from <= on_date <= granted.valid_until and granted.covers(entry):
                return granted
        return None

    def covers(self, party: str, purpose: str, entry: str) -> bool:
        """Whether any grant of the party for the purpose covers this kind of entry, valid or not."""
        return any(g.covers(entry) for g in self._by_party_and_purpose.get((party, purpose), ()))

    def purposes(self, party: str) -> Iterable[str]:
        """The purposes for which the party has any grant, valid now or not."""
        return self._by_party.get(party, ())


def _minimiser(flow: Flow, grant: Grant) -> Minimiser:
    if not flow.field_groups and flow.data in ("public", "internal"):
        return lambda value: value  # nothing in it is about a person
    return compile_minimiser(flow.field_groups, grant.fields)


def decide(
    grants: Grants,
    rules: Mapping[str, PurposeRule],
    party: str,
    asked: Asked,
    on_date: str,
    entry: str = "rest",
) -> tuple[Granted, PurposeRule]:
    """The grant this request is made under, and its purpose.

    Raises Refused: `no-grant`, `purpose-missing`, `purpose-not-granted`, `entry-not-granted`,
    `grant-not-valid`, `dossier-…`, `agent-missing`.
    """
    purposes = grants.purposes(party)
    if not purposes:
        raise Refused("this party has no grant for this flow: ask its owner", reason="no-grant")
    purpose = asked.purpose
    if purpose is None:
        raise Refused("say for which purpose you ask", reason="purpose-missing")
    if purpose not in purposes or purpose not in rules:
        raise Refused("this party has no grant for this flow and purpose", reason="purpose-not-granted")
    granted = grants.find(party, purpose, on_date, entry)
    if granted is None:
        if not grants.covers(party, purpose, entry):
            raise Refused("the grant does not cover this kind of entry", reason="entry-not-granted")
        raise Refused("the grant is not valid today: ask the flow's owner", reason="grant-not-valid")
    rule = rules[purpose]
    rule.check(asked.dossier, asked.inscription)
    if asked.agent is None and granted.grant.agent == "required":
        raise Refused("name the civil servant on whose behalf you ask", reason="agent-missing")
    return granted, rule


class QuotaExceeded(Overloaded):
    """The quota of the grant is used up: wait as long as Retry-After says."""

    def __init__(self, wait_seconds: float) -> None:
        super().__init__("the quota of this grant is used up: wait", reason="quota-exceeded", status=429)
        self.wait_seconds = wait_seconds


def take_quota(quotas: Quotas, granted: Granted, party: str) -> None:
    """Use one exchange of the grant's quota. Raises QuotaExceeded."""
    quota = granted.grant.quota
    if quota is not None:
        wait = quotas.take((granted.key, party), *quota)
        if wait:
            raise QuotaExceeded(wait)
