"""Compiles a site to plain data that workers load without pydantic, yaml or zeep.

`compile_site` trusts what `authoring.check` found good: beyond the shape of the files it raises
for what it needs and does not find, but it does not judge. It runs in a child process of the bus.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from integrator.site import compiled
from integrator.site.compiled import plain
from integrator.site.content_hash import content_hash
from integrator.site.files import BEANS, HEADERS, ROUTE, SiteFiles, adapter_id, grants_path, inside, load
from integrator.site.models import AdapterFile, GrantsFile, IncludedFile, PartiesFile, RegisterFile
from integrator.site.models.base import period, quota, seconds
from integrator.site.models.grants import GrantItem
from integrator.site.models.parties import PartyItem
from integrator.site.models.register import EntryItem, FlowItem, PurposeItem, SoapEntry
from integrator.site.problems import Problem, SiteError
from integrator.site.read import Document
from integrator.site.shape import shape_problems


def compile_site(root: Path) -> dict[str, Any]:
    """The plain form of the site at `root`, as `CompiledSite.from_plain` reads it.

    Raises SiteError with every problem that keeps the files from being read or understood, and
    ContractProblem for a WSDL, XSD or header family that cannot be used.
    """
    site = load(root)
    problems = [*site.problems, *(problem for document in site.documents() for problem in document.problems)]
    problems += shape_problems(site)
    if problems:
        raise SiteError(sorted(problems))
    return compile_loaded(site)


def compile_loaded(
    site: SiteFiles, contract: Callable[[str], dict[str, Any] | None] | None = None
) -> dict[str, Any]:
    """The plain form of a site already read and found good.

    `contract` gives compiled WSDLs by path where they are known already; it takes half a second each.
    """
    return _Compiler(site, contract).compile()


class _Compiler:
    """Turns the models of one site into the classes of `site.compiled`."""

    def __init__(self, site: SiteFiles, contract: Callable[[str], dict[str, Any] | None] | None) -> None:
        self.site = site
        self.known_contract = contract or (lambda _path: None)
        self.root = site.root
        self.register = RegisterFile.model_validate(site.register.data)
        parts = [IncludedFile.model_validate(document.data) for document in site.included.values()]
        self.flows = dict(self.register.flows)
        self.purposes = dict(self.register.purposes)
        for part in parts:
            self.flows.update(part.flows)
            self.purposes.update(part.purposes)
        self.parties: dict[str, PartyItem] = {}
        for document in site.parties.values():
            self.parties.update(PartiesFile.model_validate(document.data).root)
        self.adapters = {
            adapter_id(name): AdapterFile.model_validate(document.data)
            for name, document in site.adapters.items()
        }

    def compile(self) -> dict[str, Any]:
        bus = self.register.bus
        flows = {name: self._flow(name, flow) for name, flow in self.flows.items()}
        return {
            "hash": content_hash(self.root),
            "organisation": bus.organisation,
            "languages": list(bus.languages),
            "purposes": plain({name: _purpose(name, purpose) for name, purpose in self.purposes.items()}),
            "parties": plain({name: self._party(name, party) for name, party in self.parties.items()
                              if party.organisation is not None}),
            "flows": plain(flows),
            "routes": plain(self._shared_routes()),
            "adapters": plain({name: _adapter(name, adapter) for name, adapter in self.adapters.items()}),
            "contracts": self._contracts(),
            "schemas": self._schemas(),
            "texts": self._texts(flows),
            "binders": self._binders(flows),
        }  # fmt: skip

    # --- parties and grants

    def _party(self, name: str, party: PartyItem) -> compiled.Party:
        assert party.organisation is not None  # groups are expanded where they are named
        return compiled.Party(
            id=name,
            organisation=party.organisation,
            title=_title(party.title),
            nis=party.nis,
            certificates=tuple(party.certificates),
            may_act_for=self._members(party.may_act_for),
            contact=party.contact,
        )

    def _members(self, names: list[str]) -> tuple[str, ...]:
        """Party ids with groups replaced by their members, each once; groups may nest."""
        found: dict[str, None] = {}
        waiting, seen = list(reversed(names)), set[str]()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            party = self.parties.get(name)
            if party is None:
                raise SiteError([Problem("parties", 1, 1, "unknown-party", f"there is no party '{name}'",
                                         "describe it under parties/")])  # fmt: skip
            if party.members is not None:
                waiting.extend(reversed(party.members))
            else:
                found[name] = None
        return tuple(found)

    def _grants(self, name: str, flow: FlowItem) -> tuple[compiled.Grant, ...]:
        document = self.site.grants.get(grants_path(flow.route, name))
        if document is None:
            return ()
        return tuple(self._grant(item) for item in GrantsFile.model_validate(document.data).root)

    def _grant(self, item: GrantItem) -> compiled.Grant:
        first, last = period(item.valid) if item.valid else (None, None)
        return compiled.Grant(
            parties=self._members([item.to]),
            purposes=tuple(item.purposes),
            fields=tuple(item.fields),
            agent=item.agent,
            authorisation=item.authorisation,
            valid_from=first,
            valid_until=last,
            quota=quota(item.quota) if item.quota else None,
            entries=tuple(item.entries),
        )

    # --- flows

    def _flow(self, name: str, flow: FlowItem) -> compiled.Flow:
        subjects, delivery, level = flow.subjects, flow.delivery, flow.service_level
        return compiled.Flow(
            id=name,
            title=_title(flow.title),
            owner=flow.owner,
            exchange=flow.exchange,
            route=self._route(flow.route),
            request=flow.request,
            answer=flow.answer,
            entries=tuple(self._entry(entry) for entry in flow.entries),
            subjects_request=tuple(subjects.request) if subjects else (),
            subjects_response=tuple(subjects.response) if subjects else (),
            subjects_none=subjects.none if subjects else None,
            data=flow.data,
            field_groups={group: tuple(fields) for group, fields in flow.field_groups.items()},
            retention=flow.retention,
            vault=flow.vault,
            service_level=level.model_dump(exclude_none=True) if level else {},
            delivery=compiled.Delivery(
                attempts=delivery.attempts,
                first_delay=seconds(delivery.first_delay),
                factor=delivery.factor,
                max_delay=seconds(delivery.max_delay),
            )
            if delivery
            else compiled.Delivery(),
            grants=self._grants(name, flow),
        )

    def _shared_routes(self) -> list[compiled.RouteSource]:
        """The route files that no flow names: templates, and routes that others call."""
        named = {flow.route for flow in self.flows.values()}
        return [
            self._route(path)
            for path, document in sorted(self.site.routes.items())
            if path not in named and isinstance(document.data, list)
        ]

    def _route(self, path: str) -> compiled.RouteSource:
        document = self.site.routes.get(path)
        if document is None or not isinstance(document.data, list):
            raise SiteError([Problem(path, 1, 1, "missing-file", "there is no route at this place",
                                     "write a list of Camel elements there")])  # fmt: skip
        return route_source(document, self.root)

    def _entry(self, entry: EntryItem) -> compiled.Entry:
        if entry.rest is not None:
            method, path = entry.rest.split(" ")
            return compiled.Entry(
                kind="rest", path=path, method=method,
                parameters=tuple(entry.parameters), headers=tuple(entry.headers),
            )  # fmt: skip
        if entry.consume is not None:
            return compiled.Entry(
                kind="consume", path=entry.consume.uri, method="", party=entry.consume.as_,
                purpose=entry.consume.purpose, dossier=entry.consume.dossier,
            )  # fmt: skip
        soap = entry.soap
        assert soap is not None  # the model has one of the three
        request, request_file = self._mapping(soap.in_)
        answer, answer_file = self._mapping(soap.out)
        return compiled.Entry(
            kind="soap",
            path=soap.path,
            headers=tuple(entry.headers),
            wsdl=soap.wsdl,
            operation=soap.operation,
            binder=self._binder_of(soap),
            to_request=request,
            from_answer=answer,
            to_request_file=request_file,
            from_answer_file=answer_file,
        )

    def _mapping(self, written: str) -> tuple[str, str | None]:
        return (self._read(written), written) if is_jq_file(written) else (written, None)

    def _binder_of(self, soap: SoapEntry) -> str | None:
        if soap.headers is not None:
            return str(soap.headers)
        same = (adapter for adapter in self.adapters.values() if adapter.wsdl == soap.wsdl)
        families = sorted({str(adapter.headers) for adapter in same if adapter.headers})
        return families[0] if families else None

    # --- other files

    def _read(self, path: str) -> str:
        target = inside(self.root, path)
        if target is None or not target.is_file():
            raise SiteError([Problem(path, 1, 1, "missing-file", "the site has no file of this name",
                                     "write it, or correct the name where it is used")])  # fmt: skip
        return target.read_text(encoding="utf-8")

    def _contracts(self) -> dict[str, Any]:
        from integrator.contracts.compile import compile_wsdl  # zeep is slow to import: only when needed

        names = {adapter.wsdl for adapter in self.adapters.values()}
        names |= {entry.soap.wsdl for flow in self.flows.values() for entry in flow.entries if entry.soap}
        return {
            name: self.known_contract(name) or compile_wsdl(self.root / name, self.root)
            for name in sorted(filter(None, names))
        }

    def _binders(self, flows: Mapping[str, compiled.Flow]) -> dict[str, Any]:
        from integrator.contracts.compile import compile_binder

        names = {adapter.headers for adapter in self.adapters.values()}
        names |= {entry.binder for flow in flows.values() for entry in flow.entries}
        return {name: compile_binder(self.root / binder_path(name)) for name in sorted(filter(None, names))}

    def _schemas(self) -> dict[str, Any]:
        names = {name for flow in self.flows.values() for name in (flow.request, flow.answer)}
        for adapter in self.adapters.values():
            names |= {name for item in adapter.operations.values() for name in (item.request, item.answer)}
        return {name: json.loads(self._read(name)) for name in sorted(filter(None, names))}

    def _texts(self, flows: Mapping[str, compiled.Flow]) -> dict[str, str]:
        texts = {entry.to_request_file: entry.to_request for flow in flows.values() for entry in flow.entries}
        texts |= {
            entry.from_answer_file: entry.from_answer for flow in flows.values() for entry in flow.entries
        }
        found = {name: text for name, text in texts.items() if name is not None and text is not None}
        for route in (*(flow.route for flow in flows.values()), *self._shared_routes()):
            for name in route_resources(route.documents):
                self._add_text(name, found)
        return dict(sorted(found.items()))

    def _add_text(self, name: str, found: dict[str, str]) -> None:
        """The text of a file a route names, and of the style sheets and schemas that one names."""
        if name in found:
            return
        found[name] = self._read(name)
        for other in imported_files(name, found[name]):
            self._add_text(other, found)


# --- shared with the checks -----------------------------------------------------------------------

_RESOURCE_SCHEMES = ("xslt:", "xslt-saxon:", "validator:", "json-validator:")
_IMPORT = re.compile(
    r"""<(?:\w+:)?(?:import|include|redefine)\b[^>]*\b(?:href|schemaLocation)=["']([^"']+)["']"""
)


def binder_path(family: str) -> str:
    """The file that declares a header family."""
    return f"{HEADERS}{family}.yaml"


def is_jq_file(written: str) -> bool:
    """Whether a mapping is the path of a .jq file rather than jq text."""
    return written.endswith(".jq") and not any(char.isspace() or char in "{}|" for char in written)


def route_source(document: Document, root: Path) -> compiled.RouteSource:
    """A route document with the line of each of its nodes, by JSON pointer (RFC 6901), and its functions."""
    lines = {
        _json_pointer(pointer): line for pointer, (line, _) in {**document.places, **document.keys}.items()
    }
    documents = tuple(document.data) if isinstance(document.data, list) else ()
    beside = root / (document.file.removesuffix(ROUTE) + BEANS)
    code = beside.read_text(encoding="utf-8", errors="replace") if beside.is_file() else ""
    return compiled.RouteSource(file=document.file, documents=documents, lines=lines, code=code)


def route_resources(value: Any) -> Iterator[str]:
    """The site's files a route names: style sheets, schemas, and `resource:` of expressions."""
    if isinstance(value, Mapping):
        for member in value.values():
            yield from route_resources(member)
    elif isinstance(value, (list, tuple)):
        for member in value:
            yield from route_resources(member)
    elif isinstance(value, str):
        if value.startswith("language:"):
            value = value.partition("resource:")[1] + value.partition("resource:")[2]
        for scheme in (*_RESOURCE_SCHEMES, "resource:"):
            if value.startswith(scheme):
                path = value[len(scheme) :].partition("?")[0]
                yield path.removeprefix("classpath:").removeprefix("file:").removeprefix("//")
                return


def imported_files(name: str, text: str) -> Iterator[str]:
    """The files an XSLT or XSD imports, as paths of the site; what leaves it is not followed."""
    if not name.endswith((".xsl", ".xslt", ".xsd")):
        return
    folder = name.rpartition("/")[0]
    for location in _IMPORT.findall(text):
        if "://" not in location:
            parts: list[str] = []
            for part in f"{folder}/{location}".split("/"):
                if part == ".." and parts:
                    parts.pop()
                elif part not in ("", "."):
                    parts.append(part)
            yield "/".join(parts)


def _json_pointer(pointer: tuple[str | int, ...]) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in pointer)


# --- small parts ----------------------------------------------------------------------------------


def _title(title: Mapping[Any, str] | None) -> dict[str, str]:
    return {str(language): text for language, text in (title or {}).items()}


def _purpose(name: str, item: PurposeItem) -> compiled.Purpose:
    return compiled.Purpose(
        id=name,
        title=_title(item.title),
        legal_basis=item.legal_basis,
        contexts=dict(item.contexts),
        dossier_sources=tuple(item.dossier.sources) if item.dossier else (),
        dossier_pattern=item.dossier.pattern if item.dossier else None,
        disclosure=item.disclosure,
    )


def _adapter(name: str, item: AdapterFile) -> compiled.Adapter:
    operations = {}
    for key, operation in item.operations.items():
        method, path = operation.rest.split(" ") if operation.rest else ("POST", None)
        operations[key] = compiled.AdapterOperation(
            name=key,
            access=operation.access,
            data=operation.data,
            allow=tuple(compiled.Allow(allow.flow, tuple(allow.purposes)) for allow in operation.allow),
            method=method,
            path=path,
            request=operation.request,
            answer=operation.answer,
            place=operation.directory or operation.queue or operation.exchange,
            routing_keys=tuple(operation.routing_keys),
        )
    return compiled.Adapter(
        id=name,
        system=item.system,
        party=item.party,
        protocol=item.protocol,
        endpoint=item.endpoint,
        operations=operations,
        wsdl=item.wsdl,
        headers=item.headers,
        identify_as=item.identify_as,
        security=item.security.model_dump(exclude_none=True) if item.security else None,
        send_headers=tuple(item.send_headers),
        keep_headers=tuple(item.keep_headers),
        timeout=seconds(item.timeout),
        concurrency=item.concurrency,
        breaker_failures=item.circuit_breaker.failures,
        breaker_open=seconds(item.circuit_breaker.open),
        reached_as=item.reached_as or item.system,
    )
