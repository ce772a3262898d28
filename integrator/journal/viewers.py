"""Who looks into the journal, and which half of an exchange that is: nothing is shown by default.

operator        this machine's own user, with the control token: everything
auditor         everything
dpo             data-protection officer of a party: the half its party had in an exchange, as consumer
                (agent, dossier, its ticket) or as provider (its own calls and tickets)
source-owner    owner of a flow or of a connected system: who used its data, why, under which authority;
                neither agent nor subject

What a role may not see it may not search by either: a hit would tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrator.exchange import InvalidRequest, Refused
from integrator.journal.search import OpenRecord
from integrator.site.compiled import CompiledSite

OPERATOR, AUDITOR, DPO, SOURCE_OWNER = "operator", "auditor", "dpo", "source-owner"
KEY_ROLES = (AUDITOR, DPO, SOURCE_OWNER)
"""Roles an API key may have; the operator is who has the control token."""

ALL, CONSUMER, PROVIDER, SOURCE = "all", "consumer", "provider", "source"

MAY: Mapping[str, frozenset[str]] = {
    "search": frozenset({OPERATOR, AUDITOR, DPO, SOURCE_OWNER}),
    "show": frozenset({OPERATOR, AUDITOR, DPO, SOURCE_OWNER}),
    "readings": frozenset({OPERATOR, AUDITOR}),
    "report": frozenset({OPERATOR, AUDITOR, DPO}),
    "recipients": frozenset({OPERATOR, AUDITOR, DPO}),
    "breach": frozenset({OPERATOR, AUDITOR, DPO}),
    "breach-release": frozenset({OPERATOR, AUDITOR}),
    "links": frozenset({OPERATOR}),
    "hold": frozenset({OPERATOR, AUDITOR}),
    "export": frozenset({OPERATOR, AUDITOR}),
}
"""What each role may do; whatever is not here nobody may."""

_SOURCE_CRITERIA = frozenset({"flow", "party", "purpose", "outcome", "from", "until", "ticket", "exchange"})
_CONSUMER_SECRETS = frozenset(
    {"agent", "application", "certificate", "key_id", "consumer_ticket", "dossier", "inscription"}
)
_SUBJECTS = frozenset(
    {"subjects_request", "subjects_response", "subjects_request_total", "subjects_response_total"}
)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: a role, the party it is for (None: all), what it proved itself with, and a name.

    `credential` is `operator` for the control token, else `key:<key id>`: two people have two of them.
    """

    role: str
    party: str | None
    credential: str
    who: str

    @property
    def actor(self) -> str:
        """What the journal keeps of this viewer."""
        place = f" of {self.party}" if self.party else ""
        return f"{self.who} ({self.role}{place}, {self.credential})"

    def require(self, act: str) -> None:
        """Raises Refused where the role may not do this."""
        if self.role not in MAY.get(act, ()):
            raise Refused(f"the role {self.role} may not do this: ask an auditor", reason="role-not-allowed")

    def require_criteria(self, names: Sequence[str]) -> None:
        """Raises Refused where the role may not search by one of these."""
        if self.role == SOURCE_OWNER and (hidden := sorted(set(names) - _SOURCE_CRITERIA)):
            raise Refused(
                f"the role {self.role} may not search by {', '.join(hidden)}: it is shown none of it",
                reason="role-criterion",
            )


def named(who: str) -> str:
    """The name of who looks, trimmed. Raises InvalidRequest for none."""
    text = " ".join(who.split())
    if not 2 <= len(text) <= 128 or not any(c.isalpha() for c in text):
        raise InvalidRequest("say who reads the journal: a name of 2 to 128 characters", reason="who-missing")
    return text


def scope_flows(viewer: Viewer, site: CompiledSite) -> list[str]:
    """The flows in which the viewer's party is owner (source owners) or has the connected system."""
    adapters = {adapter.id for adapter in site.adapters.values() if adapter.party == viewer.party}
    flows = {
        allow.flow for one in adapters for op in site.adapters[one].operations.values() for allow in op.allow
    }
    if viewer.role == SOURCE_OWNER:
        flows |= {flow.id for flow in site.flows.values() if flow.owner == viewer.party}
    return sorted(flows)


def halves(viewer: Viewer, records: Sequence[OpenRecord], site: CompiledSite) -> frozenset[str]:
    """Which halves of an exchange the viewer has; empty: it is none of the viewer's business."""
    if viewer.role in (OPERATOR, AUDITOR):
        return frozenset({ALL})
    if viewer.party is None or any(not record.leaf for record in records):
        return frozenset()
    own = any(own_leg(viewer, leg, site) for record in records for leg in record.leaf.get("legs", ()))
    consumer = records[0].leaf.get("consumer", {})
    if viewer.role == SOURCE_OWNER:
        flow = site.flows.get(records[0].leaf.get("flow", ""))
        return frozenset({SOURCE}) if own or (flow and flow.owner == viewer.party) else frozenset()
    party = site.parties.get(viewer.party)
    behalf = consumer.get("on_behalf_of")
    found = {PROVIDER} if own else set()
    if consumer.get("party") == viewer.party or (party and behalf and behalf == party.organisation):
        found.add(CONSUMER)
    return frozenset(found) if viewer.role == DPO else frozenset()


def own_leg(viewer: Viewer, leg: Mapping[str, Any], site: CompiledSite) -> bool:
    """Whether a call went to a system of the viewer's party."""
    adapter = site.adapters.get(str(leg.get("adapter")))
    return adapter is not None and adapter.party == viewer.party


def tickets_shown(viewer: Viewer, records: Sequence[OpenRecord], site: CompiledSite) -> bool:
    """Whether the providers' tickets are the viewer's own: with calls to others nobody can say whose."""
    legs = [leg for record in records for leg in record.leaf.get("legs", ())]
    return bool(legs) and all(own_leg(viewer, leg, site) for leg in legs)


def seen(kind: str, had: frozenset[str]) -> bool:
    """Whether who has these halves may know that an exchange has this subject, agent, ticket…"""
    if ALL in had:
        return True
    if kind == "subject":
        return bool(had & {CONSUMER, PROVIDER})
    if kind == "provider-ticket":
        return bool(had & {PROVIDER, SOURCE})
    if kind in ("agent", "dossier", "inscription", "consumer-ticket"):
        return CONSUMER in had
    return True


def leaf_for(
    viewer: Viewer, had: frozenset[str], leaf: Mapping[str, Any], site: CompiledSite
) -> dict[str, Any]:
    """The leaf as these halves may see it: calls to others lose what the other side said."""
    if ALL in had:
        return dict(leaf)
    kept = {name: value for name, value in leaf.items() if name not in ("legs", "legs_total", "facts")}
    legs = leaf.get("legs", ())
    own = [dict(leg) for leg in legs if own_leg(viewer, leg, site)]
    if CONSUMER in had:
        kept["legs"] = [
            dict(leg) if own_leg(viewer, leg, site)
            else {name: leg[name] for name in ("adapter", "operation", "access") if name in leg}
            for leg in legs
        ]  # fmt: skip
    elif own:
        kept["legs"] = own
    if CONSUMER not in had:
        kept.pop("error", None)
        for name in ("request", "request_bytes", "response", "response_bytes"):
            kept.pop(name, None)
    return kept


def details_for(
    viewer: Viewer,
    had: frozenset[str],
    records: Sequence[OpenRecord],
    document: Mapping[str, Any],
    site: CompiledSite,
) -> dict[str, Any]:
    """The details as these halves may see them; `redacted` names what was taken out."""
    if ALL in had:
        return dict(document)
    hidden = {"payload_salt", "withheld", "facts", "tagged", "why", "actor", "provider_tickets"}
    if CONSUMER not in had:
        hidden |= _CONSUMER_SECRETS
    if not had & {CONSUMER, PROVIDER}:
        hidden |= _SUBJECTS
    if had & {PROVIDER, SOURCE} and tickets_shown(viewer, records, site):
        hidden -= {"provider_tickets"}
    kept = {name: value for name, value in document.items() if name not in hidden}
    kept["redacted"] = sorted(set(document) & hidden)
    return kept
