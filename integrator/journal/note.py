"""Signed notes: a text and signature lines (C2SP signed-note), with Ed25519 keys (type 0x01).

    text, ending in a newline
    (empty line)
    — <key name> base64(key id ‖ signature)

Sans-I/O. Signatures of unknown keys are ignored; a bad one of a known key refuses the whole note.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = 0x01
NOTE_BYTES_MAX = 1_000_000
SIGNATURES_MAX = 100
_DASH = "— "
_SECRET = "PRIVATE+KEY+"  # noqa: S105 - the fixed beginning of a signer key's text


class NoteError(Exception):
    """The note, or the text of a key, is not to be believed; the message says why."""


def strict_base64(text: str) -> bytes:
    """The bytes of standard base64 (RFC 4648, section 4) in its one canonical spelling.

    Two texts of the same bytes would be two notes of the same meaning. Raises NoteError.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError, UnicodeEncodeError):
        raise NoteError("a value is not base64") from None
    if base64.b64encode(data).decode() != text:
        raise NoteError("a value is not in the canonical form of base64")
    return data


def require_name(name: str) -> None:
    """Raise NoteError for what cannot name a key: empty, with spaces, or with a plus sign."""
    if not name or "+" in name or any(letter.isspace() or ord(letter) < 0x20 for letter in name):
        raise NoteError("a key's name is not empty and has neither spaces nor '+'")


def key_id(name: str, kind: int, public_key: bytes) -> bytes:
    """SHA-256(name ‖ newline ‖ type ‖ public key), its first 4 bytes (signed-note, "Signatures")."""
    return sha256(name.encode() + b"\n" + bytes([kind]) + public_key).digest()[:4]


class Verifier:
    """A key that is trusted: the Ed25519 public key (32 bytes) behind a name."""

    __slots__ = ("_key", "id", "name", "public_key")

    def __init__(self, name: str, public_key: bytes) -> None:
        require_name(name)
        if len(public_key) != 32:
            raise NoteError("an Ed25519 public key has 32 bytes")
        self.name, self.public_key = name, public_key
        self.id = key_id(name, ED25519, public_key)
        self._key = Ed25519PublicKey.from_public_bytes(public_key)

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """A verifier key `name+<key id, hex>+base64(type ‖ public key)`. Raises NoteError."""
        parts = text.split("+", 2)
        if len(parts) != 3:
            raise NoteError("a verifier key is written name+id+key")
        data = strict_base64(parts[2])
        if data[:1] != bytes([ED25519]):
            raise NoteError("this is no Ed25519 verifier key")
        found = cls(parts[0], data[1:])
        if found.id.hex() != parts[1]:
            raise NoteError("the verifier key's id does not fit its name and key: it was mistyped")
        return found

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([ED25519]) + self.public_key).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"

    def accepts(self, text: bytes, signature: bytes) -> bool:
        """Whether this key made the signature of the text (RFC 8032)."""
        try:
            self._key.verify(signature, text)
        except InvalidSignature:
            return False
        return True


class Signing(Protocol):
    """What can sign notes."""

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        ...

    def sign(self, text: bytes) -> bytes:
        """The Ed25519 signature of the text, 64 bytes."""
        ...


class Signer:
    """An Ed25519 key (its seed, 32 bytes) under a name."""

    __slots__ = ("_key", "_seed", "verifier")

    def __init__(self, name: str, seed: bytes) -> None:
        if len(seed) != 32:
            raise NoteError("an Ed25519 seed has 32 bytes")
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, self._key.public_key().public_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> Signer:
        """A signer key `PRIVATE+KEY+name+<key id, hex>+base64(type ‖ seed)`. Raises NoteError."""
        parts = text.removeprefix(_SECRET).split("+", 2)
        if not text.startswith(_SECRET) or len(parts) != 3:
            raise NoteError("a signer key is written PRIVATE+KEY+name+id+key")
        data = strict_base64(parts[2])
        if data[:1] != bytes([ED25519]):
            raise NoteError("this is no Ed25519 signer key")
        found = cls(parts[0], data[1:])
        if found.verifier.id.hex() != parts[1]:
            raise NoteError("the signer key's id does not fit its name and key: it was mistyped")
        return found

    def secret_text(self) -> str:
        """The signer key as text: keep it as secret as the key."""
        encoded = base64.b64encode(bytes([ED25519]) + self._seed).decode()
        return f"{_SECRET}{self.verifier.name}+{self.verifier.id.hex()}+{encoded}"

    def sign(self, text: bytes) -> bytes:
        """The Ed25519 signature of the text, 64 bytes."""
        return self._key.sign(text)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: the key's name and id (4 bytes), and the signature itself."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """The line as it stands in the note, with its newline."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A note split into its text and all its signatures; nothing of it is proven yet."""

    text: str
    signatures: Sequence[Signature]


def sign(text: str, signers: Iterable[Signing], earlier: Iterable[Signature] = ()) -> bytes:
    """The note of this text, signed by each; `earlier` signatures are kept before them.

    Raises NoteError for a text that cannot be one of a note.
    """
    _require_text(text)
    lines = [signature.line() for signature in earlier]
    encoded = text.encode()
    for signer in signers:
        verifier = signer.verifier
        lines.append(Signature(verifier.name, verifier.id, signer.sign(encoded)).line())
    return encoded + b"\n" + "".join(lines).encode()


def split(data: bytes) -> Note:
    """Text and signatures of a note (signed-note, "Format"). Raises NoteError where it has no such form."""
    if len(data) > NOTE_BYTES_MAX:
        raise NoteError("the note is too large")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError:
        raise NoteError("a note is UTF-8 text") from None
    text, separator, tail = whole.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise NoteError("a note is a text, an empty line and signature lines")
    text += "\n"
    _require_text(text)
    lines = tail[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise NoteError(f"a note has at most {SIGNATURES_MAX} signatures here")
    return Note(text, tuple(_signature(line) for line in lines))


def verify(data: bytes, known: Iterable[Verifier]) -> Note:
    """The note, with the signatures of known keys only, each of them proven.

    Raises NoteError where a known key's signature is bad, or no known key signed.
    """
    note = split(data)
    keys = {(verifier.name, verifier.id): verifier for verifier in known}
    encoded = note.text.encode()
    proven: dict[tuple[str, bytes], Signature] = {}
    for signature in note.signatures:
        place = (signature.name, signature.key_id)
        verifier = keys.get(place)
        if verifier is None:
            continue
        if not verifier.accepts(encoded, signature.signature):
            raise NoteError(f"the signature of {signature.name} is not of this text: it was altered")
        proven.setdefault(place, signature)
    if not proven:
        raise NoteError("no key you trust signed this note: give its signer's verifier key")
    return Note(note.text, tuple(proven.values()))


def _require_text(text: str) -> None:
    if not text.endswith("\n") or any(ord(letter) < 0x20 and letter != "\n" for letter in text):
        raise NoteError("a note's text ends with a newline and has no other control characters")


def _signature(line: str) -> Signature:
    if not line.startswith(_DASH):
        raise NoteError("a signature line begins with an em dash and a space")
    name, separator, encoded = line[len(_DASH) :].partition(" ")
    if not separator:
        raise NoteError("a signature line has a name and a signature")
    require_name(name)
    data = strict_base64(encoded)
    if len(data) < 5:
        raise NoteError("a signature line holds a key id and a signature")
    return Signature(name, data[:4], data[4:])
