"""What the person register knows and does: look up, search by name, search by address, register."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any

from integrator.sandbox.numbers import BIS_SEX_KNOWN, BIS_SEX_UNKNOWN, national_number
from integrator.sandbox.persons import Codec, Person

NAME_RESULTS_MAX = 30  # BCEDPersonMessages_v3.xsd: more is an error of the provider
ADDRESS_PAGE = 10
DEFAULT_TOLERANCE = 1


class TooManyFound(Exception):
    """A search found more than it may return: narrow it."""


class Register:
    """Synthetic persons in memory. Registered ones live until the process ends."""

    def __init__(self, persons: dict[str, Person]) -> None:
        self._persons: dict[str, Codec] = {number: person.codec() for number, person in persons.items()}
        self._next_serial = 901

    def get(self, number: str) -> Codec | None:
        """One person by number, or None."""
        return self._persons.get(number)

    def by_name(self, request: Codec) -> list[Codec]:
        """Persons by name and birth date within the tolerance. Raises TooManyFound."""
        wanted = request["personName"]
        tolerance = request.get("birthDateTolerance", DEFAULT_TOLERANCE)
        gender = {"MALE": "1", "FEMALE": "2"}.get(request.get("gender", ""))
        found = [
            person
            for person in self._persons.values()
            if _same_names(person["name"].get("lastName"), wanted["lastName"])
            and _has_names(person["name"].get("firstName"), wanted.get("firstName") or ())
            and _near(person["birth"]["officialBirthDate"], request["birthDate"], tolerance)
            and (gender is None or person["gender"]["code"] == gender)
        ]
        if len(found) > request.get("maxReturnData", NAME_RESULTS_MAX):
            raise TooManyFound
        return found

    def by_address(self, request: Codec) -> tuple[list[Codec], int, bool]:
        """Persons at an address: one page of them, its number, and whether another follows."""
        page = request.get("page", 1) or 1
        found = [person for person in self._persons.values() if _lives_at(person, request["address"])]
        start = (page - 1) * ADDRESS_PAGE
        return found[start : start + ADDRESS_PAGE], page, len(found) > start + ADDRESS_PAGE

    def publish(self, declared: Codec) -> str:
        """Register a person with a bis number, which is returned."""
        birth = declared.get("birth", {}).get("officialBirthDate", "2000-00-00")
        year, month, day = (int(part) for part in birth.split("-"))
        gender = declared.get("gender", {}).get("code")
        bis = BIS_SEX_KNOWN if gender else BIS_SEX_UNKNOWN
        number = national_number(year, month, day, self._serial(odd=gender != "F"), bis=bis)
        self._persons[number] = _registered(number, declared, birth, gender)
        return number

    def _serial(self, *, odd: bool) -> int:
        serial = self._next_serial if self._next_serial % 2 == odd else self._next_serial + 1
        self._next_serial = serial + 1 if serial < 949 else 901
        return serial


def _registered(number: str, declared: Codec, birth: str, gender: str | None) -> Codec:
    names = declared.get("name", {})
    person: Codec = {
        "@register": "Bis",
        "@source": "BCSS/KSZ",
        "personNumber": number,
        "name": {"lastName": [names.get("lastName", "?")]},
        "birth": {"officialBirthDate": birth},
        "gender": {"@codeSource": "ISO-5218", "code": {"M": "1", "F": "2"}.get(gender or "", "0")},
    }
    first_names = [first["#text"] for first in names.get("firstName", ())]
    if first_names:
        person["name"]["firstName"] = first_names
    return person


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold().strip()


def _fold_all(names: Iterable[str | None] | None) -> list[str]:
    return [_folded(name) for name in names or () if name]


def _same_names(known: Any, wanted: Any) -> bool:
    return _fold_all(known) == _fold_all(wanted)


def _has_names(known: Any, wanted: Any) -> bool:
    return set(_fold_all(wanted)) <= set(_fold_all(known))


def _near(known: str, wanted: str, tolerance: int) -> bool:
    # The tolerance is in the smallest unit that the search gives: days, months or years.
    year, month, day = (int(part) for part in wanted.split("-"))
    known_year, known_month, known_day = (int(part) for part in known.split("-"))
    if not month:
        return abs(known_year - year) <= tolerance
    if not day or not known_day:
        return abs(known_year * 12 + known_month - year * 12 - month) <= tolerance
    # Days of a search are few: 31 to a month is close enough for a simulator.
    return abs((known_year * 12 + known_month - year * 12 - month) * 31 + known_day - day) <= tolerance


def _lives_at(person: Codec, wanted: Codec) -> bool:
    return any(_is_at(address, wanted) for address in person.get("addresses", {}).get("address", ()))


def _is_at(address: Codec, wanted: Codec) -> bool:
    if "street" not in address:
        return False
    key = (address["postCode"]["code"], address["street"]["code"], address["houseNumber"])
    if "adressID" in wanted:
        identifier = wanted["adressID"]
        text = identifier.get("#text") if isinstance(identifier, dict) else identifier
        return bool(text == "/".join(key))
    return bool(key == (str(wanted["postCode"]), str(wanted["streetCode"]).zfill(4), wanted["houseNumber"]))
