"""What may stand in a leaf: leaves are kept longest and published, so nothing personal enters them.

Values of the site (flow, purpose, adapter) pass as they are unless they have the shape of a
national number; values from outside (codes of providers) must look like codes. What does not pass
is replaced by `WITHHELD`, and its text goes into the encrypted details instead.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

WITHHELD = "withheld"
IDENTIFIER_CHARS_MAX = 128
CODE_CHARS_MAX = 64
TEXT_CHARS_MAX = 512

_NISS_SHAPE = re.compile(
    r"(?<!\d)\d{2}[ ./-]?\d{2}[ ./-]?\d{2}[ ./-]{0,3}\d{3}[ ./-]{0,3}\d{2}(?!\d)", re.ASCII
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*", re.ASCII)
_CODE_DIGITS_MAX = 8  # 140/00001 has 8, SOA0000001 has 7; a national number has 11
_HASH = re.compile(r"[0-9a-f]{12,128}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_BCE = re.compile(r"[01]\d{9}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@lru_cache(maxsize=4096)
def identifier(value: Any) -> str:
    """A name the site gave to something: flow, party, adapter, operation, purpose, field group."""
    if type(value) is not str:
        return WITHHELD
    if len(value) > IDENTIFIER_CHARS_MAX or not _NAME.fullmatch(value) or _NISS_SHAPE.search(value):
        return WITHHELD
    return value


@lru_cache(maxsize=4096)
def code(value: Any) -> str:
    """A status or error code of the bus or of a provider: few digits, no spaces."""
    if type(value) is not str or len(value) > CODE_CHARS_MAX or not _NAME.fullmatch(value):
        return WITHHELD
    return WITHHELD if sum(map(str.isdigit, value)) > _CODE_DIGITS_MAX else value


@lru_cache(maxsize=4096)
def text(value: Any) -> str:
    """A sentence of the site: legal basis, authorisation. No control characters."""
    if type(value) is not str or len(value) > TEXT_CHARS_MAX:
        return WITHHELD
    return WITHHELD if _CONTROL.search(value) or _NISS_SHAPE.search(value) else value


@lru_cache(maxsize=4096)
def organisation(value: Any) -> str:
    """A BCE number in normal form, 10 digits."""
    return value if type(value) is str and _BCE.fullmatch(value) else WITHHELD


@lru_cache(maxsize=256)
def content_hash(value: Any) -> str:
    """A content hash in hex, or a short name of a site version in tests and tools."""
    if type(value) is str and _HASH.fullmatch(value):
        return value
    return identifier(value)


def uuid(value: Any) -> str:
    """An exchange id in lower-case text form."""
    return value if type(value) is str and _UUID.fullmatch(value) else WITHHELD


def fact(value: Any) -> str | int | bool | None:
    """A fact of one of the bus's own acts: a count, a yes or no, an id, a hash or a name."""
    if value is None or type(value) in (bool, int):
        return value  # type: ignore[no-any-return]
    if type(value) is str and (_HASH.fullmatch(value) or _UUID.fullmatch(value) or _BCE.fullmatch(value)):
        return value
    return identifier(value)
