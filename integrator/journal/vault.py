"""The payload vault: what was asked and answered, for flows that keep it, so that it can be forgotten for good.

Off by default. Each exchange has a key of its own; it is kept wrapped by the key of its month and class; the
month's key is kept wrapped by the bus's own. What a month holds is forgotten by destroying one key, what an
exchange holds by destroying its own: no copy of the database's payloads can be read after that, as far as
the key did not leave the database with it. Opening is an act of an auditor, recorded with who and why.
"""

from __future__ import annotations

import calendar
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from integrator.exchange import InvalidRequest, NoData
from integrator.journal.periods import before_us
from integrator.journal.search import Reading
from integrator.journal.writer import Journal
from integrator.security.keyring import Key, Keyring
from integrator.store import vault as sql
from integrator.store.api import Change, Sql
from integrator.store.units import Unit
from integrator.store.vault import MonthRow, VaultStore

REQUEST, ANSWER = "request", "answer"
_PURPOSE = "bodies"
_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class _Month:
    name: str
    key: Key


class Vault:
    """The vault of one process. `clock`: microseconds since the epoch."""

    def __init__(self, store: Sql, keyring: Keyring, clock: Callable[[], int]) -> None:
        self._store, self._keyring, self._clock = VaultStore(store), keyring, clock
        self._months: dict[str, _Month] = {}

    # --- keeping ---

    async def keep(self, exchange_id: str, part: str, payload: bytes, period: str) -> Change:
        """The change that keeps a payload for a period, to be written with the record it belongs to.

        Raises StoreUnavailable, PeriodInvalid.
        """
        identifier = UUID(exchange_id).bytes
        month = await self._month(period)
        place = identifier + part.encode()
        secret = secrets.token_bytes(32)
        own = Key("exchange", _PURPOSE, secret)
        wrapped, sealed = month.key.seal(secret, place), own.seal(payload, place)
        return (sql.ADD, (identifier, part, month.name, wrapped, sealed, self._clock()))

    async def _month(self, period: str) -> _Month:
        moment = datetime.fromtimestamp(self._clock() / 1e6, UTC)
        name = f"{moment:%Y-%m} {period}"
        known = self._months.get(name)
        if known is None:
            row = await self._store.month(name)
            if row is None:
                await self._store.add_month(self._new(name, moment, period))
                row = await self._store.month(name)
                assert row is not None
            known = self._months[name] = _Month(name, self._opened(row))
        return known

    def _new(self, name: str, moment: datetime, period: str) -> MonthRow:
        key = self._keyring.current(_PURPOSE)
        last = calendar.monthrange(moment.year, moment.month)[1]
        end = datetime(moment.year, moment.month, last, tzinfo=UTC)
        until_us = after_us(int(end.timestamp() * 1e6) + _DAY_US, period)
        return MonthRow(name, key.id, key.seal(secrets.token_bytes(32), name.encode()), until_us)

    def _opened(self, row: MonthRow) -> Key:
        return Key(row.name, _PURPOSE, self._keyring.get(row.key_id).unseal(row.wrapped, row.name.encode()))

    # --- opening and forgetting ---

    async def open(self, journal: Journal, reading: Reading, exchange_id: str) -> dict[str, bytes]:
        """The payloads of an exchange by part; the look is recorded whether or not there is anything.

        Raises InvalidRequest, NoData, KeyringError, StoreUnavailable.
        """
        identifier = _identifier(exchange_id)
        found = await self._store.payloads(identifier)
        facts = {"exchange": exchange_id, "found": len(found)}
        act = journal.act(
            "vault-opened", reading.actor, facts, now_us=self._clock(), secrets={"why": reading.why}
        )
        await self._store.write([], Unit([act]))
        opened: dict[str, bytes] = {}
        for row in found:
            month = await self._store.month(row.month)
            if month is None:
                continue  # destroyed between the two looks
            place = identifier + row.part.encode()
            secret = self._opened(month).unseal(row.wrapped, place)
            opened[row.part] = Key("exchange", _PURPOSE, secret).unseal(row.sealed, place)
        if not opened:
            raise NoData("nothing is kept of this exchange: its flow has no vault, or its key was destroyed",
                         reason="vault-empty")  # fmt: skip
        return opened

    async def forget(self, journal: Journal, reading: Reading, exchange_id: str) -> int:
        """Destroy the keys of one exchange, and what they opened; how many payloads there were."""
        identifier = _identifier(exchange_id)
        found = await self._store.payloads(identifier)
        facts = {"exchange": exchange_id, "payloads": len(found)}
        act = journal.act(
            "vault-erased", reading.actor, facts, now_us=self._clock(), secrets={"why": reading.why}
        )
        await self._store.write([(sql.DROP, (identifier,))], Unit([act]))
        return len(found)

    async def expire(self, journal: Journal, actor: str = "bus") -> list[str]:
        """Destroy the keys of months whose period is over, and their payloads; the names of those months."""
        gone = []
        for row in await self._store.months():
            if row.until_us > self._clock():
                continue
            act = journal.act("vault-month-destroyed", actor, {"month": row.name}, now_us=self._clock())
            changes: list[Change] = [(sql.DROP_MONTH, (row.name,)), (sql.DROP_OF_MONTH, (row.name,))]
            await self._store.write(changes, Unit([act]))
            self._months.pop(row.name, None)
            gone.append(row.name)
        return gone


def after_us(from_us: int, period: str) -> int:
    """The moment one period after another: the first from which `before_us` reaches back to it."""
    low, high = from_us, from_us + 200 * 366 * _DAY_US
    while high - low > _DAY_US:
        middle = (low + high) // 2
        low, high = (low, middle) if before_us(middle, period) >= from_us else (middle, high)
    return high


def _identifier(exchange_id: str) -> bytes:
    try:
        return UUID(exchange_id).bytes
    except ValueError:
        raise InvalidRequest("an exchange id is a UUID", reason="exchange-id") from None


def row(found: dict[str, bytes]) -> dict[str, Any]:
    """Opened payloads as JSON-able data: text where they are UTF-8, else hex."""
    shown = {}
    for part, payload in found.items():
        try:
            shown[part] = payload.decode("utf-8")
        except UnicodeDecodeError:
            shown[part] = payload.hex()
    return shown
