"""What broker tests share: a handler that notes, a proxy that cuts, a raw look into queues."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress

from integrator.broker.bus import Broker, link_maker
from integrator.security.limits import Limits
from integrator.store.api import DueDelivery

FLOW = "permit-notification"
FLOWS = (FLOW, "other", "tax-notice")


def delivery(flow: str = FLOW, attempt: int = 0) -> DueDelivery:
    return DueDelivery(os.urandom(16), flow, attempt)


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Return as soon as the condition holds; fail where it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - conditions of another thread have no event
            await asyncio.sleep(0.002)


async def patiently(broker: Broker, items: list[DueDelivery], seconds: float = 30.0) -> None:
    """Publish, again and again as the relay does, until every item is confirmed."""
    async with asyncio.timeout(seconds):
        while items:
            outcomes = await broker.publish(items)
            items = [item for item, reason in zip(items, outcomes, strict=True) if reason is not None]
            await asyncio.sleep(0.02)


made: list[Broker] = []  # of the running test; the fixture `_stopped` stops what it left running


class Handler:
    """Notes what it is called with; `act` may wait or raise."""

    def __init__(self, act: Callable[[DueDelivery], Awaitable[None]] | None = None) -> None:
        self.act = act
        self.calls: list[DueDelivery] = []
        self.running = self.most_running = 0

    async def __call__(self, exchange_id: bytes, flow: str, attempt: int) -> None:
        item = DueDelivery(exchange_id, flow, attempt)
        self.calls.append(item)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            if self.act is not None:
                await self.act(item)
        finally:
            self.running -= 1


class Watch:
    """Notes what a broker reports."""

    def __init__(self) -> None:
        self.states: list[bool] = []
        self.buried: list[tuple[str, str]] = []
        self.counts: dict[str, float] = {}

    def state(self, up: bool, _reason: str | None) -> None:
        self.states.append(up)

    def dead(self, flow: str, reason: str) -> None:
        self.buried.append((flow, reason))

    def count(self, kind: str, amount: float = 1) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + amount


def make(
    url: str,
    handler: Handler,
    watch: Watch | None = None,
    flows: tuple[str, ...] = (FLOW,),
    **limits: float,
) -> Broker:
    """A broker that hands failed messages out again at once and reconnects quickly."""
    watch = watch or Watch()
    broker = Broker(
        url,
        flows,
        handler,
        limits=Limits(**{"reconnect_seconds": 0.2, "drain_seconds": 5.0, **limits}),
        on_state=watch.state,
        on_buried=watch.dead,
        metrics=watch,
        delay=lambda redeliveries: 0.0,
    )
    made.append(broker)
    return broker


class Raw:
    """The queues seen by somebody else: put any body, count, take."""

    def __init__(self, url: str) -> None:
        self._link = link_maker(url, Limits())(lambda: None)
        self._link.open()

    def put(self, queue: str, body: bytes) -> None:
        self._link.publish(queue, body, "raw")
        self._link.outcomes()

    def depth(self, queue: str) -> int:
        return self._link.depth(queue)

    def take(self, queue: str) -> object | None:
        """One message with its properties, acknowledged."""
        return self._link._channel.basic_get(queue, no_ack=True)

    def delete(self, queue: str) -> None:
        self._link._channel.queue_delete(queue)

    def close(self) -> None:
        self._link.close()


class Proxy:
    """A TCP proxy in front of RabbitMQ: cut it, stall it, restore it."""

    def __init__(self, target: int, port: int) -> None:
        self._target, self.port = target, port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Close every connection and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()
        await until(lambda: not self._writers)

    def stall(self) -> None:
        """Keep connections open and pass nothing from the broker on."""
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, forth}
        await asyncio.gather(self._pipe(reader, forth, False), self._pipe(back, writer, True))
        self._writers -= {writer, forth}

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                if back:
                    await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
