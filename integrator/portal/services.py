"""What the control plane asks of the bus; the composition root implements it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from integrator.journal.desk import Desk
from integrator.journal.stewardship import Stewardship
from integrator.site.compiled import CompiledSite
from integrator.store.api import KeyRow


@dataclass(frozen=True, slots=True)
class ExchangeLine:
    """One exchange as the portal lists it: no subject, no agent, no dossier. Time in microseconds."""

    exchange_id: str
    time_us: int
    flow: str | None
    party: str | None
    state: str
    outcome: str | None
    index: int | None


@dataclass(frozen=True, slots=True)
class Activation:
    """What became of a request to activate the site directory: its hash, or its problems."""

    site: str
    changed: bool
    problems: Sequence[Mapping[str, Any]] = ()


class ControlServices(Protocol):
    """The bus as the control plane sees it. Methods raise IntegratorError with a remedy."""

    control_token: str
    desk: Desk
    stewardship: Stewardship

    def site(self) -> CompiledSite:
        """The active site."""
        ...

    async def latest(self, limit: int) -> Sequence[ExchangeLine]:
        """The newest exchanges, newest first."""
        ...

    async def activate(self) -> Activation:
        """Check, compile and activate the site directory as it is now."""
        ...

    async def add_key(
        self, party: str, label: str, days: int | None, role: str | None = None
    ) -> tuple[str, KeyRow]:
        """A new API key of a party: its text, shown this once, and its row."""
        ...

    async def key(self, text: str) -> KeyRow | None:
        """The key whose text this is; None for another, and for one that ended."""
        ...

    async def valid_key(self, key_id: str) -> KeyRow | None:
        """The key of this id, while it is valid."""
        ...

    def sealed(self, plain: bytes) -> bytes:
        """A session of the portal, sealed so that only this bus's processes open it."""
        ...

    def unsealed(self, sealed: bytes) -> bytes:
        """What `sealed` sealed. Raises KeyringError."""
        ...

    async def revoke_key(self, key_id: str) -> bool:
        """End a key now; False where there is none or it had ended."""
        ...

    async def keys(self) -> Sequence[KeyRow]:
        """Every key, newest first."""
        ...

    async def journal(self, command: str, arguments: Mapping[str, Any], who: str, why: str) -> Any:
        """Read the journal: `list`, `show`, `search`, `receipt` or `check`, itself recorded; `key` is the
        public key its log is signed with."""
        ...
