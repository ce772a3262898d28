"""The doors of a site: REST paths and SOAP operations, found by what arrives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from integrator.contracts.binder import Binder
from integrator.contracts.contract import Contract, Operation
from integrator.contracts.faults import Faults
from integrator.exchange import InvalidRequest
from integrator.site.compiled import CompiledSite, Entry

if TYPE_CHECKING:
    from integrator.gateway.runtime import FlowRuntime


@dataclass(frozen=True, slots=True)
class RestEntry:
    """A REST door. `segments` holds (text, is a parameter) of a path with `{parameters}`, else ()."""

    flow: FlowRuntime
    entry: Entry
    segments: tuple[tuple[str, bool], ...]
    headers: tuple[tuple[str, bytes], ...]  # declared name, and as it arrives
    coercions: Mapping[str, Callable[[str], Any]]  # of path and query parameters

    @property
    def takes_body(self) -> bool:
        """Whether requests of this method bring a JSON body."""
        return self.entry.method in ("POST", "PUT", "PATCH")

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """The path parameters where these raw segments are this entry's, percent-decoded."""
        values: dict[str, str] = {}
        for (text, parameter), segment in zip(self.segments, segments, strict=True):
            if parameter:
                values[text] = unquote(segment, errors="replace")
            elif text != segment:
                return None
        return values


@dataclass(slots=True)
class RestTable:
    """REST entries by exact path and method, then those with path parameters by their length."""

    exact: dict[str, dict[str, RestEntry]] = field(default_factory=dict)
    patterns: dict[int, list[RestEntry]] = field(default_factory=dict)

    def find(self, path: str) -> list[tuple[RestEntry, dict[str, str]]]:
        """Every entry at this raw path, whatever its method, with its path parameters."""
        exact = self.exact.get(path)
        if exact is not None:
            return [(entry, {}) for entry in exact.values()]
        segments = path.split("/")
        found = []
        for entry in self.patterns.get(len(segments), ()):
            values = entry.match(segments)
            if values is not None:
                found.append((entry, values))
        return found


def rest_table(site: CompiledSite, flows: Mapping[str, FlowRuntime]) -> RestTable:
    """The REST entries of a site."""
    table = RestTable()
    for flow in flows.values():
        properties = _properties(site, flow.flow.request)
        for entry in flow.flow.entries:
            if entry.kind != "rest":
                continue
            compiled = _rest_entry(flow, entry, properties)
            if compiled.segments:
                table.patterns.setdefault(len(compiled.segments), []).append(compiled)
            else:
                table.exact.setdefault(entry.path, {})[entry.method] = compiled
    return table


def _properties(site: CompiledSite, schema: str | None) -> Mapping[str, Any]:
    properties = site.schemas[schema].get("properties") if schema else None
    return properties if isinstance(properties, Mapping) else {}


def _rest_entry(flow: FlowRuntime, entry: Entry, properties: Mapping[str, Any]) -> RestEntry:
    segments: tuple[tuple[str, bool], ...] = ()
    if "{" in entry.path:
        segments = tuple(
            (part[1:-1], True) if part.startswith("{") and part.endswith("}") else (part, False)
            for part in entry.path.split("/")
        )
    names = [text for text, parameter in segments if parameter] + list(entry.parameters)
    return RestEntry(
        flow,
        entry,
        segments,
        tuple((name, name.lower().encode("latin-1")) for name in entry.headers),
        {name: _coercion(name, properties.get(name)) for name in names},
    )


def _coercion(name: str, schema: Any) -> Callable[[str], Any]:
    """How the text of a parameter becomes the type its schema asks for."""
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    makers: dict[Any, Callable[[str], Any]] = {"integer": _integer, "number": _number, "boolean": _boolean}
    make = makers.get(kind, str) if isinstance(kind, str) else str

    def convert(text: str) -> Any:
        try:
            return make(text)
        except ValueError:
            raise InvalidRequest(
                f"the parameter {name} is no {kind}", reason="parameter", paths=(f"$.{name}",)
            ) from None

    return convert


def _integer(text: str) -> int:
    if len(text) > 18 or not text.isascii() or not text.removeprefix("-").isdigit():
        raise ValueError(text)
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or "_" in text:
        raise ValueError(text)
    return value


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


# --- SOAP ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SoapEntry:
    """A SOAP door: one operation of a contract, bound to a flow by two mappings."""

    flow: FlowRuntime
    contract: Contract
    operation: Operation
    binder: Binder | None
    faults: Faults
    purposes_by_code: Mapping[str, tuple[str, ...]]
    to_request: Callable[[Any], Any]
    from_answer: Callable[[Any], Any]


@dataclass(slots=True)
class SoapPath:
    """Everything behind one SOAP path: operations by the root element of the body."""

    path: str
    faults: Faults  # of the first entry, for messages no entry knows
    contracts: dict[str, Contract] = field(default_factory=dict)
    by_root: dict[str, SoapEntry] = field(default_factory=dict)

    @property
    def only_flow(self) -> FlowRuntime | None:
        """The flow a request to this path names in any case, where there is but one."""
        flows = {entry.flow.id: entry.flow for entry in self.by_root.values()}
        return next(iter(flows.values())) if len(flows) == 1 else None


def soap_paths(
    site: CompiledSite,
    flows: Mapping[str, FlowRuntime],
    contracts: Mapping[str, Contract],
    binders: Mapping[str, Binder],
    jq: Callable[[str], Callable[[Any], Any]],
) -> dict[str, SoapPath]:
    """The SOAP entries of a site, by path."""
    paths: dict[str, SoapPath] = {}
    for flow in flows.values():
        for entry in flow.flow.entries:
            if entry.kind != "soap" or entry.wsdl is None or entry.operation is None:
                continue
            if flow.flow.exchange == "event":  # `check` says so with its place
                raise ValueError(f"{flow.id}: an event cannot be sent by SOAP")
            contract = contracts[entry.wsdl]
            binder = binders[entry.binder] if entry.binder else None
            faults = Faults(contract, binder.plain if binder is not None else None)
            door = paths.setdefault(entry.path, SoapPath(entry.path, faults))
            door.contracts.setdefault(entry.wsdl, contract)
            operation = contract.operations[entry.operation]
            if operation.output is None:
                raise ValueError(f"{flow.id}: a SOAP entry needs an operation with an answer")
            door.by_root[operation.input] = SoapEntry(
                flow,
                contract,
                operation,
                binder,
                faults,
                _purposes_by_code(site, binder.family if binder is not None else ""),
                jq(entry.to_request or "."),
                jq(entry.from_answer or "."),
            )
    return paths


def _purposes_by_code(site: CompiledSite, family: str) -> dict[str, tuple[str, ...]]:
    codes: dict[str, tuple[str, ...]] = {}
    for purpose in site.purposes.values():
        code = purpose.contexts.get(family)
        if code is not None:
            codes[code] = (*codes.get(code, ()), purpose.id)
    return codes
