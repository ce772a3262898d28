"""A gateway among doubles."""

from __future__ import annotations

import pytest

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
