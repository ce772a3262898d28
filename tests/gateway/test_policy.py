from __future__ import annotations

import pytest

from integrator.exchange import Agent, Dossier, Refused
from integrator.gateway.headers import Asked
from integrator.gateway.plane import Today
from integrator.gateway.policy import Grants, PurposeRule, decide, is_void
from integrator.site.compiled import Purpose
from tests.gateway.doubles import flow, grant


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "0", "00", "000000", "0/0", "-", "--", "...", "n/a", "N/A", "nihil", "valeur sans importance",
        " Valeur  Sans Importance ", "SANS OBJET", "néant", "inconnu", "onbekend", "unbekannt", "none", "null", "xxx",
        "aaaa", "1111", "1", "test", "_",
    ],
)  # fmt: skip
def test_dossiers_that_say_nothing(text):
    assert is_void(text)


@pytest.mark.parametrize("text", ["PE/2026/118", "10", "2026-0001", "tested-2026", "ab"])
def test_dossiers_that_say_something(text):
    assert not is_void(text)


RULES = {
    "permit": PurposeRule.compile(Purpose("permit", {}, "law", {}, ("urban",), r"^PE/\d+$")),
    "free": PurposeRule.compile(Purpose("free", {}, "law")),
}
AGENT = Agent("OTHER", "x")


def reason(asked: Asked, *grants, party="a", day="2026-06-01") -> str:
    with pytest.raises(Refused) as caught:
        decide(Grants(flow("f", grants=grants)), RULES, party, asked, day)
    assert caught.value.http_status == 403
    return caught.value.reason


def test_a_purpose_without_a_dossier_rule_needs_none():
    grants = Grants(flow("f", grants=(grant("a", purposes=("free",)),)))
    granted, rule = decide(grants, RULES, "a", Asked(purpose="free", agent=AGENT), "2026-06-01")
    assert rule.purpose.id == "free"
    assert granted.grant.authorisation == "protocol 14"


def test_a_void_dossier_is_refused_even_where_none_is_needed():
    asked = Asked(purpose="free", agent=AGENT, dossier=Dossier("any", "0"))
    assert reason(asked, grant("a", purposes=("free",))) == "dossier-void"


@pytest.mark.parametrize(
    ("dossier", "expected"),
    [
        (None, "dossier-missing"),
        (Dossier("urban", "0"), "dossier-void"),
        (Dossier("other", "PE/1"), "dossier-source"),
        (Dossier("urban", "PE/1 "), "dossier-pattern"),
        (Dossier("urban", "PE/1\n"), "dossier-pattern"),
        (Dossier("urban", "PE/١"), "dossier-pattern"),
        (Dossier("urban", "xPE/1"), "dossier-pattern"),
    ],
)
def test_the_dossier_rule(dossier, expected):
    asked = Asked(purpose="permit", agent=AGENT, dossier=dossier)
    assert reason(asked, grant("a", purposes=("permit",))) == expected


def test_validity_is_inclusive_and_the_first_valid_grant_counts():
    first = grant("a", purposes=("free",), valid_until="2025-12-31", authorisation="old")
    second = grant("a", purposes=("free",), valid_from="2026-01-01", valid_until=None, authorisation="new")
    grants = Grants(flow("f", grants=(first, second)))
    for day, wanted in (("2025-12-31", "old"), ("2026-01-01", "new"), ("2400-01-01", "new")):
        found = grants.find("a", "free", day)
        assert found is not None
        assert found.grant.authorisation == wanted
    assert grants.find("a", "free", "2019-12-31") is None
    assert reason(Asked(purpose="free", agent=AGENT), first, day="2026-01-01") == "grant-not-valid"


def test_a_personal_flow_without_field_groups_releases_nothing():
    personal = Grants(flow("f", grants=(grant("a", purposes=("free",)),)))
    found = personal.find("a", "free", "2026-01-01")
    assert found is not None
    assert found.minimise({"niss": 1}) == {}


def test_a_grant_begins_and_ends_at_midnight_in_belgium():
    now = [0]
    today = Today(lambda: now[0])
    now[0] = 1_782_856_799_000_000  # 2026-06-30T23:59:59 in Brussels
    assert today() == "2026-06-30"
    now[0] += 1_000_000
    assert today() == "2026-07-01"
    now[0] = 1_798_757_999_000_000  # 2026-12-31T23:59:59, winter time
    assert today() == "2026-12-31"
    now[0] += 1_000_000
    assert today() == "2027-01-01"


def test_a_grant_for_rest_alone_is_none_at_the_soap_door():
    only = Grants(flow("f", grants=(grant("a", purposes=("free",), agent="optional", entries=("rest",)),)))
    asked = Asked(purpose="free")
    assert decide(only, RULES, "a", asked, "2026-06-01", "rest")
    with pytest.raises(Refused) as caught:
        decide(only, RULES, "a", asked, "2026-06-01", "soap")
    assert caught.value.reason == "entry-not-granted"


def test_another_grant_may_cover_the_other_door():
    both = Grants(
        flow(
            "f",
            grants=(
                grant("a", purposes=("free",), agent="optional", entries=("rest",)),
                grant("a", purposes=("free",), agent="optional", entries=("soap",), fields=("identity",)),
            ),
        )
    )
    granted, _ = decide(both, RULES, "a", Asked(purpose="free"), "2026-06-01", "soap")
    assert granted.grant.fields == ("identity",)


def test_the_date_follows_a_clock_that_is_set_back():
    now = [1_900_000_000_000_000]
    today = Today(lambda: now[0])
    assert today() == "2030-03-17"
    now[0] = 1_780_000_000_000_000
    assert today() == "2026-05-28"
