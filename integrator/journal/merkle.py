"""The Merkle tree of the log: hashes, proofs made and checked (RFC 6962, section 2.1; RFC 9162, 2.1).

Pure functions, SHA-256, every hash 32 bytes. Proofs are planned as ranges of leaves; whoever holds
the hashes of whole subtrees (a list, tiles in a database, tiles on a disk) folds the ranges. A whole
subtree is named (level, index): it covers the leaves [index · 2^level, (index + 1) · 2^level).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
TILE_HEIGHT = 8  # levels of the tree in one level of tiles (C2SP tlog-tiles)

Node = tuple[int, int]
NodeHash = Callable[[int, int], bytes]
Leaves = tuple[int, int]


class ProofError(Exception):
    """The proof does not prove what it should; the message says which rule it breaks."""


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 ‖ entry): the hash of a leaf (RFC 6962, section 2.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right): the hash of an inner node (RFC 6962, section 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """MTH: the root over these leaf hashes; SHA-256 of nothing where there are none.

    Pairs are joined level by level and what is left over moves up, which gives the split at the
    largest power of two below n that RFC 6962, section 2.1 defines.
    """
    row = list(leaf_hashes)
    if not row:
        return EMPTY_ROOT
    while len(row) > 1:
        left_over = [row.pop()] if len(row) % 2 else []
        row = [node_hash(row[n], row[n + 1]) for n in range(0, len(row), 2)] + left_over
    return row[0]


# --- the tree as it grows ------------------------------------------------------------------------


class CompactRange:
    """The right edge of a tree: one hash for each whole subtree, largest first; at most 63.

    Enough to append and to compute the root (RFC 9162, section 2.1.2). `append` costs one hash a
    leaf on average.
    """

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)
        if size < 0 or len(self.hashes) != size.bit_count():
            raise ValueError("a compact range has one hash for each bit set in its size")

    def copy(self) -> CompactRange:
        """An independent range of the same leaves."""
        return CompactRange(self.size, self.hashes)

    def append(self, leaf: bytes) -> list[tuple[Node, bytes]]:
        """Add one leaf hash; returns the whole subtrees of 256^n leaves this completed.

        They are what tiles of level 1 and above consist of: the node's level is a multiple of
        `TILE_HEIGHT`, at least one.
        """
        hashes, index, level = self.hashes, self.size, 0
        completed: list[tuple[Node, bytes]] = []
        while index & 1:
            leaf = sha256(b"\x01" + hashes.pop() + leaf).digest()
            index >>= 1
            level += 1
            if not level % TILE_HEIGHT:
                completed.append(((level, index), leaf))
        hashes.append(leaf)
        self.size += 1
        return completed

    def extend(self, leaves: Iterable[bytes]) -> list[tuple[Node, bytes]]:
        """`append` for each leaf hash; all subtrees completed, in order."""
        completed: list[tuple[Node, bytes]] = []
        for leaf in leaves:
            done = self.append(leaf)
            if done:
                completed += done
        return completed

    def root(self) -> bytes:
        """The root of the tree over all leaves so far."""
        return _fold(self.hashes)


def _fold(hashes: Sequence[bytes]) -> bytes:
    if not hashes:
        return EMPTY_ROOT
    found = hashes[-1]
    for left in reversed(hashes[:-1]):
        found = node_hash(left, found)
    return found


def subtrees(start: int, stop: int) -> list[Node]:
    """The whole subtrees that cover [start, stop), largest first.

    `start` must be a multiple of the smallest power of two that is not less than stop - start, as
    the ranges in proofs are.
    """
    found: list[Node] = []
    while start < stop:
        level = (stop - start).bit_length() - 1
        if start % (1 << level):
            raise ValueError("the range is no part of a tree")
        found.append((level, start >> level))
        start += 1 << level
    return found


def range_hash(start: int, stop: int, node: NodeHash) -> bytes:
    """MTH(D[start:stop]) of a range as proofs name it, from the hashes of whole subtrees."""
    return _fold([node(level, index) for level, index in subtrees(start, stop)])


# --- proofs: which ranges ------------------------------------------------------------------------


def inclusion_ranges(index: int, size: int) -> list[Leaves]:
    """PATH(index, D[size]): the ranges whose hashes prove that leaf, from its sibling to the root.

    RFC 6962, section 2.1.1 (RFC 9162, section 2.1.3.1). Raises ValueError for a leaf outside.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    start, stop = 0, size
    found: list[Leaves] = []
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            found.append((middle, stop))
            stop = middle
        else:
            found.append((start, middle))
            start = middle
    found.reverse()
    return found


def consistency_ranges(older: int, newer: int) -> list[Leaves]:
    """PROOF(older, D[newer]): the ranges whose hashes prove that one tree continues the other.

    RFC 6962, section 2.1.2 (RFC 9162, section 2.1.4.1). Empty where the sizes are equal, or the
    older tree is. Raises ValueError for sizes the wrong way round.
    """
    if not 0 <= older <= newer:
        raise ValueError(f"a tree of {newer} does not continue one of {older}")
    if older in (0, newer):
        return []
    start, stop, known = 0, newer, True
    found: list[Leaves] = []
    while older != stop:
        middle = start + _split(stop - start)
        if older <= middle:
            found.append((middle, stop))
            stop = middle
        else:
            found.append((start, middle))
            start, known = middle, False
    if not known:
        found.append((start, stop))
    found.reverse()
    return found


def _split(size: int) -> int:
    """The largest power of two below `size` (at least 2)."""
    return 1 << ((size - 1).bit_length() - 1)


# --- proofs: checking ----------------------------------------------------------------------------


def inclusion_root(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The root that this leaf hash and proof lead to (RFC 9162, section 2.1.3.2).

    Raises ProofError for an index outside the tree, or a proof of another length.
    """
    if not 0 <= index < size:
        raise ProofError("the index is not in the tree")
    _require_hashes([leaf, *proof])
    position, last, found = index, size - 1, leaf
    for sibling in proof:
        if not last:
            raise ProofError("the proof is too long")
        if position & 1 or position == last:
            found = node_hash(sibling, found)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            found = node_hash(found, sibling)
        position >>= 1
        last >>= 1
    if last:
        raise ProofError("the proof is too short")
    return found


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Prove that the leaf hash stands at `index` in the tree of this size and root.

    RFC 9162, section 2.1.3.2. Raises ProofError where it is not proven.
    """
    if inclusion_root(index, size, leaf, proof) != root:
        raise ProofError("the proof leads to another root")


def verify_consistency(
    older: int, newer: int, older_root: bytes, newer_root: bytes, proof: Sequence[bytes]
) -> None:
    """Prove that the newer tree has the older one as its beginning.

    RFC 9162, section 2.1.4.2. Every tree continues the empty one, so nothing can prove it: a newer
    tree is refused then. Raises ProofError where it is not proven.
    """
    if not 0 <= older <= newer:
        raise ProofError("the newer tree is smaller than the older one")
    _require_hashes(proof)
    if older in (0, newer):
        _verify_trivial(older, newer, older_root, newer_root, proof)
        return
    path = list(proof)
    position, last = older - 1, newer - 1
    while position & 1:
        position >>= 1
        last >>= 1
    if position:  # the older tree is no whole subtree: the proof begins with one both share
        if not path:
            raise ProofError("the proof is too short")
        first = path.pop(0)
    else:
        first = older_root
    old, new = first, first
    for sibling in path:
        if not last:
            raise ProofError("the proof is too long")
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            new = node_hash(new, sibling)
        position >>= 1
        last >>= 1
    if last:
        raise ProofError("the proof is too short")
    if old != older_root or new != newer_root:
        raise ProofError("the proof leads to other roots")


def _verify_trivial(
    older: int, newer: int, older_root: bytes, newer_root: bytes, proof: Sequence[bytes]
) -> None:
    if proof:
        raise ProofError("the proof is too long")
    if older != newer:
        raise ProofError("every tree continues the empty one: there is nothing to prove")
    if older == 0 and older_root != EMPTY_ROOT:
        raise ProofError("an empty tree has another root")
    if older_root != newer_root:
        raise ProofError("two trees of one size have different roots")


def _require_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(item) != HASH_BYTES for item in hashes):
        raise ProofError(f"a hash has {HASH_BYTES} bytes")
