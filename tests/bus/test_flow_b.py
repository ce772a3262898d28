"""Flow B, a permit notified: accepted once durable, delivered, retried, dead-lettered."""

from uuid import uuid4

import pytest

from tests.bus.conftest import PLATFORM

FINAL = ("delivered", "dead-lettered")


def state(town, exchange):
    return town.status(exchange).json()


@pytest.fixture(autouse=True)
def nothing_under_way(town, eventually):
    """A fault planned for the next delivery must not meet one of an earlier test."""

    yield
    for exchange in town.notified:
        eventually(lambda it=exchange: state(town, it)["state"], lambda found: found in FINAL)
    town.notified.clear()


def test_an_event_is_accepted_and_delivered_once(town, eventually):
    accepted = town.notify(str(uuid4()))
    assert accepted.status == 202
    exchange = accepted.json()["exchange"]
    assert accepted.headers["location"].endswith(f"/v1/exchanges/{exchange}")
    eventually(lambda: state(town, exchange), lambda found: found["state"] == "delivered")
    sent = [item for item in town.received(PLATFORM) if item["key"] == exchange]
    assert len(sent) == 1
    types = [record["type"] for record in town.records(exchange)]
    assert types == ["received", "delivered"]


def test_the_same_key_and_body_is_the_same_event(town, eventually):
    key = str(uuid4())
    first = town.notify(key)
    again = town.notify(key)
    assert again.status == 202
    assert again.json()["exchange"] == first.json()["exchange"]
    eventually(lambda: state(town, first.json()["exchange"]), lambda found: found["state"] == "delivered")
    third = town.notify(key)
    assert third.json()["exchange"] == first.json()["exchange"]
    assert len([i for i in town.received(PLATFORM) if i["key"] == first.json()["exchange"]]) == 1


def test_the_same_key_with_another_body_is_refused(town):
    key = str(uuid4())
    assert town.notify(key).status == 202
    other = town.notify(key, {"reference": "PE/2026/999"})
    assert other.status == 422


def test_a_provider_in_trouble_is_asked_again(town, eventually):
    town.fault(PLATFORM, "unavailable", next=2)
    exchange = town.notify(str(uuid4())).json()["exchange"]
    found = eventually(lambda: state(town, exchange), lambda found: found["state"] == "delivered")
    assert found["state"] == "delivered"
    assert len([i for i in town.received(PLATFORM) if i["key"] == exchange]) == 3


def test_when_attempts_are_spent_it_is_dead_lettered_with_its_reason(town, eventually):
    town.fault(PLATFORM, "unavailable", next=3)
    exchange = town.notify(str(uuid4())).json()["exchange"]
    found = eventually(lambda: state(town, exchange), lambda found: found["state"] == "dead-lettered")
    assert found["reason"] == "provider-fault"
    assert "maintenance" not in str(found)
    records = town.records(exchange)
    assert records[-1]["type"] == "dead-lettered"


def test_only_the_sender_may_ask(town):
    exchange = town.notify(str(uuid4())).json()["exchange"]
    assert town.status(exchange, "municipal/liege").status == 404
    assert town.status(str(uuid4())).status == 404


def test_a_key_on_a_question_is_refused(town):
    answer = town.consult(idempotency_key=str(uuid4()))
    assert answer.status == 400


def test_what_breaks_the_schema_is_refused(town):
    answer = town.notify(str(uuid4()), {"decision": "perhaps"})
    assert answer.status == 400
    assert "/decision" in str(answer.json()) or "decision" in str(answer.json())
    assert "perhaps" not in str(answer.json())
