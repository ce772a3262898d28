"""Several workers on one port: kill -9 of any of them, activation, keys, the sealer's lock."""

from __future__ import annotations

import os
import random
import signal
import threading
from pathlib import Path
from uuid import uuid4

import pytest

from integrator.operations.client import CallError, call, control
from tests.services.bus import BusProcess

LIMITS = '{"delivery_seconds": 2, "relayed_stale_seconds": 3}'
pytestmark = pytest.mark.xdist_group("services")


def workers(bus: BusProcess) -> list[int]:
    """The process ids of the supervisor's children."""
    assert bus.process is not None
    pid = bus.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def town(start_town, postgres_url, rabbitmq_url):
    return start_town(
        *("--database", postgres_url, "--broker", rabbitmq_url, "--workers", "2"), INTEGRATOR_LIMITS=LIMITS
    )


def test_a_key_and_a_control_call_hold_at_every_worker(town, eventually):
    eventually(lambda: len(workers(town.bus)), lambda count: count == 2)
    assert {town.consult().status for _ in range(12)} == {200}
    assert {type(control(town.run, "GET", "/api/keys")) for _ in range(12)} == {list}
    key_id = town.keys["municipal/liege"].split("_")[1]
    control(town.run, "DELETE", f"/api/keys/{key_id}")
    eventually(
        lambda: {town.consult(party="municipal/liege").status for _ in range(8)}, lambda seen: seen == {401}
    )
    assert town.bus.stop() == 0


def test_an_activation_reaches_every_worker(town, eventually):
    register = town.bus.site / "routes.yaml"
    register.write_text(register.read_text().replace("retention: P10Y", "retention: P11Y", 1))
    active = control(town.run, "POST", "/api/site/activate")["site"]

    def seen() -> set[str]:
        return {call(town.bus.address, "GET", "/api/site").json()["hash"] for _ in range(16)}

    eventually(seen, lambda hashes: hashes == {active})
    # A site that is edited and not activated is not activated by a death.
    register.write_text(register.read_text().replace("retention: P11Y", "retention: P12Y", 1))
    before = workers(town.bus)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: workers(town.bus), lambda pids: len(pids) == 2 and not set(pids) & set(before))
    assert eventually(lambda: answered(town), lambda found: found is not None) == active
    assert seen() == {active}
    assert town.bus.stop() == 0


def answered(town) -> str | None:
    try:
        found: str = call(town.bus.address, "GET", "/api/site").json()["hash"]
    except CallError:
        return None
    return found


def test_nothing_is_lost_when_workers_are_killed(town, eventually):
    stop, accepted = threading.Event(), set()

    def work() -> None:
        while not stop.is_set():
            try:
                answer = town.notify(str(uuid4()))
                if answer.status == 202:
                    accepted.add(answer.json()["exchange"])
                town.consult()
            except CallError:
                continue

    senders = [threading.Thread(target=work) for _ in range(3)]
    for sender in senders:
        sender.start()
    killed: set[int] = set()
    for _ in range(4):
        grown = len(accepted) + 3
        eventually(lambda grown=grown: len(accepted), lambda count, grown=grown: count >= grown)
        victim = random.choice(workers(town.bus))
        os.kill(victim, signal.SIGKILL)
        killed.add(victim)
        eventually(lambda: set(workers(town.bus)), lambda pids: len(pids) == 2 and not pids & killed)
    stop.set()
    for sender in senders:
        sender.join()
    for event in accepted:
        eventually(
            lambda event=event: asked(town, event), lambda state: state in ("delivered", "dead-lettered")
        )
        assert asked(town, event) == "delivered"
    # The next sealer has taken the lock over, and a successor ended what the dead left open.
    report = eventually(
        lambda: town.journal("check"),
        lambda found: found["sound"] and not found["exchanges_open"] and not found["unsealed"],
    )
    assert report["size"] > 2 * len(accepted)
    assert town.bus.stop() == 0


def asked(town, event: str) -> str | None:
    try:
        answer = town.status(event)
    except CallError:
        return None
    return answer.json()["state"] if answer.status == 200 else None


def test_workers_end_with_their_supervisor(town, eventually):
    pids = workers(town.bus)
    assert len(pids) == 2
    town.bus.kill()
    eventually(lambda: [pid for pid in pids if Path(f"/proc/{pid}").exists()], lambda alive: not alive)


def test_a_second_bus_on_the_same_port_is_refused(town, tmp_path):
    nowhere = {
        "regional/bced-person": "http://127.0.0.1:9/x",
        "regional/permit-platform": "http://127.0.0.1:9",
    }
    services = [*town.bus._services]
    second = BusProcess(town.bus.site, tmp_path / "var2", nowhere, *services, port=town.bus.port)
    with pytest.raises(AssertionError, match="cannot be listened on"):
        second.start()
    assert town.consult().status == 200
    assert town.bus.stop() == 0
