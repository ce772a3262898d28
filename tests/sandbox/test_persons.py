from __future__ import annotations

from collections import Counter

from integrator.identifiers import nis, niss
from integrator.sandbox.faults import RESERVED
from integrator.sandbox.lists import MUNICIPALITIES
from integrator.sandbox.persons import SEED, Person, synthetic_persons
from tests.outbound.sites import contract

RESPONSE = "{http://soa.spw.wallonie.be/services/person/messages/v3}getPersonResponse"
PERSONS = synthetic_persons()


def about(text: str) -> Person:
    return next(person for person in PERSONS.values() if person.about == text)


def test_there_are_enough_and_their_numbers_are_valid() -> None:
    assert len(PERSONS) >= 25
    assert all(niss(number) == number == person.number for number, person in PERSONS.items())
    assert not set(PERSONS) & set(RESERVED)


def test_they_are_the_same_at_every_start_and_others_with_another_seed() -> None:
    assert synthetic_persons(SEED) == PERSONS
    names = [person.name() for person in PERSONS.values()]
    assert [person.name() for person in synthetic_persons(1).values()] != names


def test_every_one_is_valid_against_the_contract_and_comes_back_the_same() -> None:
    for person in PERSONS.values():
        message = {"status": {"value": "PROCESSED", "code": "SOA0000000"}, "person": person.codec()}
        element = contract().encode(RESPONSE, message)
        contract().validate(element)
        assert contract().decode(element) == message, person.about


def test_numbers_agree_with_birth_date_and_sex() -> None:
    for person in PERSONS.values():
        year, month, day = person.birth_date.split("-")
        assert person.number[:2] == year[2:]
        assert int(person.number[2:4]) % 20 == int(month)
        assert person.number[4:6] == day
        assert (int(person.number[8]) % 2 == 0) == person.female


def test_the_special_cases_are_there() -> None:
    assert about("birth date with neither month nor day").birth_date == "1985-00-00"
    assert "decease" in about("deceased").codec()
    assert about("no address").codec().get("addresses") is None
    assert len(about("several addresses").codec()["addresses"]["address"]) == 3
    assert "nobilityTitle" in about("title of nobility").codec()
    assert about("bis number, sex known, address abroad").number[2:4] == "42"
    assert about("bis number, sex unknown when it was given").number[2:4] == "32"
    assert about("citizen of another Member State").register == "Stranger"
    assert int(about("child").birth_date[:4]) >= 2017
    assert not "".join(about("long names with accents").family_names).isascii()


def test_partners_have_each_other() -> None:
    partners = Counter[str]()
    for person in PERSONS.values():
        codec = person.codec()
        found = [state.get("partner") for state in codec.get("civilStates", {}).get("civilState", ())]
        found.append(codec.get("legalCohabitation", {}).get("partner"))
        partners.update(partner["personNumber"] for partner in found if partner and "personNumber" in partner)
    assert len(partners) == 5
    assert set(partners) <= set(PERSONS)


def test_communes_have_nis_codes() -> None:
    assert all(nis(place.nis) == place.nis for place in MUNICIPALITIES)
    assert len({place.nis for place in MUNICIPALITIES}) == len(MUNICIPALITIES)
