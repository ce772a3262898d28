from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import orjson
from hypothesis import given
from hypothesis import strategies as st

from integrator.exchange import Agent, Context, Subject
from integrator.journal import details, tags
from integrator.journal.writer import Journal
from integrator.security.keyring import PURPOSES, Key, Keyring
from tests.journal.conftest import NISS, NOW

KEY = Key("index-1", "index", b"i" * 32)


def test_layout_is_the_documented_one() -> None:
    expected = hmac.new(b"i" * 32, b"integrator/tag/v1\nniss\n17073003384", hashlib.sha256).digest()
    assert tags.tag(KEY, tags.NISS, "17073003384") == (tags.NISS, expected)


def test_the_bound_maker_gives_the_same_tags() -> None:
    assert tags.maker(KEY)(tags.DOSSIER, "a\nb") == tags.tag(KEY, tags.DOSSIER, "a\nb")


@given(st.text(max_size=30))
def test_equal_values_of_different_kinds_have_different_tags(value: str) -> None:
    made = {tags.tag(KEY, kind, value)[1] for kind in tags.KINDS}
    assert len(made) == len(tags.KINDS)


def test_a_search_looks_under_every_index_key_there_ever_was() -> None:
    keys = [Key(f"{p}-1", p, bytes([n] * 32)) for n, p in enumerate(PURPOSES)]
    old, new = Key("index-0", "index", b"o" * 32), Key("index-9", "index", b"n" * 32)
    found = tags.search_tags(Keyring([old, *keys, new]), [(tags.NISS, "17073003384")])
    assert tags.tag(old, tags.NISS, "17073003384") in found
    assert tags.tag(new, tags.NISS, "17073003384") in found
    assert len(found) == 3


def test_an_agent_is_found_however_his_number_was_written() -> None:
    assert tags.agent_value("RN/RBis", "85.07.30-033.28") == tags.agent_value("RN/RBis", "85073003328")
    assert tags.agent_value("ULIS", "85.07.30-033.28") == "ULIS\n85.07.30-033.28"


def test_half_a_surrogate_pair_does_not_stop_a_record() -> None:
    assert tags.tag(KEY, tags.CONSUMER_TICKET, "\ud800")[0] == tags.CONSUMER_TICKET


def test_details_tell_what_a_record_was_tagged_by(
    journal: Journal, keyring: Keyring, make_context: Callable[..., Context], answered: Callable[..., Context]
) -> None:
    context = make_context(consumer_ticket="t" * 3_000, agent=Agent("RN/RBis", "85.07.30-033.28"))
    rows = [journal.record("received", context, now_us=NOW, final=False)]
    rows.append(journal.record("completed", answered(context, rows[0].leaf_hash), now_us=NOW, final=True))
    many = tuple(Subject("niss", f"{n:011d}") for n in range(2_500))
    rows.append(journal.record("refused", make_context(subjects_request=many), now_us=NOW, final=True))
    rows.append(
        journal.record(
            "failed", make_context(subjects_request=many[:5], subjects_response=many, previous=bytes(32)),
            now_us=NOW, final=True,
        )
    )  # fmt: skip
    rows.append(
        journal.act("journal-read", "a", {}, now_us=NOW, tagged=[(tags.READ_SUBJECT, f"subject\n{NISS}")])
    )
    for row in rows:
        opened = details.unseal(keyring.get("details-1"), row.record_id, row.details or b"")
        first = "previous" not in orjson.loads(row.leaf)
        wanted = tags.of_details(opened.document, first=first)
        index = keyring.current("index")
        assert sorted(tags.tag(index, *pair) for pair in wanted) == sorted(row.tags)
