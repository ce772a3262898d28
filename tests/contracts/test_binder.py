"""The BCED v1 header family both ways, and its faults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from integrator.contracts import envelope
from integrator.contracts.binder import AnswerFields, Binder
from integrator.contracts.compile import compile_binder
from integrator.contracts.contract import Contract
from integrator.contracts.faults import Faults
from integrator.contracts.problems import ContractProblem, ContractViolation
from integrator.exchange import (
    ERRORS,
    Agent,
    BrokenContract,
    Context,
    Dossier,
    InvalidRequest,
    ProviderFault,
    ProviderTimeout,
    ProviderUnreachable,
    RouteFailed,
)
from tests.contracts.conftest import ROOT

MESSAGES = "{http://soa.spw.wallonie.be/services/person/messages/v3}"
EXCHANGE = "0190a5c8-0000-7000-8000-00000000000a"
TICKET = "5c2c9a1e-3f43-4b6e-9d1c-0f3a5f0f7b11"
NOW_US = 1_767_225_600_123_456
FAMILY = ROOT / "schemas" / "headers" / "bced-v1.yaml"
BODY = {"request": {"personNumber": "85073003328"}}


@pytest.fixture(scope="module")
def binder() -> Binder:
    plain = compile_binder(FAMILY)
    assert json.loads(json.dumps(plain)) == plain
    return Binder(plain)


def context(**changes: Any) -> Context:
    values: dict[str, Any] = {
        "application": "urban",
        "agent": Agent("RN/RBis", "85073003328"),
        "purpose_codes": {"bced": "ENVIRONMENTAL_OR_SINGLE_PERMIT"},
        "dossier": Dossier("imio-urban", "PE/2026/118", "permit"),
        "consumer_ticket": TICKET,
    }
    return Context(exchange_id=EXCHANGE, flow="f", site="s", **{**values, **changes})


def write(binder: Binder, of: Context, body: dict[str, Any] = BODY) -> dict[str, Any]:
    return binder.write_request(body, of, organisation="0207362739", now_us=NOW_US)


def test_names(binder: Binder) -> None:
    assert (binder.id, binder.family) == ("bced-v1", "bced")
    assert (binder.ok_code, binder.no_data_code, binder.error_code) == (
        "SOA0000000",
        "SOA0000001",
        "SOA5100000",
    )


def test_request_is_valid_for_both_contracts(binder: Binder, bced: Contract, bced_original: Contract) -> None:
    message = write(binder, context())
    assert message == {
        "request": {"personNumber": "85073003328"},
        "customerInformations": {
            "ticket": EXCHANGE,
            "timestampSent": "2026-01-01T00:00:00.123Z",
            "customerIdentification": {"organisationId": "0207362739", "applicationName": "urban"},
        },
        "privacyLog": {
            "context": "ENVIRONMENTAL_OR_SINGLE_PERMIT",
            "civilServantIdentifier": {"@identityManager": "RN/RBis", "#text": "85073003328"},
            "dossier": {
                "dossierId": {"@source": "imio-urban", "#text": "PE/2026/118"},
                "dossierType": "permit",
            },
        },
    }
    for contract in (bced, bced_original):
        contract.validate(contract.encode(MESSAGES + "getPerson", message))
    assert BODY == {"request": {"personNumber": "85073003328"}}


def test_request_is_read_back(binder: Binder) -> None:
    fields, rest = binder.read_request(write(binder, context()))
    assert rest == BODY
    assert fields.ticket == EXCHANGE
    assert fields.sent_us == NOW_US // 1000 * 1000
    assert (fields.organisation, fields.application) == ("0207362739", "urban")
    assert fields.purpose_code == "ENVIRONMENTAL_OR_SINGLE_PERMIT"
    assert fields.agent == Agent("RN/RBis", "85073003328")
    assert fields.dossier == Dossier("imio-urban", "PE/2026/118", "permit")
    assert fields.inscription is None


def test_inscription_instead_of_a_dossier(binder: Binder, bced: Contract) -> None:
    of = context(dossier=None, inscription=TICKET, agent=None, application=None)
    message = write(binder, of)
    assert message["privacyLog"] == {
        "context": "ENVIRONMENTAL_OR_SINGLE_PERMIT",
        "inscriptionReference": TICKET,
    }
    bced.validate(bced.encode(MESSAGES + "getPerson", message))
    fields, _rest = binder.read_request(message)
    assert (fields.inscription, fields.dossier, fields.agent) == (TICKET, None, None)


def test_route_cannot_write_its_own_header(binder: Binder) -> None:
    forged = {**BODY, "privacyLog": {"context": "FORGED", "treatmentManagerIdentifier": {"#text": "x"}}}
    assert write(binder, context(), forged) == write(binder, context())


@pytest.mark.parametrize(
    ("changes", "violation"),
    [
        ({"purpose_codes": {}}, ("/privacyLog/context", "is required")),
        ({"purpose_codes": {"bced": "C" * 65}}, ("/privacyLog/context", "is longer than 64 characters")),
        ({"dossier": None}, ("/privacyLog/dossier/dossierId/#text", "is required")),
        ({"application": "canary" * 9},
         ("/customerInformations/customerIdentification/applicationName", "is longer than 32 characters")),
        ({"agent": Agent("canary", "1")},
         ("/privacyLog/civilServantIdentifier/@identityManager", "has a value outside the allowed list")),
        ({"dossier": None, "inscription": "canary"}, ("/privacyLog/inscriptionReference", "breaks the pattern")),
    ],
)  # fmt: skip
def test_context_the_family_cannot_carry(
    binder: Binder, changes: dict[str, Any], violation: tuple[str, str]
) -> None:
    with pytest.raises(ContractViolation) as caught:
        write(binder, context(**changes))
    assert caught.value.violations == [violation]
    assert "canary" not in str(caught.value)


def test_ticket_must_be_lower_case(binder: Binder) -> None:
    upper = context()
    upper.exchange_id = EXCHANGE.upper()
    with pytest.raises(ContractViolation, match="ticket: breaks the pattern"):
        write(binder, upper)


@pytest.mark.parametrize(
    ("text", "time_us"),
    [
        ("2026-01-01T00:00:00Z", 1_767_225_600_000_000),
        ("2026-01-01T01:00:00+01:00", 1_767_225_600_000_000),
        ("2026-01-01T00:00:00", 1_767_225_600_000_000),
        ("2026-01-01T00:00:00.123456789Z", 1_767_225_600_123_456),
        ("2026-13-01T00:00:00Z", None),
        ("yesterday", None),
        (None, None),
        (5, None),
    ],
)
def test_time_a_consumer_says(binder: Binder, text: Any, time_us: int | None) -> None:
    message = {"customerInformations": {"timestampSent": text}}
    assert binder.read_request(message)[0].sent_us == time_us


@pytest.mark.parametrize("value", [{}, {"customerInformations": None, "privacyLog": []}, {"privacyLog": "x"}])
def test_header_that_is_not_there(binder: Binder, value: dict[str, Any]) -> None:
    fields, rest = binder.read_request(value)
    assert rest == {}
    assert (
        fields.ticket is fields.organisation is fields.purpose_code is fields.dossier is fields.agent is None
    )


def test_answer_is_valid_and_read_back(binder: Binder, bced: Contract, bced_original: Contract) -> None:
    person = {"person": {"personNumber": "85073003328", "name": {"lastName": ["Test"]}}}
    message = binder.write_answer(person, context(), status=binder.success, code=binder.ok_code)
    assert message["@customerTicket"] == TICKET
    assert message["@requestId"] == EXCHANGE
    assert message["status"]["value"] == "PROCESSED"
    for contract in (bced, bced_original):
        contract.validate(contract.encode(MESSAGES + "getPersonResponse", message))
    fields, rest = binder.read_answer(message)
    assert fields == AnswerFields("PROCESSED", "SOA0000000", EXCHANGE)
    assert rest == person


def test_no_data_is_the_contracts_own_empty_answer(binder: Binder, bced_original: Contract) -> None:
    message = binder.write_answer({}, context(), status=binder.success, code=binder.no_data_code)
    element = bced_original.encode(MESSAGES + "getPersonResponse", message)
    bced_original.validate(element)
    assert [etree.QName(child).localname for child in element] == ["status"]
    assert binder.read_answer(message)[0].code == binder.no_data_code


def test_answer_carries_the_inscription_and_no_unknown_ticket(binder: Binder) -> None:
    of = context(consumer_ticket=None, inscription=TICKET)
    message = binder.write_answer({}, of, status="ERROR", code="SOA5100000")
    assert "@customerTicket" not in message
    assert message["@inscriptionReference"] == TICKET


def test_error_an_answer_details(binder: Binder) -> None:
    status = {"value": "ERROR", "code": "SOA5100000", "details": {"error": {"code": {"code": "140/00002"}}}}
    fields, rest = binder.read_answer({"status": status})
    assert fields == AnswerFields("ERROR", "SOA5100000", None, "140/00002")
    assert rest == {}


# --- faults ---


@pytest.mark.parametrize(
    ("error", "code", "fault"),
    [
        (InvalidRequest("x"), "600/00001", "Client"),
        (ProviderFault("x"), "140/00001", "Server"),
        (BrokenContract("x"), "140/00001", "Server"),
        (ProviderTimeout("x"), "140/00002", "Server"),
        (ProviderUnreachable("x"), "140/00002", "Server"),
        (RouteFailed("x"), "150/00001", "Server"),
    ],
)
def test_error_becomes_the_contracts_own_fault(
    binder: Binder, bced: Contract, bced_original: Contract, error: Any, code: str, fault: str
) -> None:
    faults = Faults(bced, binder.plain)
    body = envelope.read(etree.fromstring(faults.answer("1.1", error))).body
    found = envelope.read_fault(body)
    assert found is not None
    assert (found.code, found.reason) == (fault, "x")
    assert found.detail is not None
    bced_original.validate(found.detail)
    assert bced_original.decode(found.detail)["code"]["@codeSource"] == "BCED"
    assert faults.read(found.detail) == code


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_has_a_valid_detail(binder: Binder, bced_original: Contract, kind: Any) -> None:
    detail = Faults(bced_original, binder.plain).detail(kind("x"))
    assert detail is not None
    bced_original.validate(detail)


def test_version_mismatch(binder: Binder, bced: Contract) -> None:
    error = InvalidRequest("x", reason="version-mismatch")
    assert Faults(bced, binder.plain).code(error) == "VersionMismatch"


def test_without_a_family_faults_carry_no_detail(catalogue: Contract) -> None:
    faults = Faults(catalogue, None)
    assert faults.detail(InvalidRequest("x")) is None
    assert faults.code(InvalidRequest("x")) == "Client"
    assert faults.code(BrokenContract("x")) == "Server"
    body = envelope.read(etree.fromstring(faults.answer("1.2", InvalidRequest("x")))).body
    assert envelope.read_fault(body) == envelope.Fault("Client", "x", None)


@pytest.mark.parametrize(
    "text", ["<a/>", '<error xmlns="http://soa.spw.wallonie.be/data/common/error/v1"><x/></error>']
)
def test_details_of_others_have_no_code(binder: Binder, bced: Contract, text: str) -> None:
    faults = Faults(bced, binder.plain)
    assert faults.read(etree.fromstring(text)) is None
    assert faults.read(None) is None


# --- the family's file ---


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("family: bced ", "famly: bced ", "unknown key famly; did you mean family"),
        ("  ticket:\n", "  tiket:\n", "unknown key tiket; did you mean ticket"),
        ("max: 32", "maxx: 32", "unknown key maxx"),
        ("max: 32", "max: none", "whole number"),
        ("max: 32", "max: 0", "whole number"),
        ("at: privacyLog/context", "at: privacyLog//context", "empty step"),
        ("at: privacyLog/context", "at: 5", "must be a text"),
        ("pattern: 'SOA[0-9]{7}'", "pattern: 'SOA['", "regular expression"),
        ("one-of: [dossier, inscription]", "one-of: [dosier]", "list of field names"),
        ("  no-data: SOA0000001\n", "", "lacks no-data"),
        ("    internal: ", "    outernal: ", "lacks internal"),
        ("      code: 150/00001\n", "", "lacks code"),
        ("title: {", "title: {{", "not YAML"),
        ("family: bced ", "family: bced\nfamily: bced ", "key stands twice"),
    ],
)
def test_family_file_that_is_wrong(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = FAMILY.read_text("utf-8")
    assert old in text
    path = tmp_path / "bced-v1.yaml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(ContractProblem) as caught:
        compile_binder(path)
    assert message in str(caught.value)
    assert caught.value.rule == "binder"


def test_family_file_that_is_missing_or_empty(tmp_path: Path) -> None:
    with pytest.raises(ContractProblem, match="cannot be read"):
        compile_binder(tmp_path / "none.yaml")
    empty = tmp_path / "empty.yaml"
    empty.write_text("")
    with pytest.raises(ContractProblem, match="must be a mapping"):
        compile_binder(empty)
