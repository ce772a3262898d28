"""Everything the data plane needs of one activated site, compiled once and then only read.

`Runtime.build` makes it; `Gateway.activate` puts it in the place of the former one. Exchanges that
run keep the runtime they began with.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from integrator.contracts.problems import ContractViolation
from integrator.exchange import BrokenContract, Exchange, InvalidRequest, Refused, Subject
from integrator.gateway.entries import RestTable, SoapPath, rest_table, soap_paths
from integrator.gateway.identity import Directory
from integrator.gateway.policy import Grants, PurposeRule
from integrator.gateway.subjects import SubjectFinder, has_data
from integrator.security.limits import DEFAULT, Limits
from integrator.site.compiled import CompiledSite, Flow, Grant, RouteSource


class Routes(Protocol):
    """Compiled routes; `engine.RouteSet` is one."""

    def run(self, uri: str, exchange: Exchange) -> Awaitable[None]:
        """Run the route consuming `uri`; a failure ends in `exchange.exception`."""
        ...

    @property
    def uris(self) -> Collection[str]:
        """The addresses the routes consume: `flow:x`, `aggregate:route/step`."""
        ...

    def start(self, take: Any, *, uris: Collection[str], leader: Any) -> None:
        """Start the consumers that run by themselves and have these addresses."""
        ...

    async def pause(self) -> None:
        """Stop them; what is under way goes on."""
        ...

    async def stop(self) -> None:
        """End what the routes do on their own; no message may follow."""
        ...


class Schema(Protocol):
    """A compiled JSON Schema; raises ContractViolation."""

    def validate(self, value: Any) -> None:
        """Raise ContractViolation where the value breaks the schema."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """The compilers of other rooms. `routes` takes the sources and whether values are personal."""

    routes: Callable[[Sequence[RouteSource], bool], Routes]
    schema: Callable[[Mapping[str, Any]], Schema]
    jq: Callable[[str], Callable[[Any], Any]]
    contracts: Mapping[str, Any]
    binders: Mapping[str, Any]


class FlowRuntime:
    """One flow, ready to run: its routes, checks, grants and what is found in its messages."""

    __slots__ = (
        "_answer", "_answer_subjects", "_request", "_request_subjects",
        "flow", "grants", "id", "must_name_subjects", "personal", "routes", "uri",
    )  # fmt: skip

    def __init__(self, flow: Flow, site: CompiledSite, routes: Routes, tools: Tools, limits: Limits) -> None:
        self.flow, self.id, self.uri, self.routes = flow, flow.id, f"flow:{flow.id}", routes
        self.grants = Grants(flow)
        self.personal = flow.data in ("personal", "sensitive")
        self.must_name_subjects = self.personal and flow.subjects_none is None
        self._request = tools.schema(site.schemas[flow.request]) if flow.request else None
        self._answer = tools.schema(site.schemas[flow.answer]) if flow.answer else None
        self._request_subjects = SubjectFinder(flow.subjects_request, limits.subjects_per_exchange)
        self._answer_subjects = SubjectFinder(flow.subjects_response, limits.subjects_per_exchange)

    def check_request(self, value: Any) -> None:
        """Raises InvalidRequest with the paths at fault where the canonical request breaks its schema."""
        if self._request is not None:
            try:
                self._request.validate(value)
            except ContractViolation as violation:
                raise InvalidRequest(
                    *_told(violation, "request"), reason="schema", paths=_paths(violation)
                ) from None

    def check_answer(self, value: Any) -> None:
        """Raises BrokenContract where the canonical answer breaks its schema."""
        if self._answer is not None:
            try:
                self._answer.validate(value)
            except ContractViolation as violation:
                raise BrokenContract(
                    *_told(violation, "answer"), reason="schema", paths=_paths(violation)
                ) from None

    def request_subjects(self, value: Any) -> tuple[Subject, ...]:
        """Whom the request is about. Raises InvalidRequest for a number that is none, or too many."""
        found, wrong = self._request_subjects(value)
        if wrong is None:
            return found
        if wrong == "too many":
            raise InvalidRequest("the request names too many subjects", reason="too-complex", status=413)
        raise InvalidRequest(
            f"the number at {wrong} is no valid national or enterprise number",
            reason="subject-invalid",
            paths=(wrong,),
        )

    def answer_subjects(self, value: Any) -> tuple[tuple[Subject, ...], bool]:
        """Whom the answer is about, and whether it says anything.

        Raises BrokenContract with reason `subject-missing` for a personal answer with data and no
        subject, an invalid one, or too many.
        """
        found, wrong = self._answer_subjects(value)
        if found and wrong is None:
            return found, True
        says = has_data(value)
        if self.must_name_subjects and (wrong is not None or says):
            raise BrokenContract(
                "the answer has no valid subject where the flow says it has one",
                reason="subject-missing",
                paths=(wrong,) if wrong else (),
            )
        return found, says


def _told(violation: ContractViolation, what: str) -> tuple[str]:
    rules = "; ".join(f"{path}: {rule}" for path, rule in violation.violations[:5])
    return (f"the {what} breaks its contract: {rules}",)


def _paths(violation: ContractViolation) -> tuple[str, ...]:
    return tuple(path for path, _rule in violation.violations)


@dataclass(frozen=True, slots=True)
class Runtime:
    """One activated site: flows, entries, parties and purposes, ready to be used."""

    site: CompiledSite
    flows: Mapping[str, FlowRuntime]
    rest: RestTable
    soap: Mapping[str, SoapPath]
    directory: Directory
    purposes: Mapping[str, PurposeRule]

    @classmethod
    def build(cls, site: CompiledSite, tools: Tools, limits: Limits = DEFAULT) -> Runtime:
        """Compile a site. Raises RouteErrors of the engine, PathProblem or KeyError: `check` first."""
        named = (*(flow.route for flow in site.flows.values()), *site.routes)
        sources = list({route.file: route for route in named}.values())
        # Values are kept out of logs by class of flow: a route set for each class there is.
        kinds = {flow.data in ("personal", "sensitive") for flow in site.flows.values()}
        routes = {personal: tools.routes(sources, personal) for personal in kinds}
        flows = {
            flow.id: FlowRuntime(flow, site, routes[flow.data in ("personal", "sensitive")], tools, limits)
            for flow in site.flows.values()
        }
        return cls(
            site=site,
            flows=flows,
            rest=rest_table(site, flows),
            soap=soap_paths(site, flows, tools.contracts, tools.binders, tools.jq),
            directory=Directory(site.parties),
            purposes={key: PurposeRule.compile(purpose) for key, purpose in site.purposes.items()},
        )

    def grant_for(
        self,
        flow: str,
        party: str | None,
        purpose: str | None,
        on_date: date | str,
        on_behalf_of: str | None = None,
    ) -> Grant | None:
        """The grant under which a party may use a flow for a purpose on a day, or None.

        `on_behalf_of` is the BCE number of the organisation the party acts for: the grant is that
        organisation's, and None where the party may not act for it.
        """
        known = self.site.parties.get(party or "")
        if known is None or purpose is None or flow not in self.flows:
            return None
        try:
            consumer = self.directory.consumer(known, on_behalf_of)
        except Refused:
            return None
        # Only events are asked for again, and they come in by REST alone.
        granted = self.flows[flow].grants.find(consumer.id, purpose, str(on_date), "rest")
        return granted.grant if granted is not None else None
