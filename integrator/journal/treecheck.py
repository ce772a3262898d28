"""The part of `integrator journal check` about the tree: tile hashes and signed checkpoints.

Builds the tree anew from the leaf hashes of the log, page by page, and compares. Problems are
(rule, sentence) pairs.
"""

from __future__ import annotations

from collections.abc import Sequence

from integrator.journal import checkpoint as checkpoints
from integrator.journal import tree
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.merkle import EMPTY_ROOT, CompactRange
from integrator.journal.note import NoteError, Verifier
from integrator.store.api import Store, TileHash

Found = list[tuple[str, str]]


class TreeCheck:
    """Follows a check of the log. A gap ends it: behind one no tree can be built."""

    def __init__(self, known: Sequence[tuple[str, Checkpoint]]) -> None:
        """`known` are checkpoints to hold against the tree, with the name of who keeps each."""
        self._known = known
        self._range = CompactRange()
        self._completed: list[TileHash] = []
        self._roots = {0: EMPTY_ROOT}
        self._sizes = {checkpoint.size for _, checkpoint in known}
        self._broken = False

    @property
    def root(self) -> bytes:
        """The root of the tree so far."""
        return self._range.root()

    def take(self, leaf_hash: bytes | None) -> None:
        """The next entry of the log; None where there is none."""
        if leaf_hash is None:
            self._broken = True
        if leaf_hash is None or self._broken:
            return
        self._completed += tree.tile_hashes(self._range.append(leaf_hash))
        if self._range.size in self._sizes:
            self._roots[self._range.size] = self._range.root()

    async def compare_tiles(self, store: Store) -> Found:
        """Hold the tile hashes of the entries taken since the last call against the store's."""
        problems: Found = []
        for level, position, expected in self._completed:
            kept = await store.tile_hashes(level, position, position + 1)
            if list(kept) != [expected]:
                problems.append(("tile", f"the hash {position} of tile level {level} is missing or wrong"))
        self._completed.clear()
        return problems

    def compare_checkpoints(self) -> Found:
        """Hold the known checkpoints against the roots of the tree."""
        if self._broken:
            return []
        problems: Found = []
        for who, checkpoint in self._known:
            if checkpoint.size > self._range.size:
                problems.append(
                    ("checkpoint", f"{who} says {checkpoint.size} entries, the log has {self._range.size}")
                )
            elif self._roots[checkpoint.size] != checkpoint.root:
                problems.append(("checkpoint", f"the log differs from {who} at size {checkpoint.size}"))
        return problems


async def known_checkpoints(
    store: Store, anchored: str, verifiers: Sequence[Verifier], origin: str
) -> tuple[list[tuple[str, Checkpoint]], Found]:
    """The checkpoint published last and the anchor's, their signatures proven; and what is wrong."""
    published = await store.last_checkpoint()
    notes = [("the published checkpoint", published.note)] if published is not None else []
    if anchored:
        notes.append(("the anchor's checkpoint", anchored.encode()))
    known: list[tuple[str, Checkpoint]] = []
    problems: Found = []
    for who, note in notes:
        try:
            known.append((who, checkpoints.verify(note, verifiers, origin)))
        except NoteError as error:
            problems.append(("checkpoint", f"{who} is not to be believed: {error}"))
    if published is not None and known and known[0][1].root != published.root:
        problems.append(("checkpoint", "the row of the published checkpoint has another root than its note"))
    return known, problems
