"""An event at rest: the round trip of every field, and what cannot be opened."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrator.exchange import Agent, Context, Dossier, ErrorInfo, Leg, Subject
from integrator.gateway.eventbody import (
    EventUnreadable,
    context_from_plain,
    context_to_plain,
    open_event,
    seal_event,
)
from integrator.security.keyring import PURPOSES, Key, Keyring
from integrator.store.api import ClaimedDelivery

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
NUMBER = st.integers(0, 2**53)
DIGEST = st.binary(min_size=32, max_size=32)
LEGS = st.builds(
    Leg,
    adapter=TEXT,
    operation=TEXT,
    access=TEXT,
    sent_us=NUMBER,
    answered_us=st.none() | NUMBER,
    status=st.none() | TEXT,
    code=st.none() | TEXT,
    ticket=st.none() | TEXT,
    sent_bytes=NUMBER,
    answered_bytes=NUMBER,
)
SUBJECTS = st.lists(st.builds(Subject, TEXT, TEXT), max_size=4).map(tuple)
CONTEXTS = st.builds(
    Context,
    exchange_id=TEXT,
    flow=TEXT,
    site=TEXT,
    kind=TEXT,
    entry=TEXT,
    party=st.none() | TEXT,
    organisation=st.none() | TEXT,
    certificate=st.none() | TEXT,
    key_id=st.none() | TEXT,
    on_behalf_of=st.none() | TEXT,
    application=st.none() | TEXT,
    agent=st.none() | st.builds(Agent, TEXT, TEXT),
    purpose=st.none() | TEXT,
    purpose_codes=st.dictionaries(TEXT, TEXT, max_size=3),
    legal_basis=st.none() | TEXT,
    authorisation=st.none() | TEXT,
    dossier=st.none() | st.builds(Dossier, TEXT, TEXT, st.none() | TEXT),
    inscription=st.none() | TEXT,
    consumer_ticket=st.none() | TEXT,
    provider_ticket=st.none() | TEXT,
    subjects_request=SUBJECTS,
    subjects_response=SUBJECTS,
    fields=st.lists(TEXT, max_size=3).map(tuple),
    outcome=st.none() | TEXT,
    error=st.none() | st.builds(ErrorInfo, TEXT, TEXT, TEXT),
    duplicate_of=st.none() | TEXT,
    aggregated_into=st.lists(TEXT, max_size=3).map(tuple),
    aggregated_into_total=NUMBER,
    aggregates=st.lists(TEXT, max_size=3).map(tuple),
    aggregates_total=NUMBER,
    attempts=NUMBER,
    request_bytes=NUMBER,
    response_bytes=NUMBER,
    request_digest=st.none() | DIGEST,
    response_digest=st.none() | DIGEST,
    sent_us=st.none() | NUMBER,
    received_us=NUMBER,
    replied_us=st.none() | NUMBER,
    deadline=st.none() | st.floats(0, 1e6),
    previous=st.none() | DIGEST,
    arrival=st.none() | st.just({"uri": "file:in", "body": "bytes", "headers": {"a": 1}, "properties": {}}),
    legs=st.lists(LEGS, max_size=3),
)
EXCHANGE = bytes(range(16))


def keyring(seed: int = 1) -> Keyring:
    return Keyring([Key(f"{purpose}-1", purpose, bytes([seed] * 32)) for purpose in PURPOSES])


def claimed(body: bytes, context: bytes, key_id: str = "bodies-1", exchange_id: bytes = EXCHANGE):
    return ClaimedDelivery(exchange_id, "f", "p", 0, 1, body, context, key_id)


def sealed(context: Context | None = None, body: bytes = b"{}"):
    return seal_event(keyring(), EXCHANGE, body, context or Context("x", "f", "s"))


@settings(max_examples=150)
@given(CONTEXTS, st.binary(max_size=200))
def test_every_field_comes_back_but_the_deadline(context: Context, body: bytes) -> None:
    sealed_body, sealed_context, key_id = seal_event(keyring(), EXCHANGE, body, context)
    opened = open_event(keyring(), claimed(sealed_body, sealed_context, key_id))
    assert opened == (body, replace(context, deadline=None))


def test_the_strategy_names_every_field_of_a_context() -> None:
    # A field added to the Context fails here until its round trip is proven above.
    drawn = set(CONTEXTS.wrapped_strategy.kwargs)
    assert drawn == {field.name for field in fields(Context)}


def test_nothing_readable_is_kept() -> None:
    context = Context("x", "f", "s", agent=Agent("RN/RBis", "17073003384"))
    body, kept, key_id = sealed(context, b'{"niss":"85073003328"}')
    assert key_id == "bodies-1"
    assert b"85073003328" not in body
    assert b"17073003384" not in kept
    assert b"agent" not in kept


def test_two_seals_of_one_event_differ() -> None:
    assert sealed()[0] != sealed()[0]


def test_the_record_of_the_same_unit_becomes_the_previous_one() -> None:
    context = Context("x", "f", "s")
    body, kept, key_id = seal_event(keyring(), EXCHANGE, b"{}", context, previous=b"\x07" * 32)
    assert context.previous is None
    assert open_event(keyring(), claimed(body, kept, key_id))[1].previous == b"\x07" * 32


@pytest.mark.parametrize("part", ["body", "context", "swapped", "other-exchange", "cut", "other-key"])
def test_what_was_altered_or_moved_is_refused(part: str) -> None:
    body, context, _ = sealed()
    exchange_id, keys = EXCHANGE, keyring()
    if part == "body":
        body = body[:-1] + bytes([body[-1] ^ 1])
    elif part == "context":
        context = context[:-1] + bytes([context[-1] ^ 1])
    elif part == "swapped":
        body, context = context, body
    elif part == "other-exchange":
        exchange_id = bytes(16)
    elif part == "cut":
        context = context[:5]
    else:
        keys = keyring(2)
    with pytest.raises(EventUnreadable):
        open_event(keys, claimed(body, context, exchange_id=exchange_id))


def test_a_key_that_is_gone_is_refused() -> None:
    body, context, _ = sealed()
    with pytest.raises(EventUnreadable):
        open_event(keyring(), claimed(body, context, "bodies-0"))


def test_fields_of_a_newer_version_are_skipped() -> None:
    plain = context_to_plain(Context("x", "f", "s", party="municipal/namur"))
    assert context_from_plain({**plain, "unheard_of": 1}) == Context("x", "f", "s", party="municipal/namur")


@pytest.mark.parametrize(
    "plain",
    [None, [], {}, {"exchange_id": "x"}, {"exchange_id": "x", "flow": "f", "site": "s", "agent": {"who": 1}},
     {"exchange_id": "x", "flow": "f", "site": "s", "previous": "zz"},
     {"exchange_id": "x", "flow": "f", "site": "s", "subjects_request": [["niss"]]}],
)  # fmt: skip
def test_what_is_no_context_is_refused(plain: object) -> None:
    with pytest.raises(EventUnreadable):
        context_from_plain(plain)
