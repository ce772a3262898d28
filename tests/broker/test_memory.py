"""The in-memory broker: its queues belong to a URL, not to the process."""

from __future__ import annotations

import pytest

from integrator.broker import memory
from integrator.broker.link import BrokerUnavailable
from integrator.broker.memory import MemoryLink
from integrator.broker.messages import DEAD_LETTERS
from integrator.security.limits import Limits


def link(url: str, **limits: int) -> MemoryLink:
    made = MemoryLink(url, Limits(**limits), lambda: None)
    made.open()
    made.declare(["q"])
    return made


def test_two_urls_are_two_brokers() -> None:
    one, two = link("memory://one"), link("memory://two")
    one.publish("q", b"1", "m")
    assert (one.depth("q"), two.depth("q")) == (1, 0)
    one.close()
    again = link("memory://one")
    assert again.depth("q") == 1
    for each in (two, again):
        each.close()
    memory.forget("memory://one")
    fresh = link("memory://one")
    assert fresh.depth("q") == 0
    fresh.close()
    memory.forget("memory://one")
    memory.forget("memory://two")


def test_what_is_not_settled_returns_counted() -> None:
    first = link("memory://back")
    first.publish("q", b"1", "m")
    first.consume("q", 1)
    first.pump()
    (message,) = first.received()
    assert message.redeliveries == 0
    first.close()
    second = link("memory://back")
    second.consume("q", 1)
    second.pump()
    (message,) = second.received()
    assert (message.body, message.redeliveries) == (b"1", 1)
    second.ack(message)
    second.close()
    memory.forget("memory://back")


def test_the_dead_letter_queue_is_bounded_and_drops_the_oldest() -> None:
    only = link("memory://dead", dead_queue_messages=3)
    only.consume("q", 10)
    for number in range(5):
        only.publish("q", b"%d" % number, "m")
    only.pump()
    for message in only.received():
        only.bury(message)
    assert only.depth(DEAD_LETTERS) == 3
    assert only._channel.basic_get(DEAD_LETTERS).body == b"2"
    only.close()
    memory.forget("memory://dead")


def test_an_unknown_queue_has_no_depth() -> None:
    only = link("memory://none")
    with pytest.raises(BrokerUnavailable):
        only.depth("other")
    only.close()
    memory.forget("memory://none")
