"""The sender: one call to a declared adapter, from the message of a route to its answer.

Order of every call: the operation exists and allows flow and purpose, the message is valid, there
is room, the provider is not resting, one request goes out, its answer is valid. Everything is
compiled once a site; a call runs closures.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from integrator.contracts.binder import Binder
from integrator.contracts.contract import Contract
from integrator.contracts.jsonschema import JsonSchema
from integrator.exchange import (
    AdapterAnswer,
    Context,
    IntegratorError,
    Leg,
    ProviderTimeout,
    Refused,
    now_us,
)
from integrator.outbound.breaker import Breaker
from integrator.outbound.calls import RESERVED, Call
from integrator.outbound.errors import tells_down
from integrator.outbound.gate import Gate
from integrator.outbound.references import StartProblems, resolve_endpoints
from integrator.outbound.rest import RestCall
from integrator.outbound.soap import SoapCall
from integrator.outbound.transport import HttpRequest, Origin, Transport, parse_endpoint
from integrator.security.limits import DEFAULT, Limits
from integrator.site.compiled import Adapter, AdapterOperation, CompiledSite

Observer = Callable[[Context, Leg, bytes, bytes | None], None]


class Outbound:
    """The adapters of one compiled site, ready to be called.

    `contracts` and `binders` are keyed as in the site; `resolve` replaces references in endpoints
    (`references.resolver()`), except where `overrides` gives an adapter's endpoint. `observe` is
    called after every leg with the bytes sent and received (None where nothing came back), for
    digests. Raises StartProblems with every adapter that cannot be used.
    """

    def __init__(
        self,
        site: CompiledSite,
        transport: Transport,
        contracts: Mapping[str, Contract],
        binders: Mapping[str, Binder],
        *,
        resolve: Callable[[str], str],
        overrides: Mapping[str, str] | None = None,
        limits: Limits = DEFAULT,
        now_us: Callable[[], int] = now_us,
        clock: Callable[[], float] = time.monotonic,
        observe: Observer | None = None,
    ) -> None:
        self._transport = transport
        self._now_us = now_us
        self._observe = observe
        self._operations: dict[tuple[str, str], _Operation] = {}
        self._breakers: dict[str, Breaker] = {}
        endpoints = resolve_endpoints(site, resolve, overrides or {})
        problems: list[str] = []
        for adapter in site.adapters.values():
            if not adapter.called:
                continue
            problems += _reserved_headers(adapter)
            origin, target = parse_endpoint(endpoints[adapter.id])
            compiler = _Compiler(site, contracts, binders, target, limits)
            breaker = Breaker(adapter.breaker_failures, adapter.breaker_open, clock)
            self._breakers[adapter.id] = breaker
            gate = Gate(adapter.concurrency, limits.adapter_waiting)
            for operation in adapter.operations.values():
                try:
                    call = compiler.compile(adapter, operation)
                except LookupError as problem:
                    problems.append(f"adapter {adapter.id}: operation {operation.name}: {problem.args[0]}")
                    continue
                known = _Operation(adapter, operation, call, origin, gate, breaker)
                self._operations[adapter.id, operation.name] = known
        if problems:
            raise StartProblems(problems)

    def breaker_states(self) -> dict[str, str]:
        """The state of every adapter's circuit breaker: `closed`, `open` or `half-open`."""
        return {name: breaker.state for name, breaker in self._breakers.items()}

    async def call(
        self,
        adapter: str,
        operation: str,
        body: Any,
        headers: Mapping[str, Any],
        context: Context | None,
    ) -> AdapterAnswer:
        """Call an operation with JSON data, return its answer without the header family's parts.

        Adds a leg to `context.legs` for what was sent and sets `context.provider_ticket`. Raises
        Refused (`operation-not-allowed`), InvalidRequest, Overloaded, NoData, ProviderTimeout,
        ProviderUnreachable, ProviderFault, BrokenContract.
        """
        known = self._operations.get((adapter, operation))
        if known is None:
            raise Refused(
                "the route calls an operation that no adapter declares: declare it in the adapter",
                reason="operation-unknown",
            )
        if context is None or not known.allows(context):
            raise _not_allowed()
        prepared = known.call.prepare(body, headers, context, self._now_us())
        now = asyncio.get_running_loop().time()
        deadline, own = now + known.timeout, True
        if context.deadline is not None and context.deadline < deadline:
            deadline, own = context.deadline, False
            if deadline <= now:
                raise ProviderTimeout("the time of the exchange was over before the provider was asked")
        request = HttpRequest(
            known.origin, known.call.method, prepared.target, prepared.headers, prepared.body, deadline,
            known.idempotent,
        )  # fmt: skip
        if not known.gate.try_enter():
            await known.gate.enter(deadline)
        try:
            known.breaker.admit()
            return await self._send(known, request, context, own_deadline=own)
        finally:
            known.gate.leave()

    async def _send(
        self, known: _Operation, request: HttpRequest, context: Context, *, own_deadline: bool
    ) -> AdapterAnswer:
        leg = Leg(known.adapter, known.name, known.access, self._now_us(), sent_bytes=len(request.body))
        context.legs.append(leg)
        received: bytes | None = None
        try:
            response = await self._transport.send(request)
            leg.answered_us = self._now_us()
            received = response.body
            leg.answered_bytes = len(received)
            answer = known.call.read(response, context)
        except IntegratorError as error:
            leg.status, leg.code = error.category, error.code
            known.settle(error, own_deadline=own_deadline)
            raise
        except BaseException:
            known.breaker.abandoned()
            raise
        finally:
            if self._observe is not None:
                self._observe(context, leg, request.body, received)
        known.breaker.succeeded()
        leg.status, leg.code, leg.ticket = answer.status, answer.code, answer.ticket
        if answer.ticket is not None:
            context.provider_ticket = answer.ticket
        return answer


class _Operation:
    """One operation with what its adapter's operations share: gate and breaker."""

    __slots__ = (
        "access", "adapter", "allowed", "breaker", "call", "gate", "idempotent", "name", "origin", "timeout",
    )  # fmt: skip

    def __init__(
        self,
        adapter: Adapter,
        operation: AdapterOperation,
        call: Call,
        origin: Origin,
        gate: Gate,
        breaker: Breaker,
    ) -> None:
        self.adapter, self.name, self.access = adapter.id, operation.name, operation.access
        self.call, self.origin, self.gate, self.breaker = call, origin, gate, breaker
        self.timeout = adapter.timeout
        # Only what changes nothing may be asked twice inside one exchange.
        self.idempotent = operation.access in ("read", "search")
        self.allowed: dict[str, frozenset[str] | None] = {}
        for allow in operation.allow:
            known = self.allowed.get(allow.flow, frozenset())
            every = known is None or not allow.purposes
            self.allowed[allow.flow] = None if every else (known or frozenset()) | frozenset(allow.purposes)

    def allows(self, context: Context) -> bool:
        """Whether the owner lets this flow, for this purpose, use the operation."""
        if context.flow not in self.allowed:
            return False
        purposes = self.allowed[context.flow]
        return purposes is None or context.purpose in purposes

    def settle(self, error: IntegratorError, *, own_deadline: bool) -> None:
        """Tell the breaker what an error says about the provider."""
        if isinstance(error, ProviderTimeout) and not own_deadline:
            self.breaker.abandoned()  # the caller's patience ended, not the provider's time
        elif error.origin != "provider":
            self.breaker.abandoned()  # no connection was free, the bus is stopping
        elif tells_down(error):
            self.breaker.failed()
        else:
            self.breaker.succeeded()


class _Compiler:
    """Makes the calls of one adapter. Raises LookupError for what the site does not hold."""

    def __init__(
        self,
        site: CompiledSite,
        contracts: Mapping[str, Contract],
        binders: Mapping[str, Binder],
        target: str,
        limits: Limits,
    ) -> None:
        self._site, self._contracts, self._binders = site, contracts, binders
        self._target, self._limits = target, limits

    def compile(self, adapter: Adapter, operation: AdapterOperation) -> Call:
        """The call of an operation."""
        if adapter.protocol == "soap":
            return self._soap(adapter, operation)
        if adapter.protocol == "rest":
            return self._rest(adapter, operation)
        raise LookupError(f"the protocol {adapter.protocol} is not supported yet: use soap or rest")

    def _soap(self, adapter: Adapter, operation: AdapterOperation) -> Call:
        contract = self._contracts.get(adapter.wsdl or "")
        if contract is None:
            raise LookupError("its WSDL is not part of the compiled site: compile the site again")
        described = contract.operations.get(operation.name)
        if described is None:
            raise LookupError("the WSDL has no such operation: correct its name")
        if described.output is None:
            raise LookupError("the operation has no answer, which is not supported yet: use another")
        binder = None
        if adapter.headers is not None:
            binder = self._binders.get(adapter.headers)
            if binder is None:
                raise LookupError(f"the header family {adapter.headers} is unknown: correct `headers`")
        organisation = self._site.organisation if adapter.identify_as == "bus" else None
        return SoapCall(adapter, described, contract, binder, self._target, organisation, self._limits)

    def _rest(self, adapter: Adapter, operation: AdapterOperation) -> Call:
        if not operation.path:
            raise LookupError("it has no path: write `rest: POST /path`")
        if "?" in self._target:
            raise LookupError("the endpoint has a query: write it into the paths of the operations")
        schemas = self._schema(operation.request), self._schema(operation.answer)
        return RestCall(adapter, operation, self._target, *schemas, self._limits)

    def _schema(self, path: str | None) -> JsonSchema | None:
        if path is None:
            return None
        if path not in self._site.schemas:
            raise LookupError(f"the schema {path} is not part of the compiled site: compile the site again")
        return JsonSchema(self._site.schemas[path])


def _reserved_headers(adapter: Adapter) -> list[str]:
    return [
        f"adapter {adapter.id}: the header {name} belongs to the protocol: take it out of `send-headers`"
        for name in adapter.send_headers
        if name.lower() in RESERVED
    ]


def _not_allowed() -> Refused:
    return Refused(
        "the provider's owner does not allow this operation for the flow and its purpose",
        reason="operation-not-allowed",
    )
