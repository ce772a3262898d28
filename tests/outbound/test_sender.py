"""The sender over the in-memory transport: who may call what, how long, how often, and what is noted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from integrator.exchange import (
    BrokenContract,
    Context,
    Headers,
    IntegratorError,
    InvalidRequest,
    NoData,
    Overloaded,
    ProviderFault,
    ProviderTimeout,
    ProviderUnreachable,
    Refused,
)
from integrator.outbound.double import TransportDouble
from integrator.outbound.references import StartProblems, resolver
from integrator.outbound.sender import Outbound
from integrator.outbound.transport import HttpResponse, Origin
from integrator.security.limits import DEFAULT
from integrator.site.compiled import Adapter, CompiledSite
from tests.outbound.conftest import until
from tests.outbound.sites import (
    EXCHANGE,
    PERMIT,
    PERMITS,
    PERSON,
    WSDL,
    binders,
    context,
    contract,
    operation,
    permit_adapter,
    person_adapter,
    site,
)

JSON = {"Content-Type": "application/json"}
NOTIFY = {"flow": "permit-notification", "kind": "event"}


class Bench:
    """A sender with its double and clocks."""

    def __init__(self, *adapters: Adapter, **options: Any) -> None:
        self.transport = TransportDouble()
        self.now = 0.0
        self.time_us = 1_000
        self.outbound = Outbound(
            site(*adapters),
            self.transport,
            {WSDL: contract()},
            binders(),
            resolve=resolver({}),
            clock=lambda: self.now,
            now_us=self._tick,
            **options,
        )

    def _tick(self) -> int:
        self.time_us += 1
        return self.time_us

    async def permit(self, body: Any = PERMIT, made: Context | None = None) -> Any:
        made = made or context(**NOTIFY)
        return await self.outbound.call(PERMITS, "registerPermit", body, Headers(), made)

    async def person(self, made: Context | None = None, headers: dict[str, Any] | None = None) -> Any:
        body = {"request": {"personNumber": "85073003328"}}
        return await self.outbound.call(PERSON, "getPerson", body, headers or {}, made or context())


# --- may this flow call this?


@pytest.mark.parametrize(
    ("adapter", "name"), [("regional/none", "x"), (PERMITS, "none"), ("", ""), (PERSON, "registerPermit")]
)
async def test_an_operation_nobody_declared(adapter: str, name: str) -> None:
    bench = Bench()
    with pytest.raises(Refused) as caught:
        await bench.outbound.call(adapter, name, {}, {}, context())
    assert caught.value.reason == "operation-unknown"


@pytest.mark.parametrize(
    "made",
    [
        context("permit-notification"),
        context("other"),
        context(purpose="high-school-career"),
        context(purpose=None),
        None,
    ],
)
async def test_what_the_owner_does_not_allow_never_leaves(made: Context | None) -> None:
    bench = Bench()
    with pytest.raises(Refused) as caught:
        await bench.outbound.call(PERSON, "getPerson", {}, {}, made)
    assert caught.value.reason == "operation-not-allowed"
    assert bench.transport.requests == []
    assert made is None or made.legs == []


async def test_no_purposes_means_every_purpose_of_the_flow() -> None:
    bench = Bench()
    bench.transport.answer(201)
    await bench.permit(made=context(purpose="whatever", **NOTIFY))


async def test_several_allowances_of_one_flow_add_up() -> None:
    allowed = operation("registerPermit", "write", "permit-notification", "a", path="/permits")
    both = replace(allowed, allow=(*allowed.allow, replace(allowed.allow[0], purposes=("b",))))
    bench = Bench(permit_adapter(operations={"registerPermit": both}))
    bench.transport.always(lambda _request: HttpResponse(204, [], b""))
    for purpose in ("a", "b"):
        await bench.permit(made=context(purpose=purpose, **NOTIFY))
    with pytest.raises(Refused):
        await bench.permit(made=context(purpose="c", **NOTIFY))


async def test_nobody_is_allowed_where_nothing_is_said() -> None:
    closed = replace(operation("registerPermit", "write", "x", path="/permits"), allow=())
    bench = Bench(permit_adapter(operations={"registerPermit": closed}))
    with pytest.raises(Refused):
        await bench.permit()


# --- what is sent and noted


async def test_a_call_leaves_its_leg() -> None:
    bench = Bench()
    bench.transport.answer(201, b'{"id": "1"}', {**JSON, "BelGov-Trace-Id": "p-1"})
    made = context(**NOTIFY)
    answer = await bench.permit(made=made)
    assert (answer.body, answer.status) == ({"id": "1"}, "201")
    (leg,) = made.legs
    (request,) = bench.transport.requests
    assert (leg.adapter, leg.operation, leg.access) == (PERMITS, "registerPermit", "write")
    assert leg.answered_us is not None
    assert leg.sent_us < leg.answered_us
    assert (leg.status, leg.code, leg.ticket) == ("201", None, "p-1")
    assert (leg.sent_bytes, leg.answered_bytes) == (len(request.body), 11)
    assert made.provider_ticket == "p-1"
    assert request.origin == Origin("http", "permits.example", 80)
    assert ("Idempotency-Key", EXCHANGE) in request.headers


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (ProviderTimeout(origin="provider"), "provider-timeout"),
        (ProviderUnreachable(origin="provider"), "provider-unreachable"),
        (BrokenContract(origin="provider"), "broken-contract"),
    ],
)
async def test_a_failed_call_leaves_its_leg_too(error: IntegratorError, category: str) -> None:
    bench = Bench()
    bench.transport.fail(error)
    made = context(**NOTIFY)
    with pytest.raises(type(error)):
        await bench.permit(made=made)
    (leg,) = made.legs
    assert (leg.status, leg.answered_us, leg.answered_bytes) == (category, None, 0)
    assert made.provider_ticket is None


async def test_a_fault_is_a_leg_that_was_answered() -> None:
    bench = Bench()
    bench.transport.answer(422, b"{}", JSON)
    made = context(**NOTIFY)
    with pytest.raises(ProviderFault):
        await bench.permit(made=made)
    (leg,) = made.legs
    assert (leg.status, leg.code, leg.answered_bytes) == ("provider-fault", "422", 2)
    assert leg.answered_us is not None


async def test_a_request_that_breaks_its_contract_never_leaves() -> None:
    bench = Bench()
    made = context(**NOTIFY)
    with pytest.raises(InvalidRequest):
        await bench.permit({**PERMIT, "decision": "maybe"}, made)
    assert (bench.transport.requests, made.legs) == ([], [])


async def test_an_observer_sees_the_bytes_of_every_leg() -> None:
    seen: list[tuple[int, bytes, bytes | None]] = []
    bench = Bench(observe=lambda made, _leg, out, back: seen.append((len(made.legs), out, back)))
    bench.transport.answer(204)
    bench.transport.fail(ProviderTimeout(origin="provider"))
    await bench.permit()
    with pytest.raises(ProviderTimeout):
        await bench.permit()
    sent = [request.body for request in bench.transport.requests]
    assert seen == [(1, sent[0], b""), (1, sent[1], None)]


async def test_a_canary_in_every_inbound_header_never_leaves() -> None:
    names = (
        "Authorization", "Cookie", "Host", "X-Forwarded-For", "Client-Cert", "Integrator-Purpose",
        "Integrator-Dossier", "Integrator-Agent", "BelGov-Related-Trace-Id", "Idempotency-Key", "SOAPAction",
        "Content-Type", "Accept", "Transfer-Encoding", "X-Custom", "Adapter-Status", "CamelHttpUri",
    )  # fmt: skip
    canaries = dict.fromkeys(names, "canary")
    bench = Bench()
    bench.transport.always(lambda _request: HttpResponse(503, [], b""))
    for headers in (canaries, Headers(canaries)):
        with pytest.raises(ProviderFault):
            await bench.outbound.call(PERMITS, "registerPermit", PERMIT, headers, context(**NOTIFY))
        with pytest.raises(ProviderFault):
            await bench.person(headers=headers)
    assert len(bench.transport.requests) == 4
    for request in bench.transport.requests:
        assert b"canary" not in request.encode()


# --- time


async def test_the_deadline_is_the_adapters_or_the_callers_whichever_comes_first() -> None:
    bench = Bench(permit_adapter(timeout=8.0))
    bench.transport.always(lambda _request: HttpResponse(204, [], b""))
    now = asyncio.get_running_loop().time()
    await bench.permit()
    await bench.permit(made=context(deadline=now + 3, **NOTIFY))
    await bench.permit(made=context(deadline=now + 300, **NOTIFY))
    deadlines = [request.deadline - now for request in bench.transport.requests]
    assert deadlines == pytest.approx([8, 3, 8], abs=0.5)


async def test_who_is_too_late_is_not_sent_at_all() -> None:
    bench = Bench()
    made = context(deadline=asyncio.get_running_loop().time() - 1, **NOTIFY)
    with pytest.raises(ProviderTimeout):
        await bench.permit(made=made)
    assert (bench.transport.requests, made.legs) == ([], [])


async def test_silence_ends_at_the_adapters_timeout() -> None:
    bench = Bench(permit_adapter(timeout=0.02))
    bench.transport.never()
    with pytest.raises(ProviderTimeout):
        await bench.permit()


# --- how many


async def test_the_concurrency_limit_lets_a_bounded_number_wait() -> None:
    bench = Bench(permit_adapter(timeout=0.3, concurrency=2), limits=replace(DEFAULT, adapter_waiting=1))
    for _ in range(2):
        bench.transport.never()
    bench.transport.always(lambda _request: HttpResponse(204, [], b""))
    running = [asyncio.create_task(bench.permit()) for _ in range(2)]
    await until(lambda: len(bench.transport.requests) == 2)
    made = context(**NOTIFY)
    waiting = asyncio.create_task(bench.permit(made=made))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await bench.permit()
    waiting.cancel()
    results = await asyncio.gather(*running, waiting, return_exceptions=True)
    assert [type(result) for result in results] == [
        ProviderTimeout,
        ProviderTimeout,
        asyncio.CancelledError,
    ]
    assert made.legs == []
    assert (await bench.permit()).status == "204"  # every place is free again


@pytest.mark.parametrize(
    ("name", "access", "idempotent"),
    [("read", "read", True), ("search", "search", True), ("write", "write", False)],
)
async def test_access_governs_whether_a_stale_connection_may_be_replaced(
    name: str, access: str, idempotent: bool
) -> None:
    bench = Bench(permit_adapter(operations={name: operation(name, access, "f", path="/x")}))
    bench.transport.answer(204)
    await bench.outbound.call(PERMITS, name, {}, {}, context("f"))
    assert bench.transport.requests[0].idempotent is idempotent


async def test_a_write_is_sent_once_whatever_happens() -> None:
    bench = Bench()
    bench.transport.fail(ProviderUnreachable(origin="provider"))
    with pytest.raises(ProviderUnreachable):
        await bench.permit()
    assert len(bench.transport.requests) == 1


# --- circuit breaker


def down(bench: Bench, times: int) -> None:
    for _ in range(times):
        bench.transport.fail(ProviderUnreachable(origin="provider"))


async def failing(bench: Bench, times: int, **changes: Any) -> None:
    for _ in range(times):
        with pytest.raises(IntegratorError):
            await bench.permit(made=context(**NOTIFY, **changes))


async def test_a_provider_that_is_down_is_left_alone_and_probed_again() -> None:
    bench = Bench(permit_adapter(breaker_failures=3, breaker_open=30.0))
    down(bench, 3)
    await failing(bench, 3)
    assert bench.outbound.breaker_states() == {PERMITS: "open"}
    made = context(**NOTIFY)
    with pytest.raises(ProviderUnreachable) as caught:
        await bench.permit(made=made)
    assert caught.value.reason == "circuit-open"
    assert len(bench.transport.requests) == 3
    assert made.legs == []
    bench.now = 30.0
    bench.transport.answer(204)
    await bench.permit()
    assert bench.outbound.breaker_states() == {PERMITS: "closed"}


async def test_only_one_probe_at_a_time() -> None:
    bench = Bench(permit_adapter(breaker_failures=1, timeout=0.05))
    down(bench, 1)
    await failing(bench, 1)
    bench.now = 30.0
    bench.transport.never()
    probe = asyncio.create_task(bench.permit())
    await until(lambda: len(bench.transport.requests) == 2)
    with pytest.raises(ProviderUnreachable):
        await bench.permit()
    with pytest.raises(ProviderTimeout):
        await probe
    assert bench.outbound.breaker_states() == {PERMITS: "open"}


async def test_a_cancelled_probe_lets_the_next_one_through() -> None:
    bench = Bench(permit_adapter(breaker_failures=1))
    down(bench, 1)
    await failing(bench, 1)
    bench.now = 30.0
    bench.transport.never()
    probe = asyncio.create_task(bench.permit())
    await until(lambda: len(bench.transport.requests) == 2)
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    bench.transport.answer(204)
    await bench.permit()


@pytest.mark.parametrize(
    "answer", [(400, b"{}"), (404, b"{}"), (500, b"{}"), (200, b"not json"), (200, b'{"a": 1, "a": 2}')]
)
async def test_answers_about_one_request_say_nothing_about_the_provider(answer: tuple[int, bytes]) -> None:
    bench = Bench(permit_adapter(breaker_failures=2))
    bench.transport.always(lambda _request: HttpResponse(answer[0], [], answer[1]))
    await failing(bench, 5)
    assert bench.outbound.breaker_states() == {PERMITS: "closed"}


@pytest.mark.parametrize("answer", [(503, b""), (504, b""), (200, b"<html>maintenance")])
async def test_answers_of_a_provider_that_is_down(answer: tuple[int, bytes]) -> None:
    bench = Bench(permit_adapter(breaker_failures=2))
    bench.transport.always(lambda _request: HttpResponse(answer[0], [], answer[1]))
    await failing(bench, 2)
    assert bench.outbound.breaker_states() == {PERMITS: "open"}


async def test_impatient_callers_do_not_open_the_circuit() -> None:
    bench = Bench(permit_adapter(breaker_failures=1))
    bench.transport.never()
    deadline = asyncio.get_running_loop().time() + 0.02
    await failing(bench, 1, deadline=deadline)
    assert bench.outbound.breaker_states() == {PERMITS: "closed"}


async def test_what_the_bus_did_itself_does_not_open_the_circuit() -> None:
    bench = Bench(permit_adapter(breaker_failures=1))
    bench.transport.fail(Overloaded())
    bench.transport.fail(ProviderUnreachable(reason="stopping"))
    await failing(bench, 2)
    assert bench.outbound.breaker_states() == {PERMITS: "closed"}


# --- start


def problems_of(compiled: CompiledSite, **options: Any) -> list[str]:
    with pytest.raises(StartProblems) as caught:
        Outbound(compiled, TransportDouble(), {}, {}, resolve=resolver({}), **options)
    return caught.value.problems


def test_every_adapter_that_cannot_be_used_is_named_at_once() -> None:
    get = operation("get", "read", "f")
    found = problems_of(
        site(
            person_adapter(),
            permit_adapter(
                operations={
                    "get": get,
                    "put": replace(get, name="put", path="/x", request="schemas/none.json"),
                },
                send_headers=("X-Fine", "Authorization", "content-length"),
            ),
            permit_adapter(id="regional/other", protocol="ftp"),
            permit_adapter(id="regional/query", endpoint="http://x.example/?a=b"),
        )
    )
    assert [problem.split(": ")[0] for problem in found] == [
        *[f"adapter {PERSON}"] * 4,
        *[f"adapter {PERMITS}"] * 4,
        "adapter regional/other",
        "adapter regional/query",
    ]


def test_soap_adapters_that_name_what_is_not_there() -> None:
    unknown = operation("nonsense", "read", "f")
    with pytest.raises(StartProblems) as caught:
        Outbound(
            site(
                person_adapter(operations={"nonsense": unknown}),
                person_adapter(id="regional/b", headers="none-v9"),
            ),
            TransportDouble(),
            {WSDL: contract()},
            binders(),
            resolve=resolver({}),
        )
    assert "no such operation" in caught.value.problems[0]
    assert "none-v9" in caught.value.problems[1]


def test_an_endpoint_that_does_not_resolve() -> None:
    found = problems_of(site(permit_adapter(endpoint="${env:PERMITS_URL}")))
    assert found == [
        f"adapter {PERMITS}: endpoint: the variable PERMITS_URL is not set: set it before the start"
    ]


async def test_an_override_replaces_the_endpoint() -> None:
    bench = Bench(
        permit_adapter(endpoint="${env:PERMITS_URL}"), overrides={PERMITS: "http://127.0.0.1:9000/api"}
    )
    bench.transport.answer(204)
    await bench.permit()
    (request,) = bench.transport.requests
    assert (request.origin, request.target) == (Origin("http", "127.0.0.1", 9000), "/api/permits")


async def test_no_data_of_a_rest_read() -> None:
    bench = Bench(
        permit_adapter(operations={"get": operation("get", "read", "f", method="GET", path="/p/{id}")})
    )
    bench.transport.answer(404)
    with pytest.raises(NoData):
        await bench.outbound.call(PERMITS, "get", {"id": "1"}, {}, context("f"))
