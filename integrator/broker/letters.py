"""Queues and exchanges of somebody else's RabbitMQ: what routes reach by spring-rabbitmq:.

Nothing is declared here: queues, exchanges and bindings are their owner's. py-amqp blocks, so one thread
publishes (each message is confirmed before it counts as given), and each consumed queue has its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import amqp
from kombu.connection import Connection

from integrator.broker.thread import Waker
from integrator.exchange import Overloaded, ProviderFault, ProviderTimeout, ProviderUnreachable
from integrator.security.limits import Limits
from integrator.telemetry import log

_LOG = log.get("broker")
_connection: Any = Connection  # kombu's own annotations are partial
_HEARTBEAT_SECONDS = 10
_PERSISTENT = 2
_PROPERTIES = ("content_type", "content_encoding", "correlation_id", "reply_to", "expiration", "message_id", "timestamp",
               "type", "app_id", "priority", "delivery_mode")  # fmt: skip


@dataclass(slots=True)
class Letter:
    """A message. `tag` is the broker's name for it on its connection."""

    body: bytes
    headers: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    exchange: str = ""
    routing_key: str = ""
    redelivered: bool = False
    tag: Any = None


class QueueClient:
    """A client of one broker. `close` ends its threads."""

    def __init__(self, url: str, limits: Limits) -> None:
        self._url, self._limits = url, limits
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="integrator-letters")
        self._open: Any = None
        self._returned = False
        self._consumers: set[QueueReader] = set()

    async def publish(
        self, exchange: str, routing_key: str, body: bytes, headers: Mapping[str, Any],
        properties: Mapping[str, Any], seconds: float,
    ) -> None:  # fmt: skip
        """Give the broker a message and wait until it has it safe and in a queue.

        Raises ProviderUnreachable, ProviderTimeout, or ProviderFault where no queue takes it.
        """
        known = {
            name: value for name, value in properties.items() if name in _PROPERTIES and value is not None
        }
        table = {name: value for name, value in headers.items() if _fits(value)}
        message = amqp.Message(body, application_headers=table, **{"delivery_mode": _PERSISTENT, **known})
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._publish, exchange, routing_key, message, seconds)

    def _publish(self, exchange: str, routing_key: str, message: Any, seconds: float) -> None:
        try:
            with translated():
                channel = self._channel()
                self._returned = False
                channel.basic_publish_confirm(
                    message, exchange=exchange, routing_key=routing_key, mandatory=True,
                    confirm_timeout=min(seconds, self._limits.confirm_seconds),
                )  # fmt: skip
        except (ProviderUnreachable, ProviderTimeout, ProviderFault):
            self._drop()
            raise
        if self._returned:
            raise ProviderFault(
                "no queue takes the message: bind one to the exchange, or correct the routing key",
                reason="unroutable", origin="provider",
            )  # fmt: skip

    def _channel(self) -> Any:
        if self._open is None:
            self._open = connect(self._url, self._limits)
            self._open.channel_of_ours = self._open.channel()
            self._open.channel_of_ours.events["basic_return"].add(self._on_return)
            self._open.channel_of_ours.confirm_select()
        return self._open.channel_of_ours

    def _on_return(self, *_: Any) -> None:
        self._returned = True

    def _drop(self) -> None:
        connection, self._open = self._open, None
        if connection is not None:
            with contextlib.suppress(amqp.AMQPError, OSError):
                connection.collect()

    @contextlib.asynccontextmanager
    async def letters(self, queue_name: str, prefetch: int) -> AsyncIterator[QueueReader]:
        """Consume a queue; what is not settled at the end comes again. Raises ProviderUnreachable."""
        reader = QueueReader(self._url, self._limits, queue_name, prefetch)
        self._consumers.add(reader)
        try:
            reader.start()
            yield reader
        finally:
            self._consumers.discard(reader)
            await asyncio.to_thread(reader.close)

    async def close(self) -> None:
        """End the threads."""
        for reader in tuple(self._consumers):
            await asyncio.to_thread(reader.close)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._drop)
        self._thread.shutdown(wait=False)


class QueueReader:
    """The messages of one queue, on a thread and a connection of its own."""

    def __init__(self, url: str, limits: Limits, queue_name: str, prefetch: int) -> None:
        self._url, self._limits, self._queue, self._prefetch = url, limits, queue_name, prefetch
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[Letter | Exception] = asyncio.Queue()
        self._settling: queue.SimpleQueue[tuple[Any, str]] = queue.SimpleQueue()
        self._waker, self._stopping = Waker(), False
        self._thread = threading.Thread(
            target=self._run, name=f"integrator-letters-{queue_name}", daemon=True
        )

    def start(self) -> None:
        """Connect and consume."""
        self._thread.start()

    def close(self) -> None:
        """End the thread; blocks for a moment."""
        self._stopping = True
        self._waker.wake()
        if self._thread.ident is not None:
            self._thread.join(self._limits.connect_seconds)
        if not self._thread.is_alive():
            self._waker.close()

    async def next(self) -> Letter:
        """The next message. Raises ProviderUnreachable where the connection is lost."""
        found = await self._arrived.get()
        if isinstance(found, Exception):
            raise found
        return found

    def settle(self, letter: Letter, how: str) -> None:
        """`ack`, `requeue` or `reject`."""
        self._settling.put((letter.tag, how))
        self._waker.wake()

    def _run(self) -> None:
        connection = None
        try:
            with translated():
                connection = connect(self._url, self._limits)
                channel = connection.channel()
                channel.auto_decode = False
                channel.basic_qos(0, self._prefetch, False)
                channel.basic_consume(self._queue, callback=self._take)
                self._serve(connection, channel)
                connection.close()
        except (ProviderUnreachable, ProviderTimeout, ProviderFault, Overloaded) as error:
            self._tell(error)
        except Exception as error:  # whatever a library throws, who waits must be told
            _LOG.error("letters-thread-failed", exc_info=error)
            self._tell(ProviderUnreachable("the connection to the broker is lost", origin="provider"))
        finally:
            if connection is not None:
                with contextlib.suppress(amqp.AMQPError, OSError):
                    connection.collect()

    def _serve(self, connection: Any, channel: Any) -> None:
        ticked = time.monotonic()
        while not self._stopping:
            self._settle(channel)
            if time.monotonic() - ticked >= 1.0:
                ticked = time.monotonic()
                connection.heartbeat_tick()
            if not connection.transport._read_buffer:
                self._waker.wait(connection.sock.fileno(), 1.0)
            with contextlib.suppress(TimeoutError):
                connection.drain_events(timeout=0.001)
        self._settle(channel)

    def _settle(self, channel: Any) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                tag, how = self._settling.get_nowait()
                if how == "ack":
                    channel.basic_ack(tag)
                else:
                    channel.basic_reject(tag, requeue=how == "requeue")

    def _take(self, message: Any) -> None:
        known = dict(message.properties)
        headers = {str(name): value for name, value in (known.pop("application_headers", None) or {}).items()}
        delivery = message.delivery_info
        self._tell(Letter(
            bytes(message.body) if not isinstance(message.body, str) else message.body.encode(), headers, known,
            delivery.get("exchange", ""), delivery.get("routing_key", ""), bool(delivery.get("redelivered")),
            message.delivery_tag,
        ))  # fmt: skip

    def _tell(self, found: Letter | Exception) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits
            self._loop.call_soon_threadsafe(self._arrived.put_nowait, found)


def connect(url: str, limits: Limits) -> Any:
    """A connection of py-amqp; blocks. TLS is verified."""
    secure = {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None} if url.startswith("amqps:") else False
    client = _connection(url, heartbeat=_HEARTBEAT_SECONDS, connect_timeout=limits.connect_seconds, ssl=secure,
                         transport_options={"client_properties": {"connection_name": "integrator routes"}})  # fmt: skip
    client.ensure_connection(
        max_retries=1, interval_start=0, interval_step=0, reraise_as_library_errors=False
    )
    connection = client.connection
    connection.sock.settimeout(max(limits.connect_seconds, limits.confirm_seconds))
    return connection


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """py-amqp's errors as the bus's; what a server says may repeat values."""
    try:
        yield
    except (amqp.NotFound, amqp.PreconditionFailed, amqp.exceptions.MessageNacked) as error:
        raise ProviderFault(
            f"the broker has no such queue or exchange, or does not take the message ({type(error).__name__})",
            reason="broker-refused", origin="provider",
        ) from None  # fmt: skip
    except (amqp.AccessRefused, amqp.NotAllowed):
        raise ProviderUnreachable(
            "the broker refuses user, virtual host or queue: check them with its owner",
            reason="access-refused", origin="provider",
        ) from None  # fmt: skip
    except TimeoutError:
        raise ProviderTimeout(
            "the broker did not confirm in time: try again later", origin="provider"
        ) from None
    except (amqp.AMQPError, OSError) as error:
        raise ProviderUnreachable(
            f"no connection to the broker ({type(error).__name__}): try again later",
            reason="unreachable", origin="provider",
        ) from None  # fmt: skip


def _fits(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_fits, value))
    return isinstance(value, (str, int, float, bool, bytes, Decimal, datetime))
