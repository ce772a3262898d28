"""A bus for one test, which may ill-treat it: `start_town(*services, **environment)`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bus.conftest import DELIVERY, Town, eventually
from tests.services.bus import BusProcess, simulators
from tests.services.site import open_site

__all__ = ["eventually"]

PARTIES = ("municipal/namur", "municipal/liege")


@pytest.fixture
def start_town(tmp_path: Path) -> Iterator[Callable[..., Town]]:
    """Starts a bus with simulators of its own; whatever is left of it is killed at the end."""
    with contextlib.ExitStack() as stack:

        def start(*services: str, **environment: str) -> Town:
            site = open_site(tmp_path, DELIVERY)
            endpoints = stack.enter_context(simulators(site))
            bus = BusProcess(site, tmp_path / "var", endpoints, *services)
            bus.environment.update(environment)
            stack.callback(_end, bus)
            run = bus.start()
            return Town(bus, run, endpoints, {party: bus.add_key(run, party) for party in PARTIES})

        yield start


def _end(bus: BusProcess) -> None:
    if bus.process is not None and bus.process.poll() is None:
        bus.process.terminate()
        with contextlib.suppress(Exception):
            bus.process.wait(timeout=30)
        bus.process.kill()
