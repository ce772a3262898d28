"""The payload vault's rows: a key a month and class, and each exchange's sealed payloads with its wrapped key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from integrator.store.api import Change, Sql
from integrator.store.units import Unit

ADD_MONTH = """
INSERT INTO vault_month (name, key_id, wrapped, until_us) VALUES (%s, %s, %s, %s) ON CONFLICT (name) DO NOTHING
"""
MONTH = "SELECT name, key_id, wrapped, until_us FROM vault_month WHERE name = %s"
MONTHS = "SELECT name, key_id, wrapped, until_us FROM vault_month ORDER BY name"
ADD = """
INSERT INTO vault_payload (exchange_id, part, month, wrapped, sealed, kept_us) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (exchange_id, part) DO NOTHING
"""
PAYLOADS = """
SELECT part, month, wrapped, sealed FROM vault_payload WHERE exchange_id = %s ORDER BY part DESC
"""
DROP_MONTH = "DELETE FROM vault_month WHERE name = %s"
DROP_OF_MONTH = "DELETE FROM vault_payload WHERE month = %s"
DROP = "DELETE FROM vault_payload WHERE exchange_id = %s"

ALL: dict[str, str] = {
    name: text for name, text in list(globals().items()) if name.isupper() and isinstance(text, str)
}
"""Every text by name, for the tests that have the databases prepare them."""


@dataclass(frozen=True, slots=True)
class MonthRow:
    """A month's key, sealed by a key of the keyring. `until_us`: when it is to be destroyed."""

    name: str
    key_id: str
    wrapped: bytes
    until_us: int


@dataclass(frozen=True, slots=True)
class PayloadRow:
    """A sealed payload: `part` is request or answer, `wrapped` its exchange's key under the month's."""

    part: str
    month: str
    wrapped: bytes
    sealed: bytes


class VaultStore:
    """Those of one database. Methods raise StoreUnavailable, UnitRefused."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def month(self, name: str) -> MonthRow | None:
        """The key of a month; None where there is none, or no longer."""
        rows = await self._sql.rows(MONTH, (name,))
        return MonthRow(rows[0][0], rows[0][1], bytes(rows[0][2]), rows[0][3]) if rows else None

    async def months(self) -> Sequence[MonthRow]:
        """Every month that still has its key."""
        return [
            MonthRow(name, key, bytes(wrapped), until)
            for name, key, wrapped, until in await self._sql.rows(MONTHS)
        ]

    async def add_month(self, row: MonthRow) -> None:
        """Keep the key of a month, if there is none yet: another process may have been quicker."""
        await self._sql.change(ADD_MONTH, (row.name, row.key_id, row.wrapped, row.until_us))

    async def payloads(self, exchange_id: bytes) -> Sequence[PayloadRow]:
        """What is kept of an exchange, its request first."""
        rows = await self._sql.rows(PAYLOADS, (exchange_id,))
        return [
            PayloadRow(part, month, bytes(wrapped), bytes(sealed)) for part, month, wrapped, sealed in rows
        ]

    async def write(self, changes: Sequence[Change], unit: Unit) -> None:
        """Changes with the records that tell them, in one transaction."""
        await self._sql.together(changes, unit)
