"""A flow with a payload vault on a whole bus: kept with its records, opened with a reason, gone for good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from integrator.operations.client import CallError, control
from integrator.operations.demo import CONSULT, reasons, resident
from integrator.operations.send import send
from tests.services import postgres, rabbitmq
from tests.services.bus import BusProcess, simulators
from tests.services.site import open_site

KINDS = ["embedded", pytest.param("services", marks=pytest.mark.xdist_group("services"))]


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_asked_and_answered(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    services: list[str] = []
    if kind == "services":
        database: postgres.Server = request.getfixturevalue("postgres_server")
        broker: rabbitmq.Server = request.getfixturevalue("rabbitmq_server")
        services = ["--database", database.create_database()[1], "--broker", broker.create_vhost()[1]]
    site = open_site(tmp_path)
    register = site / "routes.yaml"
    register.write_text(
        register.read_text().replace("    retention: P10Y\n", "    retention: P10Y\n    vault: P1Y\n")
    )
    with simulators(site) as endpoints:
        bus = BusProcess(site, tmp_path / "var", endpoints, *services)
        run = bus.start()
        key = bus.add_key(run, "municipal/namur")
        number = resident()
        answer = send(
            bus.address, "POST", CONSULT, json.dumps({"niss": number}).encode(), key=key, why=reasons()
        )
        assert answer.status == 200
        wanted = {"exchange": answer.headers["belgov-trace-id"], "who": "auditor", "why": "complaint 2026/17"}
        kept: Any = control(run, "POST", "/api/journal/vault/open", wanted)
        assert json.loads(kept["request"]) == {"niss": number}
        assert json.loads(kept["answer"]) == answer.json()
        assert control(run, "POST", "/api/journal/vault/erase", wanted) == {"payloads": 2}
        with pytest.raises(CallError, match="nothing is kept"):
            control(run, "POST", "/api/journal/vault/open", wanted)
        told = control(
            run, "POST", "/api/journal/check", {"arguments": {}, "who": "auditor", "why": "after the erasure"}
        )
        assert told["sound"]
        assert bus.stop() == 0
