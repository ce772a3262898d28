"""Both brokers, each with its own empty queues."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from integrator.broker import memory
from integrator.broker.messages import DEAD_LETTERS, queue_name
from integrator.telemetry import log
from tests.broker import support
from tests.broker.support import FLOWS, Proxy, Raw
from tests.services import rabbitmq

_numbers = itertools.count()


@pytest.fixture(autouse=True)
def _logging() -> None:
    log.configure("warning")


@pytest.fixture(autouse=True)
async def _stopped() -> AsyncIterator[None]:
    """No broker outlives its test, even one that failed: it would eat the next one's messages."""
    yield
    while support.made:
        await support.made.pop().stop()


@pytest.fixture(scope="module")
def vhost(rabbitmq_server: rabbitmq.Server) -> Iterator[str]:
    """One virtual host a module: making one takes seconds."""
    name, made = rabbitmq_server.create_vhost()
    yield made
    rabbitmq_server.delete_vhost(name)


@pytest.fixture
def rabbitmq_url(vhost: str) -> Iterator[str]:
    """The virtual host without any queue of the test before."""
    yield vhost
    link = Raw(vhost)
    for queue in (DEAD_LETTERS, *map(queue_name, FLOWS)):
        link.delete(queue)
    link.close()


@pytest.fixture(params=["memory", "rabbitmq"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a broker of each kind."""
    if request.param == "memory":
        name = f"memory://test-{next(_numbers)}"
        yield name
        memory.forget(name)
    else:
        yield request.getfixturevalue("rabbitmq_url")


@pytest.fixture
def raw(url: str) -> Iterator[Raw]:
    link = Raw(url)
    yield link
    link.close()


@pytest.fixture
async def proxy(
    rabbitmq_server: object, rabbitmq_url: str, free_port: Callable[[], int]
) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy in front of RabbitMQ, and the URL through it."""
    target = int(rabbitmq_url.rpartition(":")[2].partition("/")[0])
    made = Proxy(target, free_port())
    await made.start()
    yield made, rabbitmq_url.replace(f":{target}/", f":{made.port}/")
    made.flow()
    await made.cut()
