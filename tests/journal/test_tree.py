from __future__ import annotations

import pytest
import uuid_utils

from integrator.journal import merkle, tree
from integrator.journal.merkle import leaf_hash, root_of
from integrator.journal.published import Published
from integrator.journal.tiles import ENTRIES, Tile
from integrator.journal.tree import TreeBroken
from integrator.store.api import CheckpointRow
from tests.journal.fake_store import FakeStore

SIZE = 66_000
LEAVES = [leaf_hash(b"%d" % n) for n in range(SIZE)]


@pytest.fixture
def long() -> FakeStore:
    """A log with tiles of three levels, sealed before there were any."""
    store = FakeStore()
    store.log = [(n, uuid_utils.uuid7().bytes, leaf) for n, leaf in enumerate(LEAVES)]
    return store


async def test_missing_hashes_are_derived_and_all_follows_from_them(
    long: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def quick(level: int, start: int, stop: int) -> list[bytes]:
        if level == 0:
            return LEAVES[start:stop]
        return [long.tiles[level, n] for n in range(start, stop) if (level, n) in long.tiles]

    monkeypatch.setattr(long, "tile_hashes", quick)
    with pytest.raises(TreeBroken, match="hashes of tile/2/000"):
        await tree.load(long, SIZE)
    assert await tree.complete(long, SIZE) == 257 + 1
    assert await tree.complete(long, SIZE) == 0
    assert await tree.root_at(long, SIZE) == root_of(LEAVES)
    for size in (0, 1, 255, 256, 257, 65_535, 65_536, 65_537):
        assert await tree.root_at(long, size) == root_of(LEAVES[:size])
    grown = await tree.load(long, 65_000)
    assert len(grown.extend(LEAVES[65_000:])) == 4 + 1
    assert grown.root() == root_of(LEAVES)
    for index in (0, 255, 256, 40_000, 65_535, 65_999):
        proof = await tree.inclusion(long, index, SIZE)
        merkle.verify_inclusion(index, SIZE, LEAVES[index], proof, root_of(LEAVES))
    for older in (1, 256, 300, 65_536, 65_990):
        proof = await tree.consistency(long, older, SIZE)
        merkle.verify_consistency(older, SIZE, root_of(LEAVES[:older]), root_of(LEAVES), proof)
    del long.tiles[1, 7]
    with pytest.raises(TreeBroken, match=r"7 hashes of tile/1/000\.p/8 instead of 8: run"):
        await tree.root_at(long, 2_100)
    assert await tree.complete(long, SIZE) == 257  # a gap: the level is derived anew
    assert await tree.root_at(long, SIZE) == root_of(LEAVES)


async def test_nothing_beyond_the_checkpoint_is_published(long: FakeStore) -> None:
    del long.log[600:]
    published = Published(long)
    assert await published.checkpoint() is None
    assert await published.tile(Tile(0, 0)) is None
    await tree.complete(long, 600)
    await long.publish(CheckpointRow(300, root_of(LEAVES[:300]), b"note", 1))
    assert await published.checkpoint() == b"note"
    assert await published.tile(Tile(0, 0)) == b"".join(LEAVES[:256])
    assert await published.tile(Tile(0, 1, 44)) == b"".join(LEAVES[256:300])
    assert await published.tile(Tile(0, 1, 45)) is None
    assert await published.tile(Tile(0, 1)) is None
    assert await published.tile(Tile(1, 0, 1)) == root_of(LEAVES[:256])
    assert await published.tile(Tile(1, 0, 2)) is None
    assert await published.tile(Tile(2, 0, 1)) is None
    with pytest.raises(TreeBroken, match="tile/entries/000 is not whole"):
        await published.tile(Tile(ENTRIES, 0))
