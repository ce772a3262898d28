from __future__ import annotations

import pytest

from integrator.journal import guard
from integrator.journal.guard import WITHHELD

NISS_FORMS = ["85073003328", "85.07.30-033.28", "85 07 30 033 28", "85-07-30-033-28", "nr 85.07.30-033.28 x"]


@pytest.mark.parametrize(
    "check", [guard.identifier, guard.code, guard.text, guard.organisation, guard.uuid, guard.content_hash]
)
@pytest.mark.parametrize("value", NISS_FORMS)
def test_no_guard_lets_a_national_number_through(check, value: str) -> None:
    assert check(value) is WITHHELD


@pytest.mark.parametrize("value", NISS_FORMS)
def test_facts_keep_national_numbers_out(value: str) -> None:
    assert guard.fact(value) is WITHHELD


@pytest.mark.parametrize(
    "value", ["SOA0000001", "140/00001", "600/00001", "30001", "PROCESSED", "soap:Client", "404", "timeout"]
)
def test_codes_pass(value: str) -> None:
    assert guard.code(value) == value


@pytest.mark.parametrize(
    "value", ["", "Jean Testeur", "né", "a" * 65, "123456789", "a\nb", "jean@example.org", None, 5, b"x"]
)
def test_what_is_no_code_is_withheld(value: object) -> None:
    assert guard.code(value) is WITHHELD


@pytest.mark.parametrize(
    "value", ["person-consult", "municipal/namur", "software/0207362739", "environmental-permit", "getPerson"]
)
def test_names_of_the_site_pass(value: str) -> None:
    assert guard.identifier(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "Décret du 11 mars 1999 relatif au permis d'environnement",
        "protocol SPW-2026-014",
        "M.B. 2013-06-14 2013203312",
        "AGW 2002-07-04/38",
    ],
)
def test_legal_texts_pass_with_their_dates_and_numbers(value: str) -> None:
    assert guard.text(value) == value


@pytest.mark.parametrize("value", ["a\x00b", "x" * 513, "half \ud800", None])
def test_texts_no_leaf_can_hold_are_withheld(value: object) -> None:
    assert guard.text(value) is WITHHELD


def test_facts() -> None:
    assert guard.fact(7) == 7
    assert guard.fact(True) is True
    assert guard.fact("5f" * 32) == "5f" * 32
    assert guard.fact("0207362739") == "0207362739"
    assert guard.fact("Jean Testeur") is WITHHELD
