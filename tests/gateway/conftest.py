"""A gateway among doubles, and stores for what only a database proves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integrator.security.limits import DEFAULT
from integrator.store.api import Store
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from integrator.telemetry import log
from tests.gateway.doubles import FunctionRoutes, World, person


@pytest.fixture
def world() -> World:
    """Flows of a small site, answered by functions; `world.handlers` may be replaced."""
    log.configure("info")
    handlers = {
        "flow:person-consult": person,
        "flow:anything": lambda exchange: exchange.message.as_bytes(),
        "flow:code-list": lambda exchange: {
            **exchange.message.as_json(),
            "wanted": exchange.message.headers.get("X-Wanted"),
        },
    }
    return World(FunctionRoutes(handlers), handlers).build()


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An open store, on each database."""
    log.configure("info")
    url = "sqlite:" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    migrate(url, tmp_path)
    opened = open_store(url, limits=DEFAULT, process_id=b"p" * 16, data_dir=tmp_path)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()
