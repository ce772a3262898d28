"""Cosignatures of checkpoints, as the witnesses gave them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from integrator.store.api import CheckpointRow, Sql

ADD = """
INSERT INTO cosignature (size, witness_key, time_s, line) VALUES (%s, %s, %s, %s)
ON CONFLICT (size, witness_key) DO UPDATE SET time_s = excluded.time_s, line = excluded.line
"""
RECENT = """
SELECT c.size, c.witness_key, c.time_s, c.line FROM cosignature c
JOIN (SELECT DISTINCT size FROM cosignature ORDER BY size DESC LIMIT %s) AS newest ON newest.size = c.size
ORDER BY c.size DESC
"""
CHECKPOINT = "SELECT size, root, note, signed_us FROM checkpoint WHERE size = %s"
DROP = "DELETE FROM cosignature WHERE time_s < %s AND size < %s"
KEPT_SECONDS = 86_400
"""Older cosignatures say nothing that a newer one of the same witness does not."""

ALL: dict[str, str] = {
    name: text for name, text in list(globals().items()) if name in ("ADD", "RECENT", "CHECKPOINT", "DROP")
}
"""Every text by name, for the tests that have the databases prepare them."""


@dataclass(frozen=True, slots=True)
class CosignatureRow:
    """A proven cosignature: the checkpoint's size, the witness's public key, when (seconds), its note line."""

    size: int
    witness_key: bytes
    time_s: int
    line: bytes


class Cosignatures:
    """Those of one database. Methods raise StoreUnavailable."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def add(self, row: CosignatureRow) -> None:
        """Keep a cosignature; those of a day ago and older go."""
        added = (row.size, row.witness_key, row.time_s, row.line)
        await self._sql.together([(ADD, added), (DROP, (row.time_s - KEPT_SECONDS, row.size))])

    async def recent(self, sizes: int = 32) -> Sequence[CosignatureRow]:
        """The cosignatures of the newest sizes that have any, newest first."""
        return [
            CosignatureRow(size, bytes(key), time_s, bytes(line))
            for size, key, time_s, line in await self._sql.rows(RECENT, (sizes,))
        ]

    async def checkpoint(self, size: int) -> CheckpointRow | None:
        """The checkpoint published at this size."""
        rows = await self._sql.rows(CHECKPOINT, (size,))
        return CheckpointRow(*rows[0]) if rows else None
