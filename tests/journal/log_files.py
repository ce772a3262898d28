"""A log as files, made by the pure modules alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from integrator.journal import checkpoint as checkpoints
from integrator.journal import merkle, tiles
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.note import Signing
from integrator.journal.tiles import ENTRIES
from tests.journal.conftest import LOG_KEY

ORIGIN = LOG_KEY.origin
VKEY = str(LOG_KEY.verifier)


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def build_log(
    directory: Path, entries: Sequence[bytes], key: Signing = LOG_KEY, origin: str = ORIGIN
) -> None:
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    for tile in tiles.tiles_of(len(entries)):
        span = 256**tile.level
        hashes = [merkle.root_of(leaves[n * span : (n + 1) * span]) for n in range(tile.start, tile.stop)]
        write(directory / tile.path(), tiles.join_hashes(hashes))
    for tile in tiles.of_level(ENTRIES, len(entries)):
        write(directory / tile.path(), tiles.join_entries(entries[tile.start : tile.stop]))
    signed = checkpoints.sign(Checkpoint(origin, len(entries), merkle.root_of(leaves)), key)
    write(directory / "checkpoint", signed)


def replace_by(log: Path, other: Path) -> None:
    """Put the files of another small log under the names and the checkpoint of this one."""
    for path in files(log):
        if path.name != "checkpoint":
            (found,) = (other / path.parent.relative_to(log)).iterdir()
            path.write_bytes(found.read_bytes())


def files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())
