"""The gateway: one raw ASGI application that finds the door and hands over to it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping

from integrator.exchange import IntegratorError, InvalidRequest, NoData, Overloaded, now_us
from integrator.gateway import probes, rest, soap
from integrator.gateway.entries import RestEntry, SoapPath
from integrator.gateway.http import ASGIApp, Head, Proxies, RawHeaders, Receive, Scope, Send
from integrator.gateway.identity import CERTIFICATE, CHAIN, Identity
from integrator.gateway.pipeline import Ended, refuse
from integrator.gateway.plane import Plane, Today, name_caller
from integrator.gateway.quota import Quotas
from integrator.gateway.recording import Unwritten, Upkeep
from integrator.gateway.runtime import Runtime
from integrator.gateway.status import status
from integrator.gateway.transparency import LOG_PATH, RECEIPT, LogAccess, log, receipt
from integrator.journal.noise import Noise
from integrator.journal.published import Published
from integrator.journal.vault import Vault
from integrator.journal.writer import Journal
from integrator.security.keyring import Keyring
from integrator.security.limits import DEFAULT, Limits
from integrator.security.parsers import conversions
from integrator.store.api import Store
from integrator.telemetry.metrics import Metrics

CONTROL_PREFIXES = ("/api", "/docs", "/redoc", "/openapi.json", "/portal", "/static", "/favicon.ico")


def _healthy() -> Mapping[str, str]:
    return {"gateway": "UP"}


def _nothing() -> None:
    """Nobody relays events here."""


class Gateway:
    """The data plane of one process.

    `on_accepted` wakes the relay, `parts` says how the parts of the bus are (for `/health`),
    `mounted` is the control plane, which gets `/` and what begins with `control_prefixes`;
    `trusted_proxies` are networks (CIDR) whose `Client-Cert` counts; `public_url` is what the
    served WSDL names, where it is not the address the client used; `log_access` says who may read
    the tiles of the journal's log.
    """

    def __init__(
        self,
        runtime: Runtime,
        store: Store,
        journal: Journal,
        keyring: Keyring,
        metrics: Metrics,
        limits: Limits = DEFAULT,
        *,
        on_accepted: Callable[[], None] = _nothing,
        mounted: ASGIApp | None = None,
        trusted_proxies: Iterable[str] = (),
        parts: Callable[[], Mapping[str, str]] = _healthy,
        now_us: Callable[[], int] = now_us,
        public_url: str | None = None,
        log_access: LogAccess = LogAccess(),  # noqa: B008 - frozen
        published: Published | None = None,
        accepting: Callable[[], None] = _nothing,
        vault: Vault | None = None,
        control_prefixes: tuple[str, ...] = CONTROL_PREFIXES,
        credentials_kept_seconds: float = 5.0,
    ) -> None:
        self.runtime = runtime
        self._proxies = Proxies(trusted_proxies)
        self._mounted, self._control, self._parts = mounted, control_prefixes, parts
        self._log_access = log_access
        still_open: dict[str, int] = {}
        noise = Noise()
        unwritten = Unwritten(store, limits.exchanges_in_flight, still_open)
        self.plane = Plane(
            store=store,
            journal=journal,
            keyring=keyring,
            metrics=metrics,
            limits=limits,
            identity=Identity(store, keyring, self._proxies, now_us, kept_seconds=credentials_kept_seconds),
            quotas=Quotas(time.monotonic),
            noise=noise,
            unwritten=unwritten,
            open=still_open,
            now_us=now_us,
            today=Today(now_us),
            on_accepted=on_accepted,
            conversions=conversions(limits),
            published=published or Published(store),
            accepting=accepting,
            vault=vault,
            public_url=public_url,
        )
        self._upkeep = Upkeep(store, journal, noise, unwritten, now_us)
        self._idle: asyncio.Event | None = None  # there once somebody waits for the last exchange

    # --- life ---

    def activate(self, runtime: Runtime) -> None:
        """New requests use this runtime; running exchanges end on the one they began with."""
        self.runtime = runtime

    def start(self) -> None:
        """Start the upkeep on the running loop."""
        self._upkeep.start()

    async def stop(self) -> bool:
        """Wait for running exchanges (`Limits.drain_seconds`), write what waits.

        True where every exchange has its end record: only then was it a clean end.
        """
        self._idle = asyncio.Event()
        if self.plane.in_flight:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), self.plane.limits.drain_seconds)
        await self._upkeep.stop()
        return not self.plane.in_flight and not self.plane.open and not self.unwritten

    @property
    def unwritten(self) -> int:
        """End records that still wait for the database, and those beyond the bound."""
        return len(self.plane.unwritten) + self.plane.unwritten.lost

    def oldest_open_us(self) -> int:
        """When the oldest exchange without an end record was received; now where there is none."""
        return next(iter(self.plane.open.values()), None) or self.plane.now_us()

    # --- requests ---

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3. Everything but HTTP is the control plane's or nobody's."""
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        plane = self.plane
        plane.in_flight += 1
        try:
            await self._route(self.runtime, scope, receive, send, Head(scope["headers"]))
        finally:
            plane.in_flight -= 1
            if self._idle is not None and not plane.in_flight:
                self._idle.set()

    async def _route(self, runtime: Runtime, scope: Scope, receive: Receive, send: Send, head: Head) -> None:
        plane, path, method = self.plane, scope["path"], scope["method"]
        by_method = runtime.rest.exact.get(path)
        entry = by_method.get(method) if by_method is not None else None
        door = runtime.soap.get(path) if entry is None else None
        if plane.in_flight > 2 * plane.limits.exchanges_in_flight:
            # Beyond twice the bound not even refusals may wait for the journal.
            plane.count_noise("overloaded")
            await rest.send_problem(plane, runtime, send, head, Ended(Overloaded()), None)
        elif entry is not None:
            await rest.exchange(plane, runtime, entry, {}, scope, receive, send, head)
        elif door is not None and method == "POST":
            await soap.exchange(plane, runtime, door, scope, receive, send, head)
        elif door is not None and method == "GET":
            await soap.describe(plane, runtime, door, scope, send, head)
        else:
            await self._elsewhere(runtime, scope, receive, send, head)

    async def _elsewhere(
        self, runtime: Runtime, scope: Scope, receive: Receive, send: Send, head: Head
    ) -> None:
        path, method = scope["path"], scope["method"]
        if method in ("GET", "HEAD"):
            if path.startswith(rest.STATUS_PATH):
                serve = receipt if path.endswith(RECEIPT) else status
                await serve(self.plane, runtime, scope, send, head)
                return
            if path.startswith(LOG_PATH):
                await log(self.plane, runtime, self._log_access, scope, send, head)
                return
            if path == "/health":
                await probes.health(scope, send, head, self._parts)
                return
            if path == "/metrics" and await probes.metrics(
                scope, send, head, self._proxies, self.plane.metrics
            ):
                return
        if self._mounted is not None and _under(path, self._control):
            await self._mounted(self._stripped(scope, head), receive, send)
            return
        found = runtime.rest.find(_raw_path(scope))
        for entry, in_path in found:
            if entry.entry.method == method:
                await rest.exchange(self.plane, runtime, entry, in_path, scope, receive, send, head)
                return
        await self._nowhere(runtime, [entry for entry, _ in found], scope, send, head)

    async def _nowhere(
        self, runtime: Runtime, entries: list[RestEntry], scope: Scope, send: Send, head: Head
    ) -> None:
        """404 or 405: recorded where the request names one flow or a known party, else noise."""
        door = runtime.soap.get(scope["path"])
        allowed = _allowed(scope["path"], entries, door)
        error: IntegratorError = NoData("there is nothing at this address", reason="path-unknown")
        if allowed:
            error = InvalidRequest("see Allow", reason="method", status=405)
        flows = {entry.flow.id: entry.flow for entry in entries}
        flow = next(iter(flows.values())) if len(flows) == 1 else door.only_flow if door else None
        context = self.plane.begin(runtime, flow, "soap" if door else "rest")
        try:
            name_caller(context, await self.plane.identity.caller(scope, head, runtime.directory))
        except IntegratorError:
            context.party = None  # whoever it is: the answer is about the address
        more: RawHeaders = [(b"allow", ", ".join(allowed).encode())] if allowed else []
        if flow is None and context.party is None:
            self.plane.count_noise(error.reason)
            await rest.send_problem(self.plane, runtime, send, head, Ended(error), None, more)
            return
        ended = await refuse(self.plane, flow, context, error)
        await rest.send_problem(self.plane, runtime, send, head, ended, context.exchange_id, more)

    def _stripped(self, scope: Scope, head: Head) -> Scope:
        """The scope without the certificate headers that only a trusted proxy may send."""
        if (CERTIFICATE not in head.values and CHAIN not in head.values) or self._proxies.trusts(scope):
            return scope
        kept = [pair for pair in scope["headers"] if pair[0] not in (CERTIFICATE, CHAIN)]
        return {**scope, "headers": kept}

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._mounted is not None:
            await self._mounted(scope, receive, send)
        elif scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await send({"type": "websocket.close", "code": 1000})


def _under(path: str, prefixes: tuple[str, ...]) -> bool:
    return path == "/" or any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes)


def _raw_path(scope: Scope) -> str:
    # Percent-encoded slashes must not split a parameter: match on the path as it was sent.
    raw: bytes | None = scope.get("raw_path")
    return raw.decode("latin-1") if raw else str(scope["path"])


def _allowed(path: str, entries: list[RestEntry], door: SoapPath | None) -> list[str]:
    allowed = {entry.entry.method for entry in entries}
    if door is not None:
        allowed |= {"GET", "POST"}
    if path == "/health" or path.startswith((rest.STATUS_PATH, LOG_PATH)):
        allowed.add("GET")
    return sorted(allowed)
