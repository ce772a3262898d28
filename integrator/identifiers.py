"""Belgian identifiers: normal form and checks of NISS, BCE and NIS numbers.

Normal form is digits only: NISS 11, BCE 10, NIS 5. The functions return None for what is not a
valid number; they never raise, because callers decide whether that is a 400 or a search miss.
"""

from __future__ import annotations

import re

_SEPARATORS = str.maketrans("", "", " .-/")
_NISS = re.compile(r"\d{11}", re.ASCII)
_BCE = re.compile(r"[01]\d{9}", re.ASCII)
_ESTABLISHMENT = re.compile(r"[2-8]\d{9}", re.ASCII)
_NIS = re.compile(r"[1-9]\d{4}", re.ASCII)


def niss(text: str) -> str | None:
    """The national or bis number in normal form, or None.

    Check digits are 97 - (first nine digits mod 97), with "2" before the nine for people born
    from 2000 on. Months 00-12, and +20 or +40 for bis numbers, as the BCED and KSZ patterns allow.
    """
    number = text
    if len(text) != 11 or not text.isascii() or not text.isdigit():  # most come in normal form
        number = text.translate(_SEPARATORS)
        if not _NISS.fullmatch(number):
            return None
    month, day = int(number[2:4]), int(number[4:6])
    if month % 20 > 12 or month > 52 or day > 31:
        return None
    if month <= 12 and number[6:9] == "000":
        return None
    check = int(number[9:])
    base = int(number[:9])
    return number if check in (97 - base % 97, 97 - (2_000_000_000 + base) % 97) else None


def bce(text: str) -> str | None:
    """The enterprise number in normal form (10 digits, leading 0 restored), or None.

    Last two digits are 97 - (first eight mod 97).
    """
    number = text.translate(_SEPARATORS).removeprefix("BE")
    if len(number) == 9:
        number = "0" + number  # contracts that type it as a number lose the leading zero
    if not _BCE.fullmatch(number):
        return None
    return number if int(number[8:]) == 97 - int(number[:8]) % 97 else None


def establishment(text: str) -> str | None:
    """The establishment unit number in normal form (10 digits, first 2-8), or None."""
    number = text.translate(_SEPARATORS)
    if not _ESTABLISHMENT.fullmatch(number):
        return None
    return number if int(number[8:]) == 97 - int(number[:8]) % 97 else None


def nis(text: str) -> str | None:
    """The municipality code in normal form (5 digits), or None."""
    return text if _NIS.fullmatch(text) else None


def subject(text: str) -> tuple[str, str] | None:
    """A subject as (kind, number): a NISS, else a BCE or establishment number, else None."""
    number = niss(text)
    if number is not None:
        return "niss", number
    number = bce(text) or establishment(text)
    return ("bce", number) if number is not None else None
