"""A header family at run time: the Context ⇄ the header parts of a message's codec JSON.

What stands where is declared in `schemas/headers/*.yaml` and compiled by `binder_file`. The order of
keys does not matter: the codec writes in the contract's order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from integrator.contracts.problems import ContractViolation
from integrator.exchange import Agent, Context, Dossier

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?", re.ASCII
)  # xs:dateTime of the years 0001-9999

Check = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class HeaderFields:
    """What a consumer's message says about itself: texts as found, checked by the gateway.

    `sent_us` is microseconds since the epoch; a time without zone counts as UTC."""

    ticket: str | None
    sent_us: int | None
    organisation: str | None
    application: str | None
    purpose_code: str | None
    agent: Agent | None
    dossier: Dossier | None
    inscription: str | None


@dataclass(frozen=True, slots=True)
class AnswerFields:
    """What a provider says about its answer. `ticket` is its own id of the call; `error_code` the
    code of the error it details, if any."""

    status: str | None
    code: str | None
    ticket: str | None
    error_code: str | None = None


class Binder:
    """One header family, both ways."""

    def __init__(self, plain: Mapping[str, Any]) -> None:
        self.plain = plain
        self.id: str = plain["id"]
        self.family: str = plain["family"]
        status = plain["status"]
        self.success: str = status["success"]
        self.error: str = status["error"]
        self.ok_code: str = status["ok"]
        self.no_data_code: str = status["no-data"]
        self.error_code: str = status["failed"]
        self._request = {name: _Field(name, field) for name, field in plain["request"].items()}
        self._answer = {name: _Field(name, field) for name, field in plain["answer"].items()}
        self._one_of: Sequence[str] = plain["one_of"]
        self._request_keys = frozenset(field.steps[0] for field in self._request.values())
        self._answer_keys = frozenset(field.steps[0] for field in self._answer.values())
        self._descriptions = _descriptions(status["descriptions"], plain["answer"].get("description"))

    # --- requests ---

    def write_request(
        self, value: Mapping[str, Any], context: Context, *, organisation: str, now_us: int
    ) -> dict[str, Any]:
        """The message with its header: ticket is the exchange id, sent is now (UTC).

        Raises ContractViolation where the Context lacks what the family requires, or holds what
        breaks a length, pattern or list."""
        agent, dossier = context.agent, context.dossier
        found = {
            "ticket": context.exchange_id,
            "sent": _date_time(now_us),
            "organisation": organisation,
            "application": context.application,
            "purpose-code": context.purpose_codes.get(self.family),
            "agent-manager": agent.manager if agent else None,
            "agent": agent.identifier if agent else None,
            "dossier-source": dossier.source if dossier else None,
            "dossier": dossier.id if dossier else None,
            "dossier-type": dossier.type if dossier else None,
            "inscription": None if dossier else context.inscription,
        }
        message = dict(value)
        for key in self._request_keys:
            message.pop(key, None)  # a route cannot write its own header
        for name, field in self._request.items():
            item = found[name]
            if item is not None or field.required:
                field.write(message, item)
        if self._one_of and not any(found[name] for name in self._one_of):
            raise ContractViolation.at(self._request[self._one_of[0]].path, "is required")
        return message

    def read_request(self, value: Mapping[str, Any]) -> tuple[HeaderFields, dict[str, Any]]:
        """What the header says, and the message without it."""
        found = {name: field.read(value) for name, field in self._request.items()}
        agent, dossier = found.get("agent"), found.get("dossier")
        fields = HeaderFields(
            ticket=found.get("ticket"),
            sent_us=_microseconds(found.get("sent")),
            organisation=found.get("organisation"),
            application=found.get("application"),
            purpose_code=found.get("purpose-code"),
            agent=Agent(found.get("agent-manager") or "", agent) if agent is not None else None,
            dossier=(
                Dossier(found.get("dossier-source") or "", dossier, found.get("dossier-type"))
                if dossier is not None
                else None
            ),
            inscription=found.get("inscription"),
        )
        return fields, {key: item for key, item in value.items() if key not in self._request_keys}

    # --- answers ---

    def write_answer(
        self, value: Mapping[str, Any], context: Context, *, status: str, code: str
    ) -> dict[str, Any]:
        """The answer with its header: the consumer's ticket, the exchange id, status and code."""
        found = {
            "consumer-ticket": context.consumer_ticket,
            "exchange-id": context.exchange_id,
            "inscription": context.inscription,
            "status": status,
            "code": code,
            "description": self._descriptions.get(code),
            "error-code": None,
        }
        message = {key: item for key, item in value.items() if key not in self._answer_keys}
        for name, field in self._answer.items():
            item = found[name]
            if item is not None or field.required:
                field.write(message, item)
        return message

    def read_answer(self, value: Mapping[str, Any]) -> tuple[AnswerFields, dict[str, Any]]:
        """What the provider says about its answer, and the answer without it."""
        answer = self._answer
        fields = AnswerFields(
            status=answer["status"].read(value) if "status" in answer else None,
            code=answer["code"].read(value) if "code" in answer else None,
            ticket=answer["exchange-id"].read(value) if "exchange-id" in answer else None,
            error_code=answer["error-code"].read(value) if "error-code" in answer else None,
        )
        return fields, {key: item for key, item in value.items() if key not in self._answer_keys}


class _Field:
    """One declared place: writes and reads it, checks what is written."""

    __slots__ = ("_above", "_last", "_max", "_pattern", "_values", "path", "required", "steps")

    def __init__(self, name: str, plain: Mapping[str, Any]) -> None:
        del name
        self.steps: list[str] = plain["at"]
        self.path = "/" + "/".join(self.steps)
        self._above, self._last = tuple(self.steps[:-1]), self.steps[-1]
        self.required: bool = plain.get("required", False)
        self._max: int | None = plain.get("max")
        self._pattern = re.compile(plain["pattern"], re.ASCII).fullmatch if "pattern" in plain else None
        self._values = frozenset(plain["values"]) if "values" in plain else None

    def write(self, message: dict[str, Any], value: Any) -> None:
        if value is None or value == "":
            if self.required:
                raise ContractViolation.at(self.path, "is required")
            return
        if value.__class__ is str:
            if self._max is not None and len(value) > self._max:
                raise ContractViolation.at(self.path, f"is longer than {self._max} characters")
            if self._pattern is not None and self._pattern(value) is None:
                raise ContractViolation.at(self.path, "breaks the pattern")
            if self._values is not None and value not in self._values:
                raise ContractViolation.at(self.path, "has a value outside the allowed list")
        place = message
        for step in self._above:
            inner = place.get(step)
            if inner is None:
                inner = place[step] = {}
            place = inner
        place[self._last] = value

    def read(self, message: Mapping[str, Any]) -> Any:
        place: Any = message
        for step in self.steps:
            if place.__class__ is not dict and not isinstance(place, Mapping):
                return None
            place = place.get(step)
        return place


def _descriptions(
    texts: Mapping[str, Mapping[str, str]], field: Mapping[str, Any] | None
) -> dict[str, list[dict[str, str]]]:
    return {} if field is None else {code: localized(item, field) for code, item in texts.items()}


def localized(texts: Mapping[str, str], field: Mapping[str, Any]) -> list[dict[str, str]]:
    """Texts by language as the contract's array of descriptions."""
    found = [
        {field.get("language", "@language"): language, field.get("text", "#text"): text}
        for language, text in texts.items()
    ]
    return found[: field.get("most")]


_second: tuple[int, str] = (-1, "")  # the last second written, for most messages are of the same


def _date_time(time_us: int) -> str:
    global _second
    seconds, rest = divmod(time_us, 1_000_000)
    known, text = _second
    if known != seconds:
        text = f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}"
        _second = (seconds, text)
    return f"{text}.{rest // 1000:03d}Z"


def _microseconds(text: Any) -> int | None:
    match = _DATE_TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    zone = match[3] or "Z"
    try:
        moment = datetime.fromisoformat(match[1] + ("+00:00" if zone == "Z" else zone))
    except ValueError:
        return None
    fraction = int(((match[2] or ".0")[1:7]).ljust(6, "0"))
    return int((moment - _EPOCH).total_seconds()) * 1_000_000 + fraction
