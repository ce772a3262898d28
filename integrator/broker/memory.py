"""The in-memory broker: kombu's memory transport, one set of queues for each URL of the process.

It behaves as RabbitMQ does where the bus can tell: a message for a queue that was never declared is
unroutable, a full queue refuses, what is not settled returns to its queue, dead letters are kept.
kombu's own transport keeps one global set of queues, polls once a second and has no dead letters.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from kombu.connection import Connection
from kombu.exceptions import ChannelError
from kombu.transport import memory
from kombu.transport.virtual import BrokerState

from integrator.broker.link import BrokerUnavailable, Received
from integrator.broker.messages import CONTENT_ENCODING, CONTENT_TYPE, DEAD_LETTERS
from integrator.security.limits import Limits

_connection: Any = Connection  # kombu's own annotations are partial
_broker_state: Any = BrokerState
_PUMP_MESSAGES = 512
_COUNT_HEADER = "x-delivery-count"


class _Space:
    """The queues behind one URL, and who wants to hear that something was put into one."""

    def __init__(self) -> None:
        # The transport keeps queues and bindings in its classes: a space has classes of its own.
        channel = type("Channel", (memory.Channel,), {"queues": {}, "events": defaultdict(set)})
        parts = {"Channel": channel, "global_state": _broker_state()}
        self.transport = type("Transport", (memory.Transport,), parts)
        self.lock = threading.Lock()
        self.listeners: set[Callable[[], None]] = set()

    def changed(self) -> None:
        with self.lock:
            listeners = list(self.listeners)
        for wake in listeners:
            wake()


_spaces: dict[str, _Space] = {}
_spaces_lock = threading.Lock()


def _space(url: str) -> _Space:
    with _spaces_lock:
        return _spaces.setdefault(url, _Space())


def forget(url: str) -> None:
    """Drop the queues behind this URL with all their messages, as a machine does that goes down."""
    with _spaces_lock:
        _spaces.pop(url, None)


class MemoryLink:
    """A connection to the in-memory broker. See `link.Link`; used by one thread only."""

    blocked = False

    def __init__(self, url: str, limits: Limits, wake: Callable[[], None]) -> None:
        self._url, self._limits, self._wake = url, limits, wake
        self._space = _space(url)
        self._client: Any = None
        self._channel: Any = None
        self._consuming: list[tuple[Any, str]] = []
        self._published = 0
        self._outcomes: list[tuple[int, str | None]] = []
        self._received: list[Received] = []
        self._unsettled: dict[str, Any] = {}

    def open(self) -> None:
        """Join the queues of this URL."""
        self._client = _connection(self._url, transport=self._space.transport)
        self._channel = self._client.channel()
        with self._space.lock:
            self._space.listeners.add(self._wake)

    def close(self, *, broken: bool = False) -> None:
        """Leave; what was received and not settled goes back to its queue."""
        with self._space.lock:
            self._space.listeners.discard(self._wake)
        if self._client is None:
            return
        for message in list(self._unsettled.values()):
            self._put(message.delivery_info["routing_key"], bytes(message.body), _count(message) + 1)
        self._unsettled.clear()
        self._client.release()
        self._client = None
        self._space.changed()

    def fileno(self) -> int | None:
        """None: the waker tells when something arrived."""
        return None

    def declare(self, queues: Sequence[str]) -> None:
        """Make the queues."""
        for queue in (DEAD_LETTERS, *queues):
            self._channel.queue_declare(queue)

    def depth(self, queue: str) -> int:
        """Messages ready."""
        try:
            count: int = self._channel.queue_declare(queue, passive=True).message_count
        except ChannelError as error:
            raise BrokerUnavailable(f"the queue {queue} is not there") from error
        return count

    def pump(self) -> bool:
        """Take what is ready, within the prefetch of each queue."""
        for _ in range(_PUMP_MESSAGES):
            try:
                self._client.drain_events(timeout=0)
            except TimeoutError:
                return False
        return True

    def tick(self) -> None:
        """Nothing: there is no peer that could die alone."""

    # --- publishing ---

    def start_publishing(self) -> None:
        """Nothing: putting is confirming."""

    def publish(self, queue: str, body: bytes, message_id: str) -> int:
        """Put the message; its outcome is known at once."""
        self._published += 1
        self._outcomes.append((self._published, self._try_put(queue, body, message_id)))
        return self._published

    def _try_put(self, queue: str, body: bytes, message_id: str) -> str | None:
        try:
            count = self._channel.queue_declare(queue, passive=True).message_count
        except ChannelError:
            return "unroutable"
        if count >= self._limits.queue_messages:
            return "broker-refused"
        self._put(queue, body, 0, message_id)
        return None

    def _put(self, queue: str, body: bytes, count: int, message_id: str = "") -> None:
        message = self._channel.prepare_message(
            body,
            content_type=CONTENT_TYPE,
            content_encoding=CONTENT_ENCODING,
            headers={_COUNT_HEADER: count} if count else {},
            properties={"delivery_mode": 2, "message_id": message_id},
        )
        self._channel.basic_publish(message, exchange="", routing_key=queue)

    def outcomes(self) -> Sequence[tuple[int, str | None]]:
        """What was put, or why not, since the last call; tells the consumers."""
        outcomes, self._outcomes = self._outcomes, []
        if outcomes:
            self._space.changed()
        return outcomes

    # --- consuming ---

    def consume(self, queue: str, prefetch: int) -> None:
        """Consume on a channel of its own: the transport counts prefetch by channel."""

        def take(message: Any) -> None:
            self._unsettled[message.delivery_tag] = message
            self._received.append(Received(queue, bytes(message.body), message.delivery_tag, _count(message)))

        channel = self._client.channel()
        channel.basic_qos(0, prefetch, False)
        channel.basic_consume(queue, False, take, queue)
        self._consuming.append((channel, queue))

    def cancel(self) -> None:
        """Consume no more."""
        for channel, tag in self._consuming:
            channel.basic_cancel(tag)
        self._consuming.clear()

    def received(self) -> Sequence[Received]:
        """Messages since the last call."""
        received, self._received = self._received, []
        return received

    def ack(self, message: Received) -> None:
        """Forget it."""
        self._settle(message)

    def requeue(self, message: Received) -> None:
        """Put it at the end of its queue, counted."""
        self._settle(message)
        self._put(message.queue, message.body, message.redeliveries + 1)
        self._space.changed()

    def bury(self, message: Received) -> None:
        """Put it into the dead-letter queue; the oldest makes room."""
        self._settle(message)
        while self.depth(DEAD_LETTERS) >= self._limits.dead_queue_messages:
            self._channel.basic_get(DEAD_LETTERS, no_ack=True)
        self._put(DEAD_LETTERS, message.body, message.redeliveries)

    def _settle(self, message: Received) -> None:
        kept = self._unsettled.pop(message.tag)
        kept.channel.basic_ack(message.tag)


def _count(message: Any) -> int:
    return int(message.headers.get(_COUNT_HEADER, 0))
