from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrator.exchange import Agent, Context, Dossier, ErrorInfo, Leg, Subject
from integrator.journal import details, tags
from integrator.journal.acts import ACTS
from integrator.journal.canonical import NotCanonical, leaf_hash
from integrator.journal.writer import Journal
from integrator.security.keyring import Keyring
from integrator.store.units import RecordRow
from tests.journal.conftest import AGENT_NISS, NISS, NOW

Make = Callable[..., Context]
Answered = Callable[[Context, bytes], Context]
EXCHANGE = "01933b2e-7c1a-7d3e-8a4b-0123456789ab"


def opened(keyring: Keyring, row: RecordRow) -> dict[str, Any]:
    assert row.details is not None
    assert row.details_key is not None
    found = details.unseal(keyring.get(row.details_key), row.record_id, row.details)
    assert found.commitment == orjson.loads(row.leaf)["details"]
    return found.document


def received(journal: Journal, context: Context) -> RecordRow:
    return journal.record("received", context, now_us=NOW, final=False)


def test_a_first_record(journal: Journal, keyring: Keyring, make_context: Make) -> None:
    context = make_context()
    row = received(journal, context)
    leaf = orjson.loads(row.leaf)
    assert row.leaf == rfc8785.dumps(leaf)
    assert row.leaf_hash == leaf_hash(row.leaf)
    assert row.exchange_id.hex() == context.exchange_id.replace("-", "")
    assert (row.type, row.final, row.time_us) == ("received", False, NOW)
    assert (row.flow, row.party, row.retention) == ("person-consult", "municipal/namur", "P10Y")
    assert leaf["consumer"] == {
        "party": "municipal/namur",
        "organisation": "0207362739",
        "on_behalf_of": "0316381138",
    }
    document = opened(keyring, row)
    assert document["agent"] == {"manager": "RN/RBis", "identifier": AGENT_NISS}
    assert document["dossier"] == {"source": "imio-urban", "id": "PE/2026/118", "type": "single"}
    assert document["subjects_request"] == [["niss", NISS]]
    assert document["consumer_ticket"] == context.consumer_ticket
    assert document["certificate"] == context.certificate
    salt = bytes.fromhex(document["payload_salt"])
    assert leaf["request"] == hashlib.sha256(salt + bytes(32)).hexdigest()


def test_an_end_record_is_linked_and_holds_only_what_the_answer_added(
    journal: Journal, keyring: Keyring, make_context: Make, answered: Answered
) -> None:
    context = make_context()
    first = received(journal, context)
    row = journal.record("completed", answered(context, first.leaf_hash), now_us=NOW + 9, final=True)
    leaf = orjson.loads(row.leaf)
    assert leaf["previous"] == first.leaf_hash.hex()
    assert (row.outcome, leaf["outcome"]) == ("with-data", "with-data")
    assert leaf["legs"] == [
        {
            "adapter": "regional/bced-person",
            "operation": "getPerson",
            "access": "read",
            "sent": NOW,
            "answered": NOW + 8,
            "status": "PROCESSED",
            "code": "SOA0000000",
            "sent_bytes": 1200,
            "answered_bytes": 2900,
        }
    ]
    document = opened(keyring, row)
    assert set(document) == {"payload_salt", "subjects_request", "subjects_response", "provider_tickets"}
    salt = bytes.fromhex(document["payload_salt"])
    assert leaf["response"] == hashlib.sha256(salt + bytes(range(32))).hexdigest()


def test_each_value_is_tagged_once_an_exchange(
    journal: Journal, keyring: Keyring, make_context: Make, answered: Answered
) -> None:
    context, make = make_context(), tags.maker(keyring.current("index"))
    first = received(journal, context)
    assert set(first.tags) == {
        make(tags.NISS, NISS),
        make(tags.AGENT, f"RN/RBis\n{AGENT_NISS}"),
        make(tags.DOSSIER, "imio-urban\nPE/2026/118"),
        make(tags.CONSUMER_TICKET, context.consumer_ticket or ""),
        make(tags.INSCRIPTION, context.inscription or ""),
    }
    last = journal.record("completed", answered(context, first.leaf_hash), now_us=NOW, final=True)
    assert set(last.tags) == {
        make(tags.BCE, "0316381138"),
        make(tags.PROVIDER_TICKET, "ticket-of-provider"),
    }
    assert first.index_key == last.index_key == "index-1"


def test_a_single_record_tags_request_and_answer(
    journal: Journal, make_context: Make, keyring: Keyring
) -> None:
    row = journal.record(
        "failed", make_context(subjects_response=(Subject("bce", "0316381138"),)), now_us=NOW, final=True
    )
    assert tags.tag(keyring.current("index"), tags.BCE, "0316381138") in row.tags
    assert tags.tag(keyring.current("index"), tags.NISS, NISS) in row.tags


def test_an_exchange_of_which_nothing_is_known(journal: Journal, keyring: Keyring) -> None:
    context = Context(exchange_id=EXCHANGE, flow="", site="5f" * 32)
    row = journal.record("refused", context, now_us=NOW, final=True)
    assert (row.flow, row.party, row.outcome, row.tags) == (None, None, None, ())
    assert set(opened(keyring, row)) == {"payload_salt"}


def test_five_thousand_subjects_are_bounded_and_counted(
    journal: Journal, keyring: Keyring, make_context: Make
) -> None:
    subjects = tuple(Subject("niss", f"{n:011d}") for n in range(5_000))
    row = journal.record(
        "failed", make_context(subjects_request=(), subjects_response=subjects), now_us=NOW, final=True
    )
    document = opened(keyring, row)
    assert document["subjects_response_total"] == 5_000
    assert len(document["subjects_response"]) == 1_000
    assert sum(kind == tags.NISS for kind, _ in row.tags) == 1_000
    assert len(row.leaf) < 2_000


def test_the_same_subject_named_twice_is_one_tag(journal: Journal, make_context: Make) -> None:
    row = received(journal, make_context(subjects_request=(Subject("niss", NISS),) * 3))
    assert sum(kind == tags.NISS for kind, _ in row.tags) == 1


def test_a_subject_of_an_unknown_kind_stands_in_the_details_only(
    journal: Journal, keyring: Keyring, make_context: Make
) -> None:
    row = received(journal, make_context(subjects_request=(Subject("plate", "1-ABC-123"),)))
    assert opened(keyring, row)["subjects_request"] == [["plate", "1-ABC-123"]]
    assert not {kind for kind, _ in row.tags} & {tags.NISS, tags.BCE}


# --- a canary person ----------------------------------------------------------------------------

CANARY = "Canarine Testeur 85.07.30-033.28 85073003328"


def canary_context(previous: bytes | None, value: str) -> Context:
    context = Context(exchange_id=EXCHANGE, flow=value, site=value, previous=previous)
    special: dict[str, Any] = {
        "agent": Agent(value, value),
        "dossier": Dossier(value, value, value),
        "error": ErrorInfo(value, value, value),
        "legs": [Leg(value, value, value, 1, 2, value, value, value, 3, 4)],
        "subjects_request": (Subject("niss", value), Subject(value, value)),
        "subjects_response": (Subject("niss", value + "2"),),
        "purpose_codes": {value: value},
        "fields": (value,),
        "request_digest": value.encode(),
        "response_digest": value.encode(),
    }
    for field in fields(Context):
        if field.name in special:
            setattr(context, field.name, special[field.name])
        elif str(field.type) in ("str", "str | None") and field.name != "exchange_id":
            setattr(context, field.name, value)
    return context


@pytest.mark.parametrize("previous", [None, bytes(32)])
@pytest.mark.parametrize("value", [CANARY, "85073003328", "85.07.30-033.28", "Canarine Testeur"])
def test_a_canary_person_in_every_field_is_in_no_leaf_no_tag_and_no_column(
    journal: Journal, previous: bytes | None, value: str
) -> None:
    context = canary_context(previous, value)
    if value == "Canarine Testeur":
        # Sentences of the site, never filled from outside: a bare name in them cannot be told.
        context.legal_basis = context.authorisation = None
    row = journal.record("failed", context, now_us=NOW, final=True)
    seen = row.leaf + b"".join(mac for _, mac in row.tags) + (row.details or b"")
    seen += repr((row.flow, row.party, row.outcome, row.type)).encode()
    for part in ("Canarine", "Testeur", "85073003328", "033.28"):
        assert part.encode() not in seen


def test_a_canary_person_in_an_act_is_in_no_leaf(journal: Journal, keyring: Keyring) -> None:
    for act, names in ACTS.items():
        facts: dict[str, Any] = dict.fromkeys(names, CANARY) | {
            "label": CANARY,
            "nested": {"a": [CANARY]},
        }
        row = journal.act(act, CANARY, facts, now_us=NOW)
        assert b"Canarine" not in row.leaf
        assert b"85073003328" not in row.leaf
        assert opened(keyring, row)["facts"] == facts


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "final"),
    [("received", True), ("completed", False), ("finished", True), ("relayed", False), ("", False)],
)
def test_a_type_that_does_not_fit_is_refused(
    journal: Journal, make_context: Make, type_: str, final: bool
) -> None:
    with pytest.raises(ValueError, match="not a record type"):
        journal.record(type_, make_context(), now_us=NOW, final=final)


@pytest.mark.parametrize("exchange_id", ["", "x", EXCHANGE.upper(), EXCHANGE[:-1], EXCHANGE + "\n", NISS])
def test_an_exchange_id_that_is_no_uuid_is_refused(
    journal: Journal, make_context: Make, exchange_id: str
) -> None:
    with pytest.raises(ValueError, match="UUID"):
        received(journal, make_context(exchange_id=exchange_id))


@pytest.mark.parametrize("name", ["sent_us", "received_us", "request_bytes", "attempts", "replied_us"])
@pytest.mark.parametrize("value", [1.5, 2**53])
def test_numbers_no_leaf_can_hold_are_refused(
    journal: Journal, make_context: Make, name: str, value: float
) -> None:
    with pytest.raises(NotCanonical):
        received(journal, make_context(**{name: value}))


def test_floats_in_a_provider_leg_are_refused(journal: Journal, make_context: Make) -> None:
    leg = Leg("a", "o", "read", 1.5)  # type: ignore[arg-type]
    with pytest.raises(NotCanonical):
        received(journal, make_context(legs=[leg]))


@pytest.mark.parametrize(
    "origin", ["", "https://bus.example/journal", "bus example", "bus+1", "bus.example/", "bücher.example"]
)
def test_an_origin_no_checkpoint_could_carry_is_refused(keyring: Keyring, origin: str) -> None:
    with pytest.raises(ValueError, match="origin"):
        Journal(keyring, origin)


# --- acts ---------------------------------------------------------------------------------------


def test_an_act(journal: Journal, keyring: Keyring) -> None:
    row = journal.act("site-activated", "cli:operator", {"site": "5f" * 32, "flows": 2}, now_us=NOW)
    leaf = orjson.loads(row.leaf)
    assert row.leaf == rfc8785.dumps(leaf)
    assert leaf["facts"] == {"site": "5f" * 32, "flows": 2}
    assert (row.final, row.exchange_id, row.flow) == (True, row.record_id, None)
    assert b"operator" not in row.leaf
    assert opened(keyring, row) == {"actor": "cli:operator"}


def test_an_act_nobody_listed_publishes_nothing(journal: Journal, keyring: Keyring) -> None:
    row = journal.act("something-new", "bus", {"a": 1}, now_us=NOW)
    assert "facts" not in orjson.loads(row.leaf)
    assert opened(keyring, row)["facts"] == {"a": 1}


@pytest.mark.parametrize("facts", [{"a": 1.5}, {"é": 1}, {"a": [2**53]}, {"a": object()}, {"count": 0.5}])
def test_facts_no_record_can_hold_are_refused(journal: Journal, facts: dict[str, Any]) -> None:
    with pytest.raises(NotCanonical):
        journal.act("noise", "bus", facts, now_us=NOW)


def test_an_act_is_tagged_as_asked(journal: Journal, keyring: Keyring) -> None:
    wanted = (tags.READ_SUBJECT, f"subject\n{NISS}")
    row = journal.act("journal-read", "cli", {}, now_us=NOW, tagged=[wanted, wanted])
    assert row.tags == (tags.tag(keyring.current("index"), *wanted),)


# --- whatever comes -----------------------------------------------------------------------------

any_text = st.none() | st.text(max_size=60)
odd_text = st.none() | st.text(st.characters(), max_size=20)  # with lone surrogates


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    party=any_text, purpose=any_text, legal=any_text, application=odd_text, ticket=odd_text,
    outcome=any_text, dossier=st.text(max_size=20), number=st.integers(0, 2**53 - 1),
)  # fmt: skip
def test_every_leaf_is_canonical_and_every_commitment_is_recomputed(
    journal: Journal, keyring: Keyring, party: Any, purpose: Any, legal: Any, application: Any,
    ticket: Any, outcome: Any, dossier: str, number: int,
) -> None:  # fmt: skip
    context = Context(
        EXCHANGE, "f", "s", party=party, purpose=purpose, legal_basis=legal, application=application,
        consumer_ticket=ticket, outcome=outcome, dossier=Dossier(dossier, dossier), sent_us=number,
    )  # fmt: skip
    row = journal.record("failed", context, now_us=NOW, final=True)
    assert row.leaf == rfc8785.dumps(json.loads(row.leaf))
    opened(keyring, row)
