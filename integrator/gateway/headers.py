"""The governed REST request headers, parsed strictly (design, section 5).

Repeated or unparsable: InvalidRequest (400). Absent or not allowed is the policy's business (403).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from integrator.exchange import Agent, Dossier, InvalidRequest
from integrator.gateway.http import Head, unparsable
from integrator.identifiers import bce, niss

MANAGERS = ("RN/RBis", "ULIS", "CERBERE", "OTHER")
APPLICATION_CHARS = 32
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_ESCAPE = re.compile(r"%(..?)?", re.DOTALL)

PURPOSE = b"integrator-purpose"
DOSSIER = b"integrator-dossier"
DOSSIER_TYPE = b"integrator-dossier-type"
INSCRIPTION = b"integrator-inscription"
AGENT = b"integrator-agent"
ON_BEHALF_OF = b"integrator-on-behalf-of"
APPLICATION = b"integrator-application"
TICKET = b"belgov-related-trace-id"
IDEMPOTENCY = b"idempotency-key"
_LONGEST = {
    PURPOSE: 128, APPLICATION: APPLICATION_CHARS, TICKET: 128, IDEMPOTENCY: 255, DOSSIER: 512,
    DOSSIER_TYPE: 64, INSCRIPTION: 64, AGENT: 128, ON_BEHALF_OF: 32,
}  # fmt: skip


@dataclass(slots=True)
class Asked:
    """What a request says about itself, in normal form; None where it says nothing."""

    purpose: str | None = None
    dossier: Dossier | None = None
    inscription: str | None = None
    agent: Agent | None = None
    application: str | None = None
    ticket: str | None = None
    on_behalf_of: str | None = None
    idempotency_key: str | None = None
    sent_us: int | None = None


def read(head: Head) -> Asked:
    """The governed headers of a REST request. Raises InvalidRequest, naming the header only."""
    found = {name: head.text(name, longest) for name, longest in _LONGEST.items() if name in head.values}
    get = found.get
    asked = Asked(
        purpose=get(PURPOSE),
        application=get(APPLICATION),
        ticket=get(TICKET),
        idempotency_key=get(IDEMPOTENCY),
    )
    dossier = get(DOSSIER)
    if dossier is not None:
        asked.dossier = parse_dossier(dossier, get(DOSSIER_TYPE))
    inscription = get(INSCRIPTION)
    if inscription is not None:
        if dossier is not None:
            raise InvalidRequest("name a dossier or an inscription, not both", reason="dossier-unparsable")
        asked.inscription = parse_uuid(inscription, INSCRIPTION)
    agent = get(AGENT)
    if agent is not None:
        manager, _, identifier = agent.partition(":")
        asked.agent = check_agent(manager, identifier)
    organisation = get(ON_BEHALF_OF)
    if organisation is not None:
        asked.on_behalf_of = bce(organisation)
        if asked.on_behalf_of is None:
            raise unparsable(ON_BEHALF_OF, "it takes an enterprise number with right check digits")
    return asked


def parse_uuid(text: str, header: bytes) -> str:
    """A UUID in lower case. Raises InvalidRequest."""
    if not _UUID.fullmatch(text):
        raise unparsable(header, "it takes a UUID")
    return text.lower()


def parse_dossier(text: str, kind: str | None) -> Dossier:
    """`source:id`, split at the first colon, the id percent-decoded. Raises InvalidRequest.

    Only `%` and what is not printable ASCII may be percent-encoded, so that one id has one form.
    """
    source, colon, encoded = text.partition(":")
    if not colon or not _SOURCE.fullmatch(source):
        raise _bad_dossier("write source:id, for example imio-urban:PE/2026/118")
    if "%" in encoded:
        encoded = _decode(encoded)
    return Dossier(source=source, id=encoded.strip(), type=kind)


def _decode(encoded: str) -> str:
    for match in _ESCAPE.finditer(encoded):
        digits = match[1] or ""
        try:
            byte = int(digits, 16) if len(digits) == 2 and digits.isalnum() else -1
        except ValueError:
            byte = -1
        if byte != 0x25 and byte < 0x80:
            raise _bad_dossier("percent-encode only % and what is not printable ASCII, as UTF-8")
    try:
        decoded = unquote_to_bytes(encoded).decode("utf-8")
    except UnicodeDecodeError:
        raise _bad_dossier("percent-encode as UTF-8") from None
    if not decoded.isprintable():
        raise _bad_dossier("use printable characters")
    return decoded


def _bad_dossier(remedy: str) -> InvalidRequest:
    return InvalidRequest(f"the dossier cannot be read: {remedy}", reason="dossier-unparsable")


def check_agent(manager: str, identifier: str) -> Agent:
    """The agent, its national number checked and in normal form where the manager is RN/RBis.

    Raises InvalidRequest with reason `agent-invalid`.
    """
    identifier = identifier.strip()
    if manager not in MANAGERS:
        raise InvalidRequest(
            f"the agent's identity manager is unknown: use one of {', '.join(MANAGERS)}, then a colon",
            reason="agent-invalid",
        )
    if manager == "RN/RBis":
        number = niss(identifier)
        if number is None:
            raise InvalidRequest(
                "the agent's national number has wrong check digits or no such form", reason="agent-invalid"
            )
        return Agent(manager, number)
    if not identifier or len(identifier) > 64 or not identifier.isprintable():
        raise InvalidRequest(
            "the agent's identifier takes 1 to 64 printable characters", reason="agent-invalid"
        )
    return Agent(manager, identifier)
