"""The details: the personal half of a record, encrypted, bound to its leaf by salted commitments.

    part        canonical JSON (RFC 8785): an object whose fields are the document's, or [name, item]
    digest      SHA-256(salt ‖ part), with 32 random bytes of its own for each part
    opened      for each part: salt (32) ‖ length (4, big-endian) ‖ part
    erased      a part that is gone: its digest (32) ‖ ff ff ff ff
    leaf        "details" = hex SHA-256(02 ‖ the digests in order)
    row         AES-256-GCM of opened, with the record id (16 bytes) ‖ 02 as associated data

Agent, dossier and each subject are parts of their own; so is what leads to the subjects elsewhere
(tickets, the salt of the payload digests), and the rest. Erasing a part drops its salt and keeps its
digest: the others stay provable, and the digest alone says nothing. Rows of version 1 (one salt for the
whole document, the record id alone as associated data) are read and re-keyed as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from integrator.exchange import Context, Subject
from integrator.journal.canonical import NotCanonical, canonical_trusted
from integrator.journal.leaf import LEGS_MAX
from integrator.security.keyring import Key, KeyringError
from integrator.security.randomness import random_bytes

SALT_BYTES = 32
TEXT_CHARS_MAX = 1_024
_VERSION = b"\x02"
_ERASED = b"\xff\xff\xff\xff"
_HEAD_BYTES = SALT_BYTES + 4

ITEMS = frozenset({"subjects_request", "subjects_response", "tagged"})
"""Lists of which every item is a part."""
ALONE = frozenset({"agent", "dossier"})
"""Fields that are a part of their own."""
LEADS = frozenset(
    {"payload_salt", "consumer_ticket", "inscription", "provider_tickets", "withheld", "why", "facts"}
)
"""Fields of the one part that leads to the subjects elsewhere, or may name them."""


class DetailsBroken(Exception):
    """The details cannot be trusted: the message says whether key, ciphertext or commitment is wrong."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its salt and bytes; of an erased one `text` is None and `salt` its digest."""

    salt: bytes
    text: bytes | None

    @property
    def digest(self) -> bytes:
        """What the commitment is made of."""
        return self.salt if self.text is None else sha256(self.salt + self.text).digest()

    def fields(self) -> dict[str, Any]:
        """What it adds to the document; an item stands in a list of one. {} once erased."""
        if self.text is None:
            return {}
        value = orjson.loads(self.text)
        return value if isinstance(value, dict) else {value[0]: [value[1]]}


@dataclass(frozen=True, slots=True)
class OpenedDetails:
    """Details as opened: the document, and the commitment recomputed over the opened bytes (hex).

    `parts` are what it is made of, () in a row of version 1; `erased` counts those that are gone.
    """

    document: dict[str, Any]
    commitment: str
    parts: tuple[Part, ...] = ()

    @property
    def erased(self) -> int:
        """How many parts were erased."""
        return sum(part.text is None for part in self.parts)

    def without(self, gone: Callable[[Part], bool]) -> tuple[Part, ...]:
        """The parts, those for which `gone` holds erased."""
        return tuple(
            Part(part.digest, None) if part.text is not None and gone(part) else part for part in self.parts
        )


def seal(key: Key, record_id: bytes, document: dict[str, Any]) -> tuple[bytes, str]:
    """The encrypted row and the commitment for the leaf (hex)."""
    texts = _split(document)
    salts = random_bytes(SALT_BYTES * len(texts))
    opened: list[bytes] = []
    digests = [_VERSION]
    place = 0
    for text in texts:
        salt = salts[place : place + SALT_BYTES]
        place += SALT_BYTES
        opened += (salt, len(text).to_bytes(4, "big"), text)
        digests.append(sha256(salt + text).digest())
    commitment = sha256(b"".join(digests)).hexdigest()
    return key.seal(b"".join(opened), record_id + _VERSION), commitment


def seal_parts(key: Key, record_id: bytes, parts: tuple[Part, ...]) -> bytes:
    """The encrypted row of parts as they are, erased ones included: its commitment stays the same."""
    opened = b"".join(
        part.salt + (_ERASED if part.text is None else len(part.text).to_bytes(4, "big") + part.text)
        for part in parts
    )
    return key.seal(opened, record_id + _VERSION)


def reseal(old: Key, new: Key, record_id: bytes, row: bytes) -> bytes:
    """The same opened bytes under another key. Raises DetailsBroken."""
    opened, associated = _open(old, record_id, row)
    return new.seal(opened, associated)


def unseal(key: Key, record_id: bytes, row: bytes) -> OpenedDetails:
    """Open an encrypted row. Raises DetailsBroken for another key, record or altered bytes."""
    opened, associated = _open(key, record_id, row)
    try:
        if associated == record_id:
            document = orjson.loads(opened[SALT_BYTES:])
            return OpenedDetails(document, sha256(opened).hexdigest())
        parts = tuple(_cut(opened))
        digests = b"".join(part.digest for part in parts)
        return OpenedDetails(_joined(parts), sha256(_VERSION + digests).hexdigest(), parts)
    except (orjson.JSONDecodeError, ValueError, TypeError, IndexError) as error:
        raise DetailsBroken("the details are not JSON: they were not written by this journal") from error


def _open(key: Key, record_id: bytes, row: bytes) -> tuple[bytes, bytes]:
    """The opened bytes and the associated data, which tells the version."""
    associated = record_id + _VERSION
    try:
        return key.unseal(row, associated), associated
    except KeyringError as error:
        try:
            return key.unseal(row, record_id), record_id
        except KeyringError:
            raise DetailsBroken(f"{error}, or these are the details of another record") from error


def _split(document: dict[str, Any]) -> list[bytes]:
    rest: dict[str, Any] = {}
    leads: dict[str, Any] = {}
    texts: list[bytes] = []
    for name, value in document.items():
        if name in LEADS:
            leads[name] = value
        elif name in ALONE:
            texts.append(encode({name: value}))
        elif name in ITEMS and value:
            texts += [encode([name, item]) for item in value]
        else:
            rest[name] = value
    if leads:
        texts.append(encode(leads))
    if rest:
        texts.append(encode(rest))
    return texts


def _cut(opened: bytes) -> list[Part]:
    parts: list[Part] = []
    place = 0
    while place < len(opened):
        head = place + _HEAD_BYTES
        salt, length = opened[place : place + SALT_BYTES], opened[place + SALT_BYTES : head]
        if length == _ERASED:
            parts.append(Part(salt, None))
            place = head
            continue
        place = head + int.from_bytes(length, "big")
        if len(length) < 4 or place > len(opened):
            raise ValueError("a part is cut")
        parts.append(Part(salt, opened[head:place]))
    return parts


def _joined(parts: tuple[Part, ...]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for part in parts:
        for name, value in part.fields().items():
            if name in ITEMS and name in document:
                document[name] += value
            else:
                document[name] = value
    return document


def encode(value: Any) -> bytes:
    """Canonical bytes; half surrogate pairs, which no contract allows, become question marks."""
    try:
        return canonical_trusted(value)
    except NotCanonical:
        return canonical_trusted(_repaired(value))


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
