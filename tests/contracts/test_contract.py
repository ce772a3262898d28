"""Validation, serving, fields and JSON Schema of a contract at run time."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from lxml import etree
from zeep.wsdl.wsdl import Document

from integrator.contracts.contract import Contract
from integrator.contracts.jsonschema import JsonSchema
from integrator.contracts.problems import ContractProblem, ContractViolation
from integrator.contracts.xsd import Schemas
from tests.contracts.instances import Instances

MESSAGES = "{http://soa.spw.wallonie.be/services/person/messages/v3}"
LOCATION = "https://bus.example/soap/person/v3"


def request() -> dict[str, Any]:
    return {
        "customerInformations": {
            "ticket": "0190a5c8-0000-7000-8000-000000000001",
            "timestampSent": "2026-01-01T00:00:00Z",
            "customerIdentification": {"organisationId": "0207362739"},
        },
        "privacyLog": {"context": "X", "dossier": {"dossierId": {"@source": "s", "#text": "d"}}},
        "request": {"personNumber": "85073003328"},
    }


def element(bced: Contract) -> etree._Element:
    return etree.fromstring(etree.tostring(bced.encode(MESSAGES + "getPerson", request())))


def violations(contract: Contract, message: etree._Element) -> list[tuple[str, str]]:
    with pytest.raises(ContractViolation) as caught:
        contract.validate(message)
    assert "canary" not in str(caught.value)
    return caught.value.violations


def test_valid_message_inside_an_envelope(bced: Contract) -> None:
    body = etree.Element("body")
    body.append(element(bced))
    bced.validate(body[0])


def test_wrong_value(bced: Contract) -> None:
    message = element(bced)
    message[-1][0].text = "canary"
    assert violations(bced, message) == [("/getPerson/request/personNumber", "breaks the pattern")]


def test_wrong_value_in_a_default_namespace(bced: Contract) -> None:
    text = etree.tostring(element(bced), encoding="unicode").replace("n1:", "").replace("xmlns:n1", "xmlns")
    message = etree.fromstring(text)
    message[-1][0].text = "canary"
    assert violations(bced, message) == [("/getPerson/request/personNumber", "breaks the pattern")]


def test_missing_mandatory_part(bced: Contract) -> None:
    message = element(bced)
    message[-1].remove(message[-1][0])
    [(path, rule)] = violations(bced, message)
    assert path == "/getPerson/request"
    assert "missing" in rule


def test_unknown_element_is_not_named(bced: Contract) -> None:
    message = element(bced)
    etree.SubElement(message[-1], "{urn:canary}canary").text = "canary"
    assert [path for path, _rule in violations(bced, message)] == ["/getPerson/request/*"]


def test_unknown_and_missing_attributes(bced: Contract) -> None:
    message = element(bced)
    dossier = message.find(".//{*}dossierId")
    assert dossier is not None
    dossier.set("canary", "canary")
    del dossier.attrib["source"]
    assert sorted(violations(bced, message)) == [
        ("/getPerson/privacyLog/dossier/dossierId/@*", "has an attribute the contract does not know"),
        ("/getPerson/privacyLog/dossier/dossierId/@source", "lacks a required attribute"),
    ]


def test_wrong_choice(bced: Contract) -> None:
    message = element(bced)
    log = message[1]
    etree.SubElement(log, log[0].tag.replace("context", "inscriptionReference")).text = request()[
        "customerInformations"
    ]["ticket"]
    assert [path for path, _rule in violations(bced, message)] == [
        "/getPerson/privacyLog/inscriptionReference"
    ]


def test_repeated_elements_have_their_position(bced: Contract) -> None:
    value = {
        "status": {"value": "PROCESSED", "code": "SOA0000000"},
        "person": {
            "personNumber": "85073003328",
            "name": {"lastName": ["Test"]},
            "nationalities": {"nationality": [{"code": "150"}, {"@inceptionDate": "canary"}]},
        },
    }
    message = bced.encode(MESSAGES + "getPersonResponse", value)
    [(path, rule)] = violations(bced, message)
    assert path == "/getPersonResponse/person/nationalities/nationality[2]/@inceptionDate"
    assert rule == "has a value of another type"


def test_message_of_another_contract(bced: Contract) -> None:
    assert violations(bced, etree.fromstring("<canary/>")) == [("/*", "is not a message of this contract")]


def test_no_more_violations_than_anyone_reads(bced: Contract) -> None:
    name = {"lastName": ["Test"]}
    persons = [{"personNumber": "canary", "name": copy.deepcopy(name)} for _ in range(40)]
    value = {"status": {"value": "PROCESSED", "code": "SOA0000000"}, "persons": {"person": persons}}
    message = bced.encode(MESSAGES + "searchPersonByNameResponse", value)
    assert len(violations(bced, message)) == 20


def test_schema_that_reaches_outside_is_not_fetched() -> None:
    text = (
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:a">'
        '<xs:import namespace="urn:b" schemaLocation="http://127.0.0.1:9/b.xsd"/>'
        '<xs:element name="a" xmlns:b="urn:b" type="b:T"/></xs:schema>'
    )
    with pytest.raises(ContractProblem, match="libxml2 refuses"):
        Schemas({"a.xsd": text}, {"urn:a": "a.xsd"}, [], "a.wsdl")


# --- serving ---


class Served:
    """zeep's transport over what the bus serves."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract

    def load(self, url: str) -> bytes:
        path, _, query = url.partition("?")
        assert path == LOCATION, url
        if query == "wsdl":
            return self.contract.wsdl(LOCATION)
        document = self.contract.document(query.removeprefix("xsd="), LOCATION)
        assert document is not None, url
        return document


@pytest.mark.parametrize("name", ["bced", "ksz", "catalogue"])
def test_served_contract_is_whole(name: str, request: pytest.FixtureRequest) -> None:
    contract: Contract = request.getfixturevalue(name)
    transport: Any = Served(contract)
    document = Document(LOCATION + "?wsdl", transport)
    addresses = {
        port.binding_options["address"]
        for service in document.services.values()
        for port in service.ports.values()
    }
    assert addresses == {LOCATION}
    operations = {
        operation
        for service in document.services.values()
        for port in service.ports.values()
        for operation in port.binding.all()
    }
    assert operations == set(contract.operations)


def test_only_documents_of_the_contract_are_served(bced: Contract, catalogue: Contract) -> None:
    for name in ("person_v3.wsdl", "../person_v3.wsdl", "/etc/passwd", "none.xsd", ""):
        assert bced.document(name) is None
    assert catalogue.document("catalogue.wsdl#1") is None
    relative = bced.document("messages_v3.xsd")
    assert relative is not None
    assert b'schemaLocation="?xsd=common_v1.xsd"' in relative


def test_location_is_escaped(bced: Contract) -> None:
    served = bced.wsdl('https://bus.example/a"b&<c')
    assert etree.fromstring(served).find(".//{*}address").get("location") == 'https://bus.example/a"b&<c'


# --- fields and JSON Schema ---


def test_paths_say_what_is_mandatory(bced: Contract) -> None:
    paths = bced.paths(MESSAGES + "getPersonResponse")
    assert paths["$.status.value"]
    assert not paths["$.person"]
    assert not paths["$.person.personNumber"]
    assert not paths["$.person.addresses.address[*].street.code"]
    assert not paths["$.person.@register"]
    asked = bced.paths(MESSAGES + "getPerson")
    assert asked["$.request.personNumber"]
    assert asked["$.customerInformations.customerIdentification.organisationId"]
    assert not asked["$.privacyLog.dossier"]
    with pytest.raises(KeyError):
        bced.paths("{urn:none}none")


def test_paths_stop_at_recursion(bced: Contract, catalogue: Contract) -> None:
    assert "$.cause" in bced.paths("{http://soa.spw.wallonie.be/data/common/error/v1}error")
    assert "$.tree.branch[*]" in catalogue.paths("{urn:test:catalogue}ask")


@pytest.mark.parametrize(
    ("change", "violation"),
    [
        ({"request": {}}, ("$.request.personNumber", "required")),
        ({"request": {"personNumber": "1"}}, ("$.request.personNumber", "pattern")),
        ({"request": {"personNumber": 5}}, ("$.request.personNumber", "type")),
        ({"canary": 1}, ("$", "additionalProperties")),
        ({"privacyLog": {"context": "X"}}, ("$.privacyLog", "anyOf")),
        ({"privacyLog": {"context": "X" * 65, "inscriptionReference": "0190a5c8-0000-7000-8000-000000000001"}},
         ("$.privacyLog.context", "maxLength")),
    ],
)  # fmt: skip
def test_generated_schema_refuses(bced: Contract, change: dict[str, Any], violation: tuple[str, str]) -> None:
    schema = JsonSchema(bced.json_schema(MESSAGES + "getPerson"))
    schema.validate(request())
    with pytest.raises(ContractViolation) as caught:
        schema.validate({**request(), **change})
    assert caught.value.violations == [violation]


def test_instances_differ() -> None:
    # The generator is an oracle of other tests: it must not always say the same.
    from integrator.contracts.compile import compile_wsdl
    from tests.contracts.conftest import ROOT

    plain = compile_wsdl(ROOT / "schemas" / "bced" / "person_v3.wsdl", ROOT)
    made = {etree.tostring(Instances(plain, seed).make(MESSAGES + "getPersonResponse")) for seed in range(20)}
    assert len(made) == 20
