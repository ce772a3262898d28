"""The details: the personal half of a record, encrypted, bound to its leaf by a salted commitment.

    document  canonical JSON (RFC 8785)
    opened    salt (32 random bytes) ‖ document
    leaf      "details" = hex SHA-256(opened)
    row       AES-256-GCM of opened, with the record id (16 bytes) as associated data

Whoever may open the row recomputes the commitment over exactly the bytes he opened. Dropping the
row drops the salt too, and what is left in the leaf says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from integrator.exchange import Context, Subject
from integrator.journal.canonical import NotCanonical, canonical_trusted
from integrator.journal.leaf import LEGS_MAX
from integrator.security.keyring import Key, KeyringError

SALT_BYTES = 32
TEXT_CHARS_MAX = 1_024


class DetailsBroken(Exception):
    """The details cannot be trusted: the message says whether key, ciphertext or commitment is wrong."""


@dataclass(frozen=True, slots=True)
class OpenedDetails:
    """Details as opened: the document, and the commitment recomputed over the opened bytes (hex)."""

    document: dict[str, Any]
    commitment: str


def seal(key: Key, record_id: bytes, salt: bytes, document: dict[str, Any]) -> tuple[bytes, str]:
    """The encrypted row and the commitment for the leaf (hex)."""
    opened = salt + encode(document)
    return key.seal(opened, record_id), sha256(opened).hexdigest()


def unseal(key: Key, record_id: bytes, row: bytes) -> OpenedDetails:
    """Open an encrypted row. Raises DetailsBroken for another key, record or altered bytes."""
    try:
        opened = key.unseal(row, record_id)
    except KeyringError as error:
        raise DetailsBroken(f"{error}, or these are the details of another record") from error
    try:
        document = orjson.loads(opened[SALT_BYTES:])
    except orjson.JSONDecodeError as error:
        raise DetailsBroken("the details are not JSON: they were not written by this journal") from error
    return OpenedDetails(document=document, commitment=sha256(opened).hexdigest())


def encode(document: dict[str, Any]) -> bytes:
    """Canonical bytes; half surrogate pairs, which no contract allows, become question marks."""
    try:
        return canonical_trusted(document)
    except NotCanonical:
        return canonical_trusted(_repaired(document))


def _repaired(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_repaired(key): _repaired(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_repaired(item) for item in value]
    return value


def exchange_details(
    context: Context, payload_salt: bytes, subjects_max: int, withheld: dict[str, str]
) -> dict[str, Any]:
    """The details of one record of an exchange.

    The first record (no `previous`) says who asked and why; later ones only what the answer added,
    so that personal data is kept once.
    """
    document: dict[str, Any] = {"payload_salt": payload_salt.hex()}
    if context.previous is None:
        _asker(context, document)
    if context.subjects_request:
        _subjects("subjects_request", context.subjects_request, subjects_max, document)
    if context.subjects_response:
        _subjects("subjects_response", context.subjects_response, subjects_max, document)
    tickets = provider_tickets(context)
    if tickets:
        document["provider_tickets"] = [clip(ticket) for ticket in tickets]
    if withheld:
        document["withheld"] = {name: clip(value) for name, value in withheld.items()}
    return document


def _asker(context: Context, document: dict[str, Any]) -> None:
    agent = context.agent
    if agent is not None:
        document["agent"] = {"manager": clip(agent.manager), "identifier": clip(agent.identifier)}
    dossier = context.dossier
    if dossier is not None:
        document["dossier"] = {"source": clip(dossier.source), "id": clip(dossier.id)}
        if dossier.type is not None:
            document["dossier"]["type"] = clip(dossier.type)
    for name in ("application", "certificate", "consumer_ticket", "inscription", "key_id"):
        value = getattr(context, name)
        if value is not None:
            document[name] = clip(value)


def _subjects(name: str, subjects: tuple[Subject, ...], subjects_max: int, document: dict[str, Any]) -> None:
    total = len(subjects)
    if total > subjects_max:
        document[f"{name}_total"] = total
        subjects = subjects[:subjects_max]
    document[name] = [[subject.kind, subject.id] for subject in subjects]


def provider_tickets(context: Context) -> list[str]:
    """The providers' own ids of the calls, each once, in order, as many as the leaf has legs."""
    tickets = [leg.ticket for leg in context.legs if leg.ticket] if context.legs else []
    last = context.provider_ticket
    if last and (not tickets or tickets[-1] != last):
        tickets.append(last)
    if len(tickets) < 2:
        return tickets
    return list(dict.fromkeys(tickets))[:LEGS_MAX]


def clip(value: str) -> str:
    """Text bounded to `TEXT_CHARS_MAX` characters, so that no caller can blow up a row."""
    return value if len(value) <= TEXT_CHARS_MAX else value[:TEXT_CHARS_MAX]
