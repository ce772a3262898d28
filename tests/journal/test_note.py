from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrator.journal import note
from integrator.journal.note import NoteError, Signature, Signer, Verifier

# The key, text and signature in the documentation of Go's golang.org/x/mod/sumdb/note.
SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNED = (
    TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()
ALICE, BOB = Signer("alice.example/log", b"a" * 32), Signer("bob.example", b"b" * 32)


def test_the_note_of_the_go_documentation() -> None:
    signer = Signer.parse(SKEY)
    assert str(signer.verifier) == VKEY
    assert signer.secret_text() == SKEY
    assert note.sign(TEXT, [signer]) == SIGNED
    opened = note.verify(SIGNED, [Verifier.parse(VKEY)])
    assert opened.text == TEXT
    assert [signature.name for signature in opened.signatures] == ["PeterNeumann"]


def test_the_example_of_the_specification_is_read() -> None:
    text = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n"
    line = (
        "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0x"
        "McXxj99ihAQwaqP3ZekRwNtIc=\n"
    )
    split = note.split(f"{text}\n{line}".encode())
    assert split.text == text
    (signature,) = split.signatures
    assert (signature.name, len(signature.signature)) == ("quasimodo.example/salvatore", 64)
    assert signature.key_id.hex() == "367ba04b"
    assert signature.line() == line


def test_every_flipped_bit_is_refused() -> None:
    data = note.sign(TEXT, [ALICE])
    for place in range(len(data)):
        for bit in range(8):
            altered = bytearray(data)
            altered[place] ^= 1 << bit
            with pytest.raises(NoteError):
                note.verify(bytes(altered), [ALICE.verifier])


def test_unknown_keys_are_ignored_and_known_bad_ones_refuse() -> None:
    data = note.sign(TEXT, [ALICE, BOB])
    assert [s.name for s in note.verify(data, [BOB.verifier]).signatures] == ["bob.example"]
    assert len(note.verify(data, [ALICE.verifier, BOB.verifier]).signatures) == 2
    bad = Signature("bob.example", BOB.verifier.id, bytes(64))
    half = note.sign(TEXT, [ALICE], [bad])
    assert len(note.verify(half, [ALICE.verifier]).signatures) == 1
    with pytest.raises(NoteError, match=r"bob\.example is not of this text"):
        note.verify(half, [ALICE.verifier, BOB.verifier])
    with pytest.raises(NoteError, match="no key you trust"):
        note.verify(half, [Signer("carol.example", b"c" * 32).verifier])
    with pytest.raises(NoteError, match="no key you trust"):
        note.verify(data, [])


def test_same_name_or_same_id_alone_is_another_key() -> None:
    namesake = Signer("alice.example/log", b"x" * 32)
    data = note.sign(TEXT, [namesake, ALICE])
    assert len(note.verify(data, [ALICE.verifier]).signatures) == 1
    other_name = Signature("eve.example", ALICE.verifier.id, bytes(64))
    assert len(note.verify(note.sign(TEXT, [ALICE], [other_name]), [ALICE.verifier]).signatures) == 1


def test_sixteen_signatures_are_accepted_and_a_flood_is_not() -> None:
    many = [Signature(f"w{n}.example", bytes(4), bytes(64)) for n in range(99)]
    assert note.verify(note.sign(TEXT, [ALICE], many), [ALICE.verifier])
    with pytest.raises(NoteError, match="at most 100"):
        note.split(note.sign(TEXT, [ALICE], [*many, many[0]]))
    with pytest.raises(NoteError, match="too large"):
        note.split(bytes(1_000_001))


@pytest.mark.parametrize(
    "data",
    [
        b"", b"text\n", b"text\n\n", b"text\n\n\n", b"text\n\nno dash\n", "text\n\n— name\n".encode(),
        "text\n\n— name AAAA\n".encode(), "text\n\n— na+me AAAAAAAA\n".encode(),
        "text\n\n—  AAAAAAAA\n".encode(), "text\n\n— name AAAAAAB=\n".encode(),
        "text\n\n— name AAAAAAAA".encode(), "te\txt\n\n— name AAAAAAAA\n".encode(), b"\xff\n\n",
        "text\r\n\n— name AAAAAAAA\n".encode(),
    ],
)  # fmt: skip
def test_what_is_no_note(data: bytes) -> None:
    with pytest.raises(NoteError):
        note.split(data)


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "null\0\n"])
def test_texts_that_cannot_be_signed(text: str) -> None:
    with pytest.raises(NoteError):
        note.sign(text, [ALICE])


@pytest.mark.parametrize(
    "key",
    [
        "", "a+b", VKEY.replace("c74f20a3", "c74f20a4"), VKEY[:-1], VKEY + "A", VKEY.replace("Peter", "Pieter"),
        VKEY.replace("+A", "+B"), "na me+00000000+AQ==", "x+0+" + base64.b64encode(b"\x04" + bytes(32)).decode(),
    ],
)  # fmt: skip
def test_verifier_keys_that_are_none(key: str) -> None:
    with pytest.raises(NoteError):
        Verifier.parse(key)


@pytest.mark.parametrize(
    "key", ["", VKEY, SKEY[:-4], SKEY.replace("c74f20a3", "c74f20a4"), "PRIVATE+KEY+a+b+BA=="]
)
def test_signer_keys_that_are_none(key: str) -> None:
    with pytest.raises(NoteError):
        Signer.parse(key)


def test_keys_of_another_length() -> None:
    with pytest.raises(NoteError):
        Signer("a", bytes(31))
    with pytest.raises(NoteError):
        Verifier("a", bytes(33))


@given(st.text(st.characters(min_codepoint=0x20, exclude_categories=("Cs",))).map(lambda text: text + "\n"))
def test_any_text_comes_back(text: str) -> None:
    assert note.verify(note.sign(text, [ALICE]), [ALICE.verifier]).text == text
