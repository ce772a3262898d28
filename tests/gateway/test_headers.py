from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrator.exchange import Agent, Dossier, InvalidRequest
from integrator.gateway.headers import read
from integrator.gateway.http import Head

UUID = "0191e5a0-1111-7222-8333-444455556666"


def head(*pairs: tuple[str, str]) -> Head:
    return Head((name.encode(), value.encode("latin-1")) for name, value in pairs)


def asked(name: str, value: str):
    return read(head((name, value)))


def test_nothing_is_asked_by_no_headers():
    assert read(head()) == read(head(("integrator-purpose", "  ")))


def test_all_headers_together():
    found = read(
        head(
            ("integrator-purpose", " environmental-permit "),
            ("integrator-dossier", "imio-urban:PE/2026/118"),
            ("integrator-dossier-type", "permit"),
            ("integrator-agent", "RN/RBis:85.07.30-033.28"),
            ("integrator-on-behalf-of", "0207.362.739"),
            ("integrator-application", "urban"),
            ("belgov-related-trace-id", "T-1"),
            ("idempotency-key", "k"),
        )
    )
    assert found.purpose == "environmental-permit"
    assert found.dossier == Dossier("imio-urban", "PE/2026/118", "permit")
    assert found.agent == Agent("RN/RBis", "85073003328")
    assert found.on_behalf_of == "0207362739"
    assert (found.application, found.ticket, found.idempotency_key) == ("urban", "T-1", "k")


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ("s:a:b", "a:b"),
        ("s:100%25", "100%"),
        ("s:d%C3%A9cision", "décision"),
        ("s:d%c3%a9cision", "décision"),
        ("s:", ""),
        ("s: a ", "a"),
    ],
)
def test_a_dossier_is_split_at_the_first_colon_and_decoded(text, decoded):
    assert asked("integrator-dossier", text).dossier == Dossier("s", decoded)


@pytest.mark.parametrize(
    "text",
    [
        "no-colon", ":id", "a b:c", "s:%41", "s:%", "s:%4", "s:%zz", "s:%0A", "s:%00", "s:%C3", "s:%C2%85",
        "s:%E2%80%8B", "s:é", "s:\x01", "s:" + "x" * 600, "s:% 41", "s:%+1",
    ],
)  # fmt: skip
def test_a_dossier_that_cannot_be_read(text):
    with pytest.raises(InvalidRequest) as caught:
        asked("integrator-dossier", text)
    assert caught.value.http_status == 400


@pytest.mark.parametrize("manager", ["ULIS", "CERBERE", "OTHER"])
def test_agents_of_other_managers(manager):
    assert asked("integrator-agent", f"{manager}:jd/12:3").agent == Agent(manager, "jd/12:3")


@pytest.mark.parametrize(
    "text",
    [
        "85073003328", "RN:85073003328", "RN/RBis:85073003329", "RN/RBis:", "RN/RBis/85073003328", "ULIS:", "ULIS",
        "ulis:x", "OTHER:" + "x" * 65, "RN/RBis:8507300332８",
    ],
)  # fmt: skip
def test_an_agent_that_cannot_be_read(text):
    with pytest.raises(InvalidRequest) as caught:
        read(Head([(b"integrator-agent", text.encode("utf-8"))]))
    assert caught.value.reason in ("agent-invalid", "header-unparsable")
    assert "85073003329" not in caught.value.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("integrator-application", "x" * 33),
        ("integrator-on-behalf-of", "0207362738"),
        ("integrator-on-behalf-of", "commune"),
        ("integrator-inscription", "not-a-uuid"),
        ("integrator-purpose", "permis d’été".encode().decode("latin-1")),
        ("integrator-purpose", "a\tb"),
        ("integrator-purpose", "x" * 129),
        ("belgov-related-trace-id", "\x7f"),
        ("idempotency-key", "k" * 256),
    ],
)
def test_headers_that_cannot_be_read(name, value):
    with pytest.raises(InvalidRequest) as caught:
        asked(name, value)
    assert caught.value.reason == "header-unparsable"
    assert name in caught.value.message
    assert value not in caught.value.message


@pytest.mark.parametrize(
    "name",
    [
        "integrator-purpose", "integrator-dossier", "integrator-agent", "integrator-on-behalf-of",
        "integrator-application", "belgov-related-trace-id", "idempotency-key", "integrator-inscription",
    ],
)  # fmt: skip
def test_a_repeated_header_is_refused_even_with_the_same_value(name):
    with pytest.raises(InvalidRequest) as caught:
        read(head((name, UUID), (name, UUID)))
    assert caught.value.reason == "header-repeated"


def test_an_inscription_is_a_uuid_in_lower_case():
    assert asked("integrator-inscription", UUID.upper()).inscription == UUID


def test_a_dossier_and_an_inscription_together():
    with pytest.raises(InvalidRequest):
        read(head(("integrator-dossier", "s:1"), ("integrator-inscription", UUID)))


NAMES = [
    b"integrator-purpose", b"integrator-dossier", b"integrator-dossier-type", b"integrator-inscription",
    b"integrator-agent", b"integrator-on-behalf-of", b"integrator-application", b"belgov-related-trace-id",
    b"idempotency-key",
]  # fmt: skip
values = st.binary(max_size=40) | st.from_regex(r"[a-z-]{1,9}:[ -~]{0,20}", fullmatch=True).map(str.encode)


@given(st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=6))
def test_header_parsing_never_crashes(pairs):
    with contextlib.suppress(InvalidRequest):
        read(Head(pairs))
