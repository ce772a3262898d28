"""Rules about the doors of flows: their paths, and what may stand in a URL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from integrator.authoring.check.rule import Finding, rule
from integrator.authoring.check.view import View
from integrator.site.files import Item
from integrator.site.read import Place

RESERVED = (
    "/v1/exchanges", "/health", "/metrics", "/api", "/docs", "/redoc", "/openapi.json", "/log", "/static", "/portal",
)  # fmt: skip
"""Paths the bus itself serves, each with everything below it."""

PERSONAL_NAMES = frozenset({
    "niss", "inss", "insz", "ssin", "nrn", "rrn", "rn", "nn", "bis", "bisnumber", "personnumber",
    "personid", "nationalnumber", "nationalregisternumber", "numeronational", "rijksregisternummer",
    "registrenational", "name", "lastname", "firstname", "birthdate", "email", "phone",
})  # fmt: skip
"""Names of parameters that are personal by themselves, in lower case without separators."""


@dataclass(frozen=True, slots=True)
class _Door:
    flow: Item
    place: Place
    method: str
    path: str


def _doors(view: View) -> Iterator[_Door]:
    for flow in view.flows:
        for entry, method, path in view.rest_entries(flow):
            yield _Door(flow, entry.place("rest"), method, path)
        for soap in view.soap_entries(flow):
            path = soap.text("path") or ""
            if path.startswith("/"):
                yield _Door(flow, soap.place("path"), "SOAP", path)


@rule("reserved-path")
def reserved_path(view: View) -> Iterator[Finding]:
    """An entry has a path that the bus itself serves, or a REST entry stands below `/soap`.

    Reserved are /v1/exchanges, /health, /metrics, /api, /docs, /redoc, /openapi.json, /log, /static
    and /portal, with everything below them.
    """
    for door in _doors(view):
        reserved = (*RESERVED, "/soap") if door.method != "SOAP" else RESERVED
        for prefix in reserved:
            if door.path == prefix or door.path.startswith(prefix + "/"):
                yield Finding(door.place, f"paths below {prefix} are reserved",
                              "choose another path, like /v1/<things>")  # fmt: skip


@rule("overlapping-path")
def overlapping_path(view: View) -> Iterator[Finding]:
    """Two entries could both take the same request.

    REST paths overlap where each segment is the same, or a `{parameter}` on either side; a SOAP path
    may be shared by operations of one contract only, and each operation by one flow only.
    """
    yield from _rest_overlaps(view)
    yield from _soap_overlaps(view)


def _rest_overlaps(view: View) -> Iterator[Finding]:
    soap_paths = {door.path: door for door in _doors(view) if door.method == "SOAP"}
    literal: dict[tuple[str, str], _Door] = {}
    templated: dict[tuple[str, int], list[_Door]] = defaultdict(list)
    by_length: dict[tuple[str, int], list[_Door]] = defaultdict(list)
    for door in _doors(view):
        if door.method == "SOAP":
            continue
        length = (door.method, door.path.count("/"))
        earlier = literal.get((door.method, door.path))
        candidates = by_length[length] if "{" in door.path else templated[length]
        other = earlier or next((known for known in candidates if _overlap(door.path, known.path)), None)
        other = other or soap_paths.get(door.path)
        if other is not None:
            yield _overlapping(door, other)
        literal.setdefault((door.method, door.path), door)
        by_length[length].append(door)
        if "{" in door.path:
            templated[length].append(door)


def _overlap(one: str, two: str) -> bool:
    pairs = zip(one.split("/"), two.split("/"), strict=True)
    return all(a == b or a.startswith("{") or b.startswith("{") for a, b in pairs)


def _overlapping(door: _Door, other: _Door) -> Finding:
    return Finding(door.place,
                   f"the path overlaps that of flow '{other.flow.id}' ({other.place.file}, line {other.place.line})",
                   "give one of the two another path")  # fmt: skip


def _soap_overlaps(view: View) -> Iterator[Finding]:
    contracts: dict[str, str] = {}
    operations: dict[tuple[str, str], tuple[str, Place]] = {}
    for flow in view.flows:
        for entry in view.soap_entries(flow):
            path, wsdl, operation = (entry.text(key) or "" for key in ("path", "wsdl", "operation"))
            if contracts.setdefault(path, wsdl) != wsdl:
                yield Finding(entry.place("path"), f"the path already serves the contract {contracts[path]}",
                              "serve each contract at its own path")  # fmt: skip
            known, place = operations.setdefault((path, operation), (flow.id, entry.place("operation")))
            if place != entry.place("operation"):
                yield Finding(entry.place("operation"), f"the operation at this path belongs to flow '{known}'",
                              "keep one of the two entries")  # fmt: skip


@rule("personal-identifier-in-path")
def personal_identifier_in_path(view: View) -> Iterator[Finding]:
    """A URL would carry a personal identifier: URLs end up in logs and histories.

    No path or query parameter may be named like an identifier or like the flow's subjects, and flows
    of class personal or sensitive are asked by POST.
    """
    for flow in view.flows:
        personal = view.is_personal(flow)
        forbidden = PERSONAL_NAMES | (_subject_names(flow) if personal else set())
        for entry, method, path in view.rest_entries(flow):
            if personal and method != "POST":
                yield Finding(entry.place("rest"), f"personal data is asked with {method}",
                              "use POST: the identifier belongs into the body")  # fmt: skip
            for segment in path.split("/"):
                if segment.startswith("{") and _plain(segment) in forbidden:
                    yield Finding(entry.place("rest"), f"the path carries the personal identifier {segment}",
                                  "move it into the body of a POST")  # fmt: skip
            for name, place in entry.texts("parameters"):
                if _plain(name) in forbidden:
                    yield Finding(place, f"the query parameter '{name}' is a personal identifier",
                                  "move it into the body of a POST")  # fmt: skip


def _subject_names(flow: Item) -> set[str]:
    paths = [path for key in ("request", "response") for path, _place in flow.texts("subjects", key)]
    return {_plain(path.rpartition(".")[2]) for path in paths}


def _plain(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalnum())


@rule("event-entry")
def event_entry(view: View) -> Iterator[Finding]:
    """What fits one kind of exchange only: an event has no answer, a request-reply flow no delivery."""
    for flow in view.flows:
        if flow.get("exchange") == "event":
            for key in ("answer", "field-groups"):
                if flow.get(key) is not None:
                    yield Finding(flow.place(key, key=True), f"an event has no '{key}'", "remove the key")
            for entry in view.soap_entries(flow):
                yield Finding(entry.place(), "an event cannot be sent by SOAP", "use a REST entry")
            for entry, method, _path in view.rest_entries(flow):
                if method not in ("POST", "PUT"):
                    yield Finding(entry.place("rest"), f"an event is not sent with {method}", "use POST")
            continue
        for entry in view.consume_entries(flow):
            yield Finding(entry.place(), "nobody waits for the answer to what the bus fetches by itself",
                          "say 'exchange: event', or use a REST entry")  # fmt: skip
        if flow.get("exchange") == "request-reply" and flow.get("delivery") is not None:
            yield Finding(flow.place("delivery", key=True), "only an event has a 'delivery'",
                          "remove the key, or say 'exchange: event'")  # fmt: skip
