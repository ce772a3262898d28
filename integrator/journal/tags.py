"""Tags: what a record is found by. A keyed HMAC of a normalised value, its kind mixed in.

A tag says nothing without the index key, and equal values of two kinds have different tags. Kinds
are numbers in the database and must never be given another meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from integrator import identifiers
from integrator.security.keyring import Key, Keyring

NISS = 1
BCE = 2
AGENT = 3
DOSSIER = 4
CONSUMER_TICKET = 5
PROVIDER_TICKET = 6
INSCRIPTION = 7
READ_SUBJECT = 8
READ_OTHER = 9

KINDS: dict[int, tuple[str, str]] = {
    NISS: ("niss", "a person the data is about: national number, 11 digits"),
    BCE: ("bce", "an enterprise the data is about: BCE or establishment number, 10 digits"),
    AGENT: ("agent", "the civil servant: identity manager, newline, identifier"),
    DOSSIER: ("dossier", "the case: source, newline, id"),
    CONSUMER_TICKET: ("consumer-ticket", "the consumer's own id of the exchange"),
    PROVIDER_TICKET: ("provider-ticket", "the provider's own id of a call"),
    INSCRIPTION: ("inscription", "the inscription reference that justifies the exchange"),
    READ_SUBJECT: ("read-subject", "a subject somebody looked up in the journal"),
    READ_OTHER: ("read-other", "another criterion somebody looked up in the journal"),
}
SUBJECT_KINDS = {"niss": NISS, "bce": BCE}
VALUE_CHARS_MAX = 1_024
"""What is longer is tagged by its beginning: the details keep no more of it either."""

Tag = tuple[int, bytes]
Tagged = tuple[int, str]
"""(kind, value): what a tag is made of."""
_PREFIX = {kind: f"integrator/tag/v1\n{name}\n".encode() for kind, (name, _) in KINDS.items()}


def tag(key: Key, kind: int, value: str) -> Tag:
    """The tag of a value: HMAC-SHA-256 over version, name of the kind, and the value (UTF-8)."""
    return kind, key.mac(_PREFIX[kind] + value[:VALUE_CHARS_MAX].encode("utf-8", "replace"))


def maker(key: Key) -> Callable[[int, str], Tag]:
    """`tag` with the key bound, for the hot path."""
    mac, prefix = key.mac, _PREFIX

    def make(kind: int, value: str) -> Tag:
        return kind, mac(prefix[kind] + value[:VALUE_CHARS_MAX].encode("utf-8", "replace"))

    return make


def search_tags(keyring: Keyring, wanted: Iterable[tuple[int, str]]) -> list[Tag]:
    """The tags to look for: every value under every index key there ever was."""
    keys = [key for key in keyring if key.purpose == "index"]
    return [tag(key, kind, value) for kind, value in wanted for key in keys]


def agent_value(manager: str, identifier: str) -> str:
    """What an agent is tagged by; a national number in normal form."""
    if manager.startswith("RN"):
        identifier = identifiers.niss(identifier) or identifier
    return f"{manager}\n{identifier}"


def dossier_value(source: str, dossier_id: str) -> str:
    """What a dossier is tagged by."""
    return f"{source}\n{dossier_id}"


_KIND_OF = {name: kind for kind, (name, _) in KINDS.items()}


def of_details(document: Mapping[str, Any], *, first: bool) -> list[Tagged]:
    """What a record was tagged by, from its opened details; `first` where its leaf names no previous.

    The counterpart of what the writer tags: for deleting and renewing the tags of a record.
    """
    found: list[Tagged] = []
    agent, dossier = document.get("agent"), document.get("dossier")
    if agent:
        found.append((AGENT, agent_value(agent["manager"], agent["identifier"])))
    if dossier:
        found.append((DOSSIER, dossier_value(dossier["source"], dossier["id"])))
    for kind, name in ((CONSUMER_TICKET, "consumer_ticket"), (INSCRIPTION, "inscription")):
        if document.get(name):
            found.append((kind, document[name]))
    found += [(PROVIDER_TICKET, ticket) for ticket in document.get("provider_tickets", ())]
    named = [(kind, value) for kind, value in document.get("subjects_request", ())]
    answered = [(kind, value) for kind, value in document.get("subjects_response", ())]
    subjects = [*named, *answered] if first else [pair for pair in answered if pair not in named]
    found += [(SUBJECT_KINDS[kind], value) for kind, value in subjects if kind in SUBJECT_KINDS]
    found += [(_KIND_OF[name], value) for name, value in document.get("tagged", ())]
    return list(dict.fromkeys(found))
