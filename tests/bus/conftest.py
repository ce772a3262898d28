"""A whole bus as its users meet it: `integrator run` as a process, its simulators beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from integrator.operations.client import Answer, call, control
from integrator.operations.demo import CONSULT, NOTIFY, envelope, notification, reasons, resident
from integrator.operations.runfile import RunFile
from integrator.operations.send import Justification, send
from tests.services import postgres, rabbitmq
from tests.services.bus import BusProcess, simulators
from tests.services.site import open_site

DELIVERY = "{attempts: 3, first-delay: 50ms, factor: 2, max-delay: 1s}"
PLATFORM, PERSON = "regional/permit-platform", "regional/bced-person"


@dataclass
class Town:
    """A bus with everything around it, and how a commune uses it."""

    bus: BusProcess
    run: RunFile
    endpoints: dict[str, str]
    keys: dict[str, str]
    notified: list[str] = field(default_factory=list)  # events this town sent and may still wait for

    def consult(self, number: str | None = None, *, party: str = "municipal/namur", **changes: Any) -> Answer:
        """Flow A over REST."""
        body = json.dumps({"niss": number or resident()}).encode()
        why = replace(reasons(), **changes)
        return send(self.bus.address, "POST", CONSULT, body, key=self.keys[party], why=why)

    def consult_soap(self, number: str | None = None, why: Justification | None = None) -> Answer:
        """Flow A over SOAP."""
        return send(
            self.bus.address,
            "POST",
            "/soap/person/v3",
            envelope(number or resident(), "0207362739", why or reasons()),
            key=self.keys["municipal/namur"],
            why=Justification(),
            content_type="text/xml; charset=utf-8",
        )

    def notify(self, key: str, changes: dict[str, Any] | None = None) -> Answer:
        """Flow B."""
        body = json.dumps({**notification(), **(changes or {})}).encode()
        why = replace(reasons(), idempotency_key=key)
        answer = send(self.bus.address, "POST", NOTIFY, body, key=self.keys["municipal/namur"], why=why)
        if answer.status == 202:
            self.notified.append(answer.json()["exchange"])
        return answer

    def status(self, exchange: str, party: str = "municipal/namur") -> Answer:
        """Where an exchange stands."""
        return self.bus.status_of(exchange, self.keys[party])

    def fault(self, adapter: str, fault: str, **more: Any) -> None:
        """Plan a fault of a simulator."""
        body = json.dumps({"fault": fault, **more}).encode()
        headers = {"Content-Type": "application/json"}
        assert (
            call(self.endpoints[adapter], "POST", "/_sandbox/faults", body=body, headers=headers).status
            == 202
        )

    def received(self, adapter: str) -> list[dict[str, Any]]:
        """What a simulator received."""
        found: list[dict[str, Any]] = call(self.endpoints[adapter], "GET", "/_sandbox/received").json()
        return found

    def journal(self, command: str, **arguments: Any) -> Any:
        """A reading of the journal."""
        wanted = {"arguments": arguments, "who": "auditor", "why": "a test of the bus"}
        return control(self.run, "POST", f"/api/journal/{command}", wanted)

    def records(self, exchange: str) -> list[dict[str, Any]]:
        """An exchange's records with their details."""
        found: list[dict[str, Any]] = self.journal("show", exchange=exchange)["records"]
        return found


@pytest.fixture(
    scope="package",
    params=["embedded", pytest.param("services", marks=pytest.mark.xdist_group("services"))],
)
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """SQLite with the in-memory broker, and PostgreSQL with RabbitMQ."""
    directory = tmp_path_factory.mktemp("town")
    options: list[str] = []
    if request.param == "services":
        database: postgres.Server = request.getfixturevalue("postgres_server")
        broker: rabbitmq.Server = request.getfixturevalue("rabbitmq_server")
        options = ["--database", database.create_database()[1], "--broker", broker.create_vhost()[1]]
    yield from _live(directory, options)


def _live(directory: Path, options: list[str]) -> Iterator[Town]:
    site = open_site(directory, DELIVERY)
    with simulators(site) as endpoints:
        bus = BusProcess(site, directory / "var", endpoints, *options)
        run = bus.start()
        parties = ("municipal/namur", "municipal/liege", "regional/spw-studies", "software/imio")
        town = Town(bus, run, endpoints, {party: bus.add_key(run, party) for party in parties})
        try:
            yield town
        finally:
            assert bus.stop() == 0


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Ask again until the answer is what is waited for, or half a minute is over."""
    import time

    def ask(question: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
        end = time.monotonic() + 30
        while True:
            found = question()
            if wanted(found) or time.monotonic() > end:
                assert wanted(found), found
                return found
            time.sleep(0.02)

    return ask
