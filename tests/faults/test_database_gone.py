"""PostgreSQL goes away and comes back while exchanges run (design, I1 and I2)."""

from __future__ import annotations

import json
import threading
from uuid import uuid4

import pytest

from integrator.operations.client import call
from integrator.operations.demo import resident
from tests.bus.conftest import PERSON, PLATFORM

UNDER_WAY = ("accepted", "in-delivery")


@pytest.fixture
def town(start_town, postgres_url):
    # An attempt that lost its database keeps its lease: it ends sooner here.
    limits = json.dumps({"delivery_seconds": 2, "relayed_stale_seconds": 3})
    return start_town("--database", postgres_url, INTEGRATOR_LIMITS=limits)


def health(town) -> tuple[int, str]:
    answer = call(town.bus.address, "GET", "/health")
    return answer.status, answer.json()["status"]


def types(town, exchange: str) -> list[str]:
    return [record["type"] for record in town.records(exchange)]


@pytest.mark.xdist_group("services")
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_without_the_database_nothing_is_forwarded(town, postgres_server, eventually, mode):
    assert town.consult().status == 200
    asked = len(town.received(PERSON))
    postgres_server.stop(mode)
    try:
        answer = town.consult()
        assert (answer.status, answer.json()["reason"]) == (503, "not-recorded")
        soap = town.consult_soap()
        assert soap.status == 503
        event = town.notify(str(uuid4()))
        assert event.status == 503
        refused = town.consult(purpose=None)
        assert refused.status == 503
        assert town.status(answer.headers["belgov-trace-id"]).status == 503
        eventually(lambda: health(town), lambda found: found == (503, "DOWN"))
    finally:
        postgres_server.start()
    eventually(lambda: town.consult().status, lambda status: status == 200)
    assert len(town.received(PERSON)) == asked + 1
    assert town.received(PLATFORM) == []
    eventually(lambda: health(town), lambda found: found == (200, "UP"))
    # What could not be recorded then is recorded now, each with its one end.
    for one in (answer, soap, refused):
        exchange = one.headers["belgov-trace-id"]
        eventually(lambda e=exchange: types(town, e), lambda found: found in (["failed"], ["refused"]))
    assert town.journal("check")["sound"]
    assert town.bus.stop() == 0


@pytest.mark.xdist_group("services")
def test_an_end_that_cannot_be_recorded_withholds_the_answer(town, postgres_server, eventually):
    town.fault(PERSON, "slow", next=1, seconds=3)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(town.consult()))
    asking.start()
    eventually(lambda: len(town.received(PERSON)), lambda count: count == 1)
    postgres_server.stop("immediate")
    try:
        asking.join(timeout=60)
    finally:
        postgres_server.start()
    (answer,) = answers
    exchange = answer.headers["belgov-trace-id"]
    assert (answer.status, answer.json()["reason"]) == (503, "outcome-unknown")
    assert answer.json()["exchange"] == exchange
    assert answer.json()["statusUrl"] == f"/v1/exchanges/{exchange}"
    assert resident().encode() not in answer.body
    found = eventually(
        lambda: town.status(exchange), lambda a: a.status == 200 and a.json()["state"] != "in-progress"
    )
    assert found.json()["state"] == "unanswered"
    assert town.journal("check")["sound"]
    assert town.bus.stop() == 0


@pytest.mark.xdist_group("services")
def test_accepted_events_go_on_after_the_database_is_back(town, postgres_server, eventually):
    town.fault(PLATFORM, "unavailable", next=1)
    event = town.notify(str(uuid4())).json()["exchange"]
    postgres_server.stop("immediate")
    postgres_server.start()
    eventually(lambda: town.status(event), lambda a: a.status == 200 and a.json()["state"] not in UNDER_WAY)
    assert town.status(event).json()["state"] == "delivered"
    assert types(town, event) == ["received", "delivered"]
    assert town.journal("check")["sound"]
    assert town.bus.stop() == 0
