"""The control plane's half of the composition: the bus's own acts, and the portal mounted lazily.

The portal (FastAPI, templates) is imported at the first request for it, so that a process that only
carries data never pays for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from integrator.exchange import InvalidRequest
from integrator.foundations import Foundations
from integrator.gateway.credentials import new_key, secret_fits, split_key
from integrator.journal import commands
from integrator.journal.anchor import Anchor
from integrator.journal.desk import Desk
from integrator.journal.logkey import LogKey, verifiers
from integrator.journal.search import Reader
from integrator.journal.stewardship import Stewardship
from integrator.journal.viewers import AUDITOR
from integrator.operations.compilation import SiteRefusedError
from integrator.site.compiled import CompiledSite
from integrator.store.api import KeyRow
from integrator.store.units import Unit

if TYPE_CHECKING:
    from integrator.portal.services import Activation, ExchangeLine

App = Callable[[MutableMapping[str, Any], Callable[..., Any], Callable[..., Any]], Awaitable[None]]
DAY_US = 86_400_000_000
_SESSION = b"integrator/portal-session/v1"


class Control:
    """What operators do to a bus: keys, activation, reading the journal. Each act is journalled."""

    def __init__(
        self,
        base: Foundations,
        site: Callable[[], CompiledSite],
        activate: Callable[[], Awaitable[tuple[str, bool]]],
        control_token: str,
        anchor: Anchor,
        now_us: Callable[[], int],
        *,
        forget: Callable[[str], None],
        stewardship: Stewardship,
    ) -> None:
        self.stewardship = stewardship
        self._forget = forget
        self._base, self._site, self._activate, self._now_us = base, site, activate, now_us
        self._anchor = anchor
        self.control_token = control_token
        self._reader = Reader(base.store, base.journal, now_us)
        self.desk = Desk(base.store, base.journal, site, now_us)

    def site(self) -> CompiledSite:
        """The active site."""
        return self._site()

    async def latest(self, limit: int) -> Sequence[ExchangeLine]:
        """The newest exchanges: the last record of each, newest first."""
        from integrator.portal.services import ExchangeLine

        lines: dict[bytes, ExchangeLine] = {}
        for record in await self._base.store.latest_records(4 * limit):
            if record.flow is None and record.party is None:
                continue  # an act of the bus, not an exchange
            if record.exchange_id not in lines:
                lines[record.exchange_id] = ExchangeLine(
                    str(UUID(bytes=record.exchange_id)),
                    record.time_us,
                    record.flow,
                    record.party,
                    record.type,
                    record.outcome,
                    record.index,
                )
        return list(lines.values())[:limit]

    async def activate(self) -> Activation:
        """Check, compile and activate the site directory as it is now."""
        from integrator.portal.services import Activation

        try:
            site, changed = await self._activate()
        except SiteRefusedError as error:
            return Activation(self._site().hash, False, error.problems)
        return Activation(site, changed)

    async def add_key(
        self, party: str, label: str, days: int | None, role: str | None = None
    ) -> tuple[str, KeyRow]:
        """A new API key of a party of the active site, with a role one that reads the journal.

        Raises InvalidRequest for another party.
        """
        if party not in self._site().parties:
            raise InvalidRequest(
                "no party of that name in the active site: see parties/*.yaml", reason="unknown-party"
            )
        now = self._now_us()
        expires = None if days is None else now + days * DAY_US
        text, row = new_key(party, label, self._base.keyring, now, expires, role=role)
        await self._base.store.add_key(row)
        await self._act("key-added", {"key": row.key_id, "party": party, **({"role": role} if role else {})})
        return text, row

    async def revoke_key(self, key_id: str) -> bool:
        """End a key now, in this process at once; others ask the store again within seconds."""
        ended = await self._base.store.revoke_key(key_id, self._now_us())
        self._forget(key_id)
        if ended:
            await self._act("key-revoked", {"key": key_id})
        return ended

    async def key(self, text: str) -> KeyRow | None:
        """The key whose text this is; None for another, and for one that ended."""
        parts = split_key(text)
        if parts is None:
            return None
        row = await self._base.store.find_key(parts[0])
        if not secret_fits(self._base.keyring, parts[1], row) or row is None:
            return None
        return row if await self.valid_key(row.key_id) else None

    async def is_auditor(self, text: str) -> bool:
        """Whether this is the text of a key in force that reads the whole journal."""
        row = await self.key(text)
        return row is not None and row.role == AUDITOR

    async def valid_key(self, key_id: str) -> KeyRow | None:
        """The key of this id, while it is valid."""
        row, now = await self._base.store.find_key(key_id), self._now_us()
        if (
            row is None
            or row.revoked_us is not None
            or (row.expires_us is not None and row.expires_us <= now)
        ):
            return None
        return row

    def sealed(self, plain: bytes) -> bytes:
        """A session of the portal, sealed so that only this bus's processes open it."""
        return self._base.keyring.current("credentials").seal(plain, _SESSION)

    def unsealed(self, sealed: bytes) -> bytes:
        """What `sealed` sealed. Raises KeyringError."""
        return self._base.keyring.current("credentials").unseal(sealed, _SESSION)

    async def keys(self) -> Sequence[KeyRow]:
        """Every key, newest first."""
        return await self._base.store.list_keys()

    async def journal(self, command: str, arguments: Mapping[str, Any], who: str, why: str) -> Any:
        """Read the journal. Raises InvalidRequest for arguments that are not the command's."""
        given = dict(arguments)
        limit = int(given.pop("limit", 50))
        if command == "list":
            found = await commands.list_latest(
                self._reader,
                actor=who,
                why=why,
                limit=limit,
                flow=given.get("flow"),
                party=given.get("party"),
            )
        elif command == "receipt":
            receipt = await commands.receipt(
                self._reader, self._base.store, str(given.get("exchange", "")), actor=who, why=why
            )
            return {"receipt": receipt.decode()}
        elif command == "key":
            log_key = LogKey.current(self._base.journal.origin, self._base.keyring)
            known = verifiers(log_key.origin, self._base.keyring)
            former = [str(one) for one in known if str(one) != str(log_key.verifier)]
            return {"origin": log_key.origin, "key": str(log_key.verifier), "former": former}
        else:
            return await commands.check(
                self._base.store, self._base.journal, anchor=self._anchor, actor=who, clock=self._now_us
            )
        return {"records": found}

    async def _act(self, type_: str, facts: Mapping[str, Any]) -> None:
        row = self._base.journal.act(type_, "operator", facts, now_us=self._now_us())
        await self._base.store.commit(Unit(records=[row]))


class LazyPortal:
    """An ASGI application that becomes the portal at its first request."""

    def __init__(self, services: Control) -> None:
        self._services = services
        self._app: App | None = None
        self._importing = asyncio.Lock()

    async def __call__(
        self, scope: MutableMapping[str, Any], receive: Callable[..., Any], send: Callable[..., Any]
    ) -> None:
        """Hand over, importing what is behind it first where needed."""
        if self._app is None:
            async with self._importing:
                if self._app is None:
                    # In a thread: importing takes a third of a second, and exchanges go on meanwhile.
                    create_app = await asyncio.to_thread(_import_portal)
                    self._app = create_app(self._services)
        await self._app(scope, receive, send)


def _import_portal() -> Callable[[Control], App]:
    from integrator.portal.app import create_app

    return create_app
