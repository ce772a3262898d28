"""A queue of somebody else's broker as an entry: each message is the party's, and a killed bus loses none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import amqp
import pytest
from kombu.connection import Connection

from integrator.operations.demo import notification
from tests.bus.test_file_drop import ends
from tests.services.bus import BusProcess, simulators
from tests.services.site import open_site

QUEUE = "permits"
ADAPTER = """\
system: permit-queue
party: municipal/eupen
protocol: queue
endpoint: "${env:PERMIT_QUEUE_URL}"
operations:
  take: {access: read, queue: permits, allow: [{flow: permit-notification}]}
"""
ENTRY = """      - consume:
          uri: spring-rabbitmq:default
          as: municipal/eupen
          purpose: environmental-permit
          dossier: '"spw-permits:" + .reference'
    delivery"""
ROUTE = """\
- route:
    id: permit-queue
    from:
      uri: spring-rabbitmq:default
      parameters: {queues: permits, prefetchCount: 20}
      steps:
        - to: adapter:regional/permit-platform?operation=registerPermit
"""

pytestmark = pytest.mark.xdist_group("services")


@pytest.fixture
def channel(rabbitmq_url: str) -> Iterator[Any]:
    connection: Any = Connection(rabbitmq_url)
    channel = connection.channel()
    arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
    channel.queue_declare("dead", durable=True, auto_delete=False)
    channel.queue_declare(QUEUE, durable=True, auto_delete=False, arguments=arguments)
    yield channel
    connection.release()


@pytest.fixture
def bus(tmp_path: Path, rabbitmq_url: str, channel: Any) -> Iterator[BusProcess]:
    site = open_site(tmp_path)
    (site / "adapters/municipal/permit-queue.yaml").write_text(ADAPTER)
    register = site / "routes.yaml"
    head, found, tail = register.read_text().partition("    delivery: {attempts: 8")
    register.write_text(head + ENTRY.removesuffix("    delivery") + found + tail)
    route = site / "routes/regional/permit-notification.camel.yaml"
    route.write_text(route.read_text() + ROUTE)
    with simulators(site) as endpoints:
        made = BusProcess(site, tmp_path / "var", endpoints)
        made.environment["PERMIT_QUEUE_URL"] = rabbitmq_url
        yield made
        if made.process is not None:
            made.kill()


def send(channel: Any, number: int, **changes: Any) -> None:
    body = {**notification(), "reference": f"PE/2026/{number}", "municipality": "63023", **changes}
    message = amqp.Message(
        json.dumps(body), content_type="application/json", delivery_mode=2, message_id=str(number)
    )
    channel.basic_publish(message, exchange="", routing_key=QUEUE)


def depth(channel: Any, queue: str) -> int:
    count: int = channel.queue_declare(queue, passive=True).message_count
    return count


def test_a_killed_bus_loses_no_message_and_delivers_none_twice(
    bus: BusProcess, channel: Any, eventually: Callable[..., Any]
) -> None:
    count = 150
    for number in range(count):
        send(channel, number)
    run = bus.start()
    eventually(lambda: len(ends(run, "delivered")), lambda found: found >= 10)
    bus.kill()
    run = bus.start()
    delivered = eventually(lambda: ends(run, "delivered"), lambda found: len(found) >= count)
    assert len(delivered) == count
    assert depth(channel, QUEUE) == depth(channel, "dead") == 0


def test_what_is_refused_goes_to_the_dead_letters(
    bus: BusProcess, channel: Any, eventually: Callable[..., Any]
) -> None:
    run = bus.start()
    send(channel, 1, decision="perhaps")
    send(channel, 2)
    eventually(lambda: depth(channel, "dead"), lambda found: found == 1)
    eventually(lambda: len(ends(run, "delivered")), lambda found: found == 1)
    assert len(ends(run, "refused")) == 1
    assert depth(channel, QUEUE) == 0
