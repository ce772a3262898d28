"""What the models share: one strict base, and the small languages of single values.

A value's error is a `PydanticCustomError` whose type is the rule id and whose context has the
remedy, so that the rule catalogue and the messages have one source.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from integrator import identifiers


def _hyphenated(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


class SiteModel(BaseModel):
    """Keys are written with hyphens, unknown ones are refused, nothing is converted silently."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=_hyphenated,
        validate_by_alias=True,
        validate_by_name=False,
        hide_input_in_errors=True,
    )


def wrong(rule: str, message: str, remedy: str) -> PydanticCustomError:
    """An error of one value; messages are literal texts, so braces in them are kept."""
    return PydanticCustomError(rule, "{message}", {"message": message, "remedy": remedy})


def _matching(pattern: str, rule: str, message: str, remedy: str) -> Callable[[str], str]:
    compiled = re.compile(pattern, re.ASCII)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise wrong(rule, message, remedy)
        return value

    return check


def _text(check: Callable[[str], str], pattern: str | None = None) -> Any:
    schema: dict[str, Any] = {"type": "string"} | ({"pattern": f"^({pattern})$"} if pattern else {})
    return Annotated[str, AfterValidator(check), WithJsonSchema(schema)]


def _patterned(pattern: str, rule: str, message: str, remedy: str) -> Any:
    return _text(_matching(pattern, rule, message, remedy), pattern)


# --- names ----------------------------------------------------------------------------------------

IDENTIFIER = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
PARTY_ID = rf"{IDENTIFIER}/{IDENTIFIER}"

Identifier = _patterned(
    IDENTIFIER, "wrong-name", "the name is not lower-case words with hyphens",
    "write it like 'person-consult'",
)  # fmt: skip
PartyId = _patterned(
    PARTY_ID, "wrong-name", "a party is named <level>/<name>", "write it like 'municipal/namur'"
)
ConsumerUri = _patterned(
    r"(?!flow:|direct:|seda:|adapter:)[a-z][a-z0-9+-]*:[^?\s][^?\n]*", "wrong-uri",
    "a consumer is written scheme:name, without options", "write it like 'file:permits-in'",
)  # fmt: skip
Title = Annotated[
    dict[Literal["fr", "nl", "de", "en"], Annotated[str, Field(min_length=1, max_length=200)]],
    Field(min_length=1),
]


def _site_path(value: str) -> str:
    if value.startswith("/") or "\\" in value or ".." in value.split("/") or not value.strip():
        raise wrong("outside-site", "the path leaves the site",
                    "write a path inside the site's directory, with forward slashes")  # fmt: skip
    return value


SitePath = _text(_site_path)


# --- numbers of public bodies ---------------------------------------------------------------------


def _bce(value: str) -> str:
    if identifiers.bce(value) != value:
        raise wrong("wrong-bce", "this is not a BCE number: its check digits do not fit",
                    "write the ten digits of the enterprise number, in quotes, without dots")  # fmt: skip
    return value


def _nis(value: str) -> str:
    if identifiers.nis(value) is None:
        raise wrong("wrong-nis", "this is not a NIS code", "write the five digits of the code, in quotes")
    return value


Bce = _text(_bce, r"[01][0-9]{9}")
Nis = _text(_nis, r"[1-9][0-9]{4}")
Fingerprint = _patterned(
    r"sha256:[0-9a-f]{64}", "wrong-fingerprint", "this is not a certificate fingerprint",
    "write sha256: and the 64 lower-case hexadecimal digits of the certificate's SHA-256",
)  # fmt: skip


# --- time and quantity ----------------------------------------------------------------------------

_DURATION = r"[0-9]+(\.[0-9]+)?(ms|s|m|h|d)"
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_QUOTA = r"[1-9][0-9]{0,8}/(s|min|h|day)"
_QUOTA_SECONDS = {"s": 1, "min": 60, "h": 3600, "day": 86_400}
_RETENTION = r"P(?=[0-9])([0-9]+Y)?([0-9]+M)?([0-9]+D)?"

Duration = _patterned(
    _DURATION, "wrong-duration", "this is not a duration", "write it like 800ms, 8s, 10m or 2h"
)
Retention = _patterned(
    _RETENTION, "wrong-retention", "this is not an ISO 8601 period of years, months, days",
    "write it like P10Y or P6M",
)  # fmt: skip
Quota = _patterned(
    _QUOTA, "wrong-quota", "this is not a quota", "write it like 100/min (units: s, min, h, day)"
)
Percentage = _patterned(
    r"(100|[0-9]{1,2}(\.[0-9]+)?)%", "wrong-percentage", "this is not a percentage", "write it like 99.5%"
)


def seconds(duration: str) -> float:
    """A checked duration in seconds."""
    unit = duration.lstrip("0123456789.")
    return float(duration[: -len(unit)]) * _SECONDS[unit]


def quota(text: str) -> tuple[int, int]:
    """A checked quota as (count, seconds)."""
    count, unit = text.split("/")
    return int(count), _QUOTA_SECONDS[unit]


def period(text: str) -> tuple[str | None, str | None]:
    """A period as (first day, last day), both inclusive. Raises ValueError for anything else."""
    first, separator, last = text.partition("/")
    if not separator or not (first or last):
        raise ValueError("not a period")
    days = [day and date.fromisoformat(day).isoformat() for day in (first, last)]
    if days != [first, last] or (first and last and first > last):
        raise ValueError("not a period")
    return first or None, last or None


def _period(value: str) -> str:
    try:
        period(value)
    except ValueError:
        raise wrong("wrong-period", "this is not a period of two days, the first before the last",
                    "write it like 2026-01-01/2030-12-31; one side may be empty") from None  # fmt: skip
    return value


Period = _text(_period, r"([0-9]{4}-[0-9]{2}-[0-9]{2})?/([0-9]{4}-[0-9]{2}-[0-9]{2})?")


# --- paths and patterns ---------------------------------------------------------------------------

_HTTP_PATH = r"(/([A-Za-z0-9._~-]+|\{[A-Za-z][A-Za-z0-9_]*\}))+"
_JSON_PATH = r"\$(\.\.?[A-Za-z_@#][A-Za-z0-9_-]*|\[\*\])+"

RestLine = _patterned(
    rf"(GET|POST|PUT|PATCH|DELETE) {_HTTP_PATH}", "wrong-rest-path",
    "this is not an HTTP method and an absolute path", "write it like 'POST /v1/persons/consult'",
)  # fmt: skip
HttpPath = _patterned(
    _HTTP_PATH, "wrong-rest-path", "this is not an absolute path", "write it like '/soap/person/v3'"
)
JsonPath = _patterned(
    _JSON_PATH, "wrong-json-path", "this JSONPath is outside the subset the bus reads",
    "write it like $.applicant.niss, $.persons[*].niss or $..niss",
)  # fmt: skip
HeaderName = _patterned(
    r"[A-Za-z][A-Za-z0-9-]{0,63}", "wrong-header-name", "this is not a header name",
    "write it like 'Accept-Language'",
)  # fmt: skip
HEADER_FAMILY = re.compile(rf"{IDENTIFIER}-v[0-9]+", re.ASCII)
HeaderFamily = _patterned(
    HEADER_FAMILY.pattern, "wrong-header-family", "this is not a header family with its version",
    "write it like 'bced-v1'",
)  # fmt: skip


def _regex(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise wrong("wrong-pattern", f"this regular expression does not compile: {error.msg}",
                    "correct the pattern; put it in single quotes") from None  # fmt: skip
    return value


Regex = _text(_regex)

_REFERENCE = re.compile(r"\$\{env:[A-Za-z_][A-Za-z0-9_]*\}|\$\{file:/[^{}\x00-\x1f]+\}")
_ANY_REFERENCE = re.compile(r"\$\{[^}]*\}?")


def _reference_text(value: str) -> str:
    """Text in which every `${…}` is a well-formed reference."""
    for match in _ANY_REFERENCE.finditer(value):
        if not _REFERENCE.fullmatch(match[0]):
            raise wrong("wrong-reference", "this reference cannot be resolved",
                        'write "${env:NAME}" or "${file:/absolute/path}"')  # fmt: skip
    return value


def _secret_reference(value: str) -> str:
    if not _REFERENCE.fullmatch(value):
        raise wrong("wrong-reference", "a key or certificate is named here, never written",
                    'write "${file:/absolute/path}" or "${env:NAME}"')  # fmt: skip
    return value


_ADDRESS = re.compile(
    r"(https?://[^/\s@]+(/\S*)?|/[^\0]+|sqlite:///\S+|(sftp|postgresql|amqps?)://([^/\s:@]+@)?[^/\s@]+(/\S*)?)$"
)


def _endpoint(value: str) -> str:
    _reference_text(value)
    if not value.startswith("${") and not _ADDRESS.match(value):
        raise wrong("wrong-endpoint", "this is no address, or one with credentials",
                    'write "${env:NAME}" or an address like https://provider.example/service')  # fmt: skip
    return value


Endpoint = _text(_endpoint)
SecretReference = _text(_secret_reference, r"\$\{(env:[A-Za-z_][A-Za-z0-9_]*|file:/[^{}]+)\}")
