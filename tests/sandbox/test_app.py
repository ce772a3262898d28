"""The sandbox as a whole: on the loop, in a thread, as a process; and the real sender against it."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from integrator.exchange import (
    BrokenContract,
    IntegratorError,
    ProviderFault,
    ProviderTimeout,
    ProviderUnreachable,
)
from integrator.identifiers import niss
from integrator.outbound.pool import Pool
from integrator.outbound.references import resolver
from integrator.outbound.sender import Outbound
from integrator.sandbox.app import SIMULATORS, Sandbox, SandboxThread, simulated
from integrator.sandbox.faults import RESERVED, Fault
from integrator.sandbox.persons import ORDINARY, synthetic_persons
from integrator.sandbox.simulator import Simulator
from integrator.site.compiled import plain
from tests.outbound.conftest import until
from tests.outbound.sites import (
    EXCHANGE,
    PERMIT,
    PERMITS,
    PERSON,
    ROOT,
    WSDL,
    binders,
    context,
    contract,
    permit_adapter,
    person_adapter,
    site,
)
from tests.sandbox.conftest import Client

NUMBER_OF = {fault: number for number, fault in RESERVED.items()}


@pytest.fixture
async def outbound(sandbox: Sandbox) -> AsyncIterator[Outbound]:
    """The real sender over the real pool, pointed at the sandbox; the file's own endpoints never resolve."""
    compiled = site(
        person_adapter(endpoint="${env:UNSET}", security={"sign": {}}, timeout=3.0),
        permit_adapter(endpoint="${env:UNSET}"),
    )
    pool = Pool()
    yield Outbound(
        compiled, pool, {WSDL: contract()}, binders(), resolve=resolver({}), overrides=sandbox.endpoints()
    )
    await pool.close()


async def consult(outbound: Outbound, number: str, **changes: Any) -> Any:
    made = context(**changes)
    answer = await outbound.call(PERSON, "getPerson", {"request": {"personNumber": number}}, {}, made)
    assert made.provider_ticket == answer.ticket is not None
    return answer


async def test_every_person_reaches_a_route(outbound: Outbound, sandbox: Sandbox) -> None:
    for number, person in synthetic_persons().items():
        answer = await consult(outbound, number)
        assert answer.body == {"person": person.codec()}
    received = sandbox.simulators[PERSON].received[-1]["header"]
    assert received["ticket"] == EXCHANGE
    assert received["organisation"] == "0207362739"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.HTML, BrokenContract),
        (Fault.BREAKS_CONTRACT, BrokenContract),
        (Fault.SOAP_FAULT, ProviderFault),
        (Fault.STATUS_ERROR, ProviderFault),
        (Fault.REFUSED, ProviderUnreachable),
        (Fault.UNAVAILABLE, ProviderFault),
    ],
)
async def test_reserved_numbers_fail_as_documented(
    outbound: Outbound, fault: Fault, error: type[IntegratorError]
) -> None:
    for _ in range(2):
        with pytest.raises(error) as caught:
            await consult(outbound, NUMBER_OF[fault])
        assert NUMBER_OF[fault] not in str(caught.value)


async def test_the_number_that_never_gets_an_answer(outbound: Outbound) -> None:
    deadline = asyncio.get_running_loop().time() + 0.1
    with pytest.raises(ProviderTimeout):
        await consult(outbound, NUMBER_OF[Fault.TIMEOUT], deadline=deadline)


async def test_the_number_that_is_slow(outbound: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrator.sandbox.simulator.SLOW_SECONDS", 0.02)
    assert (await consult(outbound, NUMBER_OF[Fault.SLOW])).code == "SOA0000001"


async def test_the_number_without_data_and_the_one_without_subject(outbound: Outbound) -> None:
    assert (await consult(outbound, NUMBER_OF[Fault.NO_DATA])).code == "SOA0000001"
    answer = await consult(outbound, NUMBER_OF[Fault.NO_SUBJECT])
    assert answer.code == "SOA0000000"
    assert answer.body["person"]["name"]["lastName"]
    assert niss(answer.body["person"]["personNumber"]) is None


async def test_a_permit_is_delivered_and_a_second_delivery_is_told_apart(
    outbound: Outbound, sandbox: Sandbox
) -> None:
    made = context("permit-notification", kind="event")
    for _ in range(2):
        answer = await outbound.call(PERMITS, "registerPermit", PERMIT, {}, made)
        assert answer.status == "201"
    received = sandbox.simulators[PERMITS].received
    assert [(one["key"], one["duplicate"]) for one in received] == [(EXCHANGE, False), (EXCHANGE, True)]


async def test_a_closed_port_refuses_and_opens_again(person: Client) -> None:
    await person.control("POST", "faults", {"fault": "refused", "seconds": 0.1})
    seen: list[str] = []
    async with asyncio.timeout(5):
        while seen[-2:] != ["connection-refused", "open"]:
            try:
                await person.control("GET", "received")
                seen.append("open")
            except ProviderUnreachable as error:
                seen.append(error.reason)
            await asyncio.sleep(0.005)


# --- how it starts


def test_it_stands_in_for_every_adapter_it_knows() -> None:
    compiled = site(person_adapter(), permit_adapter(), permit_adapter(id="federal/x", system="unknown"))
    assert simulated(compiled) == [PERSON, PERMITS]
    assert set(SIMULATORS) == {"bced-person", "permit-platform"}


async def test_it_listens_on_loopback_only(sandbox: Sandbox) -> None:
    assert set(sandbox.endpoints()) == {PERSON, PERMITS}
    assert sandbox.endpoints()[PERSON] == sandbox.controls()[PERSON] + "/bced/person/v3"
    for url in sandbox.endpoints().values():
        assert url.startswith("http://127.0.0.1:")


async def test_a_port_in_use_stops_the_start_and_leaves_nothing_open(free_port: Callable[[], int]) -> None:
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        used = taken.getsockname()[1]
        sandbox = Sandbox(site(), ports={PERSON: port, PERMITS: used})
        with pytest.raises(OSError):  # noqa: PT011 (its errno differs by platform)
            await sandbox.start()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


async def test_stopping_ends_what_hangs(sandbox: Sandbox) -> None:
    client = Client(sandbox.endpoints()[PERMITS])
    await client.control("POST", "faults", {"fault": "timeout"})
    hanging = asyncio.create_task(client.send(b"{}", target="/permits", seconds=20))
    await until(lambda: sandbox.simulators[PERMITS].received)
    await sandbox.stop()
    with pytest.raises(ProviderUnreachable):
        await hanging
    await client.pool.close()


async def test_in_a_thread_of_its_own() -> None:
    thread = SandboxThread(site())
    thread.start()
    try:
        client = Client(thread.endpoints()[PERMITS])
        assert (await client.control("GET", "received"))[1] == []
        await client.pool.close()
        assert set(thread.controls()) == {PERSON, PERMITS}
    finally:
        thread.stop()
    thread.stop()  # twice is fine


def test_a_thread_says_when_its_port_is_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        thread = SandboxThread(site(), ports={PERSON: taken.getsockname()[1]})
        with pytest.raises(OSError):  # noqa: PT011 (its errno differs by platform)
            thread.start()


def process(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    compiled = folder / "site.json"
    compiled.write_text(json.dumps(plain(site())))
    command = [sys.executable, "-m", "integrator.sandbox", "--compiled", str(compiled), *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("end", ["signal", "parent"])
def test_as_a_process(tmp_path: Path, free_port: Callable[[], int], end: str) -> None:
    port = free_port()
    with process(tmp_path, "--port", f"{PERSON}={port}", "--with-parent") as running:
        assert running.stdout is not None
        assert running.stdin is not None
        endpoints = json.loads(running.stdout.readline())
        assert endpoints[PERSON] == f"http://127.0.0.1:{port}/bced/person/v3"
        if end == "signal":
            running.send_signal(signal.SIGTERM)
        else:
            running.stdin.close()
            running.stdin = None
        _, errors = running.communicate(timeout=20)
        assert (running.returncode, errors) == (0, "")


def test_a_process_says_in_one_line_what_is_wrong(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = f"{PERSON}={taken.getsockname()[1]}"
        for arguments in (("--port", port), ("--port", "nonsense"), ("--port", f"{PERSON}=0")):
            with process(tmp_path, *arguments) as running:
                _, errors = running.communicate(timeout=20)
            assert running.returncode == 1
            assert errors.count("\n") == 1
            assert "port" in errors


# --- documentation


def rows(heading: str) -> list[list[str]]:
    text = (ROOT / "docs/sandbox.md").read_text("utf-8")
    part = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if re.match(r"\| \d{11} ", line)]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]


def test_the_documented_faults_are_the_ones_of_the_code() -> None:
    documented = {row[0]: row[1] for row in rows("Faults by number")}
    assert documented == {number: str(fault) for number, fault in RESERVED.items()}


def test_the_documented_persons_are_the_ones_of_the_code() -> None:
    documented = {row[0]: row[1] for row in rows("Persons")}
    special = list(synthetic_persons().values())[:-ORDINARY]
    assert documented == {person.number: person.about for person in special}


def test_every_fault_and_command_is_documented(sandbox_classes: list[type[Simulator]]) -> None:
    text = (ROOT / "docs/sandbox.md").read_text("utf-8")
    for simulator in sandbox_classes:
        for fault in simulator.faults:
            assert f"`{fault}`" in text


@pytest.fixture
def sandbox_classes() -> list[type[Simulator]]:
    from integrator.sandbox.bced_person import BcedPerson
    from integrator.sandbox.permit_platform import PermitPlatform

    return [BcedPerson, PermitPlatform]
