from __future__ import annotations

import pytest

from integrator.exchange import InvalidRequest
from integrator.journal import criteria, tags
from tests.journal.conftest import AGENT_NISS, NISS


@pytest.mark.parametrize("typed", [NISS, "17.07.30-033.84", " 17 07 30 033 84 "])
def test_a_person_in_any_writing(typed: str) -> None:
    assert criteria.parse("subject", typed).wanted == ((tags.NISS, NISS),)


@pytest.mark.parametrize("typed", ["0207.362.739", "BE0207362739", "207362739"])
def test_an_enterprise_in_any_writing(typed: str) -> None:
    assert criteria.parse("subject", typed).wanted == ((tags.BCE, "0207362739"),)


def test_a_ticket_is_the_consumers_or_the_providers() -> None:
    assert criteria.parse("ticket", " T-1 ").wanted == (
        (tags.CONSUMER_TICKET, "T-1"),
        (tags.PROVIDER_TICKET, "T-1"),
    )


def test_dossier_agent_inscription() -> None:
    assert criteria.parse("dossier", "imio:PE:1").wanted == ((tags.DOSSIER, "imio\nPE:1"),)
    assert criteria.parse("agent", "RN/RBis:85.07.30-033.28").wanted == (
        (tags.AGENT, f"RN/RBis\n{AGENT_NISS}"),
    )
    assert criteria.parse("inscription", "abc").wanted == ((tags.INSCRIPTION, "abc"),)


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("subject", "17073003385", "subject-invalid"),
        ("subject", "", "subject-invalid"),
        ("subject", "Jean Testeur", "subject-invalid"),
        ("ticket", "  ", "criterion-empty"),
        ("dossier", "PE/2026/777", "criterion-form"),
        ("dossier", ":xyz", "criterion-form"),
        ("agent", "85073003328:", "criterion-form"),
        ("name", "Testeur", "criterion-kind"),
    ],
)
def test_bad_criteria_are_refused_without_their_value(kind: str, value: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        criteria.parse(kind, value)
    assert refused.value.reason == reason
    assert not value.strip() or value not in refused.value.message


def test_a_reading_is_tagged_apart_from_what_it_read() -> None:
    kind, value = criteria.parse("subject", NISS).read_tag
    assert (kind, value) == (tags.READ_SUBJECT, f"subject\n{NISS}")
    assert criteria.parse("ticket", "t").read_tag[0] == tags.READ_OTHER
