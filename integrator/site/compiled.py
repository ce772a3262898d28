"""A compiled site: plain data that workers load, wrapped in small classes with names.

`site.compile` makes the plain form (JSON-able dict) in a child process; `CompiledSite.from_plain`
reads it without importing pydantic, zeep or yaml. Nothing here validates: `check` did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

T = TypeVar("T")
REACHED = frozenset({"http", "files", "sftp", "sql", "queue"})
"""Protocols of the systems that routes reach by Camel's own components."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """A purpose (finalité): contexts are codes by header family without version (`bced`, `ksz`).

    `disclosure` is the ISO 8601 period during which the citizen's report leaves its exchanges out.
    """

    id: str
    title: Mapping[str, str]
    legal_basis: str
    contexts: Mapping[str, str] = field(default_factory=dict)
    dossier_sources: tuple[str, ...] = ()
    dossier_pattern: str | None = None
    disclosure: str | None = None


@dataclass(frozen=True, slots=True)
class Party:
    """An organisation. `may_act_for` lists party ids, groups already expanded."""

    id: str
    organisation: str
    title: Mapping[str, str]
    nis: str | None = None
    certificates: tuple[str, ...] = ()
    may_act_for: tuple[str, ...] = ()
    contact: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """Who may use a flow, why, for which field groups, until when. `parties` has groups expanded.

    `valid_from` and `valid_until` are ISO dates, both inclusive; quota is (count, seconds);
    `entries` are the kinds of entry it covers (`rest`, `soap`; empty: all).
    """

    parties: tuple[str, ...]
    purposes: tuple[str, ...]
    fields: tuple[str, ...]
    agent: str = "required"  # required | optional
    authorisation: str | None = None
    valid_from: str | None = None
    valid_until: str | None = None
    quota: tuple[int, int] | None = None
    entries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A door to a flow: REST (method, path), SOAP (path, contract, operation, two jq mappings), or a
    consumer of the bus itself (path is its address, `file:permits-in`; party, purpose, jq of the dossier).

    `headers` are the HTTP header names that become message headers, `parameters` the declared
    query parameters. `to_request` and `from_answer` are jq texts; `…_file` is the site's file they
    stand in, for messages (None: in the register).
    """

    kind: str  # rest | soap | consume
    path: str
    method: str = "POST"
    parameters: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    wsdl: str | None = None
    operation: str | None = None
    binder: str | None = None  # header family, e.g. bced-v1
    to_request: str | None = None
    from_answer: str | None = None
    to_request_file: str | None = None
    from_answer_file: str | None = None
    party: str | None = None
    purpose: str | None = None
    dossier: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """Retries of an event flow: times in seconds; delay n is first_delay * factor**n, capped."""

    attempts: int = 8
    first_delay: float = 2.0
    factor: float = 2.0
    max_delay: float = 600.0


@dataclass(frozen=True, slots=True)
class RouteSource:
    """One route file: parsed YAML (a list of Camel elements) and the line of each node.

    `lines` maps JSON pointers into `documents` ("/0/route/from/steps/1") to 1-based lines; `code` is the
    text of the Python functions beside it (`<route>.beans.py`).
    """

    file: str
    documents: tuple[Any, ...]
    lines: Mapping[str, int] = field(default_factory=dict)
    code: str = ""


@dataclass(frozen=True, slots=True)
class Flow:
    """A registered exchange of data with everything the gateway decides by."""

    id: str
    title: Mapping[str, str]
    owner: str
    exchange: str  # request-reply | event
    route: RouteSource
    request: str | None  # path of the JSON Schema in CompiledSite.schemas
    answer: str | None
    entries: tuple[Entry, ...]
    subjects_request: tuple[str, ...] = ()  # JSONPath subset: $.a.b, $..niss, $.a[*].b
    subjects_response: tuple[str, ...] = ()
    subjects_none: str | None = None  # the reason why there are no subjects
    data: str = "personal"  # public | internal | personal | sensitive
    field_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    retention: str = "P10Y"
    vault: str | None = None  # how long payloads are kept, an ISO period; None: not at all
    service_level: Mapping[str, str] = field(default_factory=dict)
    delivery: Delivery = field(default_factory=Delivery)
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True)
class Allow:
    """Which flow may use an operation, for which purposes (empty: every purpose of the flow)."""

    flow: str
    purposes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdapterOperation:
    """What a connected system offers. REST: method and path (`/permits/{id}` from the body's
    top-level fields), `request` and `answer` are JSON Schema paths. SOAP: the WSDL has the rest.
    `place` is the directory of files, the queue or the exchange of a broker (None: any)."""

    name: str
    access: str  # read | search | write
    data: str = "personal"
    allow: tuple[Allow, ...] = ()
    method: str = "POST"
    path: str | None = None
    request: str | None = None
    answer: str | None = None
    place: str | None = None
    routing_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Adapter:
    """A connected system. `endpoint` and what `security` names may hold "${env:X}", "${file:X}":
    resolved at start, never stored. `headers` is the header family; `send_headers` and
    `keep_headers` are the HTTP headers it sends from, and returns to, the message. Routes reach http,
    files, sftp, sql and queue systems by Camel's components, under the name `reached_as`."""

    id: str  # regional/bced-person
    system: str
    party: str
    protocol: str  # soap | rest | http | files | sftp | sql | queue
    endpoint: str
    operations: Mapping[str, AdapterOperation]
    wsdl: str | None = None
    headers: str | None = None
    identify_as: str = "consumer"  # consumer | bus
    security: Mapping[str, Any] | None = None
    send_headers: tuple[str, ...] = ()
    keep_headers: tuple[str, ...] = ()
    timeout: float = 10.0
    concurrency: int = 32
    breaker_failures: int = 5
    breaker_open: float = 30.0
    reached_as: str = ""

    @property
    def called(self) -> bool:
        """Whether `adapter:` calls it; else Camel's components reach it."""
        return self.protocol not in REACHED


@dataclass(frozen=True, slots=True)
class CompiledSite:
    """Everything a worker needs of a site, named by the SHA-256 of its source files (hex).

    `contracts` are compiled WSDL/XSD models (see `contracts`), `schemas` parsed JSON Schemas,
    `texts` other files routes and entries name (XSD, XSLT, jq), `binders` header families; all
    keyed by path or name as the site writes them. `routes` are the route files that no flow names:
    those of flows call into them.
    """

    hash: str
    organisation: str
    languages: tuple[str, ...]
    purposes: Mapping[str, Purpose]
    parties: Mapping[str, Party]
    flows: Mapping[str, Flow]
    adapters: Mapping[str, Adapter]
    contracts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    schemas: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    binders: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    routes: tuple[RouteSource, ...] = ()

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> CompiledSite:
        """Wrap the plain form. Raises KeyError or TypeError where it is of another version."""
        return cls(
            hash=data["hash"],
            organisation=data["organisation"],
            languages=tuple(data["languages"]),
            purposes={key: _build(Purpose, value) for key, value in data["purposes"].items()},
            parties={key: _build(Party, value) for key, value in data["parties"].items()},
            flows={key: _flow(value) for key, value in data["flows"].items()},
            adapters={key: _adapter(value) for key, value in data["adapters"].items()},
            contracts=data["contracts"],
            schemas=data["schemas"],
            texts=data["texts"],
            binders=data["binders"],
            routes=tuple(_build(RouteSource, route) for route in data.get("routes", ())),
        )


def _build(kind: type[T], data: Mapping[str, Any], **parts: Any) -> T:
    # JSON has no tuples: every list becomes one, so that compiled sites stay immutable.
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
    return kind(**{**values, **parts})


def _flow(data: Mapping[str, Any]) -> Flow:
    return _build(
        Flow,
        data,
        route=_build(RouteSource, data["route"]),
        entries=tuple(_build(Entry, entry) for entry in data["entries"]),
        field_groups={key: tuple(value) for key, value in data["field_groups"].items()},
        delivery=_build(Delivery, data["delivery"]),
        grants=tuple(_build(Grant, grant) for grant in data["grants"]),
    )


def _adapter(data: Mapping[str, Any]) -> Adapter:
    operations = {
        name: _build(
            AdapterOperation, operation, allow=tuple(_build(Allow, allow) for allow in operation["allow"])
        )
        for name, operation in data["operations"].items()
    }
    return _build(Adapter, data, operations=operations)


def plain(value: Any) -> Any:
    """The JSON-able form of a compiled object: dataclasses to dicts, tuples to lists."""
    if hasattr(value, "__dataclass_fields__"):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
