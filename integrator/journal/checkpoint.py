"""Checkpoints: the signed size and root of the log (C2SP tlog-checkpoint). Sans-I/O.

origin, as the log calls itself
size, decimal without leading zeros
root hash, base64
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass

from integrator.journal import note
from integrator.journal.merkle import HASH_BYTES
from integrator.journal.note import NoteError, Signing, Verifier

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log of this origin was at `size` entries."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The three lines that are signed (tlog-checkpoint, "Note text")."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def parse(text: str) -> Checkpoint:
    """The checkpoint a note's text says; extension lines behind the three are allowed and ignored.

    Raises NoteError for another form.
    """
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] != "" or "" in lines[:-1]:
        raise NoteError("a checkpoint has three lines: origin, size and root hash")
    if _SIZE.fullmatch(lines[1]) is None:
        raise NoteError("a checkpoint's size is a decimal number without leading zeros")
    root = note.strict_base64(lines[2])
    if len(root) != HASH_BYTES:
        raise NoteError(f"a checkpoint's root hash has {HASH_BYTES} bytes")
    return Checkpoint(lines[0], int(lines[1]), root)


def sign(checkpoint: Checkpoint, signer: Signing) -> bytes:
    """The signed checkpoint. The key's name should be the origin. Raises NoteError."""
    return note.sign(checkpoint.text(), [signer])


def verify(data: bytes, known: Iterable[Verifier], origin: str) -> Checkpoint:
    """The checkpoint of the log of this origin, signed by a known key.

    Raises NoteError where it is not signed by one, altered, or of another log.
    """
    found = parse(note.verify(data, known).text)
    if found.origin != origin:
        raise NoteError(f"this is a checkpoint of {found.origin}, not of {origin}")
    return found


def unproven(data: bytes) -> Checkpoint:
    """What a checkpoint says, without looking at its signatures. Raises NoteError for its form."""
    return parse(note.split(data).text)
