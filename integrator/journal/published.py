"""The log as outsiders read it: the checkpoint published last, its tiles, and receipts (C2SP tlog-tiles).

Nothing beyond the last published checkpoint is given out: what is sealed but not signed yet is not
part of the log for anybody else. Partial tiles are beginnings of their full ones, so those of every
checkpoint ever published stay available.
"""

from __future__ import annotations

from integrator.journal import tiles, tree
from integrator.journal.cosigned import CosignedLog
from integrator.journal.policy import Policy
from integrator.journal.proof import Receipt
from integrator.journal.tiles import ENTRIES, Tile
from integrator.journal.tree import TreeBroken
from integrator.store.api import Store, StoredRecord


class Published:
    """The published log of one store; reads only. Methods raise StoreUnavailable, TreeBroken."""

    def __init__(self, store: Store, policy: Policy | None = None) -> None:
        self._store = store
        self._cosigned = CosignedLog(store, policy) if policy is not None else None

    async def checkpoint(self) -> bytes | None:
        """The signed note; None before the first sealing.

        With witnesses, the newest that their quorum has cosigned, if there is one.
        """
        cosigned = await self._cosigned.newest() if self._cosigned is not None else None
        row = cosigned.row if cosigned is not None else await self._store.last_checkpoint()
        return row.note if row is not None else None

    async def tile(self, tile: Tile) -> bytes | None:
        """The bytes of a tile or entry bundle; None where the published log has none such."""
        row = await self._store.last_checkpoint()
        if row is None or not tile.within(row.size):
            return None
        if tile.level == ENTRIES:
            parts = [leaf for _, leaf in await self._store.leaves(tile.start, tile.stop)]
        else:
            parts = list(await self._store.tile_hashes(tile.level, tile.start, tile.stop))
        if len(parts) != tile.width:
            raise TreeBroken(f"{tile.path()} is not whole: run `integrator journal check`")
        return tiles.join_entries(parts) if tile.level == ENTRIES else tiles.join_hashes(parts)

    async def receipt(self, record: StoredRecord) -> Receipt | None:
        """The receipt of a record; None until a published checkpoint covers it.

        The leaf's bytes come along, so that whoever has the receipt needs nothing else. The checkpoint is
        one that the quorum of the witnesses has cosigned, where one covers the record.
        """
        if record.index is None:
            return None
        row = await self._store.last_checkpoint()
        if self._cosigned is not None:
            cosigned = await self._cosigned.newest()
            if cosigned is not None and record.index < cosigned.row.size:
                row = cosigned.row
        if row is None or record.index >= row.size:
            return None
        hashes = await tree.inclusion(self._store, record.index, row.size)
        return Receipt(record.index, hashes, row.note, record.leaf)
