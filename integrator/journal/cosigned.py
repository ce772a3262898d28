"""The checkpoints a quorum of witnesses has cosigned."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from integrator.journal.cosignature import with_signatures
from integrator.journal.note import Signature, split
from integrator.journal.policy import Policy
from integrator.store.api import CheckpointRow, Sql
from integrator.store.witnesses import CosignatureRow, Cosignatures


@dataclass(frozen=True, slots=True)
class CosignedCheckpoint:
    """A checkpoint with its cosignatures in the note; `time_us` is when the last one the quorum needed came."""

    row: CheckpointRow
    time_us: int


class CosignedLog:
    """What witnesses of a policy have cosigned of the log of one database. Methods raise StoreUnavailable."""

    def __init__(self, sql: Sql, policy: Policy) -> None:
        self._kept, self._policy = Cosignatures(sql), policy

    async def newest(self) -> CosignedCheckpoint | None:
        """The newest checkpoint the quorum has cosigned; None where there is none yet."""
        names = {witness.key.public_key: name for name, witness in self._policy.witnesses.items()}
        rows = [row for row in await self._kept.recent() if row.witness_key in names]
        for size, group in groupby(rows, key=lambda row: row.size):
            of_size = sorted(group, key=lambda row: row.time_s)
            needed = self._needed(of_size, names)
            if needed is None:
                continue
            row = await self._kept.checkpoint(size)
            if row is not None:
                lines = [_signature(row.note, one) for one in of_size]
                note = with_signatures(row.note, lines)
                return CosignedCheckpoint(
                    CheckpointRow(row.size, row.root, note, row.signed_us), needed * 1_000_000
                )
        return None

    def _needed(self, rows: list[CosignatureRow], names: dict[bytes, str]) -> int | None:
        """The time of the cosignature that completed the quorum; None where it is not complete."""
        have: set[str] = set()
        for row in rows:
            have.add(names[row.witness_key])
            if self._policy.satisfied(have):
                return row.time_s
        return None


def _signature(note: bytes, row: CosignatureRow) -> Signature:
    return split(split(note).text.encode() + b"\n" + row.line).signatures[0]
