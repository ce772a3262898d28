"""The bus's own secret keys, named by id, kept in one file outside database and site.

Five purposes: `details` encrypts the personal half of records, `index` makes the HMACs they are
found by, `bodies` encrypts messages at rest, `credentials` keys the hashes of API keys, `log` signs
the journal's checkpoints (its secret is an Ed25519 seed). The file is JSON, mode 0600:
{"keys": [{"id": "details-1", "purpose": "details", "secret": "<base64>"}]}; the
last key of a purpose is the current one, the first `index` key also names idempotency claims (take
it out only after `Limits.idempotency_seconds`). Only the embedded mode creates the file by itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from integrator.security.randomness import random_bytes

PURPOSES = ("details", "index", "bodies", "credentials", "log")
_FIRST = PURPOSES[:4]  # every key file has these; one made before the log was signed has no `log`
_NONCE_BYTES = 12


class KeyringError(Exception):
    """The key file is missing, unreadable or not the one this database was written with."""


class Key:
    """One secret of 32 bytes. AES-256-GCM for `seal`/`unseal`, HMAC-SHA-256 for `mac`.

    A key of purpose `log` signs instead: Ed25519 (RFC 8032) with the secret as its seed.
    """

    __slots__ = ("_aead", "_inner", "_outer", "_signing", "id", "purpose")

    def __init__(self, key_id: str, purpose: str, secret: bytes) -> None:
        if len(secret) != 32:
            raise KeyringError(f"key {key_id} has {len(secret)} bytes instead of 32")
        self.id, self.purpose = key_id, purpose
        self._aead = AESGCM(secret)
        self._signing = Ed25519PrivateKey.from_private_bytes(secret) if purpose == "log" else None
        # HMAC (RFC 2104) with both pads hashed once: half the time of hmac.digest, and unlike it this
        # keeps the interpreter's lock, which a busy writer thread would take in between.
        block = secret.ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def __repr__(self) -> str:
        return f"Key({self.id!r})"

    def seal(self, plain: bytes, associated: bytes = b"") -> bytes:
        """Nonce (12 bytes) and ciphertext with tag; `associated` is authenticated, not stored."""
        nonce = random_bytes(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, plain, associated)

    def unseal(self, sealed: bytes, associated: bytes = b"") -> bytes:
        """The plain bytes. Raises KeyringError where key, bytes or `associated` do not fit."""
        try:
            return self._aead.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], associated)
        except (InvalidTag, ValueError) as error:
            raise KeyringError(
                f"what key {self.id} sealed cannot be opened: altered, or another key"
            ) from error

    def mac(self, data: bytes) -> bytes:
        """HMAC-SHA-256 of the data, 32 bytes."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(data)
        outer.update(inner.digest())
        return outer.digest()

    def sign(self, data: bytes) -> bytes:
        """The Ed25519 signature of the data, 64 bytes. Raises KeyringError for another purpose."""
        return self._signer().sign(data)

    def public_key(self) -> bytes:
        """The Ed25519 public key, 32 bytes. Raises KeyringError for another purpose."""
        return self._signer().public_key().public_bytes_raw()

    def _signer(self) -> Ed25519PrivateKey:
        if self._signing is None:
            raise KeyringError(f"the key {self.id} is for {self.purpose}: only a key for log signs")
        return self._signing

    def check_value(self) -> bytes:
        """What the database keeps to recognise this key: it reveals nothing of the secret."""
        return hashlib.sha256(self.mac(b"integrator/key-check/v1\n" + self.id.encode())).digest()


class Keyring:
    """All keys by id, and the current one of each purpose."""

    def __init__(self, keys: list[Key]) -> None:
        self._by_id = {key.id: key for key in keys}
        self._current = {key.purpose: key for key in keys}
        missing = [purpose for purpose in _FIRST if purpose not in self._current]
        if missing:
            raise KeyringError(f"the key file has no key for: {', '.join(missing)}")

    @classmethod
    def load(cls, path: Path) -> Keyring:
        """Read the key file. Raises KeyringError with the remedy."""
        try:
            mode = path.stat().st_mode & 0o077
            document = json.loads(path.read_text("utf-8"))
            keys = [
                Key(k["id"], k["purpose"], base64.b64decode(k["secret"], validate=True))
                for k in document["keys"]
            ]
        except FileNotFoundError as error:
            raise KeyringError(
                f"no key file at {path}: restore it from where you keep it, or for a new database make one "
                "with `integrator keyring create`"
            ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise KeyringError(
                f"the key file {path} cannot be read: restore it from where you keep it"
            ) from error
        if mode:
            raise KeyringError(f"the key file {path} is readable by others: chmod 600 {path}")
        return cls(keys)

    @classmethod
    def create(cls, path: Path) -> Keyring:
        """Make a new key file (mode 0600, never over an existing one) and load it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_new(path, [_new_key(purpose, 1) for purpose in PURPOSES])
        return cls.load(path)

    @classmethod
    def add(cls, path: Path, purpose: str) -> str:
        """Add a new key of a purpose to the file, whole or not at all; the new key's id.

        It is current from the next start on. Raises KeyringError.
        """
        if purpose not in PURPOSES:
            raise KeyringError(f"a key is for one of: {', '.join(PURPOSES)}")
        ring = cls.load(path)
        # Higher than all: the id of a key that was retired must not come back with another secret.
        numbers = [int(key.id.removeprefix(f"{purpose}-")) for key in ring if _numbered(key.id, purpose)]
        number = max(numbers, default=0) + 1
        document = json.loads(path.read_text("utf-8"))
        key = _new_key(purpose, number)
        _replace(path, [*document["keys"], key])
        return key["id"]

    @classmethod
    def remove(cls, path: Path, key_id: str) -> None:
        """Take a key out of the file, whole or not at all, so that nobody can use it any more.

        The caller has made sure that nothing needs it. Raises KeyringError for a key that is not there,
        or the last of a purpose every key file has.
        """
        ring = cls.load(path)
        gone = ring.get(key_id)
        if gone.purpose in _FIRST and sum(key.purpose == gone.purpose for key in ring) == 1:
            raise KeyringError(f"{key_id} is the only key for {gone.purpose}: add another first")
        document = json.loads(path.read_text("utf-8"))
        _replace(path, [key for key in document["keys"] if key["id"] != key_id])

    def current(self, purpose: str) -> Key:
        """The key new data is written with. Raises KeyringError where the file has none."""
        try:
            return self._current[purpose]
        except KeyError:
            raise KeyringError(
                f"the key file has no key for {purpose}: add one with `integrator keyring add KEYFILE "
                f"--purpose {purpose}`, back the file up, then `integrator keyring enrol`"
            ) from None

    def has(self, purpose: str) -> bool:
        """Whether there is a key of this purpose."""
        return purpose in self._current

    def oldest(self, purpose: str) -> Key:
        """The first key of a purpose in the file: for what must stay the same over a rotation."""
        return next(key for key in self._by_id.values() if key.purpose == purpose)

    def get(self, key_id: str) -> Key:
        """The key of this id. Raises KeyringError where the file lacks it."""
        try:
            return self._by_id[key_id]
        except KeyError:
            raise KeyringError(
                f"the key file has no key {key_id}: restore it from where you keep it"
            ) from None

    def __iter__(self) -> Iterator[Key]:
        return iter(self._by_id.values())


def _numbered(key_id: str, purpose: str) -> bool:
    number = key_id.removeprefix(f"{purpose}-")
    return number != key_id and number.isascii() and number.isdigit()


def _new_key(purpose: str, number: int) -> dict[str, str]:
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    return {"id": f"{purpose}-{number}", "purpose": purpose, "secret": secret}


def _replace(path: Path, keys: list[dict[str, str]]) -> None:
    temporary = path.with_name(path.name + ".new")
    try:
        temporary.unlink(missing_ok=True)
        _write_new(temporary, keys)
        temporary.replace(path)
    except OSError as error:
        raise KeyringError(
            f"the key file {path} cannot be changed ({error.strerror}): make its directory writable"
        ) from error


def _write_new(path: Path, keys: list[dict[str, str]]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"keys": keys}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
