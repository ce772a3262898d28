"""The key that signs the log: a key of purpose `log`, under the log's own name (C2SP tlog-checkpoint)."""

from __future__ import annotations

from collections.abc import Iterable

from integrator.journal.note import Verifier
from integrator.security.keyring import Key, Keyring


class LogKey:
    """Signs notes (`note.Signing`) with a key of the keyring; `origin` is the key's name too.

    Raises KeyringError for a key of another purpose.
    """

    __slots__ = ("_key", "origin", "verifier")

    def __init__(self, origin: str, key: Key) -> None:
        self.origin, self._key = origin, key
        self.verifier = Verifier(origin, key.public_key())

    @classmethod
    def current(cls, origin: str, keyring: Keyring) -> LogKey:
        """The key new checkpoints are signed with. Raises KeyringError where there is none."""
        return cls(origin, keyring.current("log"))

    def sign(self, text: bytes) -> bytes:
        """The Ed25519 signature of the text, 64 bytes."""
        return self._key.sign(text)


def verifiers(origin: str, keyring: Iterable[Key]) -> list[Verifier]:
    """The public halves of all keys that ever signed this log, as far as the key file has them."""
    return [Verifier(origin, key.public_key()) for key in keyring if key.purpose == "log"]
