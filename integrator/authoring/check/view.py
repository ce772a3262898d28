"""A site as the rules see it: its files as written, and what can be made of each, made once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from integrator.contracts.compile import ContractProblem, compile_binder, compile_wsdl
from integrator.engine import EndpointUse, RouteProblem, check_routes, endpoints
from integrator.site.compile import binder_path, is_jq_file, route_source
from integrator.site.compiled import RouteSource
from integrator.site.files import Item, SiteFiles, inside, load
from integrator.site.read import Document, Place, Pointer

ADAPTER_URI = re.compile(r"adapter:(?://)?(?P<adapter>[^?]+)\?(?:.*&)?operation=(?P<operation>[^&]+)")


class View:
    """Read access to a site for the rules. Everything costly is made on first use and kept."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.site: SiteFiles = load(root)
        self._json: dict[str, Any] = {}
        self._json_errors: dict[str, str] = {}
        self._contracts: dict[str, dict[str, Any] | ContractProblem] = {}
        self._binders: dict[str, dict[str, Any] | ContractProblem] = {}
        self._sources: dict[str, RouteSource] = {}
        self._endpoints: dict[str, Sequence[EndpointUse]] = {}

    # --- what the files describe

    @cached_property
    def flows(self) -> list[Item]:
        """Every flow of the register, in order; an id may stand there twice."""
        return list(self.site.section("flows"))

    @cached_property
    def purposes(self) -> dict[str, Item]:
        """Purposes by id."""
        return {item.id: item for item in self.site.section("purposes")}

    @cached_property
    def parties(self) -> dict[str, Item]:
        """Parties and groups by id."""
        return {item.id: item for item in self.site.all_parties()}

    @cached_property
    def adapters(self) -> dict[str, Item]:
        """Adapters by id `<level>/<system>`."""
        return {item.id: item for item in self.site.all_adapters()}

    @cached_property
    def knows_flows(self) -> bool:
        """Whether flows and purposes are all known: else a name may stand in an unreadable file."""
        return all(isinstance(document.data, dict) for document in self.site.registers())

    @cached_property
    def knows_parties(self) -> bool:
        """Whether every parties file could be read."""
        return all(isinstance(document.data, dict) for document in self.site.parties.values())

    def members(self, name: str) -> Iterator[str]:
        """The parties a party or group id stands for; unknown ids stand for nothing."""
        waiting, seen = [name], set[str]()
        while waiting:
            current = waiting.pop()
            party = self.parties.get(current)
            if party is None or current in seen:
                continue
            seen.add(current)
            names = [member for member, _place in party.texts("members")]
            if isinstance(party.get("members"), list):
                waiting.extend(reversed(names))
            else:
                yield current

    def is_personal(self, flow: Item) -> bool:
        """Whether the flow carries personal or sensitive data; personal is the default."""
        return flow.get("data") in (None, "personal", "sensitive")

    # --- entries

    def soap_entries(self, flow: Item) -> Iterator[Item]:
        """The SOAP entries of a flow, as items."""
        for entry in flow.items("entries"):
            if isinstance(entry.get("soap"), dict):
                yield Item(entry.id, entry.document, (*entry.pointer, "soap"), entry.get("soap"))

    def consume_entries(self, flow: Item) -> Iterator[Item]:
        """What the bus fetches by itself for a flow, as items."""
        for entry in flow.items("entries"):
            if isinstance(entry.get("consume"), dict):
                yield Item(entry.id, entry.document, (*entry.pointer, "consume"), entry.get("consume"))

    def rest_entries(self, flow: Item) -> Iterator[tuple[Item, str, str]]:
        """The REST entries of a flow as (entry, method, path)."""
        for entry in flow.items("entries"):
            method, _space, path = (entry.text("rest") or "").partition(" ")
            if path.startswith("/"):
                yield entry, method, path

    def family_of(self, entry: Item) -> str | None:
        """The header family of a SOAP entry: its own, else that of the adapter of the same contract."""
        if entry.text("headers") is not None:
            return entry.text("headers")
        wsdl = entry.text("wsdl")
        families = {
            adapter.text("headers") for adapter in self.adapters.values() if adapter.text("wsdl") == wsdl
        }
        return min((family for family in families if family), default=None)

    # --- other files

    def exists(self, path: str) -> bool:
        """Whether the site has a file at `path`."""
        target = inside(self.root, path)
        return target is not None and target.is_file()

    def read(self, path: str) -> str | None:
        """The text of a file of the site, or None where it is missing or not UTF-8."""
        target = inside(self.root, path)
        try:
            return target.read_text(encoding="utf-8") if target is not None else None
        except (OSError, UnicodeDecodeError):
            return None

    def jq_text(self, written: str) -> str | None:
        """A jq mapping: the text itself, or that of the file it names."""
        return self.read(written) if is_jq_file(written) else written

    def json_schema(self, path: str | None) -> Mapping[str, Any] | None:
        """A JSON Schema of the site, or None where it is missing or not one (`json_error` says why)."""
        if path is None:
            return None
        if path not in self._json:
            self._json[path] = None
            text = self.read(path)
            if text is not None:
                try:
                    value = json.loads(text)
                except ValueError as error:
                    self._json_errors[path] = f"it is not JSON ({error})"
                else:
                    if isinstance(value, dict):
                        self._json[path] = value
                    else:
                        self._json_errors[path] = "it is not a JSON object"
        schema: Mapping[str, Any] | None = self._json[path]
        return schema

    def json_error(self, path: str) -> str | None:
        """Why a file is not a JSON Schema, if it exists and is none."""
        self.json_schema(path)
        return self._json_errors.get(path)

    def contract(self, path: str | None) -> dict[str, Any] | None:
        """A WSDL of the site compiled, or None where it is missing or broken."""
        if path is None or not self.exists(path):
            return None
        if path not in self._contracts:
            try:
                self._contracts[path] = compile_wsdl(self.root / path, self.root)
            except ContractProblem as problem:
                self._contracts[path] = problem
        found = self._contracts[path]
        return found if isinstance(found, dict) else None

    def binder(self, family: str | None) -> dict[str, Any] | None:
        """A header family compiled, or None where it is missing or broken."""
        path = binder_path(family or "")
        document = self.site.headers.get(path)
        if family is None or document is None or document.problems:
            return None
        if family not in self._binders:
            try:
                self._binders[family] = compile_binder(self.root / path)
            except ContractProblem as problem:
                self._binders[family] = problem
        found = self._binders[family]
        return found if isinstance(found, dict) else None

    def contract_problems(self) -> Iterator[ContractProblem]:
        """What is wrong with the contracts and header families used so far."""
        for found in (*self._contracts.values(), *self._binders.values()):
            if isinstance(found, ContractProblem):
                yield found

    # --- routes

    def source(self, path: str | None) -> RouteSource | None:
        """A route file as the engine takes it, or None where it is missing or no list."""
        document = self.site.routes.get(path or "")
        if document is None or not isinstance(document.data, list):
            return None
        if document.file not in self._sources:
            self._sources[document.file] = route_source(document, self.root)
        return self._sources[document.file]

    def endpoints(self, path: str | None) -> Sequence[EndpointUse]:
        """The endpoints a route file uses."""
        source = self.source(path)
        if source is None:
            return ()
        if source.file not in self._endpoints:
            self._endpoints[source.file] = tuple(endpoints(source))
        return self._endpoints[source.file]

    @cached_property
    def route_problems(self) -> Sequence[RouteProblem]:
        """What the engine says about every route file."""
        sources = [source for path in self.site.routes if (source := self.source(path)) is not None]
        return tuple(check_routes(sources))

    def route_place(self, file: str, pointer: str, line: int, column: int = 1) -> Place:
        """Where a JSON pointer of a route file stands; the engine knows lines, we know columns."""
        document = self.site.routes.get(file)
        if document is None:
            return Place(file, line, column)
        place = document.place(_pointer(document, pointer))
        return place if place.line == line else Place(file, line, 1)

    def adapter_calls(self, flow: Item) -> Iterator[tuple[str, str, Place]]:
        """The adapter operations the flow's route calls, as (adapter, operation, place)."""
        for use in self.endpoints(flow.text("route")):
            match = ADAPTER_URI.fullmatch(use.uri)
            if match and "${" not in use.uri:
                place = self.route_place(flow.text("route") or "", use.pointer, use.line)
                yield match["adapter"], match["operation"], place


def _pointer(document: Document, text: str) -> Pointer:
    """A JSON pointer as steps of a document: numbers where it has lists."""
    steps: list[str | int] = []
    value = document.data
    for part in text.split("/")[1:]:
        step: str | int = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and part.isdigit():
            step = int(part)
            value = value[step] if step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
        steps.append(step)
    return tuple(steps)
