"""Cosignatures: a witness saying "at this time this is the largest consistent tree I have seen" of a log.

C2SP tlog-cosignature, Ed25519 (type 0x04). The signature line's blob is the time, 8 bytes big-endian, and
64 bytes of signature over `cosignature/v1`, the time, and the checkpoint's text. Sans-I/O.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from integrator.journal import note
from integrator.journal.note import (
    NoteError,
    Signature,
    Signer,
    Verifier,
    key_id,
    require_name,
    strict_base64,
)

COSIGNATURE = 0x04
_BLOB = 8 + 64
_TIME_MAX = 2**63 - 1


def message(text: str, time_s: int) -> bytes:
    """What a witness signs (tlog-cosignature, "Ed25519 signed message")."""
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


class WitnessKey:
    """The public key of a witness: an Ed25519 key (32 bytes) under a name, used for cosignatures alone."""

    __slots__ = ("_key", "id", "name", "public_key")

    def __init__(self, name: str, public_key: bytes) -> None:
        require_name(name)
        self._key = Verifier(name, public_key)
        self.name, self.public_key = name, public_key
        self.id = key_id(name, COSIGNATURE, public_key)

    @classmethod
    def parse(cls, text: str) -> WitnessKey:
        """A verifier key `name+<key id, hex>+base64(0x04 ‖ public key)`. Raises NoteError."""
        parts = text.split("+", 2)
        if len(parts) != 3:
            raise NoteError("a witness's key is written name+id+key")
        data = strict_base64(parts[2])
        if data[:1] != bytes([COSIGNATURE]):
            raise NoteError("this is no Ed25519 key of a witness (type 4)")
        if len(data) != 33:
            raise NoteError("an Ed25519 public key has 32 bytes")
        found = cls(parts[0], data[1:])
        if found.id.hex() != parts[1]:
            raise NoteError("the witness key's id does not fit its name and key: it was mistyped")
        return found

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([COSIGNATURE]) + self.public_key).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"

    def time_of(self, text: str, signature: Signature) -> int:
        """The time (seconds since the epoch) this witness says. Raises NoteError where it did not sign that."""
        if len(signature.signature) != _BLOB:
            raise NoteError(f"the cosignature of {self.name} has another length than one has")
        time_s = int.from_bytes(signature.signature[:8], "big")
        if time_s > _TIME_MAX or not self._key.accepts(message(text, time_s), signature.signature[8:]):
            raise NoteError(f"the cosignature of {self.name} is not of this checkpoint: it was altered")
        return time_s


class Cosigner:
    """A witness's secret key (a seed of 32 bytes) under its name."""

    __slots__ = ("_signer", "key")

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self.key = WitnessKey(signer.verifier.name, signer.verifier.public_key)

    @classmethod
    def of_seed(cls, name: str, seed: bytes) -> Cosigner:
        """The key of this seed. Raises NoteError."""
        return cls(Signer(name, seed))

    def cosign(self, text: str, time_s: int) -> Signature:
        """The cosignature of a checkpoint's text at this time (seconds since the epoch)."""
        signed = self._signer.sign(message(text, time_s))
        return Signature(self.key.name, self.key.id, time_s.to_bytes(8, "big") + signed)


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A proven cosignature: whose, when (seconds since the epoch), and its line of the note."""

    witness: WitnessKey
    time_s: int
    signature: Signature


def cosignatures(data: bytes, known: Iterable[WitnessKey]) -> list[Cosigned]:
    """The proven cosignatures of a checkpoint by known witnesses; those of others are ignored.

    Raises NoteError for a bad cosignature of a known witness, or for what is no note.
    """
    found = note.split(data)
    keys = {(key.name, key.id): key for key in known}
    proven: dict[bytes, Cosigned] = {}
    for signature in found.signatures:
        key = keys.get((signature.name, signature.key_id))
        if key is not None:
            proven.setdefault(key.public_key, Cosigned(key, key.time_of(found.text, signature), signature))
    return list(proven.values())


def read_lines(text: str, answer: bytes, known: WitnessKey) -> Cosigned | None:
    """The cosignature of one witness in its answer to add-checkpoint; None where it has none of its own.

    Raises NoteError for a bad one, or for lines that are no signatures.
    """
    found = cosignatures(text.encode() + b"\n" + answer, [known])
    return found[0] if found else None


def with_signatures(data: bytes, more: Iterable[Signature]) -> bytes:
    """The note with further signature lines; those it has already are not repeated."""
    present = {(signature.name, signature.key_id) for signature in note.split(data).signatures}
    lines = [one.line() for one in more if (one.name, one.key_id) not in present]
    return data + "".join(lines).encode()
