"""Cosignatures: who saw which checkpoint, and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrator.journal import checkpoint as checkpoints
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.cosignature import (
    Cosigner,
    WitnessKey,
    cosignatures,
    message,
    read_lines,
    with_signatures,
)
from integrator.journal.note import NoteError, Signature, Signer

LOG = Signer("bus.example/journal", b"\x01" * 32)
ONE, TWO = (Cosigner.of_seed(f"witness.example/w{n}", bytes([n]) * 32) for n in (2, 3))
SAID = Checkpoint("bus.example/journal", 7, b"\x05" * 32)
NOTE = checkpoints.sign(SAID, LOG)
TEXT = SAID.text()


def test_the_signed_message_is_the_specification_s() -> None:
    assert message("a\n1\nb\n", 1679315147) == b"cosignature/v1\ntime 1679315147\na\n1\nb\n"


def test_a_key_is_read_as_it_is_written() -> None:
    again = WitnessKey.parse(str(ONE.key))
    assert (again.name, again.id, again.public_key) == (ONE.key.name, ONE.key.id, ONE.key.public_key)
    # Another type byte makes another id: the same key as a log's is no witness's (tlog-cosignature, "Format").
    assert ONE.key.id != Signer(ONE.key.name, b"\x02" * 32).verifier.id


@pytest.mark.parametrize("text", ["x", "a+b", str(LOG.verifier), str(ONE.key)[:-4], str(ONE.key).replace("w2", "w9"),
                                  "a+00000000+BAAA"])  # fmt: skip
def test_what_is_no_witness_s_key_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        WitnessKey.parse(text)


@given(st.integers(0, 2**63 - 1))
def test_the_time_comes_back(time_s: int) -> None:
    signed = with_signatures(NOTE, [ONE.cosign(TEXT, time_s)])
    (found,) = cosignatures(signed, [ONE.key, TWO.key])
    assert (found.time_s, found.witness) == (time_s, ONE.key)
    assert checkpoints.verify(signed, [LOG.verifier], SAID.origin) == SAID


def test_strangers_are_ignored_and_each_counts_once() -> None:
    signed = with_signatures(NOTE, [ONE.cosign(TEXT, 1), TWO.cosign(TEXT, 2), ONE.cosign(TEXT, 3)])
    assert [(one.witness.name, one.time_s) for one in cosignatures(signed, [ONE.key])] == [
        ("witness.example/w2", 1)
    ]
    assert len(cosignatures(signed, [ONE.key, TWO.key])) == 2
    assert with_signatures(signed, [ONE.cosign(TEXT, 9)]) == signed


@pytest.mark.parametrize("position", range(0, 72, 7))
def test_an_altered_cosignature_refuses_the_note(position: int) -> None:
    good = ONE.cosign(TEXT, 5)
    bad = bytearray(good.signature)
    bad[position] ^= 1
    altered = with_signatures(NOTE, [Signature(good.name, good.key_id, bytes(bad))])
    with pytest.raises(NoteError, match="altered"):
        cosignatures(altered, [ONE.key])
    assert cosignatures(altered, [TWO.key]) == []


def test_another_length_is_refused() -> None:
    good = ONE.cosign(TEXT, 5)
    with pytest.raises(NoteError, match="length"):
        cosignatures(
            with_signatures(NOTE, [Signature(good.name, good.key_id, good.signature[:-1])]), [ONE.key]
        )


def test_an_answer_without_the_witness_s_own_line_is_none() -> None:
    assert read_lines(TEXT, TWO.cosign(TEXT, 1).line().encode(), ONE.key) is None
    found = read_lines(TEXT, ONE.cosign(TEXT, 1).line().encode(), ONE.key)
    assert found is not None
    assert found.time_s == 1
    with pytest.raises(NoteError):
        read_lines(TEXT, b"nonsense\n", ONE.key)
