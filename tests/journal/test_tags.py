from __future__ import annotations

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from integrator.journal import tags
from integrator.security.keyring import PURPOSES, Key, Keyring

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
