"""The log as static files: paths, hash tiles and entry bundles (C2SP tlog-tiles, "Merkle Tree").

Pure functions. Level L holds the roots of whole subtrees of 256^L leaves, 256 to a tile; an entry
bundle holds the entries of a level-0 tile. The last tile of a level is partial: `.p/<width>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from integrator.journal.merkle import HASH_BYTES, TILE_HEIGHT, root_of

WIDTH = 256
ENTRIES = -1
ENTRY_BYTES_MAX = 65_535
LEVEL_MAX = 63
_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)
_INDEX_DIGITS_MAX = 18


class TileError(Exception):
    """A path or the content of a tile does not have its form; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: `level` 0 to 63, or `ENTRIES` for an entry bundle; `width` below 256 is partial."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def start(self) -> int:
        """The position within its level of its first hash."""
        return self.index * WIDTH

    @property
    def stop(self) -> int:
        """The position within its level behind its last hash."""
        return self.start + self.width

    def path(self) -> str:
        """Where it is served below the log's prefix: `tile/0/x001/x234/067.p/12`."""
        digits = f"{self.index:03d}"
        groups = [digits[max(0, end - 3) : end] for end in range(len(digits), 0, -3)][::-1]
        groups = [f"x{group.zfill(3)}" for group in groups[:-1]] + groups[-1:]
        level = "entries" if self.level == ENTRIES else str(self.level)
        partial = f".p/{self.width}" if self.width < WIDTH else ""
        return f"tile/{level}/{'/'.join(groups)}{partial}"

    def within(self, size: int) -> bool:
        """Whether a tree of this size has all hashes of this tile."""
        return self.stop <= level_size(self.level, size)


def parse(path: str) -> Tile:
    """The tile of a path. Raises TileError for anything but the one path a tile has."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise TileError("this is no path of a tile")
    level = ENTRIES if found["level"] == "entries" else int(found["level"])
    digits = found["index"].replace("x", "").replace("/", "")
    if level > LEVEL_MAX or len(digits) > _INDEX_DIGITS_MAX:
        raise TileError("no tree has such a tile")
    tile = Tile(level, int(digits), int(found["width"] or WIDTH))
    if tile.width > WIDTH or tile.path() != path:
        raise TileError("this is not how a tile's path is written")
    return tile


def level_size(level: int, size: int) -> int:
    """How many hashes a level has in a tree of `size` leaves: floor(size / 256^level)."""
    return size if level == ENTRIES else size >> (TILE_HEIGHT * level)


def tiles_of(size: int) -> Iterator[Tile]:
    """Every hash tile of a tree of this size, level by level; the entry bundles are not among them."""
    level = 0
    while hashes := level_size(level, size):
        yield from of_level(level, hashes)
        level += 1


def of_level(level: int, count: int) -> Iterator[Tile]:
    """The tiles of one level with `count` hashes (or, for `ENTRIES`, entries)."""
    for index in range(count // WIDTH):
        yield Tile(level, index)
    if count % WIDTH:
        yield Tile(level, count // WIDTH, count % WIDTH)


def tile_of(level: int, index: int, size: int) -> Tile:
    """The tile of a tree of `size` from whose hashes the whole subtree (level, index) follows.

    `level` counts levels of the tree here, not of tiles.
    """
    tile_level, height = divmod(level, TILE_HEIGHT)
    number = (index << height) // WIDTH
    return Tile(tile_level, number, min(WIDTH, level_size(tile_level, size) - number * WIDTH))


def subtree_hash(hashes: Sequence[bytes], level: int, index: int) -> bytes:
    """The root of the whole subtree (level, index) from the hashes of its tile (`tile_of`)."""
    height = level % TILE_HEIGHT
    start = (index << height) % WIDTH
    return root_of(hashes[start : start + (1 << height)])


# --- content -------------------------------------------------------------------------------------


def join_hashes(hashes: Sequence[bytes]) -> bytes:
    """The bytes of a hash tile: its hashes one after the other."""
    return b"".join(hashes)


def split_hashes(data: bytes, width: int) -> list[bytes]:
    """The hashes of a tile of this width. Raises TileError for another number of bytes."""
    if len(data) != width * HASH_BYTES:
        raise TileError(f"a tile of {width} hashes has {width * HASH_BYTES} bytes, not {len(data)}")
    return [data[n : n + HASH_BYTES] for n in range(0, len(data), HASH_BYTES)]


def join_entries(entries: Sequence[bytes]) -> bytes:
    """The bytes of an entry bundle: each entry behind its length, a big-endian uint16.

    Raises TileError for an entry of more than 65,535 bytes.
    """
    if any(len(entry) > ENTRY_BYTES_MAX for entry in entries):
        raise TileError(f"an entry has at most {ENTRY_BYTES_MAX} bytes")
    return b"".join([part for entry in entries for part in (len(entry).to_bytes(2, "big"), entry)])


def split_entries(data: bytes, width: int) -> list[bytes]:
    """The entries of a bundle of this width. Raises TileError where it has more, fewer or half ones."""
    entries: list[bytes] = []
    place = 0
    while place < len(data):
        size = int.from_bytes(data[place : place + 2], "big")
        end = place + 2 + size
        if place + 2 > len(data) or end > len(data):
            raise TileError("an entry bundle ends within an entry")
        entries.append(data[place + 2 : end])
        place = end
    if len(entries) != width:
        raise TileError(f"an entry bundle has {len(entries)} entries instead of {width}")
    return entries
