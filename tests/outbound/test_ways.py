"""What routes reach by themselves: only what an adapter declares, for the flows and purposes it allows."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from integrator.exchange import Context, Overloaded, ProviderTimeout, ProviderUnreachable, Refused
from integrator.outbound.double import TransportDouble
from integrator.outbound.references import StartProblems, resolver
from integrator.outbound.ways import AdapterWays
from integrator.site.compiled import Adapter, AdapterOperation, Allow, CompiledSite, Flow, RouteSource

FLOW, FILE = "notify", "routes/regional/notify.camel.yaml"


def adapter(protocol: str, endpoint: str, *operations: AdapterOperation, **more: Any) -> Adapter:
    named = {operation.name: operation for operation in operations}
    system = more.pop("system", protocol)
    return Adapter(f"regional/{system}", system, "regional/office", protocol, endpoint, named,
                   reached_as=more.pop("reached_as", system), **more)  # fmt: skip


def operation(name: str, access: str, *purposes: str, flow: str = FLOW, **parts: Any) -> AdapterOperation:
    return AdapterOperation(name, access, allow=(Allow(flow, purposes),), **parts)


def ways(*adapters: Adapter, **more: Any) -> AdapterWays:
    flow = Flow(FLOW, {}, "regional/office", "event", RouteSource(FILE, ()), None, None, ())
    site = CompiledSite(
        "0" * 64, "0316381138", ("fr",), {}, {}, {FLOW: flow}, {one.id: one for one in adapters}
    )
    return AdapterWays(site, TransportDouble(), resolve=resolver({}), **more)


def context(**more: Any) -> Context:
    return Context("0197a2c0-0000-7000-8000-000000000001", FLOW, "0" * 64, purpose="permit", **more)


async def test_a_use_leaves_a_leg() -> None:
    made = ways(adapter("files", "/srv", operation("put", "write", "permit")))
    found = made.files("files", "files/in")
    assert found is not None
    way, path = found
    here = context()
    assert path == "in"
    async with way.use(here, "write", path, 12):
        pass
    assert [(leg.adapter, leg.operation, leg.access, leg.status, leg.sent_bytes) for leg in here.legs] == [
        ("regional/files", "put", "write", "done", 12)
    ]
    assert here.legs[0].answered_us is not None


@pytest.mark.parametrize(
    ("what", "access", "purpose", "reason"),
    [
        ("in", "read", "permit", "operation-unknown"),
        ("elsewhere", "write", "permit", "operation-unknown"),
        ("inside", "write", "permit", "operation-unknown"),
        ("in/deep", "write", "study", "operation-not-allowed"),
    ],
)
async def test_what_the_owner_does_not_allow_is_refused(
    what: str, access: str, purpose: str, reason: str
) -> None:
    made = ways(adapter("files", "/srv", operation("put", "write", "permit", place="in")))
    found = made.files("files", "files")
    assert found is not None
    here = context()
    here.purpose = purpose
    with pytest.raises(Refused) as caught:
        async with found[0].use(here, access, what):
            pass
    assert caught.value.reason == reason
    assert here.legs == []


async def test_nobody_uses_it_without_an_exchange() -> None:
    made = ways(adapter("sql", "sqlite:////tmp/none.db", operation("ask", "read")))
    found = made.database("sql")
    assert found is not None
    with pytest.raises(Refused):
        async with found.use(None, "read", ""):
            pass


@pytest.mark.parametrize(
    ("line", "fits"),
    [
        ("POST /permits", True),
        ("POST /permits/7", False),
        ("GET /permits", False),
        ("GET /permits/7", True),
        ("GET /permits/7/x", False),
        ("GET /permits/", False),
    ],
)
async def test_a_server_takes_declared_methods_and_paths(line: str, fits: bool) -> None:
    made = ways(adapter("http", "https://permits.example/api", operation("add", "write", method="POST", path="/permits"),
                        operation("get", "read", method="GET", path="/permits/{id}")))  # fmt: skip
    found = made.web("https", "permits.example")
    assert found is not None
    assert found is made.web("http", "http")
    access = "read" if line.startswith("GET") else "write"
    if fits:
        async with found.use(context(), access, line):
            pass
    else:
        with pytest.raises(Refused):
            async with found.use(context(), access, line):
                pass


async def test_a_broker_takes_declared_exchanges_and_keys() -> None:
    made = ways(adapter("queue", "amqp://a@b/c", operation("tell", "write", place="notices", routing_keys=("a",))),
                queues=lambda _url, _limits: None)  # fmt: skip
    found = made.queue("")
    assert found is not None
    async with found.use(context(), "write", "notices\0a"):
        pass
    for what in ("notices\0b", "others\0a", "default\0a"):
        with pytest.raises(Refused):
            async with found.use(context(), "write", what):
                pass


async def test_only_the_flow_of_the_route_takes() -> None:
    made = ways(adapter("files", "/srv", operation("take", "read", place="in")),
                adapter("files", "/two", operation("take", "read", flow="other"), system="two"))  # fmt: skip
    one, two = made.files("files", "files"), made.files("files", "two/x")
    assert one is not None
    assert two is not None
    assert one[0].taken_by(FILE, "in")
    assert not one[0].taken_by(FILE, "out")
    assert not one[0].taken_by("routes/regional/other.camel.yaml", "in")
    assert not one[0].taken_by(FILE, "in", "write")
    assert not two[0].taken_by(FILE, "x")


async def test_what_nobody_declares_is_not_found() -> None:
    made = ways(adapter("files", "/srv", operation("put", "write")))
    assert made.files("files", "filesystem") is None
    assert made.files("sftp", "files") is None
    assert made.database("files") is None
    assert made.web("https", "files") is None
    assert made.queue("") is None


async def test_a_system_that_fails_is_left_alone() -> None:
    made = ways(adapter("sql", "sqlite:////tmp/none.db", operation("ask", "read"), breaker_failures=2))
    found = made.database("sql")
    assert found is not None
    for _ in range(2):
        with pytest.raises(ProviderUnreachable):
            async with found.use(context(), "read", ""):
                raise ProviderUnreachable(origin="provider")
    with pytest.raises(ProviderUnreachable) as caught:
        async with found.use(context(), "read", ""):
            pass
    assert caught.value.reason == "circuit-open"


async def test_time_and_room_are_bounded() -> None:
    made = ways(
        adapter("sql", "sqlite:////tmp/none.db", operation("ask", "read"), timeout=0.02, concurrency=1)
    )
    found = made.database("sql")
    assert found is not None
    with pytest.raises(ProviderTimeout):
        async with found.use(context(), "read", ""):
            await asyncio.Event().wait()
    slow = ways(adapter("sql", "sqlite:////tmp/none.db", operation("ask", "read"), concurrency=1)).database(
        "sql"
    )
    assert slow is not None
    soon = asyncio.get_running_loop().time() + 0.02
    async with slow.use(context(), "read", ""):
        with pytest.raises(Overloaded):
            async with slow.use(context(deadline=soon), "read", ""):
                pass


def test_adapters_that_cannot_be_used_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(StartProblems) as caught:
        ways(
            adapter("files", "/a", system="one", reached_as="same"),
            adapter("files", "/b", system="two", reached_as="same"),
            adapter("sftp", "sftp://bus@drop.example/in"),
            adapter("queue", "amqp://a@b/c"),
        )
    found = "\n".join(caught.value.problems)
    assert "regional/two" in found
    assert "known-hosts" in found
    assert "regional/queue" in found
    with pytest.raises(StartProblems, match="no address of the protocol"):
        ways(adapter("sql", "mysql://x"), adapter("files", "relative"), adapter("queue", "http://x"))
