"""Rules about names: each is known, and stands for one thing only."""

from __future__ import annotations

import re
from collections.abc import Iterator

from integrator.authoring.check.rule import Finding, rule
from integrator.authoring.check.view import View
from integrator.site.files import Item
from integrator.site.models.base import IDENTIFIER, PARTY_ID
from integrator.site.problems import did_you_mean
from integrator.site.read import Place

# What is no name at all is the business of `wrong-name`.
_NAME, _PARTY = re.compile(IDENTIFIER), re.compile(PARTY_ID)


@rule("duplicate-id")
def duplicate_id(view: View) -> Iterator[Finding]:
    """A flow, purpose or party has the same id as another one in another file.

    Inside one file the rule is `duplicate-key`; for routes it is the engine's `duplicate-route-id`.
    """
    for kind, items in (
        ("flow", view.flows),
        ("purpose", list(view.site.section("purposes"))),
        ("party", list(view.site.all_parties())),
    ):
        first: dict[str, Place] = {}
        for item in items:
            place = item.place(key=True)
            if item.id in first:
                other = first[item.id]
                yield Finding(place, f"the {kind} '{item.id}' stands already in {other.file}, line {other.line}",
                              "give one of the two another name")  # fmt: skip
            first.setdefault(item.id, place)


@rule("duplicate-certificate")
def duplicate_certificate(view: View) -> Iterator[Finding]:
    """Two parties have the same client certificate: nobody could tell them apart."""
    first: dict[str, str] = {}
    for party in view.site.all_parties():
        for fingerprint, place in party.texts("certificates"):
            owner = first.setdefault(fingerprint, party.id)
            if owner != party.id:
                yield Finding(place, f"this certificate is already that of '{owner}'",
                              "give each party its own certificate")  # fmt: skip


@rule("unknown-party")
def unknown_party(view: View) -> Iterator[Finding]:
    """A party or group is named that no file below parties/ describes."""
    if not view.knows_parties:
        return
    for name, place in _party_names(view):
        if name not in view.parties and _PARTY.fullmatch(name):
            yield Finding(place, f"there is no party '{name}'",
                          did_you_mean(name, view.parties, "describe it in a file below parties/"))  # fmt: skip


@rule("group-not-allowed")
def group_not_allowed(view: View) -> Iterator[Finding]:
    """An owner is an organisation, never a group."""
    for item, key in _owners(view):
        party = view.parties.get(item.text(key) or "")
        if party is not None and party.get("members") is not None:
            yield Finding(
                item.place(key), f"'{party.id}' is a group", "name the organisation that answers for it"
            )


def _owners(view: View) -> Iterator[tuple[Item, str]]:
    for flow in view.flows:
        yield flow, "owner"
    for adapter in view.adapters.values():
        yield adapter, "party"


def _party_names(view: View) -> Iterator[tuple[str, Place]]:
    for item, key in _owners(view):
        name = item.text(key)
        if name is not None:
            yield name, item.place(key)
    for document in view.site.grants.values():
        for grant in Item("", document, (), document.data).items():
            name = grant.text("to")
            if name is not None:
                yield name, grant.place("to")
    for flow in view.flows:
        for entry in view.consume_entries(flow):
            yield entry.text("as") or "", entry.place("as")
    for party in view.site.all_parties():
        yield from party.texts("members")
        yield from party.texts("may-act-for")


@rule("unknown-purpose")
def unknown_purpose(view: View) -> Iterator[Finding]:
    """A grant, an adapter or an entry names a purpose the register does not have."""
    if not view.knows_flows:
        return
    for name, place in _purpose_names(view):
        if name not in view.purposes and _NAME.fullmatch(name):
            yield Finding(place, f"there is no purpose '{name}'",
                          did_you_mean(name, view.purposes, "describe it under 'purposes' of routes.yaml"))  # fmt: skip


def _purpose_names(view: View) -> Iterator[tuple[str, Place]]:
    for document in view.site.grants.values():
        for grant in Item("", document, (), document.data).items():
            yield from grant.texts("purposes")
    for allow in _allows(view):
        yield from allow.texts("purposes")
    for flow in view.flows:
        for entry in view.consume_entries(flow):
            yield entry.text("purpose") or "", entry.place("purpose")


def _allows(view: View) -> Iterator[Item]:
    for adapter in view.adapters.values():
        for operation in adapter.items("operations"):
            yield from operation.items("allow")


@rule("unknown-flow")
def unknown_flow(view: View) -> Iterator[Finding]:
    """An adapter allows a flow the register does not have."""
    if not view.knows_flows:
        return
    known = {flow.id for flow in view.flows}
    for allow in _allows(view):
        name = allow.text("flow")
        if name is not None and name not in known and _NAME.fullmatch(name):
            yield Finding(allow.place("flow"), f"there is no flow '{name}'",
                          did_you_mean(name, known, "register it, or remove it here"))  # fmt: skip


@rule("title-language", severity="warning")
def title_language(view: View) -> Iterator[Finding]:
    """A flow or purpose has no title in a language of the bus."""
    register = Item("", view.site.register, (), view.site.register.data)
    wanted = [language for language, _place in register.texts("bus", "languages")]
    for item in (*view.flows, *view.site.section("purposes")):
        title = item.get("title")
        if isinstance(title, dict):
            missing = [language for language in wanted if language not in title]
            if missing:
                yield Finding(item.place("title", key=True), f"the title is missing in {', '.join(missing)}",
                              "add it: people read the portal in their own language")  # fmt: skip
