"""Synthetic persons: the same ones at every start, with numbers that pass every check.

Nobody is meant: names are common ones combined at random, serial numbers are at the end of the
range, which no day of births ever reaches.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrator.sandbox import lists
from integrator.sandbox.lists import BELGIUM, Country, Municipality
from integrator.sandbox.numbers import BIS_SEX_KNOWN, BIS_SEX_UNKNOWN, national_number

SEED = 316_381_138
ORDINARY = 20  # persons without anything special, beside the special ones

Codec = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Person:
    """A synthetic person. `about` says what is special; `details` are parts of the Person v3
    message in codec JSON, added to what everyone has."""

    number: str
    about: str
    first_names: tuple[str, ...]
    family_names: tuple[str, ...]
    birth_date: str  # incomplete dates have 00
    female: bool
    register: str = "Population"
    nationalities: tuple[Country, ...] = (BELGIUM,)
    addresses: tuple[Codec, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def codec(self) -> Codec:
        """The person as codec JSON of `PersonType` (BCED Person v3, person_v2.xsd)."""
        value: Codec = {
            "@source": "RN/RR" if self.register != "Bis" else "BCSS/KSZ",
            "@register": self.register,
            "personNumber": self.number,
            "name": self.name(),
            "gender": _code(
                "2" if self.female else "1", "ISO-5218", "Féminin" if self.female else "Masculin"
            ),
            "nationalities": {
                "nationality": [_code(country.nis, "INS/NIS", country.name) for country in self.nationalities]
            },
            "birth": {"birthPlace": _place(self.nationalities[0]), "officialBirthDate": self.birth_date},
        }
        if self.addresses:
            value["addresses"] = {"address": list(self.addresses)}
        value.update(self.details)
        return value

    def name(self) -> Codec:
        """The person's name as codec JSON of `NameType`."""
        value: Codec = {"lastName": list(self.family_names)}
        if self.first_names:
            value = {"firstName": list(self.first_names), **value, "usedFirstName": self.first_names[0]}
        return value

    def as_partner(self) -> Codec:
        """The person as somebody's partner (`PartnerType`)."""
        return {"personNumber": self.number, "officialBirthDate": self.birth_date, "name": self.name()}


def synthetic_persons(seed: int = SEED) -> dict[str, Person]:
    """Every person of the sandbox by number, the special ones first."""
    maker = _Maker(random.Random(seed))  # noqa: S311 (reproducible on purpose, nothing secret)
    people = [*_special(maker), *(_ordinary(maker) for _ in range(ORDINARY))]
    return {person.number: person for person in people}


class _Maker:
    """Draws names and addresses; gives every person of a birth date the next serial number."""

    def __init__(self, source: random.Random) -> None:
        self._source = source
        self._serials: dict[tuple[int, int, int, bool], int] = {}

    def number(self, birth: tuple[int, int, int], *, female: bool, bis: int = 0) -> str:
        serial = self._serials.get((*birth, female), 952 if female else 951)
        self._serials[*birth, female] = serial + 2
        return national_number(*birth, serial, bis=bis)

    def person(self, about: str, birth: tuple[int, int, int], *, female: bool, **parts: Any) -> Person:
        draw = self._source
        bis = parts.pop("bis", 0)
        first_names = tuple(draw.sample(lists.WOMEN if female else lists.MEN, 2))
        values: dict[str, Any] = {
            "first_names": first_names,
            "family_names": (draw.choice(lists.FAMILIES),),
            "addresses": (self.address(),),
        }
        values.update(parts)
        date = "{:04}-{:02}-{:02}".format(*birth)
        return Person(
            self.number(birth, female=female, bis=bis), about, birth_date=date, female=female, **values
        )

    def address(
        self, kind: str = "Residential", municipality: Municipality | None = None, box: str | None = None
    ) -> Codec:
        draw = self._source
        place = municipality or draw.choice(lists.MUNICIPALITIES)
        street = draw.randrange(len(lists.STREETS))
        return address(kind, place, street, str(draw.randint(1, 180)), box)

    def date(self, first: int, last: int) -> tuple[int, int, int]:
        draw = self._source
        return draw.randint(first, last), draw.randint(1, 12), draw.randint(1, 28)

    def coin(self) -> bool:
        return self._source.random() < 0.5


def address(kind: str, place: Municipality, street: int, house: str, box: str | None = None) -> Codec:
    """A Belgian address as codec JSON of `AddressType`; `street` is a position in `lists.STREETS`."""
    value: Codec = {
        "@addressType": kind,
        "country": [_country(BELGIUM)],
        "street": _code(f"{street + 1001:04}", "RN/RR", lists.STREETS[street]),
        "postCode": {"code": place.postcode},
        "municipality": _code(place.nis, "INS/NIS", place.name, place.language),
        "houseNumber": house,
    }
    if box is not None:
        value["boxNumber"] = box
    return value


def _ordinary(maker: _Maker) -> Person:
    return maker.person("resident, nothing special", maker.date(1930, 2007), female=maker.coin())


def _special(maker: _Maker) -> list[Person]:
    return [
        *_families(maker),
        *_ages_and_dates(maker),
        *_strangers(maker),
        *_addresses(maker),
        *_names(maker),
    ]


def _families(maker: _Maker) -> list[Person]:
    home = address("Residential", lists.NAMUR, 0, "12")
    first = maker.person("married, partner with a number", (1978, 5, 14), female=False, addresses=(home,))
    second = maker.person("married, partner with a number", (1980, 11, 3), female=True, addresses=(home,))
    child = maker.person("child", (2017, 7, 3), female=True, addresses=(home,))
    born = maker.person("child in the register of births", (2024, 2, 29), female=False, addresses=(home,))
    one = maker.person("legal cohabitation", (1991, 1, 20), female=True)
    other = maker.person("legal cohabitation", (1989, 9, 9), female=True, addresses=one.addresses)
    dead = maker.person("deceased", (1941, 3, 30), female=False, addresses=(), details=_decease("2021-06-17"))
    widow = maker.person("widowed, partner deceased", (1944, 8, 2), female=True)
    return [
        _with(first, civilStates=_civil_state("20", "Marié", second)),
        _with(second, civilStates=_civil_state("20", "Marié", first)),
        _with(child, family_names=first.family_names),
        _with(born, family_names=first.family_names, register="Birth"),
        _with(one, legalCohabitation=_cohabitation(other)),
        _with(other, legalCohabitation=_cohabitation(one)),
        dead,
        _with(widow, civilStates=_civil_state("30", "Veuf", dead)),
        maker.person(
            "divorced, partner without a number", (1969, 12, 31), female=True,
            details={"civilStates": {"civilState": [{
                "@inceptionDate": "2009-04-01",
                "civilStateStatus": _code("40", "RN/RR", "Divorcé"),
                "partner": {"partnerReference": "EX-1"},
            }]}},
        ),
    ]  # fmt: skip


def _ages_and_dates(maker: _Maker) -> list[Person]:
    return [
        maker.person("birth date with neither month nor day", (1985, 0, 0), female=False),
        maker.person("birth date without day", (1962, 7, 0), female=True),
        maker.person("more than a hundred years old", (1921, 4, 18), female=True),
        maker.person("born in 2000, first of the new check digits", (2000, 1, 1), female=False),
        maker.person(
            "deceased, date without month and day", (1950, 10, 5), female=True, addresses=(),
            details=_decease("2019-00-00"),
        ),
    ]  # fmt: skip


def _strangers(maker: _Maker) -> list[Person]:
    abroad: Codec = {
        "@addressType": "Contact",
        "country": [_country(lists.FRANCE)],
        "plainText": [{"#text": "7 rue des Lilas", "@language": "fr"}, {"#text": "59000 Lille"}],
    }
    return [
        maker.person(
            "citizen of another Member State", (1983, 6, 6), female=True, register="Stranger",
            nationalities=(lists.FRANCE,),
        ),
        maker.person(
            "asked for asylum, no address", (1996, 1, 1), female=False, register="Waiting_Asylum",
            nationalities=(lists.SYRIA,), addresses=(),
        ),
        maker.person(
            "bis number, sex known, address abroad", (1975, 2, 11), female=False, bis=BIS_SEX_KNOWN,
            register="Bis", nationalities=(lists.FRANCE,), addresses=(abroad,),
        ),
        maker.person(
            "bis number, sex unknown when it was given", (1990, 12, 12), female=True, bis=BIS_SEX_UNKNOWN,
            register="Bis", nationalities=(lists.ITALY,), addresses=(),
        ),
        maker.person(
            "two nationalities", (1987, 3, 8), female=True, nationalities=(BELGIUM, lists.MOROCCO)
        ),
        maker.person(
            "diplomat", (1966, 6, 21), female=False, register="Diplomatic", addresses=(),
            details={"diplomaticPost": {"diplomaticPlace": {"country": [_country(lists.ITALY)]}}},
        ),
    ]  # fmt: skip


def _addresses(maker: _Maker) -> list[Person]:
    several = (maker.address(), maker.address("Temporary"), maker.address("PostAddress", box="B12"))
    return [
        maker.person("no address", (1958, 9, 17), female=False, addresses=()),
        maker.person("several addresses", (1972, 4, 4), female=True, addresses=several),
        maker.person("box number", (1999, 8, 24), female=False, addresses=(maker.address(box="0304"),)),
        maker.person(
            "struck off the register", (1981, 5, 5), female=False, register="Radiation", addresses=()
        ),
        maker.person(
            "German-speaking commune", (1977, 10, 10), female=True,
            addresses=(address("Residential", lists.EUPEN, 4, "3a"),),
        ),
    ]  # fmt: skip


def _names(maker: _Maker) -> list[Person]:
    return [
        maker.person(
            "title of nobility", (1955, 11, 15), female=False, family_names=("de Bois-Sainte-Marie",),
            details={"nobilityTitle": {**_code("05", "RN/RR", "Baron"), "@inceptionDate": "1955-11-15"}},
        ),
        maker.person(
            "long names with accents", (1993, 7, 19), female=True,
            first_names=("Marie-Éléonore", "Françoise-Gaëlle", "Zoé"),
            family_names=("Vanden Bœynants-Crèvecœur", "d'Oultremont-Pérée-Noël"),
        ),
        maker.person("no first name", (1970, 1, 1), female=True, first_names=()),
        maker.person(
            "profession known", (1964, 2, 2), female=False,
            details={"professions": {"profession": [{
                "occupation": {"code": "2310", "description": [{"#text": "Enseignant", "@language": "fr"}]},
                "comment1": {"#text": "à temps partiel", "@language": "fr"},
            }]}},
        ),
    ]  # fmt: skip


def _with(person: Person, **changes: Any) -> Person:
    from dataclasses import replace

    known = {name: changes.pop(name) for name in ("family_names", "register") if name in changes}
    return replace(person, **known, details={**person.details, **changes})


def _civil_state(code: str, text: str, partner: Person) -> Codec:
    status = _code(code, "RN/RR", text)
    place = {"municipality": _code(lists.NAMUR.nis, "INS/NIS", "Namur"), "country": [_country(BELGIUM)]}
    state = {"civilStateStatus": status, "civilStatePlace": place, "partner": partner.as_partner()}
    return {"civilState": [{"@inceptionDate": "2006-06-24", **state}]}


def _cohabitation(partner: Person) -> Codec:
    place = {"municipality": _code(lists.NAMUR.nis, "INS/NIS", "Namur"), "country": [_country(BELGIUM)]}
    registration = {"registrationDate": "2015-03-02", "registrationPlace": place}
    return {"@inceptionDate": "2015-03-02", "partner": partner.as_partner(), "registration": registration}


def _decease(date: str) -> Codec:
    return {"decease": {"deceasePlace": _place(BELGIUM), "officialDeceaseDate": date}}


def _place(country: Country) -> Codec:
    if country is BELGIUM:
        return {"municipality": _code(lists.NAMUR.nis, "INS/NIS", "Namur"), "country": [_country(country)]}
    return {"country": [_country(country)]}


def _country(country: Country) -> Codec:
    return _code(country.iso, "ISO-3166", country.name)


def _code(code: str, source: str, text: str, language: str = "fr") -> Codec:
    return {"@codeSource": source, "code": code, "description": [{"#text": text, "@language": language}]}
