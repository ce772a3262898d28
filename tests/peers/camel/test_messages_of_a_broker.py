"""spring-rabbitmq: both engines give a broker the same messages, and make the same of those they take from it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import amqp
import pytest
from kombu.connection import Connection

from integrator.engine import Mocks, Services, compile_routes
from integrator.engine.javatypes import to_java
from integrator.site.compiled import RouteSource
from tests.engine import vectors
from tests.engine.helpers import exchange
from tests.engine.open_ways import OpenWays
from tests.peers.camel.peer import Camel

pytestmark = pytest.mark.xdist_group("camel")

QUEUE = "letters"
TO = f"spring-rabbitmq:default?routingKey={QUEUE}"
OWN = "CamelSpringRabbitmq"
PROPERTIES = ("content_type", "content_encoding", "delivery_mode", "correlation_id", "reply_to", "type", "app_id",
              "priority", "expiration", "message_id")  # fmt: skip
SENT: dict[str, tuple[str, Any, Mapping[str, Any]]] = {
    "text": (TO, "hello", {}),
    "letters": (TO, "élève", {"Content-Type": "text/plain"}),
    "content-type": (TO, "{}", {OWN + "ContentType": "application/json"}),
    "headers": (TO, "x", {"a": "1", "n": 5, "b": True, "f": 1.5, "CamelOwn": "no", "empty": ""}),
    "list-header": (TO, "x", {"l": ["a", "b"]}),
    "properties": (TO, "x", {OWN + name: value for name, value in (
        ("CorrelationId", "c-1"), ("ReplyTo", "answers"), ("MessageId", "m-1"), ("Type", "notice"), ("AppId", "app"),
        ("Priority", 3), ("Expiration", "60000"), ("ContentEncoding", "UTF-16"))}),
    "routing-key": ("spring-rabbitmq:default?routingKey=nobody", "x", {OWN + "RoutingOverrideKey": QUEUE}),
    "exchange": ("spring-rabbitmq:nowhere?routingKey=" + QUEUE, "x", {OWN + "ExchangeOverrideName": "default"}),
    "topic": ("spring-rabbitmq:amq.topic?routingKey=permit.granted", "x", {}),
    "confirmed": (TO + "&confirmTimeout=4000", "x", {}),
    "json": (TO, "{}", {"Content-Type": "application/json"}),
    "bytes": (TO, b"x", {}),
    "bytes-with-type": (TO, b"x", {OWN + "ContentType": "image/png"}),
    "no-body": (TO + "&allowNullBody=true", None, {}),
}  # fmt: skip
TAKEN: dict[str, tuple[bytes, Mapping[str, Any]]] = {
    "text": ("élève".encode(), {"content_type": "text/plain", "content_encoding": "UTF-8"}),
    "json": (b'{"a": 1}', {"content_type": "application/json"}),
    "bytes": (b"\x00\xff", {"content_type": "application/octet-stream"}),
    "no-type": (b"x", {}),
    "headers": (b"x", {"content_type": "text/plain", "application_headers": {"a": "1", "n": 5, "b": True}}),
    "properties": (b"x", {"content_type": "text/plain", "correlation_id": "c-1", "message_id": "m-1",
                          "type": "notice", "app_id": "app", "priority": 3, "expiration": "60000", "delivery_mode": 2}),
}  # fmt: skip
OF_JAVA = [OWN + "Channel", OWN + "DeliveryTag", OWN + "DeliveryMode"]
"""What Camel gives a route to settle a message by itself (here the bus does), and an enumeration of Java's."""


@pytest.fixture
def channel(rabbitmq_url: str) -> Iterator[Any]:
    connection: Any = Connection(rabbitmq_url)
    channel = connection.channel()
    channel.auto_decode = False
    channel.queue_declare(QUEUE, auto_delete=False)
    channel.queue_bind(QUEUE, "amq.topic", "permit.#")
    yield channel
    connection.release()


def routes(*steps: Any, source: str = "direct:start") -> list[Any]:
    return [{"route": {"id": "r", "from": {"uri": source, "steps": list(steps)}}}]


def next_letter(channel: Any) -> dict[str, Any]:
    """The message that waits, as the broker has it."""
    found = channel.basic_get(QUEUE, no_ack=True)
    assert found is not None, "nothing was sent"
    known = {name: found.properties.get(name) for name in PROPERTIES}
    body = found.body if isinstance(found.body, bytes) else str(found.body).encode()
    return {"body": body, "headers": found.properties.get("application_headers", {}), **known}


@pytest.mark.parametrize("name", SENT)
async def test_both_give_the_broker_the_same_message(
    name: str, camel: Camel, channel: Any, rabbitmq_url: str
) -> None:
    uri, body, headers = SENT[name]
    ways = OpenWays(Path(), broker=rabbitmq_url)
    made = exchange(body, to_java(headers))
    made.pattern = "InOnly"
    await compile_routes([source(routes({"to": uri}))], Services(ways=ways)).run("direct:start", made)
    await ways.close()
    assert made.exception is None
    ours = next_letter(channel)
    outcome = camel.ask({
        "routes": json.dumps(routes({"to": uri})), "headers": headers, "broker": rabbitmq_url, "pattern": "InOnly",
        "body": body.decode() if isinstance(body, bytes) else body, "bodyType": "bytes" if isinstance(body, bytes) else "",
    })  # fmt: skip
    (reply,) = outcome["replies"]
    assert "exception" not in reply
    theirs = next_letter(channel)
    if not headers.get(OWN + "MessageId"):  # ours always has one, by which its recipient knows a repetition
        assert ours.pop("message_id")
        assert not theirs.pop("message_id")
    assert ours == theirs
    left = vectors.Case(name, "", {}, {"replies": [reply]})
    differences = vectors.differences(left, vectors.Outcome(replies=[made]))
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize("name", TAKEN)
async def test_both_make_the_same_of_a_message(
    name: str, camel: Camel, channel: Any, rabbitmq_url: str
) -> None:
    body, properties = TAKEN[name]
    taking = routes({"to": "mock:in"}, source=f"spring-rabbitmq:default?queues={QUEUE}&autoDeclare=false")
    mocks, ways = Mocks(), OpenWays(Path(), broker=rabbitmq_url)
    send(channel, body, properties)
    compiled = compile_routes([source(taking)], Services(ways=ways, mocks=mocks))
    compiled.start()
    async with asyncio.timeout(30):
        while not mocks.received.get("mock:in"):  # noqa: ASYNC110 - a mock tells nobody
            await asyncio.sleep(0.01)
    await compiled.stop()
    await ways.close()
    send(channel, body, properties)
    outcome = camel.ask({
        "routes": json.dumps(taking), "noSend": True, "mocks": ["mock:in"], "counts": {"mock:in": 1},
        "broker": rabbitmq_url,
    })  # fmt: skip
    case = vectors.Case(name, "", {"mocks": ["mock:in"], "skip": {"of Java": OF_JAVA}}, outcome)
    differences = vectors.differences(case, vectors.Outcome(mocks=mocks.received))
    assert not differences, "\n".join(differences)


def send(channel: Any, body: bytes, properties: Mapping[str, Any]) -> None:
    channel.basic_publish(amqp.Message(body, **properties), exchange="", routing_key=QUEUE)


def source(data: list[Any]) -> RouteSource:
    return RouteSource("routes/letters.camel.yaml", tuple(data))
