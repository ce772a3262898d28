"""Flow A, a person consulted: over REST, over SOAP, by a client made from the original contract."""

import contextlib

import pytest

from integrator.operations.client import CallError
from integrator.operations.demo import reasons, resident
from integrator.sandbox.faults import RESERVED, Fault
from integrator.sandbox.persons import synthetic_persons
from integrator.security.parsers import parse_xml
from tests.bus.conftest import PERSON

NUMBERS = {fault: number for number, fault in RESERVED.items()}
UNKNOWN = "53480200724"
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"


def texts(xml: bytes, name: str) -> list[str]:
    return [element.text or "" for element in parse_xml(xml).iter("{*}" + name)]


def test_the_commune_gets_what_it_was_granted(town):
    person = synthetic_persons()[resident()]
    answer = town.consult()
    assert answer.status == 200
    found = answer.json()
    assert set(found) == {"niss", "name", "birthDate", "address"}
    assert found["niss"] == person.number
    assert found["birthDate"] == person.birth_date
    assert len(answer.headers["integrator-record"]) >= 43
    records = town.records(answer.headers["belgov-trace-id"])
    assert [record["type"] for record in records] == ["received", "completed"]
    assert records[1]["outcome"] == "with-data"
    assert records[0]["problem"] is None
    assert records[1]["leaf"]["previous"]


def test_another_commune_gets_less(town):
    found = town.consult(party="municipal/liege").json()
    assert set(found) == {"niss", "name", "birthDate"}


def test_the_provider_is_told_who_asks_and_why(town):
    exchange = town.consult().headers["belgov-trace-id"]
    received = next(item for item in town.received(PERSON) if item["header"]["ticket"] == exchange)
    header = received["header"]
    assert header["organisation"] == "0207362739"
    assert header["application"] == "demo"
    assert header["context"] == "ENVIRONMENTAL_OR_SINGLE_PERMIT"
    assert header["dossier"]["dossierId"] == {"@source": "imio-urban", "#text": "PE/2026/118"}
    agent = parse_xml(received["body"].encode()).find(".//{*}civilServantIdentifier")
    assert agent is not None
    assert f"{agent.get('identityManager')}:{agent.text}" == reasons().agent


def test_the_subject_is_found_in_the_journal(town):
    number = "66091495277"
    exchange = town.consult(number).headers["belgov-trace-id"]
    found = town.journal("search", subject=number)["records"]
    assert exchange in {row["exchange"] for row in found}
    row = next(row for row in found if row["exchange"] == exchange)
    assert row["purpose"] == "environmental-permit"
    assert row["authorisation"] == "protocol SPW-2026-014"
    assert "answer" in row["found_in"]


def test_nobody_is_404_on_rest_and_the_contracts_empty_answer_on_soap(town):
    rest = town.consult(UNKNOWN)
    assert rest.status == 404
    assert rest.json()["reason"] == "no-data"
    assert town.records(rest.headers["belgov-trace-id"])[-1]["outcome"] == "no-data"
    soap = town.consult_soap(UNKNOWN)
    assert soap.status == 200
    assert texts(soap.body, "value") == ["PROCESSED"]
    assert "SOA0000001" in texts(soap.body, "code")
    assert texts(soap.body, "person") == []


def test_soap_answers_carry_the_consumers_ticket_and_the_exchange(town, shared):
    from lxml import etree

    answer = town.consult_soap()
    assert answer.status == 200
    message = parse_xml(answer.body).find(f"{SOAP}Body")[0]
    assert message.get("requestId") == answer.headers["belgov-trace-id"]
    records = town.records(answer.headers["belgov-trace-id"])
    assert records[0]["details"]["consumer_ticket"] == message.get("customerTicket")
    schema = shared / "contracts/bced/person_v3/xsd/BCEDPersonMessages_v3.xsd"
    etree.XMLSchema(etree.parse(str(schema))).assertValid(message)


def test_a_client_made_from_the_original_contract_can_call_the_bus(town, shared):
    zeep = pytest.importorskip("zeep")
    import datetime
    from uuid import uuid4

    wsdl = shared / "contracts/bced/person_v3/BCEDPersonService_v3.wsdl"
    client = zeep.Client(str(wsdl))
    client.transport.session.headers["Authorization"] = f"Bearer {town.keys['municipal/namur']}"
    service = client.create_service(
        "{http://soa.spw.wallonie.be/services/person/v3}personSOAPBinding",
        f"{town.bus.address}/soap/person/v3",
    )
    manager, _, agent = reasons().agent.rpartition(":")
    answer = service.getPerson(
        customerInformations={
            "ticket": str(uuid4()),
            "timestampSent": datetime.datetime.now(datetime.UTC),
            "customerIdentification": {"organisationId": "0207362739", "applicationName": "zeep"},
        },
        privacyLog={
            "context": "ENVIRONMENTAL_OR_SINGLE_PERMIT",
            "civilServantIdentifier": {"_value_1": agent, "identityManager": manager},
            "dossier": {"dossierId": {"_value_1": "PE/2026/118", "source": "imio-urban"}},
        },
        request={"personNumber": resident()},
    )
    assert answer.status.value == "PROCESSED"
    assert answer.person.personNumber == resident()


def test_a_client_made_from_the_served_contract_can_read_it(town):
    zeep = pytest.importorskip("zeep")
    client = zeep.Client(f"{town.bus.address}/soap/person/v3?wsdl")
    operations = client.service._binding._operations
    assert "getPerson" in operations


@pytest.mark.parametrize(
    ("fault", "reason", "category"),
    [
        (Fault.HTML, "html-answer", "140/00001"),
        (Fault.BREAKS_CONTRACT, "contract", "140/00001"),
        (Fault.SOAP_FAULT, "soap-fault", "140/00001"),
        (Fault.STATUS_ERROR, "status-error", "140/00001"),
        (Fault.REFUSED, "connection-closed", "140/00002"),
        (Fault.NO_SUBJECT, "subject-missing", "140/00001"),
    ],
)
def test_what_a_provider_does_wrong_is_told_by_category_and_never_repeated(town, fault, reason, category):
    number = NUMBERS[fault]
    rest = town.consult(number)
    assert rest.status == 502
    assert rest.json()["reason"] == reason
    assert number.encode() not in rest.body
    assert town.records(rest.headers["belgov-trace-id"])[-1]["type"] == "failed"
    soap = town.consult_soap(number)
    assert soap.status == 500
    told = parse_xml(soap.body).find(f"{SOAP}Body/{SOAP}Fault/detail")
    assert told is not None
    assert told[0].tag == "{http://soa.spw.wallonie.be/data/common/error/v1}error"
    assert category in [element.text for element in told.iter()]
    assert number.encode() not in soap.body


def test_a_provider_that_does_not_answer_in_time_is_504(town):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as both:
        rest = both.submit(town.consult, NUMBERS[Fault.TIMEOUT])
        soap = both.submit(town.consult_soap, NUMBERS[Fault.TIMEOUT])
    assert (rest.result().status, rest.result().json()["reason"]) == (504, "provider-timeout")
    assert soap.result().status == 500
    assert "140/00002" in texts(soap.result().body, "code")
    assert town.records(rest.result().headers["belgov-trace-id"])[-1]["type"] == "failed"


def test_a_provider_that_does_not_listen_is_502(town, eventually):
    town.fault(PERSON, "refused", seconds=2)
    answer = eventually(town.consult, lambda answer: answer.status != 200)
    assert (answer.status, answer.json()["reason"]) == (502, "connection-refused")
    assert town.records(answer.headers["belgov-trace-id"])[-1]["type"] == "failed"

    def listens() -> bool:
        with contextlib.suppress(CallError):
            return bool(town.received(PERSON))
        return False

    eventually(listens, bool)
    assert town.consult().status == 200


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"purpose": None}, 403, "purpose-missing"),
        ({"purpose": "no-such-purpose"}, 403, None),
        ({"purpose": "high-school-career"}, 403, None),
        ({"dossier": None}, 403, None),
        ({"dossier": "imio-urban:0"}, 403, "dossier-void"),
        ({"dossier": "imio-urban:valeur sans importance"}, 403, "dossier-void"),
        ({"dossier": "imio-urban:PE-118"}, 403, None),
        ({"dossier": "elsewhere:PE/2026/118"}, 403, None),
        ({"agent": None}, 403, "agent-missing"),
        ({"agent": "RN/RBis:85073003329"}, 400, None),
    ],
)
def test_who_does_not_say_why_is_refused_and_nothing_goes_out(town, changes, status, reason):
    before = len(town.received(PERSON))
    answer = town.consult(**changes)
    assert answer.status == status
    if reason:
        assert answer.json()["reason"] == reason
    assert len(town.received(PERSON)) == before
    records = town.records(answer.headers["belgov-trace-id"])
    assert [record["type"] for record in records] == ["refused"]


def test_a_wrong_national_number_is_refused_without_repeating_it(town):
    answer = town.consult("85073003329")
    assert answer.status == 400
    assert b"85073003329" not in answer.body


def test_nobody_stands_in_the_technical_log(town):
    for number in (resident(), "85073003329", UNKNOWN, *RESERVED):
        assert number not in town.bus.log.read_text()
