"""The tree over the store's sealed log: its right edge, roots and proofs, from tiles and leaf hashes.

Level 0 are the log's own leaf hashes; the levels above are kept beside them, written in the
transaction that seals the entries which complete them. Each can be derived from the one below.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from integrator.journal import tiles
from integrator.journal.merkle import (
    TILE_HEIGHT,
    CompactRange,
    Leaves,
    Node,
    consistency_ranges,
    inclusion_ranges,
    range_hash,
    root_of,
    subtrees,
)
from integrator.journal.tiles import Tile, level_size
from integrator.store.api import Store, TileHash


class TreeBroken(Exception):
    """The store lacks hashes of its own log; the message says which and what to do."""


def tile_hashes(completed: Iterable[tuple[Node, bytes]]) -> list[TileHash]:
    """What `CompactRange.append` completed, as rows of the store."""
    return [(level // TILE_HEIGHT, index, item) for (level, index), item in completed]


async def load(store: Store, size: int) -> CompactRange:
    """The right edge of the log's tree at this size. Raises TreeBroken, StoreUnavailable."""
    nodes = subtrees(0, size)
    known = await _nodes(store, nodes, size)
    return CompactRange(size, [known[node] for node in nodes])


async def root_at(store: Store, size: int) -> bytes:
    """The root the log had, or has, at this size. Raises TreeBroken, StoreUnavailable."""
    return (await load(store, size)).root()


async def inclusion(store: Store, index: int, size: int) -> list[bytes]:
    """The inclusion proof of a leaf in the tree of this size (RFC 6962, section 2.1.1).

    Raises ValueError for a leaf outside, TreeBroken, StoreUnavailable.
    """
    return await _ranges(store, inclusion_ranges(index, size), size)


async def consistency(store: Store, older: int, newer: int) -> list[bytes]:
    """The proof that the tree of the newer size continues the older (RFC 6962, section 2.1.2).

    Raises ValueError for sizes the wrong way round, TreeBroken, StoreUnavailable.
    """
    return await _ranges(store, consistency_ranges(older, newer), newer)


async def complete(store: Store, size: int) -> int:
    """Derive what is missing of the levels above the leaves; the number of hashes added.

    Nothing is, but in a log sealed before there were tiles. Raises TreeBroken, StoreUnavailable.
    """
    known = await store.tile_levels()
    added, level = 0, 1
    while wanted := level_size(level, size):
        count, last = known.get(level, (0, -1))
        have = count if count == last + 1 else 0  # with a gap, all of the level anew
        for position in range(have, wanted):
            below = Tile(level - 1, position)
            hashes = await _tile(store, below)
            await store.add_tile_hashes([(level, position, root_of(hashes))])
            added += 1
        level += 1
    return added


async def _ranges(store: Store, ranges: Sequence[Leaves], size: int) -> list[bytes]:
    nodes = [node for start, stop in ranges for node in subtrees(start, stop)]
    known = await _nodes(store, nodes, size)
    return [range_hash(start, stop, lambda level, index: known[level, index]) for start, stop in ranges]


async def _nodes(store: Store, nodes: Sequence[Node], size: int) -> dict[Node, bytes]:
    """The hashes of whole subtrees; each tile is read once."""
    wanted: dict[Tile, list[Node]] = {}
    for level, index in nodes:
        wanted.setdefault(tiles.tile_of(level, index, size), []).append((level, index))
    found: dict[Node, bytes] = {}
    for tile, within in wanted.items():
        hashes = await _tile(store, tile)
        for level, index in within:
            found[level, index] = tiles.subtree_hash(hashes, level, index)
    return found


async def _tile(store: Store, tile: Tile) -> Sequence[bytes]:
    hashes = await store.tile_hashes(tile.level, tile.start, tile.stop)
    if len(hashes) != tile.width:
        raise TreeBroken(
            f"the log has {len(hashes)} hashes of {tile.path()} instead of {tile.width}: run `integrator "
            "journal check`, and restore the database"
        )
    return hashes
