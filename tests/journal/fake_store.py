"""A store in memory, as far as the journal needs one: what it promises, and faults on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from integrator.store.api import CheckpointRow, LogState, StoredRecord, TileHash
from integrator.store.units import Conflict, RecordRow, StoreUnavailable, Unit


class FakeStore:
    def __init__(self) -> None:
        self.records: dict[bytes, StoredRecord] = {}
        self.tags: dict[tuple[int, bytes], list[bytes]] = {}
        self.waiting: dict[bytes, bytes] = {}
        self.log: list[tuple[int, bytes, bytes]] = []
        self.state = LogState(0, 0)
        self.tiles: dict[tuple[int, int], bytes] = {}
        self.checkpoints: dict[int, CheckpointRow] = {}
        self.checks: dict[str, bytes] = {}
        self.lock_free = True
        self.down = False
        self.dead: list[bytes] = []
        self.buried = 0
        self.commits = 0

    def _up(self) -> None:
        if self.down:
            raise StoreUnavailable("the database cannot be reached")

    async def commit(self, unit: Unit) -> Conflict | None:
        self._up()
        for row in unit.records:
            if row.final and any(r.final and r.exchange_id == row.exchange_id for r in self.records.values()):
                return Conflict("ended")
        for row in unit.records:
            self.insert(row)
        self.commits += 1
        return None

    def insert(self, row: RecordRow) -> None:
        assert len(row.record_id) == 16
        assert len(row.exchange_id) == 16
        assert len(row.leaf_hash) == 32
        assert len(set(row.tags)) == len(row.tags)
        assert all(len(mac) == 32 for _, mac in row.tags)
        self.records[row.record_id] = StoredRecord(
            row.record_id, row.exchange_id, row.time_us, row.type, row.final, row.flow, row.party,
            row.outcome, row.leaf, row.leaf_hash, None, row.details, row.details_key,
        )  # fmt: skip
        for tag in row.tags:
            self.tags.setdefault(tag, []).append(row.record_id)
        self.waiting[row.record_id] = row.leaf_hash

    def alter(self, record_id: bytes, **changes: object) -> None:
        self.records[record_id] = replace(self.records[record_id], **changes)  # type: ignore[arg-type]

    # --- reading ---

    async def records_of(self, exchange_id: bytes) -> Sequence[StoredRecord]:
        self._up()
        return [r for r in self.records.values() if r.exchange_id == exchange_id]

    async def record(self, record_id: bytes) -> StoredRecord | None:
        return self.records.get(record_id)

    async def latest_records(
        self, limit: int, *, flow: str | None = None, party: str | None = None, final_only: bool = False
    ) -> Sequence[StoredRecord]:
        self._up()
        found = [
            r
            for r in self.records.values()
            if (flow is None or r.flow == flow)
            and (party is None or r.party == party)
            and (r.final or not final_only)
        ]
        return sorted(found, key=lambda r: r.record_id, reverse=True)[:limit]

    async def find_records(self, tags: Sequence[tuple[int, bytes]], limit: int) -> Sequence[StoredRecord]:
        self._up()
        ids = {record_id for tag in tags for record_id in self.tags.get(tag, ())}
        return [self.records[i] for i in sorted(ids, reverse=True)][:limit]

    async def sealed_records(self, start: int, stop: int) -> Sequence[StoredRecord]:
        self._up()
        ids = [record_id for index, record_id, _ in self.log if start <= index < stop]
        return [self.records[i] for i in ids if i in self.records]

    # --- sealing ---

    async def take_sealer_lock(self) -> bool:
        self._up()
        return self.lock_free

    async def log_state(self) -> LogState:
        self._up()
        return self.state

    async def pending(self, limit: int) -> Sequence[tuple[bytes, bytes]]:
        self._up()
        return list(self.waiting.items())[:limit]

    async def seal(
        self,
        start: int,
        entries: Sequence[tuple[bytes, bytes]],
        now_us: int,
        tiles: Sequence[TileHash] = (),
    ) -> bool:
        self._up()
        if self.state.size != start:
            return False
        for index, (record_id, leaf_hash) in enumerate(entries, start):
            self.log.append((index, record_id, leaf_hash))
            self.alter(record_id, index=index)
            del self.waiting[record_id]
        await self.add_tile_hashes(tiles)
        self.state = LogState(start + len(entries), now_us)
        return True

    async def log_entries(self, start: int, stop: int) -> Sequence[tuple[int, bytes, bytes]]:
        self._up()
        return [entry for entry in self.log if start <= entry[0] < stop]

    # --- the tree ---

    async def leaves(self, start: int, stop: int) -> Sequence[tuple[int, bytes]]:
        self._up()
        return [(i, self.records[r].leaf) for i, r, _ in self.log if start <= i < stop and r in self.records]

    async def tile_hashes(self, level: int, start: int, stop: int) -> Sequence[bytes]:
        self._up()
        if level == 0:
            return [leaf_hash for index, _, leaf_hash in self.log if start <= index < stop]
        return [self.tiles[level, n] for n in range(start, stop) if (level, n) in self.tiles]

    async def tile_levels(self) -> dict[int, tuple[int, int]]:
        levels = {level for level, _ in self.tiles}
        found = {level: [n for other, n in self.tiles if other == level] for level in levels}
        return {level: (len(positions), max(positions)) for level, positions in found.items()}

    async def add_tile_hashes(self, tiles: Sequence[TileHash]) -> None:
        for level, position, item in tiles:
            self.tiles.setdefault((level, position), item)

    async def last_checkpoint(self) -> CheckpointRow | None:
        self._up()
        return self.checkpoints[max(self.checkpoints)] if self.checkpoints else None

    async def publish(self, checkpoint: CheckpointRow) -> bool:
        self._up()
        if self.checkpoints.setdefault(checkpoint.size, checkpoint).root != checkpoint.root:
            return False
        self.checkpoints[checkpoint.size] = checkpoint
        return True

    # --- keys, processes ---

    async def key_checks(self) -> dict[str, bytes]:
        return dict(self.checks)

    async def add_key_check(self, key_id: str, value: bytes) -> None:
        self.checks[key_id] = value

    async def orphans(self, dead_before_us: int, own: bytes, limit: int) -> Sequence[StoredRecord]:
        self._up()
        ended = {r.exchange_id for r in self.records.values() if r.final}
        return [self.records[i] for i in self.dead if self.records[i].exchange_id not in ended][:limit]

    async def bury(self, dead_before_us: int, own: bytes) -> None:
        self.buried += 1
