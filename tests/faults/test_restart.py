"""What a killed bus had under way is taken up at once by the next, under the usual limits."""

from __future__ import annotations

import threading
from contextlib import suppress
from uuid import uuid4

from integrator.operations.client import CallError
from tests.bus.conftest import PERSON, PLATFORM


def test_a_delivery_that_was_under_way_goes_on_at_once(start_town, eventually):
    town = start_town()
    town.fault(PLATFORM, "timeout", next=1, seconds=20)
    event = town.notify(str(uuid4())).json()["exchange"]
    eventually(lambda: len(town.received(PLATFORM)), lambda count: count == 1)
    town.bus.kill()
    town.run = town.bus.start()
    eventually(lambda: town.status(event).json()["state"], lambda state: state == "delivered")
    assert [item["key"] for item in town.received(PLATFORM)] == [event, event], "a recipient can tell"
    assert [record["type"] for record in town.records(event)] == ["received", "delivered"]
    assert town.journal("check")["sound"]
    assert town.bus.stop() == 0


def test_a_question_that_was_under_way_is_closed_as_unanswered(start_town, eventually):
    town = start_town()
    town.fault(PERSON, "timeout", next=1, seconds=20)

    def ask() -> None:
        with suppress(CallError):
            town.consult()

    asking = threading.Thread(target=ask)
    asking.start()
    eventually(lambda: len(town.received(PERSON)), lambda count: count == 1)
    town.bus.kill()
    asking.join(timeout=60)
    town.run = town.bus.start()
    exchange = town.received(PERSON)[0]["header"]["ticket"]
    assert town.status(exchange).json()["state"] == "unanswered"
    assert [record["type"] for record in town.records(exchange)] == ["received", "unanswered"]
    report = eventually(lambda: town.journal("check"), lambda found: found["sound"])
    assert report["exchanges_open"] == 0
    assert town.bus.stop() == 0


def test_a_stop_waits_for_a_question_that_is_under_way(start_town, eventually):
    town = start_town()
    town.fault(PERSON, "slow", next=1, seconds=2)
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(town.consult().status))
    asking.start()
    eventually(lambda: len(town.received(PERSON)), lambda count: count == 1)
    assert town.bus.stop() == 0
    asking.join(timeout=60)
    assert answers == [200]
