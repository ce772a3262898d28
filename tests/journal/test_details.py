from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrator.exchange import Context, Leg, Subject
from integrator.journal import details
from integrator.journal.details import DetailsBroken
from integrator.security.keyring import Key

KEY = Key("details-1", "details", b"d" * 32)
RECORD = bytes(range(16))
texts = st.text(max_size=40)
documents = st.dictionaries(
    st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=8),
    st.recursive(texts | st.integers(0, 2**53 - 1), lambda inner: st.lists(inner, max_size=4), max_leaves=8),
    max_size=6,
)


named = st.fixed_dictionaries(
    {},
    optional={
        "payload_salt": texts,
        "agent": st.fixed_dictionaries({"manager": texts, "identifier": texts}),
        "subjects_request": st.lists(st.lists(texts, min_size=2, max_size=2), max_size=5),
        "subjects_response": st.lists(st.lists(texts, min_size=2, max_size=2), max_size=5),
        "actor": texts,
    },
)


@given(documents | named)
def test_what_is_opened_recomputes_the_commitment(document: dict[str, Any]) -> None:
    row, commitment = details.seal(KEY, RECORD, document)
    opened = details.unseal(KEY, RECORD, row)
    assert opened.document == document
    assert opened.commitment == commitment
    digests = b"".join(part.digest for part in opened.parts)
    assert commitment == hashlib.sha256(b"\x02" + digests).hexdigest()
    assert len({part.salt for part in opened.parts}) == len(opened.parts)


@given(named, st.sets(st.integers(0, 12)))
def test_erased_parts_leave_the_commitment_and_nothing_else(document: dict[str, Any], gone: set[int]) -> None:
    row, commitment = details.seal(KEY, RECORD, document)
    opened = details.unseal(KEY, RECORD, row)
    left = opened.without(lambda part: opened.parts.index(part) in gone)
    again = details.unseal(KEY, RECORD, details.seal_parts(KEY, RECORD, left))
    assert again.commitment == commitment
    assert again.erased == len(gone & set(range(len(opened.parts))))
    for number, (before, after) in enumerate(zip(opened.parts, again.parts, strict=True)):
        assert after == (details.Part(before.digest, None) if number in gone else before)


def test_rows_of_version_1_are_read_and_rekeyed() -> None:
    opened = b"s" * 32 + b'{"agent":"nobody"}'
    row = KEY.seal(opened, RECORD)
    other = Key("details-2", "details", b"e" * 32)
    for key, found in ((KEY, row), (other, details.reseal(KEY, other, RECORD, row))):
        read = details.unseal(key, RECORD, found)
        assert read.document == {"agent": "nobody"}
        assert read.commitment == hashlib.sha256(opened).hexdigest()
        assert read.parts == ()


@given(named)
def test_another_key_changes_neither_document_nor_commitment(document: dict[str, Any]) -> None:
    other = Key("details-2", "details", b"e" * 32)
    row, commitment = details.seal(KEY, RECORD, document)
    again = details.unseal(other, RECORD, details.reseal(KEY, other, RECORD, row))
    assert (again.document, again.commitment) == (document, commitment)


@given(st.integers(0, 10_000))
def test_any_altered_byte_is_noticed(position: int) -> None:
    row, _ = details.seal(KEY, RECORD, {"a": "b"})
    altered = bytearray(row)
    altered[position % len(row)] ^= 1
    with pytest.raises(DetailsBroken):
        details.unseal(KEY, RECORD, bytes(altered))


@pytest.mark.parametrize("length", [0, 5, 12, 20])
def test_a_cut_row_is_noticed(length: int) -> None:
    row, _ = details.seal(KEY, RECORD, {"a": "b"})
    with pytest.raises(DetailsBroken):
        details.unseal(KEY, RECORD, row[:length])


def test_the_details_of_another_record_do_not_open() -> None:
    row, _ = details.seal(KEY, RECORD, {"a": "b"})
    with pytest.raises(DetailsBroken, match="another record"):
        details.unseal(KEY, bytes(16), row)


def test_another_key_does_not_open() -> None:
    row, _ = details.seal(KEY, RECORD, {"a": "b"})
    with pytest.raises(DetailsBroken, match="details-2"):
        details.unseal(Key("details-2", "details", b"e" * 32), RECORD, row)


@pytest.mark.parametrize(
    ("opened", "associated"),
    [
        (b"s" * 32 + b"not json", RECORD),
        (b"s" * 32 + b"\0\0\0\x08not json", RECORD + b"\x02"),
        (b"s" * 32 + b"\0\0\0\x09[1]", RECORD + b"\x02"),
        (b"s" * 32 + b"\0\0\0\x03[1]", RECORD + b"\x02"),
        (b"s" * 33, RECORD + b"\x02"),
    ],
)
def test_bytes_this_journal_did_not_write(opened: bytes, associated: bytes) -> None:
    with pytest.raises(DetailsBroken, match="not JSON"):
        details.unseal(KEY, RECORD, KEY.seal(opened, associated))


def test_equal_documents_have_unequal_rows_and_commitments() -> None:
    first = details.seal(KEY, RECORD, {"a": "b"})
    second = details.seal(KEY, RECORD, {"a": "b"})
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_half_surrogate_pairs_become_question_marks() -> None:
    assert details.encode({"a": ["x\ud800", {"b": "\udc00"}]}) == b'{"a":["x?",{"b":"?"}]}'


def test_subjects_are_bounded_and_counted() -> None:
    subjects = tuple(Subject("niss", f"{n:011d}") for n in range(5_000))
    context = Context("x", "f", "s", subjects_request=subjects, subjects_response=subjects[:3])
    document = details.exchange_details(context, bytes(32), 1_000, {})
    assert len(document["subjects_request"]) == 1_000
    assert document["subjects_request_total"] == 5_000
    assert document["subjects_response"] == [["niss", f"{n:011d}"] for n in range(3)]
    assert "subjects_response_total" not in document


def test_long_texts_are_bounded() -> None:
    context = Context("x", "f", "s", consumer_ticket="t" * 100_000, application="a" * 100_000)
    document = details.exchange_details(context, bytes(32), 1_000, {"purpose": "p" * 100_000})
    assert len(details.encode(document)) < 4_000


def test_provider_tickets_are_named_once_and_bounded() -> None:
    legs = [Leg("a", "o", "read", 1, ticket=f"t{n // 2}") for n in range(200)]
    context = Context("x", "f", "s", legs=legs, provider_ticket="t0")
    tickets = details.provider_tickets(context)
    assert len(tickets) == len(set(tickets)) == 32
