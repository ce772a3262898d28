"""What a search asks for, and whether an exchange is it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from integrator.exchange import InvalidRequest
from integrator.journal import criteria, tags
from integrator.journal.criteria import Criterion
from integrator.journal.leaf import FINALS
from integrator.journal.search import OpenRecord
from integrator.journal.tags import Tagged
from integrator.store.inspection import RARE, Columns

TAGGED = ("subject", "ticket", "inscription", "dossier", "agent")
"""Criteria found by tags, the one that finds fewest first: that one leads the search."""
NAMES = (*TAGGED, "exchange", "flow", "party", "purpose", "outcome", "from", "until")
OUTCOMES = ("with-data", "partial", "no-data", "duplicate", "aggregated", "discarded")
STATES = ("open", *sorted(FINALS))


@dataclass(frozen=True, slots=True)
class Query:
    """A search: every criterion given must hold of an exchange. Times bound when it began: [from, until).

    `tagged` are criteria by kind, with the numbers a subject is linked to in `linked`.
    """

    tagged: Mapping[str, Criterion] = field(default_factory=dict)
    linked: tuple[Tagged, ...] = ()
    exchange: bytes | None = None
    flow: str | None = None
    party: str | None = None
    purpose: str | None = None
    outcome: str | None = None
    from_us: int = 0
    until_us: int | None = None

    @property
    def names(self) -> list[str]:
        """What is asked for, in the order of `NAMES`."""
        given = {
            **self.tagged,
            "exchange": self.exchange,
            "flow": self.flow,
            "party": self.party,
            "purpose": self.purpose,
            "outcome": self.outcome,
            "from": self.from_us or None,
            "until": self.until_us,
        }
        return [name for name in NAMES if given.get(name) is not None]

    @property
    def read_tags(self) -> list[Tagged]:
        """What the reading itself is found by later."""
        found = [criterion.read_tag for criterion in self.tagged.values()]
        if "subject" in self.tagged:
            found += [(tags.READ_SUBJECT, f"subject\n{value}") for _, value in self.linked]
        return list(dict.fromkeys(found))

    @property
    def leading(self) -> tuple[Tagged, ...]:
        """The values whose tags lead the search; empty: columns do."""
        for name in TAGGED:
            if name in self.tagged:
                return self.wanted(name)
        return ()

    def wanted(self, name: str) -> tuple[Tagged, ...]:
        """The (tag kind, value) pairs that a criterion means, linked numbers with it."""
        own = self.tagged[name].wanted
        return (*own, *self.linked) if name == "subject" else own

    @property
    def columns(self) -> Columns:
        """What columns can tell of a record."""
        rare = self.outcome if self.outcome in RARE else None
        ended = self.outcome is not None and self.outcome != "open"
        return Columns(self.flow, self.party, self.purpose, rare, ended)

    def holds(self, records: Sequence[OpenRecord]) -> bool:
        """Whether an exchange is what is asked for; `records` are all it has, first to last."""
        first, last = records[0], records[-1]
        leaf = first.leaf
        if not self.from_us <= first.stored.time_us < (self.until_us or first.stored.time_us + 1):
            return False
        pairs = ((self.flow, leaf.get("flow")), (self.party, leaf.get("consumer", {}).get("party")),
                 (self.purpose, leaf.get("purpose")))  # fmt: skip
        if any(wanted is not None and wanted != found for wanted, found in pairs):
            return False
        if self.outcome is not None and self.outcome not in (
            (last.stored.type, last.stored.outcome) if last.stored.final else ("open",)
        ):
            return False
        return all(self.found(name, records) for name in self.tagged)

    def found(self, name: str, records: Sequence[OpenRecord]) -> list[Tagged]:
        """The values of a tagged criterion that an exchange has."""
        wanted = set(self.wanted(name))
        return [pair for record in records for pair in tagged_by(record) if pair in wanted]


def tagged_by(record: OpenRecord) -> list[Tagged]:
    """What a record is tagged by, as its details say."""
    if record.details is None:
        return []
    return tags.of_details(record.details, first="previous" not in record.leaf)


def parse(given: Mapping[str, Any]) -> Query:
    """The query of criteria by name. Raises InvalidRequest with the remedy, never with a value."""
    wanted = {name: str(value).strip() for name, value in given.items() if value not in (None, "")}
    unknown = sorted(set(wanted) - set(NAMES))
    if unknown:
        raise InvalidRequest(
            f"the journal is not searched by {', '.join(unknown)[:80]}: by {', '.join(NAMES)}",
            reason="criterion-kind",
        )
    if any(len(value) > 256 or "\0" in value for value in wanted.values()):
        raise InvalidRequest("a criterion has at most 256 characters of text", reason="criterion-form")
    tagged = {name: criteria.parse(name, wanted[name]) for name in TAGGED if name in wanted}
    from_us = moment(wanted["from"], "from") if "from" in wanted else 0
    until_us = moment(wanted["until"], "until", end=True) if "until" in wanted else None
    if until_us is not None and from_us >= until_us:
        raise InvalidRequest(
            "the period ends before it begins: correct `from` and `until`", reason="period-empty"
        )
    if "outcome" in wanted and wanted["outcome"] not in (*OUTCOMES, *STATES):
        raise InvalidRequest(
            f"an outcome is one of: {', '.join((*OUTCOMES, *STATES))}", reason="outcome-unknown"
        )
    return Query(
        tagged=tagged,
        exchange=_uuid(wanted["exchange"]) if "exchange" in wanted else None,
        flow=wanted.get("flow"),
        party=wanted.get("party"),
        purpose=wanted.get("purpose"),
        outcome=wanted.get("outcome"),
        from_us=from_us,
        until_us=until_us,
    )


def _uuid(text: str) -> bytes:
    try:
        return UUID(text).bytes
    except ValueError:
        raise InvalidRequest("an exchange or record id is a UUID", reason="id-invalid") from None


def moment(text: str, name: str, *, end: bool = False) -> int:
    """A date or a time (ISO 8601; UTC where no zone is said), in µs; of a date, with `end`, its end.

    Raises InvalidRequest.
    """
    try:
        if len(text) == 10:
            day = date.fromisoformat(text) + timedelta(days=1 if end else 0)
            found = datetime(day.year, day.month, day.day, tzinfo=UTC)
        else:
            found = datetime.fromisoformat(text)
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
        since = found - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidRequest(
            f"`{name}` is a date or a time, such as 2026-03-01 or 2026-03-01T08:00:00Z", reason="time-form"
        ) from None
    if since < timedelta(0):
        raise InvalidRequest(f"`{name}` lies before 1970: the journal began later", reason="time-form")
    return since // timedelta(microseconds=1)
