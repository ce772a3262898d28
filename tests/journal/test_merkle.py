"""RFC 6962 and 9162: the vectors of others, and every small tree against the definition."""

from __future__ import annotations

import base64
import json
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrator.journal.merkle import (
    EMPTY_ROOT,
    CompactRange,
    ProofError,
    consistency_ranges,
    inclusion_ranges,
    inclusion_root,
    leaf_hash,
    node_hash,
    range_hash,
    root_of,
    subtrees,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [leaf_hash(b"entry %d" % n) for n in range(1_100)]


def definition(start: int, stop: int) -> bytes:
    """MTH as RFC 6962, section 2.1 writes it."""
    if start == stop:
        return EMPTY_ROOT
    if stop - start == 1:
        return LEAVES[start]
    split = 1
    while split * 2 < stop - start:
        split *= 2
    return node_hash(definition(start, start + split), definition(start + split, stop))


@cache
def whole(level: int, index: int) -> bytes:
    return definition(index << level, (index + 1) << level)


def inclusion(index: int, size: int) -> list[bytes]:
    return [range_hash(start, stop, whole) for start, stop in inclusion_ranges(index, size)]


def consistency(older: int, newer: int) -> list[bytes]:
    return [range_hash(start, stop, whole) for start, stop in consistency_ranges(older, newer)]


# --- other people's vectors ----------------------------------------------------------------------


def decoded(document: dict, name: str) -> bytes:
    return base64.b64decode(document[name] or "")


def proof_of(document: dict) -> list[bytes]:
    return [base64.b64decode(item) for item in document["proof"] or []]


def test_the_vectors_of_transparency_dev(shared: Path) -> None:
    seen = refused = 0
    for path in sorted((shared / "vectors" / "merkle").rglob("*.json")):
        vector = json.loads(path.read_text())
        try:
            if "leafIdx" in vector:
                verify_inclusion(
                    vector["leafIdx"], vector["treeSize"], decoded(vector, "leafHash"),
                    proof_of(vector), decoded(vector, "root"),
                )  # fmt: skip
            else:
                verify_consistency(
                    vector["size1"], vector["size2"], decoded(vector, "root1"),
                    decoded(vector, "root2"), proof_of(vector),
                )  # fmt: skip
        except ProofError:
            refused += 1
            assert vector["wantErr"], path
        else:
            assert not vector["wantErr"], path
        seen += 1
    assert (seen, refused) == (196, 184)


# --- every small tree ----------------------------------------------------------------------------


def test_hashes_are_separated_by_domain() -> None:
    assert leaf_hash(b"") == sha256(b"\x00").digest()
    assert node_hash(b"a" * 32, b"b" * 32) == sha256(b"\x01" + b"a" * 32 + b"b" * 32).digest()
    assert CompactRange().root() == root_of([]) == EMPTY_ROOT == sha256(b"").digest()


def test_every_size_naive_against_incremental() -> None:
    grown = CompactRange()
    completed: dict[tuple[int, int], bytes] = {}
    for size in range(1_051):
        assert grown.size == size
        expected = definition(0, size) if size % 64 < 3 or size < 300 else root_of(LEAVES[:size])
        assert grown.root() == expected == root_of(LEAVES[:size])
        assert grown.hashes == [whole(*node) for node in subtrees(0, size)]
        completed.update(grown.append(LEAVES[size]))
    assert completed == {(8, n): whole(8, n) for n in range(4)}


def test_tiles_of_the_second_level_complete_too() -> None:
    grown = CompactRange()
    completed = dict(grown.extend([bytes(32)] * 65_536))
    assert sorted(completed) == [*((8, n) for n in range(256)), (16, 0)]
    assert completed[16, 0] == grown.root()


def test_every_inclusion_proof_of_small_trees() -> None:
    for size in range(1, 130):
        root = definition(0, size)
        for index in range(size):
            verify_inclusion(index, size, LEAVES[index], inclusion(index, size), root)


def test_all_consistency_pairs_up_to_300() -> None:
    roots = [definition(0, size) for size in range(301)]
    for newer in range(301):
        for older in range(newer + 1):
            proof = consistency(older, newer)
            if older == 0 and newer:
                assert proof == []
                continue
            verify_consistency(older, newer, roots[older], roots[newer], proof)
            if 0 < older < newer:
                with pytest.raises(ProofError):
                    verify_consistency(older, newer, roots[newer], roots[older], proof)


@given(st.integers(1, 1_050), st.data())
def test_no_altered_inclusion_proof_is_believed(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof, root = inclusion(index, size), root_of(LEAVES[:size])
    verify_inclusion(index, size, LEAVES[index], proof, root)
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index)) if size > 1 else 1
    with pytest.raises(ProofError):
        verify_inclusion(other, size, LEAVES[index], proof, root)
    with pytest.raises(ProofError):
        verify_inclusion(index, size, LEAVES[index], [*proof, bytes(32)], root)
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        flipped = bytes([proof[place][0] ^ 1]) + proof[place][1:]
        with pytest.raises(ProofError):
            verify_inclusion(index, size, LEAVES[index], [*proof[:place], flipped, *proof[place + 1 :]], root)
        with pytest.raises(ProofError):
            verify_inclusion(index, size, LEAVES[index], proof[:-1], root)


def test_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="not in a tree"):
        inclusion_ranges(3, 3)
    with pytest.raises(ValueError, match="does not continue"):
        consistency_ranges(4, 3)
    with pytest.raises(ValueError, match="no part of a tree"):
        subtrees(1, 3)
    with pytest.raises(ValueError, match="one hash for each bit"):
        CompactRange(3, [bytes(32)])
    with pytest.raises(ProofError, match="not in the tree"):
        inclusion_root(-1, 3, bytes(32), [])
    with pytest.raises(ProofError, match="32 bytes"):
        inclusion_root(0, 1, bytes(31), [])
    with pytest.raises(ProofError, match="smaller"):
        verify_consistency(4, 3, bytes(32), bytes(32), [])
    with pytest.raises(ProofError, match="empty tree"):
        verify_consistency(0, 0, bytes(32), bytes(32), [])
    with pytest.raises(ProofError, match="nothing to prove"):
        verify_consistency(0, 3, EMPTY_ROOT, bytes(32), [])
    verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
