"""Synthetic national and bis numbers with valid check digits."""

from __future__ import annotations

BIS_SEX_UNKNOWN = 20
BIS_SEX_KNOWN = 40


def national_number(year: int, month: int, day: int, serial: int, *, bis: int = 0) -> str:
    """The number of a birth date (month and day may be 0) and serial number; odd for men.

    `bis` is added to the month: 20 or 40 for bis numbers.
    """
    base = f"{year % 100:02}{month + bis:02}{day:02}{serial:03}"
    prefix = "2" if year >= 2000 else ""
    return f"{base}{97 - int(prefix + base) % 97:02}"


def wrong_check_digits(number: str) -> str:
    """The same number with check digits that belong to no century."""
    base = int(number[:9])
    valid = {97 - base % 97, 97 - (2_000_000_000 + base) % 97}
    wrong = next(check for check in range(1, 98) if check not in valid)
    return f"{number[:9]}{wrong:02}"
