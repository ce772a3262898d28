"""The Walloon site itself: no mistakes, and its two mappings fit the contract and the schemas."""

from __future__ import annotations

from pathlib import Path

import jq
import pytest

from integrator.authoring.check import check
from integrator.contracts.binder import Binder
from integrator.contracts.contract import Contract
from integrator.contracts.jsonschema import JsonSchema
from integrator.contracts.problems import ContractViolation
from integrator.exchange import Context
from integrator.site.compile import compile_site
from integrator.site.compiled import CompiledSite

ROOT = Path(__file__).parents[2]
TICKET = "00000000-0000-7000-8000-000000000000"
TEXT = {"@language": "fr", "#text": "Belgique"}
ADDRESS = {
    "@addressType": "Residential",
    "@inceptionDate": "2019-05-01",
    "country": [{"@codeSource": "INS/NIS", "code": "150", "description": [TEXT]}],
    "street": {"code": "1234", "description": [{"@language": "fr", "#text": "Rue de l'Exemple"}]},
    "postCode": {"code": "5000"},
    "municipality": {"code": "92094", "description": [{"@language": "fr", "#text": "Namur"}]},
    "houseNumber": "12",
    "boxNumber": "A",
}
PERSON = {
    "niss": "53480200724",
    "name": {"firstName": ["Camille", "Alix"], "lastName": ["Exemple"], "usedFirstName": "Camille"},
    "birthDate": "1953-08-00",
    "address": ADDRESS,
}
PERMIT = {
    "reference": "PE/2026/118", "type": "environmental", "decision": "granted", "decidedOn": "2026-03-02",
    "municipality": "92094", "applicant": {"niss": "53480200724", "name": "Camille Exemple"},
    "site": {"street": "Rue de l'Exemple", "postCode": "5000", "municipality": "Namur"},
}  # fmt: skip


@pytest.fixture(scope="module")
def site():
    return CompiledSite.from_plain(compile_site(ROOT))


def test_it_has_no_mistakes():
    assert check(ROOT) == []


def test_its_flows(site):
    assert set(site.flows) == {"person-consult", "permit-notification"}
    consult = site.flows["person-consult"]
    assert [(entry.kind, entry.path) for entry in consult.entries] == [
        ("rest", "/v1/persons/consult"),
        ("soap", "/soap/person/v3"),
    ]
    assert consult.entries[1].binder == "bced-v1"
    assert site.flows["permit-notification"].delivery.attempts == 8


def test_a_software_house_acts_for_the_communes_of_its_group(site):
    assert "municipal/mons" in site.parties["software/imio"].may_act_for


def answer_message(site, answer):
    entry = site.flows["person-consult"].entries[1]
    contract, binder = Contract(site.contracts[entry.wsdl]), Binder(site.binders[entry.binder])
    value = jq.compile(entry.from_answer).input_value(answer).first()
    context = Context(exchange_id=TICKET, flow="person-consult", site=site.hash, consumer_ticket=TICKET)
    message = binder.write_answer(value, context, status=binder.success, code=binder.ok_code)
    element = contract.encode(contract.operations["getPerson"].output, message)
    contract.validate(element)
    return contract.decode(element)


@pytest.mark.parametrize(
    "answer",
    [
        PERSON,
        {**PERSON, "address": None},
        {**PERSON, "birthDate": None},
        {"niss": PERSON["niss"], "name": PERSON["name"]},
        {},
    ],
    ids=["whole", "no address", "no birth date", "identity only", "nobody"],
)
def test_the_answer_becomes_a_valid_message_and_comes_back(site, answer):
    route_transform = site.flows["person-consult"].route.documents[0]["route"]["from"]["steps"][-1][
        "transform"
    ]["jq"]
    message = answer_message(site, answer)
    if not answer:
        assert "person" not in message
        return
    back = jq.compile(route_transform).input_value(message).first()
    assert back == {"birthDate": None, "address": None, **answer}
    JsonSchema(site.schemas["schemas/person.schema.json"]).validate(back)


def test_a_person_without_a_name_is_no_valid_message(site):
    with pytest.raises(ContractViolation):
        answer_message(site, {"niss": PERSON["niss"]})


def test_the_request_of_both_doors_is_the_same(site):
    entry = site.flows["person-consult"].entries[1]
    value = jq.compile(entry.to_request).input_value({"request": {"personNumber": "53480200724"}}).first()
    assert value == {"niss": "53480200724"}
    JsonSchema(site.schemas["schemas/person-request.schema.json"]).validate(value)


@pytest.mark.parametrize(
    "value", [{}, {"niss": "85073003"}, {"niss": "53.48.02-007.24"}, {"niss": "53480200724", "x": 1}, []]
)
def test_requests_that_break_the_schema(site, value):
    with pytest.raises(ContractViolation):
        JsonSchema(site.schemas["schemas/person-request.schema.json"]).validate(value)


def test_a_permit_notification(site):
    JsonSchema(site.schemas["schemas/permit-notification.schema.json"]).validate(PERMIT)


@pytest.mark.parametrize(
    "change",
    [{"reference": "PE-118"}, {"decision": "maybe"}, {"decidedOn": "2026-02-30"}, {"municipality": "Namur"},
     {"applicant": {"niss": "53480200724"}}, {"extra": True}],
)  # fmt: skip
def test_permit_notifications_that_break_the_schema(site, change):
    with pytest.raises(ContractViolation):
        JsonSchema(site.schemas["schemas/permit-notification.schema.json"]).validate({**PERMIT, **change})


def test_grants_that_see_less_are_still_valid_messages(site):
    flow = site.flows["person-consult"]
    for grant in flow.grants:
        fields = {field for group in grant.fields for field in flow.field_groups[group]}
        answer_message(site, {name: value for name, value in PERSON.items() if name in fields})
