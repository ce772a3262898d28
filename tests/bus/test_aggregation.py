"""An event flow that aggregates, in a whole bus: groups outlive a kill, and their time comes all the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from integrator.operations.client import call, control
from integrator.operations.demo import NOTIFY, notification, reasons
from integrator.operations.runfile import RunFile
from integrator.operations.send import send
from tests.services.bus import BusProcess, simulators
from tests.services.site import open_site

STEP = "        - to: adapter:regional/permit-platform?operation=registerPermit\n"
AGGREGATE = """\
        - aggregate:
            id: decisions
            correlationExpression: {constant: all}
            aggregationStrategy: '#class:org.apache.camel.processor.aggregate.GroupedBodyAggregationStrategy'
            completionTimeout: 3s
            completionSize: 100
            steps:
              - setBody: {simple: '${body[last]}'}
              - to: adapter:regional/permit-platform?operation=registerPermit
"""


def services(kind: str, request: pytest.FixtureRequest) -> list[str]:
    if kind == "embedded":
        return []
    postgres, rabbit = request.getfixturevalue("postgres_url"), request.getfixturevalue("rabbitmq_url")
    return ["--database", postgres, "--broker", rabbit]


def records(run: RunFile, exchange: str) -> list[dict[str, Any]]:
    wanted = {"arguments": {"exchange": exchange}, "who": "auditor", "why": "test of aggregation"}
    found: list[dict[str, Any]] = control(run, "POST", "/api/journal/show", wanted)["records"]
    return found


@pytest.mark.xdist_group("rabbitmq")
@pytest.mark.parametrize("kind", ["embedded", "services"])
def test_events_of_before_and_after_a_kill_are_one_aggregate(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest, eventually: Callable[..., Any]
) -> None:
    site = open_site(tmp_path, "{attempts: 3, first-delay: 50ms, factor: 2, max-delay: 1s}")
    route = site / "routes/regional/permit-notification.camel.yaml"
    route.write_text(route.read_text().replace(STEP, AGGREGATE, 1))
    with simulators(site) as endpoints:
        bus = BusProcess(site, tmp_path / "var", endpoints, *services(kind, request))
        key = bus.add_key(bus.start(), "municipal/namur")
        sent: list[str] = []

        def notify(reference: str) -> None:
            body = json.dumps({**notification(), "reference": reference}).encode()
            why = replace(reasons(), idempotency_key=str(uuid4()))
            answer = send(bus.address, "POST", NOTIFY, body, key=key, why=why)
            assert answer.status == 202, answer.body
            sent.append(answer.json()["exchange"])
            eventually(
                lambda: bus.status_of(sent[-1], key).json()["state"], lambda state: state == "delivered"
            )

        notify("PE/2026/1")
        bus.kill()
        run = bus.start()
        notify("PE/2026/2")
        ends = [records(run, exchange)[-1] for exchange in sent]
        assert [end["leaf"]["outcome"] for end in ends] == ["aggregated"] * 2
        ((aggregate,),) = {tuple(end["leaf"]["aggregated_into"]) for end in ends}
        eventually(
            lambda: bus.status_of(aggregate, key).json().get("state"), lambda state: state == "delivered"
        )
        first, last = records(run, aggregate)
        assert (first["leaf"]["entry"], first["leaf"]["aggregates"]) == ("aggregate", sent)
        assert [leg["operation"] for leg in last["leaf"]["legs"]] == ["registerPermit"]
        got = call(endpoints["regional/permit-platform"], "GET", "/_sandbox/received").json()
        assert [item["key"] for item in got] == [aggregate]
        assert bus.stop() == 0
