"""Every field of leaf and details: the table `docs/journal.md` shows and a test holds against the code."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from integrator.journal.tags import KINDS


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its JSON type, when it is there, and what it means."""

    type: str
    present: str
    meaning: str


LEAF: Mapping[str, Field] = {
    "v": Field("integer", "always", "version of this format: 1"),
    "id": Field("text", "always", "record id, UUIDv7"),
    "exchange": Field("text", "always", "exchange id, UUIDv7; of an act: its own record id"),
    "time": Field("integer", "always", "when the record was made, µs since 1970 UTC"),
    "type": Field("text", "always", "record type, or the name of the act"),
    "kind": Field("text", "always", "`request-reply`, `event` or `act`"),
    "entry": Field(
        "text", "exchanges", "door of the bus: `rest`, `soap`, `consume`, `aggregate`, `cli`, `delivery`"
    ),
    "site": Field("text", "exchanges", "content hash of the site in force, hex"),
    "flow": Field("text", "when known", "registered flow"),
    "consumer": Field("object", "exchanges", "who asked"),
    "consumer.party": Field("text", "when known", "party of the register"),
    "consumer.organisation": Field("text", "when known", "its enterprise number, 10 digits"),
    "consumer.on_behalf_of": Field("text", "when said", "enterprise number of the body it acts for"),
    "purpose": Field("text", "when known", "purpose (finalité)"),
    "legal_basis": Field("text", "when known", "legal basis of the purpose"),
    "authorisation": Field("text", "when known", "authorisation or protocol of the grant"),
    "fields": Field("array", "when any", "field groups granted and released"),
    "fields_total": Field("integer", "beyond 64", "how many field groups there were"),
    "sent": Field("integer", "first record, when said", "when the consumer says it sent, µs"),
    "received": Field("integer", "when known", "when the request came in, µs"),
    "replied": Field("integer", "when known", "when the answer left, µs"),
    "request": Field("text", "first record", "hex SHA-256(payload salt ‖ SHA-256(request bytes))"),
    "request_bytes": Field("integer", "first record, if not 0", "size of the request"),
    "response": Field("text", "with an answer", "hex SHA-256(payload salt ‖ SHA-256(answer bytes))"),
    "response_bytes": Field("integer", "if not 0", "size of the answer"),
    "outcome": Field(
        "text", "end records", "`with-data`, `partial`, `no-data`, `duplicate`, `aggregated`, `discarded`"
    ),
    "error": Field("object", "when it went wrong", "what went wrong"),
    "error.category": Field("text", "with an error", "category of the bus's error tree"),
    "error.code": Field("text", "with an error", "stable code"),
    "error.origin": Field("text", "with an error", "`bus`, `consumer` or `provider`"),
    "legs": Field("array", "when a provider was called", "the calls in order"),
    "legs_total": Field("integer", "beyond 32", "how many calls there were; the first and last 16 are kept"),
    "legs[].adapter": Field("text", "always", "connected system"),
    "legs[].operation": Field("text", "always", "its operation"),
    "legs[].access": Field("text", "always", "`read`, `search` or `write`"),
    "legs[].sent": Field("integer", "always", "when the call left, µs"),
    "legs[].answered": Field("integer", "when it was answered", "when the answer came, µs"),
    "legs[].status": Field("text", "when given", "the provider's status"),
    "legs[].code": Field("text", "when given", "the provider's code"),
    "legs[].sent_bytes": Field("integer", "always", "size of the call"),
    "legs[].answered_bytes": Field("integer", "always", "size of its answer"),
    "attempts": Field("integer", "if not 0", "delivery attempts of an event"),
    "aggregates": Field("array", "first record of an aggregate", "exchange ids of the events it is made of"),
    "aggregates_total": Field("integer", "beyond 64", "how many there were; the first and last 32 are kept"),
    "aggregated_into": Field(
        "array", "end record of an aggregated event", "exchange ids of the aggregates it is in"
    ),
    "aggregated_into_total": Field("integer", "beyond 64", "how many there were; the first 64 are kept"),
    "duplicate_of": Field("text", "duplicates", "exchange id of the first one"),
    "previous": Field("text", "later records", "leaf hash of the exchange's previous record, hex"),
    "facts": Field("object", "acts", "harmless facts of the act, by `journal/acts.py`"),
    "details": Field("text", "always", "hex SHA-256(02 ‖ digests of the details' parts)"),
}

DETAILS: Mapping[str, Field] = {
    "payload_salt": Field("text", "exchanges", "32 bytes hex, salt of the leaf's payload digests"),
    "agent": Field("object", "first record", "civil servant: `manager`, `identifier`"),
    "application": Field("text", "first record", "the consumer's application"),
    "certificate": Field("text", "first record", "fingerprint of the client certificate"),
    "key_id": Field("text", "first record", "id of the API key"),
    "consumer_ticket": Field("text", "first record", "the consumer's own id of the exchange"),
    "dossier": Field("object", "first record", "the case: `source`, `id`, `type`"),
    "inscription": Field("text", "first record", "inscription reference"),
    "subjects_request": Field("array", "when found", "[kind, number] of whom the request names"),
    "subjects_request_total": Field("integer", "beyond the limit", "how many there were"),
    "subjects_response": Field("array", "when found", "[kind, number] of whom the answer names"),
    "subjects_response_total": Field("integer", "beyond the limit", "how many there were"),
    "provider_tickets": Field("array", "when given", "the providers' own ids of the calls"),
    "withheld": Field("object", "when any", "values kept out of the leaf, by the name of their field"),
    "actor": Field("text", "acts", "who did it"),
    "facts": Field("object", "acts", "facts that may not stand in the leaf"),
    "why": Field("text", "readings and other acts", "why it was done"),
    "tagged": Field("array", "acts, when any", "[name of the kind, value] the act is found by"),
}


def table(fields: Mapping[str, Field]) -> str:
    """A Markdown table of the fields."""
    lines = ["| field | type | present | meaning |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {f.type} | {f.present} | {f.meaning} |" for name, f in fields.items()]
    return "\n".join(lines)


def tag_table() -> str:
    """A Markdown table of the kinds of tags."""
    lines = ["| kind | name | what is tagged |", "|---|---|---|"]
    lines += [f"| {number} | `{name}` | {meaning} |" for number, (name, meaning) in KINDS.items()]
    return "\n".join(lines)


def tables() -> Iterator[tuple[str, str]]:
    """Name and text of every generated part of `docs/journal.md`."""
    yield "leaf", table(LEAF)
    yield "details", table(DETAILS)
    yield "tags", tag_table()


def generate(document: Path) -> None:
    """Write the tables into their places in the Markdown file."""
    text = document.read_text("utf-8")
    for name, generated in tables():
        place = re.compile(rf"(<!-- {name}: generated -->\n).*?(\n<!-- end -->)", re.DOTALL)
        text = place.sub(lambda match, new=generated: f"{match[1]}{new}{match[2]}", text)  # type: ignore[misc]
    document.write_text(text, "utf-8")


if __name__ == "__main__":
    generate(Path(sys.argv[1]))
