"""Checking a log from outside: `python -m integrator.journal.verify --key VKEY DIRECTORY|URL|ARCHIVE.tar|RECEIPT`.

Stands alone: it needs neither the bus nor its database or keys, and shares with them only the pure
modules of the formats (`merkle`, `tiles`, `note`, `checkpoint`, `proof`, `policy`, `cosignature`). It builds the tree anew from
the entries and holds every tile and the signed checkpoint against it (RFC 6962; C2SP tlog-tiles).
"""

from __future__ import annotations

import argparse
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from integrator.journal import archive, merkle, proof, tiles
from integrator.journal import checkpoint as checkpoints
from integrator.journal import policy as policies
from integrator.journal.archive import ArchiveBroken, Range
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.merkle import CompactRange, ProofError
from integrator.journal.note import NoteError, Verifier
from integrator.journal.policy import Policy, PolicyError
from integrator.journal.tiles import ENTRIES, Tile, TileError

Read = Callable[[str], bytes]
_SECONDS = 60.0
_ANSWER_BYTES_MAX = 256 * 65_537 + 1


class LogRefused(Exception):
    """The log, or the receipt, is not what its checkpoint says; the message says where."""


class Unreadable(LogRefused):
    """A file of the log could not be read, so nothing can be said."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was proven: the log of this origin has `size` entries under this root."""

    origin: str
    size: int
    root: bytes
    tiles: int
    entries: int


def verify(
    read: Read,
    known: Sequence[Verifier],
    origin: str,
    *,
    earlier: Sequence[Checkpoint] = (),
    tiles_only: bool = False,
    policy: Policy | None = None,
    part: Range | None = None,
) -> Verified:
    """Prove the whole log: checkpoint, every entry, every tile; and that it continues `earlier` ones.

    `read` gives the bytes of a path below the log's prefix. `tiles_only` begins with the leaf hashes
    of level 0, for those who may not read entries. `policy` says which witnesses must have cosigned.
    `part` is what an exported archive holds: of the entries, only those are read. Memory: 32 bytes for 256 entries. Raises LogRefused.
    """
    try:
        note = read("checkpoint")
        signed = checkpoints.verify(note, known, origin)
        if policy is not None:
            policy.require(note)
    except NoteError as error:
        raise LogRefused(f"checkpoint: {error}") from error
    build = _Build(read, {checkpoint.size: checkpoint.root for checkpoint in earlier})
    for tile in tiles.of_level(0, signed.size):
        build.leaves(tile, tiles_only or (part is not None and not part.covers(tile.index)))
    build.upper_tiles(signed.size)
    if build.range.root() != signed.root:
        raise LogRefused(f"the tree of {signed.size} entries has another root than the checkpoint says")
    build.require_earlier(signed.size)
    return Verified(origin, signed.size, signed.root, build.tiles, build.entries)


class _Build:
    """The tree built anew, beside the tiles that claim to be it."""

    def __init__(self, read: Read, earlier: dict[int, bytes]) -> None:
        self._read, self._earlier = read, earlier
        self.range = CompactRange()
        self.tiles = self.entries = 0
        self._levels: dict[int, list[bytes]] = {}
        self._met = {0} if earlier.get(0, merkle.EMPTY_ROOT) == merkle.EMPTY_ROOT else set()

    def leaves(self, tile: Tile, tiles_only: bool) -> None:
        """One tile of level 0 and the entries below it."""
        self.tiles += 1
        try:
            hashes = tiles.split_hashes(self._read(tile.path()), tile.width)
            if not tiles_only:
                bundle = Tile(ENTRIES, tile.index, tile.width)
                entries = tiles.split_entries(self._read(bundle.path()), bundle.width)
                if [merkle.leaf_hash(entry) for entry in entries] != hashes:
                    raise LogRefused(f"{bundle.path()} and {tile.path()} are not of the same entries")
                self.entries += len(entries)
        except TileError as error:
            raise LogRefused(f"{tile.path()}: {error}") from error
        for leaf in hashes:
            for (level, _), item in self.range.append(leaf):
                self._levels.setdefault(level // merkle.TILE_HEIGHT, []).append(item)
            root = self._earlier.get(self.range.size)
            if root is not None and root == self.range.root():
                self._met.add(self.range.size)

    def upper_tiles(self, size: int) -> None:
        """The tiles above the leaves."""
        for tile in tiles.tiles_of(size):
            if tile.level == 0:
                continue
            self.tiles += 1
            expected = self._levels[tile.level][tile.start : tile.stop]
            if self._read(tile.path()) != tiles.join_hashes(expected):
                raise LogRefused(f"{tile.path()} is not what the entries below it hash to")

    def require_earlier(self, size: int) -> None:
        """Every earlier checkpoint must be a beginning of this log."""
        for older in self._earlier:
            if older > size:
                raise LogRefused(f"the log has shrunk: it had {older} entries and has {size}")
            if older not in self._met:
                raise LogRefused(f"the log was rewritten: at {older} entries it had another root")


def verify_receipt(
    data: bytes,
    known: Sequence[Verifier],
    origin: str,
    entry: bytes | None = None,
    policy: Policy | None = None,
) -> int:
    """Prove a receipt (`.tlog-proof`), and that the policy's witnesses cosigned its checkpoint.

    Returns the index of its entry. Raises LogRefused.
    """
    try:
        receipt = proof.decode(data)
        proof.verify(receipt, known, origin, entry)
        if policy is not None:
            policy.require(receipt.checkpoint)
    except (NoteError, ProofError) as error:
        raise LogRefused(f"receipt: {error}") from error
    return receipt.index


# --- where the files are -------------------------------------------------------------------------


def directory(path: Path) -> Read:
    """Reads a log kept as files below a directory."""

    def read(name: str) -> bytes:
        try:
            return (path / name).read_bytes()
        except OSError as error:
            raise Unreadable(f"{name} cannot be read ({error.strerror})") from error

    return read


def address(url: str, token: str | None = None) -> Read:
    """Reads a log served below an http(s) address; `token` is sent as a bearer token."""
    if not url.startswith(("http://", "https://")):
        raise Unreadable("a log is served over http or https")
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    def read(name: str) -> bytes:
        request = urllib.request.Request(f"{url.rstrip('/')}/{name}", headers=headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
                data: bytes = answer.read(_ANSWER_BYTES_MAX)
        except urllib.error.HTTPError as error:
            error.close()
            raise Unreadable(f"{name} is not served ({error.code})") from error
        except OSError as error:
            raise Unreadable(f"{name} cannot be read ({type(error).__name__})") from error
        return data

    return read


def keeping(read: Read, target: Path) -> Read:
    """Reads through, and keeps every file below `target`: a copy that can be checked again."""

    def kept(name: str) -> bytes:
        data = read(name)
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        return data

    return kept


def _earlier(note: bytes, known: Sequence[Verifier], origin: str) -> Checkpoint:
    """A kept checkpoint: of this log, or of the epoch before it where a --key has its name."""
    named = checkpoints.unproven(note).origin
    return checkpoints.verify(note, known, named if any(key.name == named for key in known) else origin)


def _local(target: Path, packed: bool) -> Read:
    return archive.reader(target) if packed else directory(target)


# --- command line --------------------------------------------------------------------------------


def run(arguments: argparse.Namespace) -> str:
    """Do what the arguments say; one sentence of what is proven. Raises LogRefused, NoteError."""
    policy = policies.parse(Path(arguments.policy).read_bytes()) if arguments.policy else None
    known = [Verifier.parse(text) for text in arguments.key]
    known += [key for keys in policy.logs.values() for key in keys] if policy else []
    if not known:
        raise NoteError("no key to trust: give --key, or a --policy that names the log")
    origin = arguments.origin or known[0].name
    target = Path(arguments.target)
    remote = "://" in arguments.target
    packed = not remote and target.suffix == ".tar"
    if not remote and not packed and target.is_file():
        entry = Path(arguments.entry).read_bytes() if arguments.entry else None
        index = verify_receipt(target.read_bytes(), known, origin, entry, policy)
        return f"proven: the entry stands at index {index} of the log {origin}"
    token = Path(arguments.token_file).read_text("utf-8").strip() if arguments.token_file else None
    read = address(arguments.target, token) if remote else _local(target, packed)
    part = archive.opened(read) if packed or (target / archive.MANIFEST).is_file() else None
    if arguments.keep:
        read = keeping(read, Path(arguments.keep))
    earlier = [_earlier(Path(path).read_bytes(), known, origin) for path in arguments.earlier]
    done = verify(
        read, known, origin, earlier=earlier, tiles_only=arguments.tiles_only, policy=policy, part=part
    )
    what = f"{done.entries} entries and {done.tiles} tiles" if done.entries else f"{done.tiles} tiles"
    return f"proven: the log {origin} of size {done.size}, root {done.root.hex()} ({what})"


def parser() -> argparse.ArgumentParser:
    """The command line of this module."""
    made = argparse.ArgumentParser(prog="python -m integrator.journal.verify", description=__doc__)
    made.add_argument(
        "target", help="a directory, an address like https://bus.example/log, an exported .tar, or a receipt"
    )
    made.add_argument("--key", action="append", default=[], help="verifier key you trust; may be repeated")
    made.add_argument("--policy", help="file that says which witnesses must have cosigned (C2SP tlog-policy)")
    made.add_argument("--origin", help="the log's name; without it, the first key's name")
    made.add_argument("--earlier", action="append", default=[], help="an earlier checkpoint you kept")
    made.add_argument("--tiles-only", action="store_true", help="do not read entries, only hashes")
    made.add_argument("--entry", help="the entry a receipt is of, where it has none itself")
    made.add_argument("--keep", help="keep every file read below this directory")
    made.add_argument("--token-file", help="file with the bearer token entries are served for")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 proven, 1 refused, 2 wrong use."""
    given = parser().parse_args(arguments)
    try:
        sys.stdout.write(f"{run(given)}\n")
    except (LogRefused, ArchiveBroken, NoteError, PolicyError, OSError) as error:
        sys.stderr.write(f"refused: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
