"""The broker goes away and comes back: events are accepted all the time and delivered afterwards."""

from __future__ import annotations

from uuid import uuid4

import pytest

from integrator.operations.client import call
from tests.bus.conftest import PLATFORM


def health(town) -> str:
    return call(town.bus.address, "GET", "/health").json()["status"]


@pytest.mark.xdist_group("services")
def test_events_are_accepted_while_the_broker_is_down_and_delivered_when_it_is_back(
    start_town, rabbitmq_server, rabbitmq_url, eventually
):
    town = start_town("--broker", rabbitmq_url)
    rabbitmq_server.stop_app()
    try:
        eventually(lambda: health(town), lambda state: state == "DEGRADED")
        accepted = [town.notify(str(uuid4())) for _ in range(5)]
        assert [answer.status for answer in accepted] == [202] * 5
        events = {answer.json()["exchange"] for answer in accepted}
        assert {town.status(event).json()["state"] for event in events} == {"accepted"}
        assert town.consult().status == 200
    finally:
        rabbitmq_server.start_app()
    for event in events:
        eventually(lambda event=event: town.status(event).json()["state"], lambda state: state == "delivered")
    received = [item["key"] for item in town.received(PLATFORM)]
    assert sorted(received) == sorted(events), "each once"
    eventually(lambda: health(town), lambda state: state == "UP")
    assert town.journal("check")["sound"]
    assert town.bus.stop() == 0


@pytest.mark.xdist_group("services")
def test_a_bus_starts_without_its_broker(start_town, rabbitmq_server, rabbitmq_url, eventually):
    rabbitmq_server.stop_app()
    try:
        town = start_town("--broker", rabbitmq_url)
        event = town.notify(str(uuid4())).json()["exchange"]
        assert health(town) == "DEGRADED"
    finally:
        rabbitmq_server.start_app()
    eventually(lambda: town.status(event).json()["state"], lambda state: state == "delivered")
    assert town.bus.stop() == 0
