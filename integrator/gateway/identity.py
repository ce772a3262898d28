"""Who asks: an API key, a client certificate behind a trusted proxy, or both of one party."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from integrator.exchange import InvalidRequest, NotAuthenticated, NotRecorded, Refused
from integrator.gateway.credentials import secret_fits, split_key
from integrator.gateway.http import Head, Proxies, Scope
from integrator.security.keyring import Keyring
from integrator.site.compiled import Party
from integrator.store.api import KeyRow, Store
from integrator.store.units import StoreUnavailable

CERTIFICATE = b"client-cert"
CHAIN = b"client-cert-chain"
_CERTIFICATE_CHARS = 16_384


@dataclass(frozen=True, slots=True)
class Caller:
    """The party that proved who it is, and by what."""

    party: Party
    key_id: str | None
    certificate: str | None  # sha256:<hex>


class Directory:
    """The parties of one site by certificate and by organisation they may act for."""

    __slots__ = ("_by_certificate", "_represented", "parties")

    def __init__(self, parties: Mapping[str, Party]) -> None:
        self.parties = parties
        self._by_certificate = {
            fingerprint(text): party for party in parties.values() for text in party.certificates
        }
        self._represented = {
            party.id: _by_organisation(parties, party.may_act_for) for party in parties.values()
        }

    def by_certificate(self, certificate: str) -> Party | None:
        """The party whose certificate has this fingerprint."""
        return self._by_certificate.get(certificate)

    def consumer(self, party: Party, organisation: str | None) -> Party:
        """For whom the party acts: itself, or the party of this BCE number it may act for.

        Raises Refused with reason `on-behalf-of-not-allowed`.
        """
        if organisation is None or organisation == party.organisation:
            return party
        represented = self._represented[party.id].get(organisation)
        if represented is None:
            raise Refused(
                "this party may not act for that organisation: its owner has to say so in the site",
                reason="on-behalf-of-not-allowed",
            )
        return represented


def _by_organisation(parties: Mapping[str, Party], ids: Iterable[str]) -> dict[str, Party]:
    return {parties[known].organisation: parties[known] for known in ids if known in parties}


def fingerprint(text: str) -> str:
    """A certificate fingerprint as the site may write it, in normal form `sha256:<lower hex>`."""
    return "sha256:" + text.lower().removeprefix("sha256:").replace(":", "").strip()


class Identity:
    """Finds the caller of a request. Key rows are kept for a few seconds, in a bounded cache."""

    def __init__(
        self,
        store: Store,
        keyring: Keyring,
        proxies: Proxies,
        now_us: Callable[[], int],
        *,
        kept_seconds: float = 5.0,
        kept_rows: int = 4_096,
    ) -> None:
        self._store, self._keyring, self._proxies, self._now_us = store, keyring, proxies, now_us
        self._kept_us, self._kept_rows = int(kept_seconds * 1_000_000), kept_rows
        # Unknown ids are kept too: an unknown key must not take longer than a wrong secret.
        self._rows: dict[str, tuple[int, KeyRow | None]] = {}

    async def caller(self, scope: Scope, head: Head, directory: Directory) -> Caller:
        """The party that asks.

        Raises NotAuthenticated (`credentials-missing`, `-invalid`, `-expired`, `-disagree`),
        InvalidRequest for repeated or unparsable headers, NotRecorded where keys cannot be read.
        """
        certificate = self._certificate(scope, head)
        by_certificate = directory.by_certificate(certificate) if certificate is not None else None
        if b"authorization" not in head.values:
            if by_certificate is None:
                raise NotAuthenticated(
                    "no credentials of a known party: send an API key or a registered certificate",
                    reason="credentials-missing" if certificate is None else "credentials-invalid",
                )
            return Caller(by_certificate, None, certificate)
        row = await self._key(head)
        party = directory.parties.get(row.party)
        if party is None:
            raise _invalid()
        if certificate is not None and by_certificate is not party:
            raise NotAuthenticated(
                "the API key and the client certificate are not of one party",
                reason="credentials-disagree",
            )
        return Caller(party, row.key_id, certificate)

    def forget(self, key_id: str) -> None:
        """Drop a key from the cache, so that a revocation works at once in this process."""
        self._rows.pop(key_id, None)

    def _certificate(self, scope: Scope, head: Head) -> str | None:
        """Fingerprint of the `Client-Cert` of a trusted proxy (RFC 9440); from others: stripped."""
        if CERTIFICATE not in head.values or not self._proxies.trusts(scope):
            return None
        text = head.text(CERTIFICATE, _CERTIFICATE_CHARS)
        if text is None or len(text) < 3 or text[0] != ":" or text[-1] != ":":
            raise InvalidRequest("Client-Cert is no RFC 9440 value", reason="header-unparsable")
        try:
            der = base64.b64decode(text[1:-1], validate=True)
        except (binascii.Error, ValueError):
            raise InvalidRequest("Client-Cert is no RFC 9440 value", reason="header-unparsable") from None
        return "sha256:" + hashlib.sha256(der).hexdigest()

    async def _key(self, head: Head) -> KeyRow:
        text = head.text(b"authorization", 512) or ""
        scheme, _, token = text.partition(" ")
        parts = split_key(token.strip()) if scheme.lower() == "bearer" else None
        if parts is None:
            raise _invalid()
        key_id, secret = parts
        now = self._now_us()
        row = await self._row(key_id, now)
        if not secret_fits(self._keyring, secret, row) or row is None:
            raise _invalid()
        if row.role is not None:
            raise NotAuthenticated(
                "this API key reads the journal: exchange data with a key made without --role",
                reason="credentials-invalid",
            )
        if row.revoked_us is not None or (row.expires_us is not None and row.expires_us <= now):
            raise NotAuthenticated(
                "this API key is revoked or has expired: ask for a new one", reason="credentials-expired"
            )
        return row

    async def _row(self, key_id: str, now: int) -> KeyRow | None:
        kept = self._rows.get(key_id)
        if kept is not None and 0 <= now - kept[0] < self._kept_us:  # below 0: the clock was set back
            return kept[1]
        try:
            row = await self._store.find_key(key_id)
        except StoreUnavailable:
            raise NotRecorded("the database that keeps the API keys cannot be read") from None
        if len(self._rows) >= self._kept_rows:
            self._rows.pop(next(iter(self._rows)), None)
        self._rows.pop(key_id, None)
        self._rows[key_id] = (now, row)
        return row


def _invalid() -> NotAuthenticated:
    return NotAuthenticated("these credentials are not valid", reason="credentials-invalid")
