"""Retention classes: ISO 8601 periods of years, months and days, counted back from now in UTC."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta

_PERIOD = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?", re.ASCII)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PeriodInvalid(Exception):
    """The text is no period of years, months and days, such as P10Y or P6M."""


def before_us(now_us: int, period: str) -> int:
    """The moment one period before `now_us` (microseconds since 1970): what is older has expired.

    A day that the month does not have becomes its last one, so that nothing expires early. 0 where the
    period reaches back before 1970. Raises PeriodInvalid.
    """
    found = _PERIOD.fullmatch(period)
    if found is None or period == "P":
        raise PeriodInvalid("write a retention class like P10Y, P6M or P30D")
    years, months, days = (int(number or 0) for number in found.groups())
    now = datetime.fromtimestamp(now_us // 1_000_000, UTC) + timedelta(microseconds=now_us % 1_000_000)
    month = now.year * 12 + now.month - 1 - 12 * years - months
    if month < 1970 * 12 or days > (now - _EPOCH).days:
        return 0
    year, month = divmod(month, 12)
    day = min(now.day, calendar.monthrange(year, month + 1)[1])
    then = now.replace(year=year, month=month + 1, day=day) - timedelta(days=days)
    seconds = calendar.timegm(then.utctimetuple())
    return max(0, seconds * 1_000_000 + then.microsecond)


def first_id(time_us: int) -> bytes:
    """The lowest record id (UUIDv7, RFC 9562 section 5.7) made at this time or later."""
    return (time_us // 1_000).to_bytes(6, "big") + bytes(10)
