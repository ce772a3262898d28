"""Shared fixtures: the real services, each on this machine's loopback and each with a clean slate.

On a laptop a test whose service is missing is skipped with the line that adds it; in CI it fails.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.services import ports, postgres, rabbitmq

IN_CI = bool(os.environ.get("CI"))


def missing(what: str, remedy: str) -> None:
    """Skip on a laptop, fail in CI."""
    text = f"{what} is missing; to add it: {remedy}"
    if IN_CI:
        pytest.fail(text)
    pytest.skip(text)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of original contracts, vectors and corpora (`SHARED`, default ../shared)."""
    path = Path(os.environ.get("SHARED", Path(__file__).parents[1] / ".." / "shared")).resolve()
    if not path.is_dir():
        missing("the folder of original contracts and vectors", "set SHARED to where it is")
    return path


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Ports nobody listens on now, loopback."""
    return ports.free_port


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory):
    """A PostgreSQL cluster of this test run alone."""
    binaries = postgres.find()
    if binaries is None:
        missing("PostgreSQL", "apt-get install postgresql")
        return
    server = postgres.Server(binaries, tmp_path_factory.mktemp("postgres"))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def postgres_url(postgres_server: postgres.Server):
    """A new, empty database."""
    name, url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def rabbitmq_server(tmp_path_factory: pytest.TempPathFactory):
    """A RabbitMQ node of this test run alone."""
    if rabbitmq.find() is None:
        missing("RabbitMQ", "apt-get install rabbitmq-server")
        return
    server = rabbitmq.Server(tmp_path_factory.mktemp("rabbitmq"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def rabbitmq_url(rabbitmq_server: rabbitmq.Server):
    """A new, empty virtual host."""
    name, url = rabbitmq_server.create_vhost()
    yield url
    rabbitmq_server.delete_vhost(name)
