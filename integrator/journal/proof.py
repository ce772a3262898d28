"""Receipts: an entry's place in the log, provable offline for ever (C2SP tlog-proof). Sans-I/O.

c2sp.org/tlog-proof@v1
extra <base64>        here: the entry itself, so that the receipt stands alone
index <n>
inclusion hashes, base64, from the leaf's sibling up
(empty line)
the signed checkpoint
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from integrator.journal import checkpoint as checkpoints
from integrator.journal import merkle, note
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.merkle import HASH_BYTES, ProofError
from integrator.journal.note import NoteError, Verifier

HEAD = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)
_HASHES_MAX = 63


@dataclass(frozen=True, slots=True)
class Receipt:
    """An inclusion proof with its checkpoint; `entry` is the leaf's bytes, where it came along."""

    index: int
    hashes: Sequence[bytes]
    checkpoint: bytes
    entry: bytes | None = None

    def encode(self) -> bytes:
        """The receipt as a `.tlog-proof` file."""
        lines = [HEAD]
        if self.entry is not None:
            lines.append(f"extra {base64.b64encode(self.entry).decode()}")
        lines.append(f"index {self.index}")
        lines += [base64.b64encode(item).decode() for item in self.hashes]
        return "\n".join([*lines, "", ""]).encode() + self.checkpoint


def decode(data: bytes) -> Receipt:
    """The receipt of a `.tlog-proof` file. Raises NoteError for another form; nothing is proven yet."""
    head, separator, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise NoteError("a receipt is text") from None
    if not separator or lines.pop(0) != HEAD:
        raise NoteError(f"a receipt begins with the line {HEAD}")
    entry = None
    if lines and lines[0].startswith("extra "):
        entry = note.strict_base64(lines.pop(0).removeprefix("extra "))
    found = _INDEX.fullmatch(lines.pop(0)) if lines else None
    if found is None:
        raise NoteError("a receipt names the entry's index")
    if len(lines) > _HASHES_MAX:
        raise NoteError(f"an inclusion proof has at most {_HASHES_MAX} hashes")
    hashes = [note.strict_base64(line) for line in lines]
    if any(len(item) != HASH_BYTES for item in hashes):
        raise NoteError(f"a hash has {HASH_BYTES} bytes")
    return Receipt(int(found[1]), hashes, checkpoint, entry)


def verify(
    receipt: Receipt, known: Iterable[Verifier], origin: str, entry: bytes | None = None
) -> Checkpoint:
    """Prove that the entry stands in the log of this origin; returns the checkpoint that says so.

    `entry` is the leaf's bytes where you keep them, else those of the receipt are proven. Raises
    NoteError for the checkpoint, ProofError where the entry is not proven.
    """
    found = checkpoints.verify(receipt.checkpoint, known, origin)
    leaf = receipt.entry if entry is None else entry
    if leaf is None:
        raise ProofError("the receipt has no entry: give the entry it is the receipt of")
    merkle.verify_inclusion(receipt.index, found.size, merkle.leaf_hash(leaf), receipt.hashes, found.root)
    return found
