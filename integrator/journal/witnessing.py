"""What a log and a witness say to each other: add-checkpoint (C2SP tlog-witness v1.0.0). Sans-I/O.

old <size the witness has>
consistency proof, base64, a hash a line
(empty line)
the signed checkpoint
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from integrator.journal import checkpoint as checkpoints
from integrator.journal import merkle, note
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.merkle import HASH_BYTES, ProofError
from integrator.journal.note import NoteError, Verifier

SIZE_TYPE = "text/x.tlog.size"
HASHES_MAX = 63
REQUEST_BYTES_MAX = 64 * 1024
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request: the size the witness is believed to have, the proof from there, the signed checkpoint."""

    old: int
    proof: Sequence[bytes]
    checkpoint: bytes

    def encode(self) -> bytes:
        """The body of the POST."""
        lines = [f"old {self.old}", *(base64.b64encode(item).decode() for item in self.proof), "", ""]
        return "\n".join(lines).encode() + self.checkpoint


def decode(data: bytes) -> AddCheckpoint:
    """The request of a body. Raises NoteError for another form; nothing is proven yet."""
    head, separator, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise NoteError("the request is text") from None
    found = _OLD.fullmatch(lines[0])
    if not separator or found is None:
        raise NoteError("the request begins with 'old <size>', and an empty line follows the proof")
    if len(lines) - 1 > HASHES_MAX:
        raise NoteError(f"a consistency proof has at most {HASHES_MAX} hashes")
    proof = [note.strict_base64(line) for line in lines[1:]]
    if any(len(item) != HASH_BYTES for item in proof):
        raise NoteError(f"a hash has {HASH_BYTES} bytes")
    return AddCheckpoint(int(found[1]), proof, checkpoint)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a witness last cosigned of a log."""

    size: int = 0
    root: bytes = merkle.EMPTY_ROOT


class Refusal(Exception):
    """The witness does not cosign. `status` is the HTTP status; `size` its own size, where it tells it (409)."""

    def __init__(self, status: int, message: str, size: int | None = None) -> None:
        super().__init__(message)
        self.status, self.size = status, size


def open_request(data: bytes, logs: Mapping[str, Sequence[Verifier]]) -> tuple[AddCheckpoint, Checkpoint]:
    """The request and its proven checkpoint. Raises Refusal (400, 403, 404)."""
    try:
        asked = decode(data)
        said = checkpoints.unproven(asked.checkpoint)
    except NoteError as error:
        raise Refusal(400, str(error)) from None
    known = logs.get(said.origin)
    if known is None:
        raise Refusal(404, "this witness does not watch this log")
    try:
        checkpoints.verify(asked.checkpoint, known, said.origin)
    except NoteError as error:
        raise Refusal(403, str(error)) from None
    if asked.old > said.size:
        raise Refusal(400, "the old size is larger than the checkpoint's")
    return asked, said


def judge(asked: AddCheckpoint, said: Checkpoint, seen: Seen) -> None:
    """Whether the checkpoint continues what the witness has seen. Raises Refusal (409, 422)."""
    if asked.old != seen.size:
        raise Refusal(409, f"{seen.size}\n", seen.size)
    if asked.old == said.size:
        if asked.proof or said.root != seen.root:
            raise Refusal(422, "a tree of this size has another root")
        return
    if asked.old == 0:
        if asked.proof:
            raise Refusal(422, "every tree continues the empty one: there is nothing to prove")
        return
    try:
        merkle.verify_consistency(asked.old, said.size, seen.root, said.root, asked.proof)
    except ProofError as error:
        raise Refusal(422, str(error)) from None


def log_name(origin: str) -> str:
    """What monitors ask a witness for: SHA-256 of the origin, hex."""
    return sha256(origin.encode()).hexdigest()
