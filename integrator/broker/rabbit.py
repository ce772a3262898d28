"""RabbitMQ by kombu and py-amqp: pipelined confirms, mandatory, quorum queues, dead letters.

kombu's producer either loses messages at a crash (its default) or waits for every confirm, so the
publishing side goes below it: the channel is put in confirm mode, messages are written one after
the other, and basic.ack, basic.nack and basic.return are matched by delivery tag as they arrive.
RabbitMQ sends basic.return before the basic.ack of the same message (rabbitmq.com, docs/confirms).
"""

from __future__ import annotations

import select
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import amqp
from amqp import spec
from kombu.connection import Connection

from integrator.broker.link import BrokerRefused, BrokerUnavailable, Received
from integrator.broker.messages import CONTENT_ENCODING, CONTENT_TYPE, DEAD_LETTERS
from integrator.security.limits import Limits
from integrator.telemetry import log

_LOG = log.get("broker")
_connection: Any = Connection  # kombu's own annotations are partial
_HEARTBEAT_SECONDS = 10
_PUMP_METHODS = 512  # at most so many in one pump, so that settling and publishing get their turn
_PERSISTENT = 2


def queue_arguments(limits: Limits) -> dict[str, Any]:
    """The arguments of a flow's queue: replicated, bounded, with the dead-letter queue as last net.

    A full queue refuses (nack) instead of dropping; only then may dead-lettering be at-least-once
    (rabbitmq.com, docs/quorum-queues). Before RabbitMQ 4 there is no default delivery limit.
    """
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": limits.queue_redeliveries,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": DEAD_LETTERS,
        "x-dead-letter-strategy": "at-least-once",
        "x-max-length": limits.queue_messages,
        "x-overflow": "reject-publish",
    }


def dead_letter_arguments(limits: Limits) -> dict[str, Any]:
    """The arguments of the dead-letter queue: bounded, oldest dropped first, emptied by age."""
    return {
        "x-queue-type": "quorum",
        "x-max-length": limits.dead_queue_messages,
        "x-message-ttl": limits.dead_letter_seconds * 1_000,
    }


class RabbitLink:
    """A connection with one channel. See `link.Link`; used by one thread only."""

    def __init__(self, url: str, limits: Limits) -> None:
        self._url, self._limits = url, limits
        self._connection: Any = None
        self._channel: Any = None
        self._poll: Any = None
        self._blocked = False
        self._published = 0
        self._unconfirmed: dict[int, str] = {}
        self._returned: set[str] = set()
        self._outcomes: list[tuple[int, str | None]] = []
        self._received: list[Received] = []
        self._consumers: list[str] = []

    # --- connection ---

    @property
    def blocked(self) -> bool:
        """True between connection.blocked and connection.unblocked."""
        return self._blocked

    def open(self) -> None:
        """Connect and open the channel."""
        with _translated("the broker cannot be reached"):
            client = _connection(
                self._url,
                heartbeat=_HEARTBEAT_SECONDS,
                connect_timeout=self._limits.connect_seconds,
                ssl=_tls(self._url),
                transport_options={
                    "client_properties": {"connection_name": "integrator"},
                    "on_blocked": self._on_blocked,
                    "on_unblocked": self._on_unblocked,
                },
            )
            # One try for each host of the URL (`;` between them); the thread backs off, not kombu.
            client.ensure_connection(
                max_retries=max(0, len(client.alt) - 1), interval_start=0, reraise_as_library_errors=False
            )
            self._connection = client.connection
            # A stalled peer must not hold the thread for ever: Python's own socket timeout, since
            # py-amqp retries for ever on the one of its `read_timeout` option. A busy node may take
            # seconds to make its first quorum queue.
            self._connection.sock.settimeout(max(self._limits.connect_seconds, self._limits.confirm_seconds))
            self._channel = self._connection.channel()
            self._channel.auto_decode = False
            self._poll = select.poll()
            self._poll.register(self._connection.sock, select.POLLIN)

    def close(self, *, broken: bool = False) -> None:
        """Disconnect, politely unless `broken`. Never raises."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is None:
            return
        if not broken:
            with suppress(amqp.AMQPError, OSError):
                connection.close()
        connection.collect()

    def fileno(self) -> int | None:
        """The socket."""
        number: int = self._connection.sock.fileno()
        return number

    def declare(self, queues: Sequence[str]) -> None:
        """Declare, durable and quorum. Raises BrokerRefused for a queue with other arguments."""
        arguments = queue_arguments(self._limits)
        self._declare(DEAD_LETTERS, dead_letter_arguments(self._limits))
        for queue in queues:
            self._declare(queue, arguments)

    def _declare(self, queue: str, arguments: dict[str, Any]) -> None:
        with _translated(f"the queue {queue} cannot be declared"):
            try:
                self._channel.queue_declare(queue, durable=True, auto_delete=False, arguments=arguments)
            except amqp.PreconditionFailed as error:
                raise BrokerRefused(
                    f"the queue {queue} exists with other arguments ({error.reply_text}): "
                    f"let it run empty, remove it with `rabbitmqctl delete_queue {queue}`, start again"
                ) from error

    def depth(self, queue: str) -> int:
        """Messages ready, asked by a passive declaration."""
        with _translated(f"the queue {queue} is not there"):
            count: int = self._channel.queue_declare(queue, passive=True).message_count
            return count

    def pump(self) -> bool:
        """Handle the methods that have arrived."""
        with _translated("the connection to the broker is lost"):
            transport = self._connection.transport
            for _ in range(_PUMP_METHODS):
                # The poll first: py-amqp spins on a socket without timeout that has nothing to read.
                if not transport._read_buffer and not self._readable():
                    return False
                try:
                    self._connection.drain_events()
                except TimeoutError:
                    return False  # half a frame: py-amqp keeps it, the rest comes later
        return True

    def _readable(self) -> bool:
        pending = getattr(self._connection.sock, "pending", None)  # TLS keeps decrypted bytes
        return bool(pending and pending()) or bool(self._poll.poll(0))

    def tick(self) -> None:
        """Heartbeats, both ways."""
        with _translated("the broker is silent"):
            self._connection.heartbeat_tick()

    def _on_blocked(self, _reason: str) -> None:
        self._blocked = True
        _LOG.warning("broker-blocked", remedy="free memory or disk on the RabbitMQ node")

    def _on_unblocked(self) -> None:
        self._blocked = False

    # --- publishing ---

    def start_publishing(self) -> None:
        """Confirm mode, with our own bookkeeping."""
        with _translated("confirms cannot be had"):
            events = self._channel.events
            events["basic_ack"].add(self._on_ack)
            events["basic_nack"].add(self._on_nack)
            events["basic_return"].add(self._on_return)
            self._channel.confirm_select()

    def publish(self, queue: str, body: bytes, message_id: str) -> int:
        """basic.publish, mandatory and persistent, to the default exchange."""
        self._published += 1
        number = self._published  # the server counts the same way, from 1 (docs/confirms)
        self._unconfirmed[number] = message_id
        message = amqp.Message(
            body,
            content_type=CONTENT_TYPE,
            content_encoding=CONTENT_ENCODING,
            delivery_mode=_PERSISTENT,
            message_id=message_id,
            app_id="integrator",
        )
        with _translated("the connection to the broker is lost"):
            # Not channel.basic_publish: it reads the socket before every message, `pump` does once.
            self._channel.send_method(spec.Basic.Publish, "Bssbb", (0, "", queue, True, False), message)
        return number

    def outcomes(self) -> Sequence[tuple[int, str | None]]:
        """What was confirmed, returned or nacked since the last call."""
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def _on_return(self, _error: Any, _exchange: str, _key: str, message: Any) -> None:
        self._returned.add(message.properties.get("message_id", ""))

    def _on_ack(self, number: int, multiple: bool) -> None:
        for tag, message_id in self._settled(number, multiple):
            unroutable = message_id in self._returned
            self._returned.discard(message_id)
            self._outcomes.append((tag, "unroutable" if unroutable else None))

    def _on_nack(self, number: int, multiple: bool) -> None:
        for tag, _ in self._settled(number, multiple):
            self._outcomes.append((tag, "broker-refused"))  # the queue is full, or failed

    def _settled(self, number: int, multiple: bool) -> list[tuple[int, str]]:
        if not multiple:
            message_id = self._unconfirmed.pop(number, None)
            return [] if message_id is None else [(number, message_id)]
        tags = []
        for tag in self._unconfirmed:  # in publishing order
            if number and tag > number:
                break
            tags.append(tag)
        return [(tag, self._unconfirmed.pop(tag)) for tag in tags]

    # --- consuming ---

    def consume(self, queue: str, prefetch: int) -> None:
        """basic.qos and basic.consume with acknowledgements."""
        with _translated(f"the queue {queue} cannot be consumed"):
            self._channel.basic_qos(0, prefetch, False)

            def take(message: Any) -> None:
                headers = message.properties.get("application_headers") or {}
                count = headers.get("x-delivery-count", 0)
                self._received.append(Received(queue, bytes(message.body), message.delivery_tag, int(count)))

            self._consumers.append(self._channel.basic_consume(queue, callback=take))

    def cancel(self) -> None:
        """basic.cancel for every consumer."""
        consumers, self._consumers = self._consumers, []
        with _translated("the connection to the broker is lost"):
            for tag in consumers:
                self._channel.basic_cancel(tag)

    def received(self) -> Sequence[Received]:
        """Messages since the last call."""
        received, self._received = self._received, []
        return received

    def ack(self, message: Received) -> None:
        """basic.ack."""
        with _translated("the connection to the broker is lost"):
            self._channel.basic_ack(message.tag)

    def requeue(self, message: Received) -> None:
        """basic.reject with requeue; the broker counts it (x-delivery-count)."""
        with _translated("the connection to the broker is lost"):
            self._channel.basic_reject(message.tag, requeue=True)

    def bury(self, message: Received) -> None:
        """basic.reject without requeue: the broker moves it to the dead-letter queue."""
        with _translated("the connection to the broker is lost"):
            self._channel.basic_reject(message.tag, requeue=False)


def _tls(url: str) -> Any:
    if not url.startswith("amqps:"):
        return False
    # Verified against the system's certificates (or SSL_CERT_FILE) and the host name of the URL.
    return {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """py-amqp's errors as ours, with what to do; the text of the server names no message content."""
    try:
        yield
    except (amqp.AccessRefused, amqp.NotAllowed) as error:
        raise BrokerRefused(
            f"{what}: RabbitMQ refuses user or virtual host; check them in the broker's URL and "
            "with `rabbitmqctl list_permissions`"
        ) from error
    except (amqp.AMQPError, OSError) as error:
        raise BrokerUnavailable(f"{what} ({type(error).__name__})") from error
