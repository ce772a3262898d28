"""API keys: how one is made, and how its secret is compared without telling time."""

from __future__ import annotations

import hmac
import secrets

from integrator.security.keyring import Keyring
from integrator.store.api import KeyRow

PREFIX = "itg_"


def new_key(
    party: str,
    label: str,
    keyring: Keyring,
    now_us: int,
    expires_us: int | None = None,
    *,
    role: str | None = None,
) -> tuple[str, KeyRow]:
    """A new API key: the text to print once, and the row to store (it cannot be turned back)."""
    key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    row = KeyRow(
        key_id=key_id,
        secret_mac=keyring.current("credentials").mac(secret.encode()),
        party=party,
        label=label,
        created_us=now_us,
        expires_us=expires_us,
        role=role,
    )
    return f"{PREFIX}{key_id}_{secret}", row


def split_key(text: str) -> tuple[str, str] | None:
    """Key id and secret of `itg_<key id>_<secret>`, or None for another form."""
    if not text.startswith(PREFIX):
        return None
    key_id, mark, secret = text[len(PREFIX) :].partition("_")
    return (key_id, secret) if mark and key_id and secret else None


def secret_fits(keyring: Keyring, secret: str, row: KeyRow | None) -> bool:
    """Whether the secret is the row's. As long for no row as for a wrong secret."""
    expected = row.secret_mac if row is not None else bytes(32)
    data = secret.encode()
    fits = False
    for key in keyring:  # keys made before a rotation of the credentials key stay valid
        if key.purpose == "credentials":
            fits |= hmac.compare_digest(key.mac(data), expected)
    return fits and row is not None
