"""kill -9 of the bus at random, again and again: nothing accepted is lost, nothing stays open."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

import pytest

from integrator.operations.client import CallError, call, control
from integrator.operations.demo import CONSULT, NOTIFY, notification, reasons, resident
from integrator.operations.send import send
from tests.services.bus import BusProcess, simulators
from tests.services.site import open_site

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "6"))
FINAL_SECONDS = 120.0
# A killed process leaves leases behind: they and the look for stale messages end sooner here.
LIMITS = json.dumps({"delivery_seconds": 2, "relayed_stale_seconds": 3})


@dataclass
class Sender:
    """A commune that repeats what it got no answer for, with the same key."""

    address: str
    key: str
    accepted: set[str] = field(default_factory=set)
    unanswered: list[tuple[str, bytes]] = field(default_factory=list)
    consulted: int = 0

    def notify(self, idempotency_key: str, body: bytes) -> None:
        why = replace(reasons(), idempotency_key=idempotency_key)
        try:
            answer = send(self.address, "POST", NOTIFY, body, key=self.key, why=why)
        except CallError:
            self.unanswered.append((idempotency_key, body))
            return
        if answer.status == 202:
            self.accepted.add(answer.json()["exchange"])
        else:
            assert answer.status in (409, 503), answer.body
            self.unanswered.append((idempotency_key, body))

    def work(self, stop: threading.Event, number: int) -> None:
        while not stop.is_set():
            repeated, self.unanswered = self.unanswered, []
            for item in repeated:
                self.notify(*item)
            number += 1
            body = {**notification(), "reference": f"PE/2026/{number % 999_999}"}
            self.notify(str(uuid4()), json.dumps(body).encode())
            try:
                body_ = json.dumps({"niss": resident()}).encode()
                send(self.address, "POST", CONSULT, body_, key=self.key, why=reasons())
                self.consulted += 1
            except CallError:
                continue


def services(kind: str, request: pytest.FixtureRequest) -> list[str]:
    if kind == "embedded":
        return []
    postgres, rabbit = request.getfixturevalue("postgres_url"), request.getfixturevalue("rabbitmq_url")
    return ["--database", postgres, "--broker", rabbit]


@pytest.mark.timeout(1800)
@pytest.mark.xdist_group("rabbitmq")
@pytest.mark.parametrize("kind", ["embedded", "services"])
def test_nothing_accepted_is_lost_and_nothing_stays_open(tmp_path: Path, kind: str, request):
    seed = int(os.environ.get("FAULT_SEED", random.randrange(2**32)))
    print(f"FAULT_SEED={seed}")
    chance = random.Random(seed)
    site = open_site(tmp_path, "{attempts: 8, first-delay: 100ms, factor: 1.5, max-delay: 1s}")
    with simulators(site) as endpoints:
        bus = BusProcess(site, tmp_path / "var", endpoints, *services(kind, request))
        bus.environment["INTEGRATOR_LIMITS"] = LIMITS
        run = bus.start()
        sender = Sender(bus.address, bus.add_key(run, "municipal/namur"))
        received: set[str] = set()  # the platform remembers its last thousand only
        for round_ in range(ROUNDS):
            stop = threading.Event()
            worker = threading.Thread(target=sender.work, args=(stop, round_ * 100_000))
            worker.start()
            time.sleep(chance.uniform(0.02, 0.5))
            bus.kill()
            stop.set()
            worker.join()
            received |= taken_in(endpoints["regional/permit-platform"])
            run = bus.start()
        for item in sender.unanswered[:]:
            sender.notify(*item)
        assert sender.accepted
        states = settle(bus, sender)
        assert set(states.values()) == {"delivered"}, states
        received |= taken_in(endpoints["regional/permit-platform"])
        assert sender.accepted <= received
        wait_until_ended(run)
        report = control(run, "POST", "/api/journal/check", {"who": "test", "why": "after kills"})
        assert report["sound"], report
        assert bus.stop() == 0


def settle(bus: BusProcess, sender: Sender) -> dict[str, str]:
    """The final state of every accepted event, asked for as its sender would."""
    states: dict[str, str] = {}
    end = time.monotonic() + FINAL_SECONDS
    while len(states) < len(sender.accepted) and time.monotonic() < end:
        for exchange in sender.accepted - set(states):
            state = bus.status_of(exchange, sender.key).json()["state"]
            if state in ("delivered", "dead-lettered"):
                states[exchange] = state
    assert len(states) == len(sender.accepted), f"{len(sender.accepted) - len(states)} events are not final"
    return states


def taken_in(platform: str) -> set[str]:
    """The exchange ids that the permit platform took in."""
    return {item["key"] for item in call(platform, "GET", "/_sandbox/received").json()}


def wait_until_ended(run) -> None:
    """Every exchange has its end record: what a killed process left open its successor closed."""
    end = time.monotonic() + FINAL_SECONDS
    while time.monotonic() < end:
        lines = control(run, "GET", "/api/exchanges?limit=200")
        if not [line for line in lines if line["state"] == "received"]:
            return
    raise AssertionError("exchanges stay open")
