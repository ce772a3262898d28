"""A part of the log as an archive that verifies alone: a directory, or one `.tar`. Sans the bus.

checkpoint              the signed note, of a size that covers the range
tile/<L>/<N>            every hash tile up to that size: the whole tree can be built from them
tile/entries/<N>        the entry bundles of the range, 256 entries each
manifest.json           origin, size, range, SHA-256 of every other file
README.txt              how to verify it
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integrator.journal import tiles
from integrator.journal.tiles import ENTRIES, WIDTH

MANIFEST, README = "manifest.json", "README.txt"
FORMAT = "integrator-log-archive/1"
Read = Callable[[str], bytes]
Advance = Callable[[int, int], None]


class ArchiveBroken(Exception):
    """The archive is not whole; the message says which file, and what to do."""


@dataclass(frozen=True, slots=True)
class Range:
    """What an archive holds: the entries [start, stop) of the log of this origin, at this size."""

    origin: str
    size: int
    start: int
    stop: int
    keys: tuple[str, ...]

    def names(self) -> list[str]:
        """Its files, but for manifest and README."""
        hashes = [tile.path() for tile in tiles.tiles_of(self.size)]
        bundles = [
            tile.path()
            for tile in tiles.of_level(ENTRIES, self.size)
            if tile.start < self.stop and tile.stop > self.start
        ]
        return ["checkpoint", *hashes, *bundles]

    def covers(self, index: int) -> bool:
        """Whether the entry bundle of this number is among its files."""
        return index * WIDTH < self.stop and (index + 1) * WIDTH > self.start


def write(out: Path, wanted: Range, read: Read, advance: Advance) -> int:
    """Write the archive; the number of its files. `read` gives the bytes of a path of the log.

    A name that ends in .tar makes one file, any other a directory that is not there yet. Raises
    FileExistsError, OSError.
    """
    if out.exists():
        raise FileExistsError(f"{out} is there already: name another place")
    names = wanted.names()
    digests: dict[str, str] = {}

    def files() -> Iterator[tuple[str, bytes]]:
        for number, name in enumerate(names, 1):
            data = read(name)
            digests[name] = hashlib.sha256(data).hexdigest()
            yield name, data
            advance(number, len(names))
        readme = _readme(wanted, out.name).encode()
        digests[README] = hashlib.sha256(readme).hexdigest()
        yield README, readme
        yield MANIFEST, _manifest(wanted, digests)

    if out.suffix == ".tar":
        _write_tar(out, files())
    else:
        for name, data in files():
            place = out / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
    return len(names) + 2


def _write_tar(out: Path, files: Iterator[tuple[str, bytes]]) -> None:
    unfinished = out.with_name(out.name + ".part")
    try:
        with tarfile.open(unfinished, "w") as tar:
            for name, data in files:
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)


def _manifest(wanted: Range, digests: dict[str, str]) -> bytes:
    document = {
        "format": FORMAT,
        "origin": wanted.origin,
        "size": wanted.size,
        "entries": [wanted.start, wanted.stop],
        "keys": list(wanted.keys),
        "sha256": digests,
    }
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def _readme(wanted: Range, name: str) -> str:
    keys = "\n".join(f"    {key}" for key in wanted.keys)
    go = f"    verify KEY {wanted.origin} DIRECTORY"
    if wanted.start or wanted.stop < wanted.size:
        go += f" {wanted.start} {wanted.stop}"
    return f"""Part of the log {wanted.origin}: entries {wanted.start} to {wanted.stop - 1} of {wanted.size}.

To verify it with the program that made it, which needs nothing but this archive and a key:

    python -m integrator.journal.verify --key KEY {name}

To verify it with a program on Go's own checksum-database packages (tests/peers/go/verify in the
source of the integrator), unpacked:

{go}

KEY is the public key of the log. Take it from somebody you trust, not from here: these are the keys
the log says it was signed with, and a forger would write others.

{keys}

The files are those of C2SP tlog-tiles: "checkpoint" is the signed size and root, "tile/<level>/<n>"
are hashes, "tile/entries/<n>" are 256 entries each behind its length (2 bytes, big-endian). Each entry
is canonical JSON; SHA-256(0x00 followed by it) is its leaf hash (RFC 6962). manifest.json has the
SHA-256 of every file.
"""


# --- reading --------------------------------------------------------------------------------------


def reader(path: Path) -> Read:
    """Reads the files of an archive that is one .tar. Raises ArchiveBroken."""
    try:
        with tarfile.open(path) as tar:
            places = {member.name: (member.offset_data, member.size) for member in tar if member.isreg()}
    except (tarfile.TarError, OSError) as error:
        raise ArchiveBroken(f"{path.name} is no tar archive: export it again") from error

    def read(name: str) -> bytes:
        if name not in places:
            raise ArchiveBroken(f"the archive has no file {name}: export it again")
        offset, size = places[name]
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    return read


def opened(read: Read) -> Range:
    """What the archive's manifest says, every file held against its hash. Raises ArchiveBroken."""
    try:
        document: dict[str, Any] = json.loads(read(MANIFEST))
        start, stop = document["entries"]
        found = Range(document["origin"], document["size"], start, stop, tuple(map(str, document["keys"])))
        digests = dict(document["sha256"])
        sizes = [found.size, start, stop]
        if document["format"] != FORMAT or not all(type(size) is int and size >= 0 for size in sizes):
            raise ValueError("another format")
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveBroken(f"{MANIFEST} is not one of {FORMAT}: export it again") from error
    if not start <= stop <= found.size or set(digests) != {*found.names(), README}:
        raise ArchiveBroken(f"{MANIFEST} does not list the files of its range: export it again")
    for name, expected in digests.items():
        if hashlib.sha256(read(name)).hexdigest() != expected:
            raise ArchiveBroken(f"{name} is not what {MANIFEST} says: export it again")
    return found
