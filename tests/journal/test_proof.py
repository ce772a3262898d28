from __future__ import annotations

import pytest

from integrator.journal import checkpoint as checkpoints
from integrator.journal import merkle, proof
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.merkle import ProofError
from integrator.journal.note import NoteError, Signer
from integrator.journal.proof import Receipt

KEY = Signer("bus.example/journal", b"k" * 32)
ENTRIES = [b'{"n":%d}' % n for n in range(11)]
LEAVES = [merkle.leaf_hash(entry) for entry in ENTRIES]
SIGNED = checkpoints.sign(Checkpoint(KEY.verifier.name, 11, merkle.root_of(LEAVES)), KEY)
ORIGIN = KEY.verifier.name


def receipt(index: int) -> Receipt:
    hashes = [merkle.root_of(LEAVES[start:stop]) for start, stop in merkle.inclusion_ranges(index, 11)]
    return Receipt(index, hashes, SIGNED, ENTRIES[index])


@pytest.mark.parametrize("index", range(11))
def test_a_receipt_stands_alone(index: int) -> None:
    data = receipt(index).encode()
    assert data.startswith(b"c2sp.org/tlog-proof@v1\nextra ")
    found = proof.decode(data)
    assert found == receipt(index)
    assert proof.verify(found, [KEY.verifier], ORIGIN).size == 11


def test_without_its_entry_it_needs_it() -> None:
    bare = Receipt(3, receipt(3).hashes, SIGNED)
    assert b"extra" not in bare.encode()
    found = proof.decode(bare.encode())
    proof.verify(found, [KEY.verifier], ORIGIN, ENTRIES[3])
    with pytest.raises(ProofError, match="give the entry"):
        proof.verify(found, [KEY.verifier], ORIGIN)
    with pytest.raises(ProofError):
        proof.verify(found, [KEY.verifier], ORIGIN, ENTRIES[4])


def test_a_tree_of_one_has_an_empty_proof() -> None:
    signed = checkpoints.sign(Checkpoint(ORIGIN, 1, LEAVES[0]), KEY)
    found = proof.decode(Receipt(0, [], signed, ENTRIES[0]).encode())
    proof.verify(found, [KEY.verifier], ORIGIN)


def test_every_flipped_bit_is_refused() -> None:
    data = receipt(9).encode()
    for place in range(len(data)):
        for bit in range(8):
            altered = bytearray(data)
            altered[place] ^= 1 << bit
            with pytest.raises((NoteError, ProofError)):
                proof.verify(proof.decode(bytes(altered)), [KEY.verifier], ORIGIN)


def test_another_log_or_key_is_refused() -> None:
    with pytest.raises(NoteError, match="not of"):
        proof.verify(receipt(2), [KEY.verifier], "other.example")
    with pytest.raises(NoteError, match="no key you trust"):
        proof.verify(receipt(2), [Signer(ORIGIN, b"x" * 32).verifier], ORIGIN)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"c2sp.org/tlog-proof@v1\n", b"c2sp.org/tlog-proof@v2\nindex 0\n\n", b"c2sp.org/tlog-proof@v1\n\n",
        b"c2sp.org/tlog-proof@v1\nindex 01\n\n", b"c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\n",
        b"c2sp.org/tlog-proof@v1\nextra !\nindex 0\n\n", b"c2sp.org/tlog-proof@v1\nindex -1\n\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\n" + b"A" * 43 + b"=\n" * 1 + (b"A" * 43 + b"=\n") * 63 + b"\n",
        b"\xff\n\n",
    ],
)  # fmt: skip
def test_what_is_no_receipt(data: bytes) -> None:
    with pytest.raises(NoteError):
        proof.decode(data)
