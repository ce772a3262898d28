"""Canaries at the level of the process: what came in by a header goes nowhere, and a person who stands
in a request or an error stands in no log, metric or answer (design, I5)."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from integrator.operations.client import call
from integrator.operations.demo import CONSULT, NOTIFY, envelope, notification, reasons, resident
from integrator.sandbox.faults import RESERVED
from integrator.sandbox.persons import synthetic_persons
from tests.bus.conftest import PERSON, PLATFORM

CANARY = "canary-7f3e91"
INBOUND = [
    "Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Cache-Control", "Camel-Header", "CamelHttpUri",
    "Client-Cert", "Client-Cert-Chain", "Cookie", "Date", "Digest", "ETag", "Forwarded", "From", "If-Match",
    "If-Modified-Since", "If-None-Match", "Link", "MessageID", "Origin", "Pragma", "Prefer", "Proxy-Authorization",
    "Range", "Referer", "Signature", "SOAPAction", "Traceparent", "Tracestate", "User-Agent", "Via", "Warning",
    "WSSecurity", "X-Api-Key", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-HTTP-Method-Override",
    "X-Original-URL", "X-Real-IP", "X-Request-Id", "X-Road-Client", "BelGov-Trace-Id", "Integrator-Record",
    "Adapter-Status", "Integrator-Unknown", "org.apache.camel.x",
]  # fmt: skip


def sent_out(town) -> str:
    return json.dumps(town.received(PERSON) + town.received(PLATFORM))


def ask(town, path: str, body: bytes, media: str, extra: dict[str, str], **given: str):
    headers = {
        **extra,
        "Authorization": f"Bearer {town.keys['municipal/namur']}",
        "Content-Type": media,
        **(reasons().headers() if media == "application/json" else {}),
        **given,
    }
    return call(town.bus.address, "POST", path, body=body, headers=headers)


def test_no_inbound_header_reaches_a_provider_or_the_log(town, eventually):
    marked = {name: f"{CANARY}-{number}" for number, name in enumerate(INBOUND)}
    body = json.dumps({"niss": resident()}).encode()
    assert ask(town, CONSULT, body, "application/json", marked).status == 200
    soap = envelope(resident(), "0207362739", reasons())
    assert ask(town, "/soap/person/v3", soap, "text/xml; charset=utf-8", marked).status == 200
    event = json.dumps(notification()).encode()
    key = {"Idempotency-Key": f"{CANARY}-key", "Belgov-Related-Trace-Id": f"{CANARY}-ticket"}
    accepted = ask(town, NOTIFY, event, "application/json", marked, **key)
    assert accepted.status == 202
    exchange = accepted.json()["exchange"]
    eventually(lambda: town.status(exchange).json()["state"], lambda state: state == "delivered")
    assert exchange in sent_out(town)
    assert CANARY not in sent_out(town)
    assert CANARY not in town.bus.log.read_text()
    assert CANARY not in call(town.bus.address, "GET", "/metrics").body.decode()


@pytest.mark.parametrize("name", INBOUND)
def test_a_header_alone_changes_nothing(town, name):
    body = json.dumps({"niss": resident()}).encode()
    answer = ask(town, CONSULT, body, "application/json", {name: CANARY})
    assert answer.status == 200
    assert CANARY not in sent_out(town)
    assert CANARY not in json.dumps(answer.headers) + answer.body.decode()


NAME, NUMBER, STREET = "Zephyrine-Canarie", "66091495277", "Impasse du Canari"
PEOPLE = (NAME, NUMBER, STREET, "66.09.14-952.77")


def bad_json() -> dict[str, bytes]:
    event = notification()
    return {
        "malformed": f'{{"niss": "{NUMBER}", "{NAME}": '.encode(),
        "a value": json.dumps({"niss": NAME}).encode(),
        "a formatted number": json.dumps({"niss": "66.09.14-952.78"}).encode(),
        "a key": json.dumps({"niss": NUMBER, NAME: 1}).encode(),
        "a number as key": json.dumps({"niss": NUMBER, NUMBER: NAME}).encode(),
        "a duplicate key": f'{{"{NAME}": 1, "{NAME}": 2}}'.encode(),
        "not a number": f'{{"niss": NaN, "who": "{NAME}"}}'.encode(),
        "not UTF-8": NAME.encode() + b'\xff{"niss": "' + NUMBER.encode(),
        "a surrogate": f'{{"niss": "\\ud800{NAME}"}}'.encode(),
        "an event": json.dumps({**event, NAME: NUMBER, "decision": STREET}).encode(),
        "a list": json.dumps([NAME, NUMBER]).encode(),
    }


def bad_xml() -> dict[str, bytes]:
    good = envelope(NUMBER, "0207362739", reasons())
    wanted = f">{NUMBER}<".encode()
    assert wanted in good
    number = NUMBER.encode()
    return {
        "malformed": good[:-20] + NAME.encode(),
        "an element": good.replace(wanted, f"><{NAME}/>{NUMBER}<".encode()),
        "a value": good.replace(wanted, f">{NAME} {NUMBER}<".encode()),
        "an attribute": good.replace(b"personNumber>", f'personNumber x="{NAME}">'.encode(), 1),
        "a doctype": f'<!DOCTYPE a [<!ENTITY {NAME} "{NUMBER}">]>'.encode() + good,
        "a root": f"<{NAME}>{NUMBER}</{NAME}>".encode(),
        "an instruction": f"<?{NAME} {NUMBER}?>".encode() + good,
        "another body": good.replace(b"m:getPerson", f"m:{NAME}".encode()),
        "a header": good.replace(
            b"<e:Body>",
            f'<e:Header><h:{NAME} xmlns:h="urn:h" e:mustUnderstand="1">{NUMBER}</h:{NAME}></e:Header><e:Body>'.encode(),
        ),
        "wrong digits": good.replace(number, b"66091495278"),
    }


def nobody_in(town, answers) -> None:
    log = town.bus.log.read_text()
    metrics = call(town.bus.address, "GET", "/metrics").body.decode()
    for person in (*PEOPLE, "66091495278", "66.09.14-952.78"):
        for case, answer in answers.items():
            told = answer.body.decode() + json.dumps(answer.headers)
            assert person not in told, (case, told)
        assert person not in log, person
        assert person not in metrics, person


def test_a_person_in_a_bad_request_is_told_nowhere(town):
    answers = {}
    for case, body in bad_json().items():
        path = NOTIFY if case == "an event" else CONSULT
        answers[case] = ask(town, path, body, "application/json", {})
        assert 400 <= answers[case].status < 500, (case, answers[case].status)
    for case, body in bad_xml().items():
        answers[case] = ask(town, "/soap/person/v3", body, "text/xml; charset=utf-8", {})
        assert answers[case].status >= 400, (case, answers[case].body)
    nobody_in(town, answers)


def test_a_person_in_a_header_is_told_nowhere(town):
    body = json.dumps({"niss": resident()}).encode()
    answers = {}
    for name, value in {
        "Integrator-Purpose": NAME,
        "Integrator-Dossier": f"{NAME}:{NUMBER}",
        "Integrator-Agent": f"RN/RBis:66091495278 {NAME}",
        "Integrator-On-Behalf-Of": NUMBER,
        "Integrator-Inscription": NUMBER,
        "Integrator-Application": f"{NAME} {NUMBER} {STREET}",
        "Belgov-Related-Trace-Id": f"{NAME}\t{NUMBER}",
        "Idempotency-Key": f"{NAME} {NUMBER}",
        "Authorization": f"Bearer itg_{NAME}_{NUMBER}",
        "Content-Type": f"application/json; charset={NAME}",
    }.items():
        answers[name] = ask(town, CONSULT, body, "application/json", {}, **{name: value})
        assert answers[name].status >= 400, name
    for path in (f"/v1/{NAME}/{NUMBER}", f"/v1/exchanges/{NUMBER}", f"{CONSULT}?niss={NUMBER}&name={NAME}"):
        answers[path] = ask(town, path, body, "application/json", {})
        assert answers[path].status >= 400
    nobody_in(town, answers)


def test_a_person_in_a_provider_s_error_is_told_nowhere(town, eventually):
    """Every fault of the simulators: the number stands in the request and, for some, in the answer."""
    told = []
    for number, fault in RESERVED.items():
        if str(fault) in ("timeout", "slow"):
            continue
        told += [town.consult(number), town.consult_soap(number)]
    for fault in ("html", "rejected", "unavailable"):
        town.fault(PLATFORM, fault, next=3)
        exchange = town.notify(str(uuid4())).json()["exchange"]
        told.append(
            eventually(
                lambda exchange=exchange: town.status(exchange),
                lambda found: found.json()["state"] in ("dead-lettered", "delivered"),
            )
        )
        call(town.endpoints[PLATFORM], "DELETE", "/_sandbox/faults")
    log = town.bus.log.read_text()
    metrics = call(town.bus.address, "GET", "/metrics").body.decode()
    portal = call(town.bus.address, "GET", "/").body.decode()
    api = call(town.bus.address, "GET", "/api/exchanges?limit=200").body.decode()
    errors = "".join(answer.body.decode() for answer in told if answer.status >= 400)
    people = synthetic_persons()
    for number in RESERVED:
        for text in (log, metrics, portal, api, errors):
            assert number not in text
            if number in people:
                assert not [name for name in people[number].family_names if name in text]
