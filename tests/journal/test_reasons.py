from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrator.exchange import InvalidRequest
from integrator.journal.reasons import CHARS_MAX, CHARS_MIN, check


@pytest.mark.parametrize(
    "why", ["complaint 2026/17", "  plainte  nº 4, art. 15 ", "klacht 2026/3", "Beschwerde 12 von Amts wegen"]
)
def test_reasons_pass_and_are_trimmed(why: str) -> None:
    assert check(why) == " ".join(why.split())


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("", "why-short"),
        ("test", "why-short"),
        ("   a     ", "why-short"),
        ("Valeur sans importance", "why-void"),
        ("valeur  SANS importance.", "why-void"),
        ("waarde zonder belang", "why-void"),
        ("Wert ohne Bedeutung", "why-void"),
        ("aaaaaaaaaaaa", "why-void"),
        ("........ ........", "why-void"),
        ("x y x y x y x y", "why-void"),
        ("aucune raison", "why-void"),
        ("about 17.07.30-033.84", "why-names-person"),
        ("about 17073003384 again", "why-names-person"),
        ("y" + "ab cde fg " * 30, "why-long"),
    ],
)
def test_what_says_nothing_or_too_much_is_refused(why: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check(why)
    assert caught.value.reason == reason
    assert "17073003384" not in caught.value.message


@given(st.text(max_size=400))
def test_whatever_passes_says_something_within_bounds(why: str) -> None:
    with contextlib.suppress(InvalidRequest):
        passed = check(why)
        assert CHARS_MIN <= len(passed) <= CHARS_MAX
        assert check(passed) == passed
