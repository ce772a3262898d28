"""The person simulator over HTTP: four operations, bad input, and every fault."""

from __future__ import annotations

from typing import Any

import pytest

from integrator.contracts import envelope
from integrator.exchange import ProviderTimeout, ProviderUnreachable
from integrator.identifiers import niss
from integrator.sandbox.persons import synthetic_persons
from tests.outbound.sites import EXCHANGE, contract
from tests.sandbox.conftest import HEADER, MESSAGES, Client

PERSONS = synthetic_persons()
FIRST = next(iter(PERSONS.values()))


def message(request: Any, name: str = "getPerson") -> bytes:
    return envelope.wrap(contract().encode(MESSAGES + name, {**HEADER, "request": request}))


GET = message({"personNumber": FIRST.number})


async def test_every_person_can_be_looked_up(person: Client) -> None:
    for number, known in PERSONS.items():
        value = await person.soap("getPerson", {"personNumber": number})
        assert value["person"] == known.codec()
        assert value["status"]["code"] == "SOA0000000"
        assert value["@customerTicket"] == EXCHANGE
        assert len(value["@requestId"]) == 36


async def test_a_number_of_nobody(person: Client) -> None:
    value = await person.soap("getPerson", {"personNumber": "85073003328"})
    assert (value["status"]["code"], value["status"]["value"]) == ("SOA0000001", "PROCESSED")
    assert "person" not in value


async def test_an_inscription_comes_back(person: Client) -> None:
    inscribed = {**HEADER, "privacyLog": {"context": "X", "inscriptionReference": EXCHANGE}}
    element = contract().encode(
        MESSAGES + "getPerson", {**inscribed, "request": {"personNumber": FIRST.number}}
    )
    response = await person.send(envelope.wrap(element))
    assert f'inscriptionReference="{EXCHANGE}"'.encode() in response.body


def by_name(**changes: Any) -> dict[str, Any]:
    return {"personName": {"lastName": list(FIRST.family_names)}, "birthDate": FIRST.birth_date, **changes}


async def numbers(person: Client, request: dict[str, Any]) -> list[str]:
    value = await person.soap("searchPersonByName", request)
    return [found["personNumber"] for found in value.get("persons", {}).get("person", ())]


async def test_search_by_name(person: Client) -> None:
    assert await numbers(person, by_name()) == [FIRST.number]
    folded = {"lastName": [FIRST.family_names[0].upper()], "firstName": [FIRST.first_names[0].lower()]}
    assert await numbers(person, by_name(personName=folded)) == [FIRST.number]
    assert await numbers(person, by_name(gender="MALE")) == [FIRST.number]
    assert await numbers(person, by_name(gender="FEMALE")) == []
    assert await numbers(person, by_name(personName={"lastName": ["Personne"]})) == []
    assert await numbers(person, by_name(birthDate="1950-01-01")) == []


@pytest.mark.parametrize(
    ("date", "tolerance", "found"),
    [
        ("1978-05-13", None, True),
        ("1978-05-12", None, False),
        ("1978-05-12", 2, True),
        ("1978-04-00", None, True),
        ("1978-03-00", None, False),
        ("1979-00-00", None, True),
        ("1980-00-00", 1, False),
        ("1980-00-00", 2, True),
    ],
)
async def test_the_tolerance_is_in_the_smallest_unit_given(
    person: Client, date: str, tolerance: int | None, found: bool
) -> None:
    assert FIRST.birth_date == "1978-05-14"
    more = {} if tolerance is None else {"birthDateTolerance": tolerance}
    assert (FIRST.number in await numbers(person, by_name(birthDate=date, **more))) is found


async def test_too_many_names_found(person: Client) -> None:
    request = by_name(birthDate="1978-00-00", birthDateTolerance=100, maxReturnData=1)
    fault = await person.fault(message(request, "searchPersonByName"))
    assert fault.code == "Client"


async def test_search_by_address(person: Client) -> None:
    address = {"postCode": "5000", "streetCode": "1001", "houseNumber": "12"}
    value = await person.soap("searchPersonByAddress", {"address": address})
    found = [one["personNumber"] for one in value["persons"]["person"]]
    assert found == list(PERSONS)[:4]
    assert (value["persons"]["page"], value["persons"]["hasNextPage"]) == (1, False)
    by_id = {"adressID": {"#text": "5000/1001/12"}}
    again = await person.soap("searchPersonByAddress", {"address": by_id})
    assert again["persons"] == value["persons"]
    empty = await person.soap("searchPersonByAddress", {"address": address, "page": 2})
    assert empty["status"]["code"] == "SOA0000001"


async def test_a_published_person_can_be_looked_up(person: Client) -> None:
    declared = {
        "@register": "Bis",
        "name": {
            "@inceptionDate": "2026-01-01",
            "firstName": [{"@sequence": 1, "#text": "Alix"}],
            "lastName": "Nouvelle",
        },
        "gender": {"@inceptionDate": "2026-01-01", "code": "F"},
        "birth": {"officialBirthDate": "1990-04-00"},
    }
    given = []
    for _ in range(3):
        value = await person.soap("publishPerson", {"person": declared})
        given.append(value["result"]["personNumber"])
    assert len(set(given)) == 3
    for number in given:
        assert niss(number) == number
        assert number.startswith("904400")
        found = await person.soap("getPerson", {"personNumber": number})
        assert found["person"]["name"] == {"firstName": ["Alix"], "lastName": ["Nouvelle"]}
        assert found["person"]["gender"]["code"] == "2"


async def test_a_person_of_whom_nothing_is_known_can_be_published(person: Client) -> None:
    value = await person.soap("publishPerson", {"person": {"@register": "Bis"}})
    found = await person.soap("getPerson", {"personNumber": value["result"]["personNumber"]})
    assert found["person"]["@register"] == "Bis"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "Client"),
        (b"<x/>", "Client"),
        (b"{}", "Client"),
        (GET.replace(b"personNumber", b"number"), "Client"),
        (GET.replace(FIRST.number.encode(), b"123"), "Client"),
        (GET.replace(b"<soap:Body>", b"<soap:Body><!-- -->").replace(b"getPerson", b"getNobody"), "Client"),
        (GET.replace(b"schemas.xmlsoap.org/soap/envelope/", b"www.w3.org/2003/05/soap-envelope"), "VersionMismatch"),
        (GET.replace(b"http://schemas.xmlsoap.org/soap/envelope/", b"urn:other"), "VersionMismatch"),
        (b'<!DOCTYPE x>' + GET.partition(b"\n")[2], "Client"),
        (envelope.wrap(contract().encode(MESSAGES + "getPersonResponse", {"status": {"value": "ERROR", "code": "SOA0000000"}})), "Client"),
    ],
)  # fmt: skip
async def test_requests_that_break_the_contract_get_its_fault(person: Client, body: bytes, code: str) -> None:
    fault = await person.fault(body)
    assert fault.code == code
    assert contract().decode(fault.detail)["code"]["code"] == "600/00001"


async def test_a_body_beyond_the_limit(person: Client) -> None:
    assert (await person.send(b"x" * 1_100_000)).status == 413


# --- faults by command


async def test_planned_faults_are_played_in_order_and_then_all_is_well(person: Client) -> None:
    assert (await person.control("POST", "faults", {"fault": "html"}))[0] == 202
    assert (await person.control("POST", "faults", {"fault": "unavailable", "next": 2}))[1] == {"planned": 3}
    statuses = [(await person.send(GET)).status for _ in range(4)]
    assert statuses == [200, 503, 503, 200]
    assert (await person.soap("getPerson", {"personNumber": FIRST.number}))["person"]


async def test_planned_faults_can_be_forgotten(person: Client) -> None:
    await person.control("POST", "faults", {"fault": "unavailable", "next": 5})
    assert (await person.control("GET", "faults"))[1]["planned"] == 5
    await person.control("DELETE", "faults")
    assert (await person.send(GET)).status == 200


@pytest.mark.parametrize(
    "value",
    [
        {}, [], "timeout", {"fault": "rejected"}, {"fault": "none"}, {"fault": "html", "next": 0},
        {"fault": "html", "next": 1_001}, {"fault": "html", "next": "1"}, {"fault": "html", "next": True},
        {"fault": "slow", "seconds": -1}, {"fault": "slow", "seconds": 61}, {"fault": "slow", "seconds": "1"},
        {"fault": "html", "more": 1}, {"fault": ["html"]},
    ],
)  # fmt: skip
async def test_commands_that_make_no_sense(person: Client, value: Any) -> None:
    status, problem = await person.control("POST", "faults", value)
    assert status == 400
    assert problem["title"]
    assert (await person.send(GET)).status == 200


async def test_unknown_commands(person: Client) -> None:
    assert (await person.control("GET", "nothing"))[0] == 404
    assert (await person.control("PUT", "faults", {}))[0] == 404


async def test_a_planned_timeout_lasts_as_long_as_it_is_told(person: Client) -> None:
    await person.control("POST", "faults", {"fault": "timeout", "seconds": 0.05})
    with pytest.raises(ProviderUnreachable):
        await person.send(GET)
    await person.control("POST", "faults", {"fault": "timeout"})
    with pytest.raises(ProviderTimeout):
        await person.send(GET, seconds=0.05)
    assert (await person.send(GET)).status == 200


async def test_slow_answers_are_good_answers(person: Client) -> None:
    await person.control("POST", "faults", {"fault": "slow", "seconds": 0.02})
    assert (await person.soap("getPerson", {"personNumber": FIRST.number}))["person"]


async def test_dropped_connections(person: Client) -> None:
    await person.control("POST", "faults", {"fault": "refused", "next": 2})
    for _ in range(2):
        with pytest.raises(ProviderUnreachable) as caught:
            await person.send(GET)
        assert caught.value.reason == "connection-closed"
    assert (await person.send(GET)).status == 200


async def test_what_was_received(person: Client) -> None:
    await person.send(GET, headers={"X-Seen": "yes"})
    await person.send(b"junk")
    _, (first, second) = await person.control("GET", "received")
    assert (first["operation"], first["headers"]["x-seen"]) == ("getPerson", "yes")
    assert first["header"]["ticket"] == EXCHANGE
    assert first["header"]["context"] == "ENVIRONMENTAL_OR_SINGLE_PERMIT"
    assert (second["body"], "operation" in second) == ("junk", False)
    await person.control("DELETE", "received")
    assert (await person.control("GET", "received"))[1] == []
