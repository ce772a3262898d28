"""One SOAP call, without a network: the message that leaves and every kind of answer."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from integrator.contracts import envelope
from integrator.exchange import (
    AdapterAnswer,
    BrokenContract,
    Headers,
    InvalidRequest,
    ProviderFault,
    Refused,
)
from integrator.outbound.soap import SoapCall
from integrator.outbound.transport import HttpResponse
from integrator.security.limits import DEFAULT
from tests.outbound.sites import (
    BUS,
    CONSUMER,
    EXCHANGE,
    binders,
    context,
    contract,
    person_adapter,
)

REQUEST = {"request": {"personNumber": "85073003328"}}
MESSAGES = "{http://soa.spw.wallonie.be/services/person/messages/v3}"
ERROR = "{http://soa.spw.wallonie.be/data/common/error/v1}error"
PERSON = {"personNumber": "85073003328", "name": {"firstName": ["Camille"], "lastName": ["Exemple"]}}
CANARY = "canary-of-the-provider"


def call(organisation: str | None = None, *, binder: bool = True, **adapter: Any) -> SoapCall:
    return SoapCall(
        person_adapter(**adapter),
        contract().operations["getPerson"],
        contract(),
        binders()["bced-v1"] if binder else None,
        "/bced/person/v3",
        organisation,
        DEFAULT,
    )


def sent(made: SoapCall, body: Any = REQUEST, headers: dict[str, Any] | None = None, **changes: Any) -> Any:
    return made.prepare(body, Headers(headers or {}), context(**changes), 1_767_225_600_000_000)


def message(prepared: Any) -> etree._Element:
    body = envelope.read(etree.fromstring(prepared.body)).body
    assert body is not None
    return body


def answer(value: dict[str, Any], status: str = "PROCESSED", code: str = "SOA0000000") -> bytes:
    whole = {"status": {"value": status, "code": code}, **value}
    return envelope.wrap(contract().encode(MESSAGES + "getPersonResponse", whole))


def response(body: bytes, status: int = 200, media: str = "text/xml; charset=utf-8") -> HttpResponse:
    return HttpResponse(status, [(b"content-type", media.encode())], body)


def read(got: HttpResponse, **parts: Any) -> AdapterAnswer:
    return call(**parts).read(got, context())


# --- what leaves


def test_the_message_is_valid_and_has_the_header_of_its_family() -> None:
    prepared = sent(call())
    body = message(prepared)
    contract().validate(body)
    value = contract().decode(body)
    assert value == {
        "customerInformations": {
            "ticket": EXCHANGE,
            "timestampSent": "2026-01-01T00:00:00.000Z",
            "customerIdentification": {"organisationId": CONSUMER, "applicationName": "urban"},
        },
        "privacyLog": {
            "context": "ENVIRONMENTAL_OR_SINGLE_PERMIT",
            "civilServantIdentifier": {"@identityManager": "RN/RBis", "#text": "85073003328"},
            "dossier": {"dossierId": {"@source": "imio-urban", "#text": "PE/2026/118"}},
        },
        "request": {"personNumber": "85073003328"},
    }
    assert dict(prepared.headers) == {
        "Content-Type": "text/xml; charset=utf-8",
        "Accept": "text/xml",
        "SOAPAction": '"http://soa.spw.wallonie.be/services/person/v3/getPerson"',
    }


def test_the_bus_can_identify_as_itself() -> None:
    value = contract().decode(message(sent(call(BUS))))
    assert value["customerInformations"]["customerIdentification"]["organisationId"] == BUS


def test_an_inscription_stands_for_the_dossier() -> None:
    inscription = "0197a2c0-0000-7000-8000-0000000000aa"
    value = contract().decode(message(sent(call(), dossier=None, inscription=inscription)))
    assert value["privacyLog"]["inscriptionReference"] == inscription


def test_a_route_cannot_write_its_own_header() -> None:
    forged = {**REQUEST, "customerInformations": {"ticket": "forged"}, "privacyLog": {"context": "forged"}}
    assert b"forged" not in sent(call(), forged).body


def test_a_consumer_without_organisation_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        sent(call(), organisation=None)
    assert caught.value.reason == "organisation-missing"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"request": {"personNumber": "12345"}}, "personNumber"),
        ({"request": {}}, "request"),
        ({}, "getPerson"),
        (None, "getPerson"),
        ({**REQUEST, "unknown": CANARY}, "*"),
        ({"request": {"personNumber": [CANARY]}}, "personNumber"),
        ({"request": {"personNumber": "85073003328", "more": CANARY}}, "*"),
    ],
)
def test_a_request_that_breaks_the_xsd_never_leaves(body: Any, path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        sent(call(), body)
    assert caught.value.reason == "contract"
    assert any(path in found for found in caught.value.paths)
    assert CANARY not in str(caught.value)
    assert "12345" not in str(caught.value)


@pytest.mark.parametrize("body", ["text", ["list"], 1, b"<xml/>"])
def test_a_body_that_is_no_json_object(body: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        sent(call(), body)
    assert caught.value.reason == "not-an-object"


@pytest.mark.parametrize(
    "changes",
    [
        {"purpose_codes": {}},
        {"dossier": None},
        {"application": "x" * 33},
        {"exchange_id": "NOT-A-UUID"},
    ],
)
def test_a_context_the_header_cannot_hold(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        sent(call(), **changes)


def test_only_declared_headers_leave() -> None:
    prepared = sent(call(send_headers=("X-Declared",)), headers={"x-declared": "yes", "X-Other": CANARY})
    assert ("X-Declared", "yes") in prepared.headers
    assert CANARY not in str(prepared)


# --- what comes back


def test_an_answer_without_its_header_parts() -> None:
    got = read(response(answer({"@requestId": "r-1", "@customerTicket": EXCHANGE, "person": PERSON})))
    assert got == AdapterAnswer({"person": PERSON}, "PROCESSED", "SOA0000000", "r-1", {})


def test_without_a_header_family_the_message_is_whole() -> None:
    got = read(response(answer({"person": PERSON})), binder=False)
    assert got.body["status"] == {"value": "PROCESSED", "code": "SOA0000000"}
    assert got.status is None


def test_no_data_is_an_answer_the_route_sees() -> None:
    got = read(response(answer({}, code="SOA0000001")))
    assert (got.body, got.code) == ({}, "SOA0000001")


def test_declared_headers_come_back() -> None:
    got = call(keep_headers=("X-Kept",)).read(
        HttpResponse(200, [(b"x-kept", b"1"), (b"x-other", b"2")], answer({"person": PERSON})), context()
    )
    assert got.headers == {"X-Kept": "1"}


def test_status_error_is_a_fault_with_its_code() -> None:
    with pytest.raises(ProviderFault) as caught:
        read(response(answer({}, "ERROR", "SOA5100000")))
    assert (caught.value.code, caught.value.reason) == ("SOA5100000", "status-error")


def fault(detail: etree._Element | None = None, code: str = "Server") -> bytes:
    return envelope.fault("1.1", code, CANARY, detail)


@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_fault_carries_the_contracts_code_and_not_its_text(status: int) -> None:
    detail = contract().encode(ERROR, {"code": {"code": "140/00002", "description": [{"#text": CANARY}]}})
    with pytest.raises(ProviderFault) as caught:
        read(response(fault(detail), status))
    assert (caught.value.code, caught.value.reason) == ("140/00002", "soap-fault")
    assert CANARY not in str(caught.value)


def test_a_fault_whose_code_is_a_text_or_no_detail() -> None:
    detail = contract().encode(ERROR, {"code": {"code": f"see {CANARY} Exemple"}})
    for body in (fault(detail), fault(), fault(etree.Element("{urn:x}other"))):
        with pytest.raises(ProviderFault) as caught:
            read(response(body, 500))
        assert caught.value.code == "Server"
    with pytest.raises(ProviderFault) as caught:
        read(response(fault(code="Client"), 500))
    assert caught.value.code == "Client"
    with pytest.raises(ProviderFault) as caught:
        read(response(fault(code=CANARY), 500))
    assert caught.value.code == "Server"


GOOD = answer({"person": PERSON})
NS = b"http://schemas.xmlsoap.org/soap/envelope/"


@pytest.mark.parametrize(
    ("got", "reason"),
    [
        (response(b"<html><body>sorry</body></html>", media="text/html"), "html-answer"),
        (response(b"<!DOCTYPE html><html></html>"), "html-answer"),
        (response(b"<html/>", 503, "text/html"), "html-answer"),
        (response(b"{}", media="application/json"), "not-soap"),
        (response(b"sorry", media="text/plain"), "not-soap"),
        (response(b""), "not-soap"),
        (response(b"<x/>"), "not-soap"),
        (response(b"<x"), "xml-malformed"),
        (response(GOOD[:-10]), "xml-malformed"),
        (response(b"\xff\xfe\x00"), "xml-malformed"),
        (response(b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + GOOD.partition(b"\n")[2]), "xml-doctype"),
        (response(GOOD.replace(b"<soap:Body>", b"<?pi x?><soap:Body>")), "xml-instruction"),
        (response(GOOD.replace(NS, b"http://www.w3.org/2003/05/soap-envelope")), "version-mismatch"),
        (response(GOOD.replace(NS, b"urn:other")), "not-soap"),
        (response(b'<e:Envelope xmlns:e="' + NS + b'"><e:Body/></e:Envelope>'), "not-soap"),
        (response(GOOD.replace(b"</soap:Envelope>", b"<x/></soap:Envelope>")), "not-soap"),
        (response(GOOD.replace(b"<soap:Body>", b'<soap:Header><x:y xmlns:x="urn:x" soap:mustUnderstand="1"/></soap:Header><soap:Body>')), "must-understand"),
        (response(GOOD.replace(b"getPersonResponse", b"getPerson")), "wrong-answer"),
        (response(GOOD.replace(b"lastName", b"surname")), "contract"),
        (response(GOOD.replace(b"PROCESSED", b"MAYBE")), "contract"),
        (response(GOOD.replace(b"85073003328", b"8507300332X")), "contract"),
        (response(GOOD, 500), "http-status"),
        (response(GOOD, 404), "http-status"),
        (response(b"", 404), "http-status"),
        (response(b"", 302), "http-status"),
        (response(b"moved", 301, "text/plain"), "http-status"),
        (response(answer({"@customerTicket": EXCHANGE[:-1] + "2", "person": PERSON})), "wrong-ticket"),
    ],
)  # fmt: skip
def test_answers_that_break_the_contract(got: HttpResponse, reason: str) -> None:
    with pytest.raises(BrokenContract) as caught:
        read(got)
    assert (caught.value.reason, caught.value.origin) == (reason, "provider")
    assert "8507300332" not in str(caught.value)


def test_a_ticket_in_capitals_is_still_ours() -> None:
    assert read(response(answer({"@customerTicket": EXCHANGE.upper(), "person": PERSON}))).body


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_provider_that_is_not_available(status: int) -> None:
    with pytest.raises(ProviderFault) as caught:
        read(response(b"", status))
    assert (caught.value.code, caught.value.reason) == (str(status), "provider-unavailable")


def test_incomplete_dates_stay_text() -> None:
    birth = {"officialBirthDate": "1985-00-00"}
    got = read(response(answer({"person": {**PERSON, "birth": birth}})))
    assert got.body["person"]["birth"] == birth
