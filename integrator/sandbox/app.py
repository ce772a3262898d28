"""Starts the simulators of a site: on the running loop, or in a thread with its own loop.

`python -m integrator.sandbox` is the same as a process of its own: `integrator run --sandbox` starts
that, so that a simulator never delays the bus. The thread is for callers that want no process.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from integrator.contracts.contract import Contract
from integrator.contracts.jsonschema import JsonSchema
from integrator.sandbox.bced_person import BcedPerson
from integrator.sandbox.listener import Listener
from integrator.sandbox.permit_platform import PermitPlatform
from integrator.sandbox.simulator import Simulator
from integrator.site.compiled import Adapter, CompiledSite

START_SECONDS = 20.0


def _bced_person(site: CompiledSite, adapter: Adapter) -> Simulator:
    return BcedPerson(Contract(site.contracts[adapter.wsdl or ""]))


def _permit_platform(site: CompiledSite, adapter: Adapter) -> Simulator:
    declared = [
        operation.request for operation in adapter.operations.values() if operation.path == "/permits"
    ]
    schema = next((path for path in declared if path), None)
    return PermitPlatform(JsonSchema(site.schemas[schema], file=schema) if schema else None)


# Which systems have a simulator, by the adapter's `system`.
SIMULATORS: Mapping[str, Callable[[CompiledSite, Adapter], Simulator]] = {
    "bced-person": _bced_person,
    "permit-platform": _permit_platform,
}


def simulated(site: CompiledSite) -> list[str]:
    """The ids of the adapters that have a simulator."""
    return [adapter.id for adapter in site.adapters.values() if adapter.system in SIMULATORS]


class Sandbox:
    """The simulators of a site, on 127.0.0.1 only and on the running loop.

    `ports` gives fixed ports by adapter id; the others take any free one. Below `files` each adapter of
    files gets a directory. Use it as an async context manager, or `start` and `stop`.
    """

    def __init__(
        self, site: CompiledSite, *, ports: Mapping[str, int] | None = None, files: Path | None = None
    ) -> None:
        self.simulators: dict[str, Simulator] = {}
        self._directories = {
            adapter.id: files / adapter.system
            for adapter in site.adapters.values()
            if files is not None and adapter.protocol == "files"
        }
        self._listeners: dict[str, Listener] = {}
        for adapter_id in simulated(site):
            adapter = site.adapters[adapter_id]
            simulator = SIMULATORS[adapter.system](site, adapter)
            listener = Listener(simulator, (ports or {}).get(adapter_id, 0))
            simulator.listener = listener
            self.simulators[adapter_id] = simulator
            self._listeners[adapter_id] = listener

    async def start(self) -> None:
        """Make the directories and listen. Raises OSError where a fixed port is in use; then nothing listens."""
        for directory in self._directories.values():
            directory.mkdir(parents=True, exist_ok=True)
        try:
            for listener in self._listeners.values():
                await listener.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        for listener in self._listeners.values():
            await listener.stop()

    def endpoints(self) -> dict[str, str]:
        """The endpoint of every simulated adapter, once started."""
        servers = {name: found.url + self.simulators[name].path for name, found in self._listeners.items()}
        return servers | {name: str(directory) for name, directory in self._directories.items()}

    def controls(self) -> dict[str, str]:
        """The base address of every simulator, where `/_sandbox/…` is."""
        return {name: found.url for name, found in self._listeners.items()}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.stop()


class SandboxThread:
    """A sandbox in a thread of its own, for callers whose loop must not be disturbed."""

    def __init__(self, site: CompiledSite, *, ports: Mapping[str, int] | None = None) -> None:
        self._site = site
        self._ports = ports
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._error: BaseException | None = None
        self._endpoints: dict[str, str] = {}
        self._controls: dict[str, str] = {}

    def start(self) -> None:
        """Start and wait until it listens. Raises OSError where a fixed port is in use."""
        self._thread.start()
        if not self._started.wait(START_SECONDS):
            raise TimeoutError("the sandbox did not start in time")
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Stop and wait for the end."""
        if self._loop is not None and self._stopping is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(START_SECONDS)

    def endpoints(self) -> dict[str, str]:
        """The endpoint of every simulated adapter."""
        return dict(self._endpoints)

    def controls(self) -> dict[str, str]:
        """The base address of every simulator."""
        return dict(self._controls)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # handed to the thread that waits in start()
            self._error = error
        finally:
            self._started.set()

    async def _main(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        async with Sandbox(self._site, ports=self._ports) as sandbox:
            self._endpoints, self._controls = sandbox.endpoints(), sandbox.controls()
            self._started.set()
            await self._stopping.wait()
