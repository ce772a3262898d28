from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrator.journal.merkle import leaf_hash, root_of
from integrator.journal.tiles import (
    ENTRIES,
    Tile,
    TileError,
    join_entries,
    join_hashes,
    level_size,
    of_level,
    parse,
    split_entries,
    split_hashes,
    subtree_hash,
    tile_of,
    tiles_of,
)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 1_234_067), "tile/0/x001/x234/067"),
        (Tile(0, 0), "tile/0/000"),
        (Tile(1, 999), "tile/1/999"),
        (Tile(2, 1_000), "tile/2/x001/000"),
        (Tile(0, 273, 112), "tile/0/273.p/112"),
        (Tile(ENTRIES, 273, 112), "tile/entries/273.p/112"),
        (Tile(63, 0, 1), "tile/63/000.p/1"),
    ],
)
def test_paths_of_the_specification(tile: Tile, path: str) -> None:
    assert tile.path() == path
    assert parse(path) == tile


@given(st.integers(-1, 63), st.integers(0, 10**18 - 1), st.integers(1, 256))
def test_a_path_leads_back_to_its_tile(level: int, index: int, width: int) -> None:
    assert parse(Tile(level, index, width).path()) == Tile(level, index, width)


@pytest.mark.parametrize(
    "path",
    [
        "", "checkpoint", "tile/0/0", "tile/0/x000/000", "tile/00/000", "tile/64/000", "tile/-1/000",
        "tile/0/001/002", "tile/0/x1/002", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01",
        "tile/0/000.p/999", "tile/0/000/", "/tile/0/000", "tile/0/000\n", "tile/0/../000", "tile/data/000",
        "tile/0/٠٠٠", "tile/8/0/000", "tile/0/x" + "001/x" * 6 + "001/001",
    ],
)  # fmt: skip
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(TileError):
        parse(path)


def test_the_tree_of_70000_and_of_256() -> None:
    found = list(tiles_of(70_000))
    assert [tile for tile in found if tile.width < 256] == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert len([tile for tile in found if tile.level == 0 and tile.width == 256]) == 273
    assert [tile for tile in found if tile.level == 1 and tile.width == 256] == [Tile(1, 0)]
    assert list(tiles_of(256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles_of(0)) == []
    assert list(of_level(ENTRIES, 257)) == [Tile(ENTRIES, 0), Tile(ENTRIES, 1, 1)]


def test_what_a_tree_has() -> None:
    assert Tile(0, 273, 112).within(70_000)
    assert Tile(0, 273, 5).within(70_000)
    assert not Tile(0, 273, 113).within(70_000)
    assert not Tile(0, 273).within(70_000)
    assert Tile(ENTRIES, 273, 112).within(70_000)
    assert Tile(1, 1, 17).within(70_000)
    assert not Tile(1, 1, 18).within(70_000)
    assert level_size(2, 70_000) == 1
    assert not Tile(3, 0, 1).within(70_000)


@given(st.integers(0, 12), st.data())
def test_subtrees_follow_from_their_tile(level: int, data: st.DataObject) -> None:
    leaves = [leaf_hash(b"%d" % n) for n in range(5_000)]
    index = data.draw(st.integers(0, (5_000 >> level) - 1))
    tile = tile_of(level, index, 5_000)
    span = 256**tile.level
    hashes = [root_of(leaves[n * span : (n + 1) * span]) for n in range(tile.start, tile.stop)]
    expected = root_of(leaves[index << level : (index + 1) << level])
    assert subtree_hash(hashes, level, index) == expected


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_bundles_split_into_what_was_joined(entries: list[bytes]) -> None:
    assert split_entries(join_entries(entries), len(entries)) == entries


def test_bundles_that_do_not_fit() -> None:
    assert join_entries([b"ab", b""]) == b"\0\2ab\0\0"
    assert len(join_entries([bytes(65_535)])) == 65_537
    with pytest.raises(TileError, match="65535"):
        join_entries([bytes(65_536)])
    for data in (b"\0", b"\0\2a", b"\0\1a\0", b"\0\1a\0\1"):
        with pytest.raises(TileError, match="within an entry"):
            split_entries(data, 1)
    for width in (0, 2):
        with pytest.raises(TileError, match="instead of"):
            split_entries(b"\0\1a", width)


def test_hash_tiles_have_their_size() -> None:
    hashes = [bytes([n]) * 32 for n in range(5)]
    assert split_hashes(join_hashes(hashes), 5) == hashes
    for width in (4, 6):
        with pytest.raises(TileError, match="bytes"):
            split_hashes(join_hashes(hashes), width)
