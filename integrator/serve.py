"""A bus as a process: sockets, signals, the sandbox beside it, several workers, the run file."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import replace
from typing import Any

import uvloop
from uvicorn.config import Config
from uvicorn.server import Server

from integrator.app import Bus
from integrator.exchange import InvalidRequest, now_us
from integrator.foundations import (
    Foundations,
    Options,
    StartRefusedError,
    check_options,
    foundations,
)
from integrator.journal.anchor import Anchor, AnchorRefused
from integrator.journal.check import check_log
from integrator.journal.commands import adopt_anchor
from integrator.operations import connections, runfile, workers
from integrator.security.limits import Limits
from integrator.store.units import StoreUnavailable
from integrator.telemetry import log

_LOG = log.get("serve")
SANDBOX_SECONDS = 30.0
DEMO_PARTIES = ("municipal/namur", "municipal/liege", "regional/spw-studies")


def serve(options: Options) -> int:
    """Run until SIGINT or SIGTERM; the exit status. Raises StartRefusedError with what to do."""
    check_options(options)
    log.configure(options.log_level)
    connections.raise_file_limit()
    if options.worker:
        token, again = os.environ.get(workers.CONTROL_TOKEN, ""), workers.RESTARTED in os.environ
        options = replace(options, control_token=token, restarted=again)
    # The socket first: a port in use is the usual refusal.
    with contextlib.closing(_listen(options)) as listener, _sandbox(options) as overrides:
        options = replace(options, overrides={**overrides, **options.overrides})
        if options.workers > 1 and not options.worker:
            listener.close()  # the workers bind it, each for itself
            return _supervise(options)
        return uvloop.run(_serve(options, listener))


def control_offline(options: Options, method: str, path: str, wanted: Any) -> tuple[int, Any]:
    """One call of the control plane while no bus runs. Raises StartRefusedError."""
    from integrator.operations.asgi_call import call
    from integrator.portal.app import create_app

    async def run() -> tuple[int, Any]:
        async with foundations(options) as base:
            bus = Bus(base)
            site = await bus.stored_site()
            control = bus.control(lambda: site)
            control.stewardship.waits = True  # no process stays that could be asked how far it is
            return await call(create_app(control), method, path, control.control_token, wanted)

    log.configure("warning")
    return uvloop.run(run())


def enrol_offline(options: Options) -> list[str]:
    """Enrol the key file's new keys; their ids. Raises StartRefusedError."""

    async def run() -> list[str]:
        async with foundations(options, enrol=True) as base:
            known = await base.store.key_checks()
            return sorted(key.id for key in base.keyring if key.id in known)

    log.configure("warning")
    return uvloop.run(run())


def adopt_offline(options: Options, who: str, why: str) -> Mapping[str, Any]:
    """Make the journal as it is the new anchor, after a check of all of it; its size and hash.

    Raises StartRefusedError where the check finds something, or another bus has the database.
    """

    async def run() -> Mapping[str, Any]:
        async with foundations(options) as base:
            report = await check_log(base.store, base.keyring, origin=base.options.origin, anchor=None)
            if not report.sound:
                raise StartRefusedError(
                    f"the journal has {report.problems_total} problems, which an anchor would only hide: "
                    "restore the database"
                )
            anchor = Anchor(options.anchor, base.options.origin)
            return await adopt_anchor(
                base.store, base.journal, anchor=anchor, actor=who, why=why, clock=now_us
            )

    log.configure("warning")
    try:
        return uvloop.run(run())
    except (AnchorRefused, StoreUnavailable, InvalidRequest) as error:
        raise StartRefusedError(str(error)) from error


async def _serve(options: Options, listener: socket.socket) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    watching = loop.create_task(_with_supervisor(stop)) if options.worker else None
    try:
        return await _run(options, listener, stop)
    except StartRefusedError:
        if stop.is_set():  # Ctrl-C went to the whole group and ended a child that the start waited for
            return 0
        raise
    finally:
        if watching is not None:
            watching.cancel()


async def _with_supervisor(stop: asyncio.Event) -> None:
    """Stop this worker once its supervisor is gone: nobody would stop it or start it again."""
    supervisor = os.getppid()
    while os.getppid() == supervisor:  # noqa: ASYNC110 - the kernel tells it in no other way
        await asyncio.sleep(1.0)
    _LOG.warning("supervisor-gone")
    stop.set()


async def _run(options: Options, listener: socket.socket, stop: asyncio.Event) -> int:
    async with foundations(options) as base:
        bus = Bus(base)
        if not await _unless(stop, bus.prepare()):
            return 0
        await bus.start()
        try:
            return await _answer(bus, base, listener, stop)
        finally:
            await bus.stop()
            if options.demo:
                sys.stdout.write(
                    "\nStopped; what was accepted is in the database and goes on at the next start.\n"
                )


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do the work, or give it up where the bus is told to stop; whether it was done."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not working.done():
        working.cancel()
        await asyncio.wait({working})
        return False
    await working
    return not stop.is_set()


async def _answer(bus: Bus, base: Foundations, listener: socket.socket, stop: asyncio.Event) -> int:
    options = bus.options
    server = _Server(_config(bus.gateway, options.limits))
    loop = asyncio.get_running_loop()
    serving = loop.create_task(server.serve(sockets=[listener]), name="http")
    stopping = loop.create_task(stop.wait(), name="signal")
    demo: asyncio.Task[None] | None = None
    try:
        if options.worker <= 1:
            run = await _describe(bus, base, listener)
            run.write(options.var)
            if options.demo:
                demo = loop.create_task(_demo(run, options), name="demo")
        ends: list[asyncio.Future[Any]] = [serving, stopping, bus.failure]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.should_exit = True
        stopping.cancel()
        if demo is not None:
            demo.cancel()
        if options.worker <= 1:
            runfile.remove(options.var)
        await serving
    if bus.failure.done():
        _LOG.error("stopped", reason=bus.failure.result())
        sys.stderr.write(f"the bus stopped: {bus.failure.result()}\n")
        return 1
    return 0


class _Server(Server):
    """uvicorn's server without its own signal handlers: this process stops in its own order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(app: Any, limits: Limits) -> Config:
    return Config(
        app,
        http=connections.bounded(limits),
        loop="none",
        lifespan="off",
        ws="none",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # forwarding headers are the gateway's to judge
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(limits.drain_seconds),
        backlog=2048,
    )


def _listen(options: Options) -> socket.socket:
    try:
        return workers.bind(options.host, options.port, shared=options.worker > 0)
    except OSError as error:
        remedy = "name an address of this machine with --host"
        if error.errno == errno.EADDRINUSE:
            remedy = "stop what uses it, or choose another with --port (make run PORT=…)"
        elif error.errno == errno.EACCES:
            remedy = "choose a port above 1023 with --port"
        raise StartRefusedError(
            f"{options.host}:{options.port} cannot be listened on ({error.strerror}): {remedy}"
        ) from error


# --- what stands beside the bus -----------------------------------------------------------------


async def _describe(bus: Bus, base: Foundations, listener: socket.socket) -> runfile.RunFile:
    """The run file, with fresh demo keys where the sandbox runs."""
    host, port = listener.getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    keys: dict[str, str] = {}
    if bus.options.sandbox and bus.options.embedded:
        control = bus.control(lambda: bus.runtime.site)
        for row in await base.store.list_keys():
            if row.label == "demo" and row.revoked_us is None:
                await control.revoke_key(row.key_id)  # of an earlier run
        for party in DEMO_PARTIES:
            if party in bus.runtime.site.parties:
                keys[party], _ = await control.add_key(party, "demo", 1)
    return runfile.RunFile(
        address=address,
        portal=f"{address}/",
        control_token=bus.control_token,
        site=str(bus.options.site.absolute()),
        # Of several workers their supervisor is the bus: it is what one stops.
        pids={"bus": os.getppid() if bus.options.worker else os.getpid(), **bus.options.companions},
        keys=keys,
        adapters=dict(bus.options.overrides),
    )


async def _demo(run: runfile.RunFile, options: Options) -> None:
    from integrator.operations.demo import show

    try:
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        await asyncio.to_thread(show, run, options.var, colour=colour)
    except Exception as error:
        _LOG.error("demo-failed", exc_info=error)
        sys.stderr.write(f"the demo exchanges failed ({type(error).__name__}); the bus goes on\n")


@contextlib.contextmanager
def _sandbox(options: Options) -> Iterator[Mapping[str, str]]:
    """The simulators in a process of their own; their addresses by adapter id."""
    if not options.sandbox or options.worker:
        yield {}
        return
    # In a session of its own, so that Ctrl-C leaves it answering while the bus drains; it ends with
    # its standard input, that is with this process, however that ends.
    command = [sys.executable, "-m", "integrator.sandbox", "--site", str(options.site), "--with-parent"]
    command += ["--files", str(options.var.absolute() / "sandbox")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise StartRefusedError("the sandbox did not start, for the reason above")
        options.companions["sandbox"] = process.pid
        yield json.loads(line)
    finally:
        process.terminate()
        process.communicate(timeout=SANDBOX_SECONDS)


def _supervise(options: Options) -> int:
    command = ["-m", "integrator.cli", *sys.argv[1:]]
    return workers.Supervisor(command, options.workers, lambda text: _LOG.warning("worker", text=text)).run()
