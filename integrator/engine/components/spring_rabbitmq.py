"""spring-rabbitmq: exchanges and queues of a broker that an adapter declares."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import uuid_utils

from integrator.engine.compiler import Node
from integrator.engine.egress import OF_TRANSPORT, undeclared
from integrator.engine.javatypes import JavaList, JavaMap, cannot_convert, to_text
from integrator.engine.lifecycle import Offer, Take, no_room
from integrator.engine.services import Services
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing
from integrator.engine.uris import Uri
from integrator.engine.ways import Letter, Letters, QueueWay
from integrator.exchange import Exchange, Message

CONSUMES = True
_OWNER = "Accepted, without effect: queues, exchanges and bindings are their owner's."
_JAVA = "Not in the embedded engine: needs a Java bean."
SPEC = Spec(
    "component",
    "spring-rabbitmq",
    "Sends to an exchange of a broker that an adapter with `protocol: queue` declares, or takes from its queues. "
    "`default` is AMQP's default exchange.",
    "3.8",
    "spring-rabbitmq:notices?routingKey=permit.granted",
    options=(
        Option("routingKey", "The routing key; the header CamelSpringRabbitmqRoutingOverrideKey goes before it."),
        Option("connectionFactory", "The broker: what the adapter is reached as, `#bean:` before it. Not needed where"
               " the site has one.", example="#bean:permits-mq"),
        Option("queues", "The queues a route takes from, with commas.", example="permits"),
        Option("prefetchCount", "Messages taken before those before are settled.", type="integer", default=250),
        Option("concurrentConsumers", "Accepted: messages of a queue are taken one after the other.", type="integer"),
        Option("maxConcurrentConsumers", "Accepted, without effect.", type="integer"),
        Option("maximumRetryAttempts", "How often a message that failed is tried at once.", type="integer", default=5),
        Option("retryDelay", "Milliseconds between.", type="integer", default=1000),
        Option("rejectAndDontRequeue", "Whether one that failed for good goes to the queue's dead letters, not back.",
               type="boolean", default=True),
        Option("acknowledgeMode", "Accepted: a message is acknowledged when it is safe.",
               choices=("AUTO", "MANUAL", "NONE")),
        Option("confirm", "Accepted: every message is confirmed.", default="auto",
               choices=("auto", "enabled", "disabled")),
        Option("confirmTimeout", "Milliseconds to wait for the confirmation.", type="integer", default=5000),
        Option("exchangePattern", "InOnly; an answer by a reply queue is not in the embedded engine.",
               choices=("InOnly",)),
        Option("disableReplyTo", "Accepted: nothing is replied.", type="boolean"),
        Option("allowNullBody", "Sends a message without a body.", type="boolean", default=False),
        *(Option(name, _OWNER) for name in (
            "autoDeclare", "autoDeclareProducer", "autoStartup", "deadLetterExchange", "deadLetterExchangeType",
            "deadLetterQueue", "deadLetterRoutingKey", "exchangeType", "exclusive", "noLocal", "skipBindQueue",
            "skipDeclareExchange", "skipDeclareQueue", "passive")),
        *(Option(name, "Accepted, without effect.") for name in (
            "asyncConsumer", "bridgeErrorHandler", "lazyStartProducer", "messageListenerContainerType",
            "replyTimeout", "synchronous", "testConnectionOnStartup", "usePublisherConnection")),
        *(Option(name, _JAVA) for name in (
            "messageConverter", "messagePropertiesConverter", "retry", "exceptionHandler", "args", "headerFilterStrategy")),
    ),
    open=True,
)  # fmt: skip
_HEADER = "CamelSpringRabbitmq"
# AMQP's names of properties and Camel's.
_NAMES = {"content_type": "ContentType", "content_encoding": "ContentEncoding", "correlation_id": "CorrelationId",
          "reply_to": "ReplyTo", "message_id": "MessageId", "type": "Type", "app_id": "AppId", "priority": "Priority",
          "expiration": "Expiration", "timestamp": "Timestamp"}  # fmt: skip
_LONGEST_KEY = 255
_LEFT = OF_TRANSPORT | {"content-type"}


def _way(node: Node, uri: Uri) -> QueueWay | None:
    unknown = sorted(
        name for name in uri.options if SPEC.option(name) is None and not name.startswith("arg.")
    )
    if unknown:
        node.problem("/uri", "unknown-endpoint-option", f"spring-rabbitmq: has no option {unknown[0]}",
                     "See the options of spring-rabbitmq:.")  # fmt: skip
        return None
    name = uri.options.get("connectionFactory", "").removeprefix("#bean:").removeprefix("#")
    found = node.scope.services.ways.queue(name)
    if found is None:
        undeclared(node, f"the broker {name}".strip(), "queue")
    return found


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """Sending a message and waiting until the broker has it."""
    way, options = _way(node, uri), uri.options
    timeout = options.get("confirmTimeout", "5000")
    if way is None or not timeout.isdigit():
        if way is not None:
            node.problem("/uri", "option-value", "confirmTimeout is no number", "Write milliseconds.")
        return nothing
    exchange_name, key = uri.path, options.get("routingKey", "")
    nulls = options.get("allowNullBody") == "true"

    async def send(exchange: Exchange) -> None:
        headers = exchange.message.headers
        name = to_text(headers.pop(_HEADER + "ExchangeOverrideName", None)) or exchange_name
        routing = to_text(headers.pop(_HEADER + "RoutingOverrideKey", None)) or key
        body = _body(exchange, nulls=nulls)
        async with way.use(exchange.context, "write", f"{name}\0{routing}", len(body)):
            await way.queues.publish(
                "" if name == "default" else name, routing, body, _sent_headers(exchange),
                _sent_properties(exchange), int(timeout) / 1_000,
            )  # fmt: skip

    return send


def _body(exchange: Exchange, *, nulls: bool) -> bytes:
    body = exchange.message.body
    if body is None and nulls:
        return b""
    if body is None or isinstance(body, (JavaMap, JavaList, bool, int, float)):
        raise cannot_convert(body, "byte[]")
    encoding = to_text(exchange.message.headers.get(_HEADER + "ContentEncoding"))
    if encoding and isinstance(body, str):
        charset = _charset(encoding)
        if charset.lower() == "utf-16":  # Java writes it big-endian, with a byte order mark
            return b"\xfe\xff" + body.encode("utf-16-be", "replace")
        return body.encode(charset, "replace")
    return exchange.message.as_bytes()


def _sent_headers(exchange: Exchange) -> dict[str, Any]:
    return {
        name: value
        for name, value in exchange.message.headers.items()
        if not name.lower().startswith("camel")
        and name.lower() not in _LEFT
        and (isinstance(value, (str, int, float, bool)) or _is_list_of_scalars(value))
    }


def _is_list_of_scalars(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, (str, int, float, bool)) for item in value)


def _sent_properties(exchange: Exchange) -> dict[str, Any]:
    headers = exchange.message.headers
    found: dict[str, Any] = {}
    for amqp, camel in _NAMES.items():
        value = headers.get(_HEADER + camel)
        if isinstance(value, datetime):
            found[amqp] = value.astimezone(UTC)
        elif value is not None:
            found[amqp] = value if amqp == "priority" else to_text(value)
    # The recipient tells a duplicate of a repeated delivery by it.
    found.setdefault(
        "message_id", exchange.context.exchange_id if exchange.context else str(uuid_utils.uuid7())
    )
    text = isinstance(exchange.message.body, str)
    found.setdefault("content_type", "text/plain" if text else "application/octet-stream")
    if text:
        found.setdefault("content_encoding", "UTF-8")
    found.setdefault("priority", 0)
    return found


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The consumer of a route."""

    file: str
    uri: str
    way: QueueWay
    services: Services
    queues: tuple[str, ...]
    prefetch: int
    attempts: int
    delay: float
    rejects: bool
    alone: bool = False
    """Several processes share a queue: the broker gives each message to one of them."""

    async def run(self, take: Take) -> None:
        """Take from every queue until the connection is lost."""
        for queue in self.queues:
            if not self.way.taken_by(self.file, f"{queue}\0"):
                raise PermissionError("the adapter's owner does not allow the flow to take from the queue")
        async with asyncio.TaskGroup() as group:
            for queue in self.queues:
                group.create_task(self._queue(queue, take))

    async def _queue(self, queue: str, take: Take) -> None:
        async with self.way.queues.letters(queue, self.prefetch) as letters:
            while True:
                letter = await letters.next()
                await self._one(queue, letter, letters, take)

    async def _one(self, queue: str, letter: Letter, letters: Letters, take: Take) -> None:
        settled = "requeue"
        try:
            for attempt in range(max(self.attempts, 1)):
                offer = self._offer(queue, letter)
                error = await take(offer)
                if error is None:
                    settled = "ack"
                    break
                if offer.refused or attempt + 1 >= self.attempts:
                    settled = (
                        "reject" if (self.rejects or offer.refused) and not no_room(error) else "requeue"
                    )
                    break
                await self.services.sleep(self.delay)
        finally:
            # Cancelled in between: it goes back to its queue.
            with contextlib.suppress(RuntimeError):
                letters.settle(letter, settled)

    def _offer(self, queue: str, letter: Letter) -> Offer:
        kind = str(letter.properties.get("content_type") or "")
        body: Any = letter.body
        if kind.startswith("text/"):
            body = body.decode(_charset(letter.properties.get("content_encoding")), "replace")
        message = Message(body, _taken_headers(letter), conversions=self.services.conversions)
        named = letter.properties.get("message_id")
        key = None if not named else f"{queue}:{named}"
        return Offer(self.uri, message, key if key is None or len(key) <= _LONGEST_KEY else None)


def _charset(name: Any) -> str:
    try:
        "".encode(str(name or "utf-8"))
    except LookupError:
        return "utf-8"
    return str(name or "utf-8")


def _taken_headers(letter: Letter) -> Mapping[str, Any]:
    found: dict[str, Any] = {
        name: value for name, value in letter.headers.items() if not name.lower().startswith("camel")
    }
    for amqp, camel in _NAMES.items():
        value = letter.properties.get(amqp)
        if value is not None:
            found[_HEADER + camel] = value
    found[_HEADER + "ExchangeName"], found[_HEADER + "RoutingKey"] = letter.exchange, letter.routing_key
    found[_HEADER + "Redelivered"] = letter.redelivered
    return found


def consumer(node: Node, uri: Uri) -> Mailbox | None:
    """The consumer of a route; notes what is wrong with its options."""
    way, options = _way(node, uri), uri.options
    numbers = [options.get(name, default) for name, default in
               (("prefetchCount", "250"), ("maximumRetryAttempts", "5"), ("retryDelay", "1000"))]  # fmt: skip
    queues = tuple(name.strip() for name in options.get("queues", "").split(",") if name.strip())
    if not queues or not all(number.isdigit() for number in numbers):
        node.problem("/uri", "option-value", "a route that starts from spring-rabbitmq: needs queues, and numbers",
                     "Write for example spring-rabbitmq:notices?queues=permits&prefetchCount=10.")  # fmt: skip
        return None
    if way is None:
        return None
    prefetch, attempts, delay = map(int, numbers)
    return Mailbox(
        node.scope.source.file, f"spring-rabbitmq:{uri.path}", way, node.scope.services, queues, max(prefetch, 1),
        attempts, delay / 1_000, options.get("rejectAndDontRequeue") != "false",
    )  # fmt: skip
