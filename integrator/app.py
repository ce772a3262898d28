"""The composition root: one bus process wired together from the rooms, started and stopped in order.

Start: keys, store, journal (the keys fit, the log fits its anchor, what a dead process left open is
ended), site, broker, then the door opens. Stop: the reverse, so that nothing accepted is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import secrets
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from integrator.broker.bus import Broker
from integrator.broker.letters import QueueClient
from integrator.broker.link import BrokerRefused
from integrator.broker.relay import Relay
from integrator.contracts.binder import Binder
from integrator.contracts.contract import Contract
from integrator.contracts.jsonschema import JsonSchema
from integrator.control import Control, LazyPortal
from integrator.engine import Services, compile_routes
from integrator.engine.languages.jq import compile_jq, first_or_null
from integrator.engine.tracing import Passed
from integrator.exchange import now_us
from integrator.foundations import Foundations, StartRefusedError
from integrator.gateway.aggregates import Aggregates, Sweeper
from integrator.gateway.app import Gateway
from integrator.gateway.consumers import Consumers
from integrator.gateway.delivery import DeliveryHandler
from integrator.gateway.groups import GroupKeeper
from integrator.gateway.runtime import Routes, Runtime, Tools
from integrator.gateway.transparency import LogAccess
from integrator.journal.anchor import Anchor, AnchorRefused
from integrator.journal.logkey import LogKey, verifiers
from integrator.journal.policy import PolicyError
from integrator.journal.published import Published
from integrator.journal.recovery import close_orphans
from integrator.journal.sealer import Pass, Sealer, SealerStopped
from integrator.journal.stewardship import Stewardship
from integrator.journal.upkeep import Upkeep
from integrator.journal.vault import Vault
from integrator.journal.witness_client import Reply
from integrator.journal.witness_duty import WitnessDuty, read_policy
from integrator.operations.compilation import SiteRefusedError, compile_in_child
from integrator.outbound.fetch import fetch
from integrator.outbound.pool import Pool
from integrator.outbound.references import StartProblems, resolver, unsupported_security
from integrator.outbound.sender import Outbound
from integrator.outbound.ways import AdapterWays
from integrator.security import parsers
from integrator.site.compiled import CompiledSite, RouteSource
from integrator.site.content_hash import content_hash
from integrator.store.mediation import Mediation
from integrator.store.partitions import Partitions
from integrator.store.units import StoreOverloaded, StoreUnavailable, Unit
from integrator.telemetry import log
from integrator.telemetry.metrics import Metrics

_LOG = log.get("app")
BEAT_SECONDS = 1.0
UPKEEP_SECONDS = 60.0
_GC_ALLOCATIONS = 20_000  # before Python looks for cycles: by default 700, which a few exchanges make


# --- one bus ------------------------------------------------------------------------------------


class Bus:
    """A bus without its sockets: `gateway` is its ASGI application, `failure` ends it when set."""

    runtime: Runtime
    gateway: Gateway
    broker: Broker
    relay: Relay
    consumers: Consumers

    def __init__(self, base: Foundations) -> None:
        self.base, self.options = base, base.options
        self.metrics = Metrics()
        self.control_token = self.options.control_token or secrets.token_urlsafe(32)
        self.failure: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.pool = Pool(limits=self.options.limits, connections=512)
        self.keeper = GroupKeeper(base.store, base.keyring, self.options.limits, now_us)
        self.anchor = Anchor(self.options.anchor, self.options.origin)
        log_key = LogKey.current(self.options.origin, base.keyring)
        self.sealer = Sealer(base.store, self.anchor, log_key, now_us, on_pass=self._sealed)
        self.witnesses = self._duty()
        self.stewardship = Stewardship(base.store, base.journal, now_us)
        self.upkeep = Upkeep(
            base.store, base.journal, self.stewardship, now_us, self._classes,
            partitions=None if self.options.single else Partitions(base.store),
        )  # fmt: skip
        self._outbound: Outbound | None = None
        self._ways: list[AdapterWays] = []  # of the active site, the last, and of those that end
        self._retiring: set[asyncio.Task[None]] = set()
        self._depths: dict[tuple[str, str], int] = {}
        self._beaten = True  # whether the last beat reached the database
        self._not_followed: str | None = None  # the site another process activated and this one cannot run
        self._tasks: list[asyncio.Task[None]] = []
        self._activating = asyncio.Lock()

    # --- life ---

    async def prepare(self) -> None:
        """Everything that can be refused or take long; may be cancelled. Raises StartRefusedError."""
        base = self.base
        try:
            if self.witnesses is not None:
                await self.witnesses.prepare()
            await self.sealer.prepare()
            await close_orphans(
                base.store,
                base.journal,
                own=base.process_id,
                now_us=now_us(),
                dead_before_us=self.options.dead_before_us,
            )
            if self.options.single:
                await base.store.release_deliveries(now_us())
            await base.store.start_process(base.process_id, now_us())
            self.runtime = self._build(await self._first_site())
        except SiteRefusedError as error:
            lines = [f"{p['file']}:{p['line']}: {p['message']}" for p in error.problems[:5]]
            raise StartRefusedError("\n".join([str(error), *lines])) from error
        except (AnchorRefused, SealerStopped, StoreUnavailable, StartProblems) as error:
            raise StartRefusedError(str(error)) from error

    async def start(self) -> None:
        """Ready to answer when this returns; after `prepare`. Raises StartRefusedError."""
        try:
            self._wire()
            await self.broker.start()
        except BrokerRefused as error:
            raise StartRefusedError(str(error)) from error
        self.relay.start()
        self.gateway.start()
        self.consumers.start(self.runtime)
        self._spawn("sealer", self.sealer.run())
        self._spawn("beat", self._beat())
        if self.witnesses is not None:
            self._spawn("witnesses", self.witnesses.run())
        self._spawn("housekeeping", self._housekeeping())
        self._spawn("upkeep", self.upkeep.run())
        self._spawn("aggregations", self.sweeper.run())
        gc.collect()
        gc.freeze()  # what lives as long as the process is not looked at again
        gc.set_threshold(_GC_ALLOCATIONS, 20, 20)

    async def stop(self) -> None:
        """End in good order: consumers, running exchanges, queues, what is unsealed; then say it was clean."""
        await self.consumers.pause()
        clean = await self.gateway.stop()
        await self.relay.stop()
        await self.broker.stop()
        await self.consumers.stop()
        self.sealer.stop()
        for task in self._tasks:
            if task.get_name() != "sealer":
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.pool.close()
        for ways in self._ways:
            await ways.close()
        if clean:
            with contextlib.suppress(StoreUnavailable):
                await self.base.store.end_process(self.base.process_id)

    def _wire(self) -> None:
        base, options, control = self.base, self.options, self.control(lambda: self.runtime.site)
        self.gateway = Gateway(
            self.runtime,
            base.store,
            base.journal,
            base.keyring,
            self.metrics,
            options.limits,
            on_accepted=lambda: self.relay.wake(),
            trusted_proxies=options.trusted_proxies,
            parts=self.health,
            now_us=now_us,
            log_access=LogAccess(options.log_tiles == "public", self.control_token, control.is_auditor),
            published=Published(base.store, self.witnesses.policy if self.witnesses else None),
            accepting=self.witnesses.check if self.witnesses else lambda: None,
            vault=Vault(base.store, base.keyring, now_us),
            mounted=LazyPortal(control) if options.control_plane else None,
        )
        self.consumers = Consumers(self.gateway.plane, base.store, _jq)
        aggregates = Aggregates(
            base.store, base.journal, base.keyring, self.keeper, now_us, on_due=lambda: self.relay.wake()
        )
        self.sweeper = Sweeper(
            Mediation(base.store), self.keeper, aggregates, lambda: self.runtime,
            parsers.conversions(options.limits), now_us,
        )  # fmt: skip
        handler = DeliveryHandler(
            base.store,
            base.journal,
            base.keyring,
            lambda: self.runtime,
            metrics=self.metrics,
            limits=options.limits,
            on_due=lambda: self.relay.wake(),
            aggregates=aggregates,
        )
        self.broker = Broker(
            options.broker,
            self._event_flows(self.runtime),
            handler,
            limits=options.limits,
            on_state=self._broker_changed,
            metrics=self.metrics,
        )
        self.relay = Relay(base.store, self.broker, clock_us=now_us, limits=options.limits)
        self.metrics.before_render(self._gauges)

    def _classes(self) -> list[str]:
        return [flow.retention for flow in self.runtime.site.flows.values()]

    @staticmethod
    def _event_flows(runtime: Runtime) -> list[str]:
        return [flow.id for flow in runtime.site.flows.values() if flow.exchange == "event"]

    def _duty(self) -> WitnessDuty | None:
        """The witnesses the settings name. Raises StartRefusedError where their policy cannot be used."""
        options, base = self.options, self.base
        if options.witness_policy is None:
            return None

        async def ask(method: str, address: str, body: bytes) -> Reply:
            return Reply(*await fetch(self.pool, method, address, body))

        try:
            policy = read_policy(options.witness_policy)
        except PolicyError as error:
            raise StartRefusedError(f"the witnesses: {error}") from error
        return WitnessDuty(
            base.store, policy, options.origin, verifiers(options.origin, base.keyring), ask, now_us=now_us,
            sealing=lambda: self.sealer.holds_lock, max_age_seconds=options.witness_max_age,
        )  # fmt: skip

    # --- the site ---

    async def _first_site(self) -> CompiledSite:
        """The site directory as it is now: from the store where it is known, else compiled.

        A worker that is started again takes the active site: a death must not activate anything.
        """
        store = self.base.store
        active = await store.active_site()
        wanted = active if self.options.restarted and active else content_hash(self.options.site)
        if active == wanted:
            known = await store.load_site(wanted)
            if known is not None:
                return CompiledSite.from_plain(orjson.loads(known))
        known = await store.load_site(wanted)
        data = known if known is not None else await compile_in_child(self.options.site)
        site = CompiledSite.from_plain(orjson.loads(data))
        await self._record_activation(site, data)
        return site

    async def activate(self) -> tuple[str, bool]:
        """Make the site directory as it is now the active site: its hash, and whether it changed.

        Raises SiteRefusedError; the former site then stays.
        """
        async with self._activating:
            wanted, running = content_hash(self.options.site), hasattr(self, "gateway")
            if wanted == (self.runtime.site.hash if running else await self.base.store.active_site()):
                return wanted, False
            data = await compile_in_child(self.options.site)
            site = CompiledSite.from_plain(orjson.loads(data))
            try:
                # Where no bus runs, the next start builds it, with what it is told then.
                runtime = self._build(site) if running else None
            except StartProblems as error:
                raise SiteRefusedError([_problem(text) for text in error.problems]) from error
            await self._record_activation(site, data)
            if runtime is not None:
                await self._swap(runtime)
            return site.hash, True

    async def _record_activation(self, site: CompiledSite, data: bytes) -> None:
        facts = {"site": site.hash, "flows": len(site.flows), "adapters": len(site.adapters)}
        act = self.base.journal.act("site-activated", "operator", facts, now_us=now_us())
        await self.base.store.activate_site(site.hash, data, Unit(records=[act]))

    async def _follow_site(self) -> None:
        """Load what another process activated; where this one cannot, it goes on with what it has."""
        if self._activating.locked():
            return
        async with self._activating:
            active = await self.base.store.active_site()
            if active is None or active in (self.runtime.site.hash, self._not_followed):
                return
            data = await self.base.store.load_site(active)
            if data is None:
                return
            try:
                runtime = self._build(CompiledSite.from_plain(orjson.loads(data)))
            except Exception as error:  # whatever it is, exchanges go on under the former site
                self._not_followed = active
                problems = error.problems if isinstance(error, StartProblems) else None
                _LOG.error("site-not-followed", site=active, problems=problems, exc_info=error)
                return
            self._not_followed = None
            await self._swap(runtime)

    async def _swap(self, runtime: Runtime) -> None:
        # Running exchanges hold the former runtime; it goes when the last of them ends.
        seconds = max(self.options.limits.exchange_seconds, self.options.limits.delivery_seconds)
        for ways in self._ways[:-1]:
            asyncio.get_running_loop().call_later(seconds, self._retire, ways)
        self.runtime = runtime
        self.upkeep.wake()
        self.gateway.activate(runtime)
        self.broker.follow(self._event_flows(runtime))
        await self.consumers.swap(runtime)
        _LOG.info("site-active", site=runtime.site.hash)

    def _retire(self, ways: AdapterWays) -> None:
        """End the connections of a former site; none of its exchanges runs any more."""
        if ways in self._ways:
            self._ways.remove(ways)
            task = asyncio.get_running_loop().create_task(ways.close())
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    def _build(self, site: CompiledSite) -> Runtime:
        """Compile a site's data into callables. Raises StartProblems."""
        signed = unsupported_security(site, self.options.overrides)
        if signed:
            raise StartProblems(
                [f"adapter {name} asks for signed messages, which this version cannot make yet: "
                 "start with --sandbox, or take `security` out" for name in signed]
            )  # fmt: skip
        contracts = {path: Contract(plain) for path, plain in site.contracts.items()}
        binders = {name: Binder(plain) for name, plain in site.binders.items()}
        outbound = Outbound(
            site,
            self.pool,
            contracts,
            binders,
            resolve=resolver(),
            overrides=self.options.overrides,
            limits=self.options.limits,
            now_us=now_us,
        )
        self._outbound = outbound
        ways = AdapterWays(
            site,
            self.pool,
            resolve=resolver(),
            overrides=self.options.overrides,
            queues=QueueClient,
            limits=self.options.limits,
            now=now_us,
        )
        self._ways.append(ways)

        def routes(sources: Sequence[RouteSource], personal: bool) -> Routes:
            services = Services(
                sender=outbound,
                resource=_resources(site),
                secret=_secret,
                now_us=now_us,
                log=_route_logger(self.options.limits.log_message_chars),
                trace=_trace if self.options.trace else None,
                personal=personal,
                adapters=frozenset(site.adapters),
                ways=ways,
                files_per_poll=self.options.limits.files_per_poll,
                conversions=parsers.conversions(self.options.limits),
                keys=self.keeper,
                groups=self.keeper,
                bodies_grouped=self.options.limits.aggregation_messages,
                groups_kept=self.options.limits.aggregation_groups,
                groups_bodies=self.options.limits.aggregation_memory_messages,
                group_bytes=self.options.limits.aggregation_group_bytes,
            )
            return compile_routes(sources, services)

        tools = Tools(routes=routes, schema=JsonSchema, jq=_jq, contracts=contracts, binders=binders)
        return Runtime.build(site, tools, self.options.limits)

    def control(self, site: Callable[[], CompiledSite]) -> Control:
        """What operators may do to this bus."""
        return Control(
            self.base, site, self.activate, self.control_token, self.anchor, now_us, forget=self._forget,
            stewardship=self.stewardship,
        )  # fmt: skip

    def _forget(self, key_id: str) -> None:
        if hasattr(self, "gateway"):  # else no bus runs that could remember the key
            self.gateway.plane.identity.forget(key_id)

    async def stored_site(self) -> CompiledSite:
        """The active site without running it. Raises StartRefusedError before the first activation."""
        active = await self.base.store.active_site()
        data = await self.base.store.load_site(active) if active else None
        if data is None:
            raise StartRefusedError("no site is active yet: start the bus once with `integrator run`")
        return CompiledSite.from_plain(orjson.loads(data))

    # --- tasks ---

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            return
        error = task.exception()
        reason = str(error) if isinstance(error, SealerStopped) else f"{task.get_name()} failed"
        _LOG.error("task-failed", task=task.get_name(), exc_info=error)
        if not self.failure.done():
            self.failure.set_result(reason)

    async def _beat(self) -> None:
        """Say that this process lives, follow the active site, end what dead processes left open."""
        base = self.base
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                oldest = self.gateway.oldest_open_us()
                await base.store.beat(base.process_id, now_us(), oldest, self.runtime.site.hash)
                # What went away is 0 now, not what it was last.
                self._depths = dict.fromkeys(self._depths, 0) | await base.store.delivery_counts()
                if not self.options.single:
                    await self._follow_site()
                    await close_orphans(
                        base.store,
                        base.journal,
                        own=base.process_id,
                        now_us=now_us(),
                        dead_before_us=self.options.dead_before_us,
                    )
                self._beaten = True
            except StoreOverloaded:
                self.metrics.count("beat-missed")  # busy, and that is no reason to end
            except StoreUnavailable:
                self.metrics.count("beat-missed")
                self._beaten = False

    async def _housekeeping(self) -> None:
        """Forget idempotency claims and dead letters' bodies that are past their time."""
        kept_us = self.options.limits.dead_letter_seconds * 1_000_000
        while True:
            await asyncio.sleep(UPKEEP_SECONDS)
            with contextlib.suppress(StoreUnavailable, StoreOverloaded):
                await self.base.store.expire(now_us(), now_us() - kept_us)
                await self.keeper.expire()

    # --- how it is ---

    def health(self) -> dict[str, str]:
        """Each part: UP, DEGRADED (works, but not all) or DOWN."""
        late = (
            self.sealer.behind
            or bool(self.sealer.failure)
            or not (self.sealer.holds_lock or not self.options.single)
        )
        return {
            "gateway": "UP",
            "journal": "DOWN" if self.sealer.failure else "DEGRADED" if late else "UP",
            "store": "DOWN" if not self._beaten else "DEGRADED" if self.gateway.unwritten else "UP",
            "broker": "UP" if self.broker.up else "DEGRADED",
            **({"witnesses": "DOWN" if self.witnesses.stale else "UP"} if self.witnesses else {}),
        }

    def _broker_changed(self, up: bool, reason: str | None) -> None:
        if up:
            self.relay.resume()
        _LOG.info("broker", up=up, reason=reason)

    def _sealed(self, done: Pass) -> None:
        self.metrics.set_gauge("journal_size", done.size)
        self.metrics.set_gauge("journal_lag_seconds", done.lag_us / 1e6)

    def _gauges(self) -> None:
        self.metrics.set_gauge("exchanges_open", len(self.gateway.plane.open))
        for (flow, state), count in self._depths.items():
            self.metrics.set_gauge("deliveries", count, flow=flow, state=state)
        for adapter, state in (self._outbound.breaker_states() if self._outbound else {}).items():
            self.metrics.set_gauge("breaker_open", float(state != "closed"), adapter=adapter)


def _jq(text: str) -> Callable[[Any], Any]:
    return first_or_null(compile_jq(text))


def _resources(site: CompiledSite) -> Callable[[str], bytes]:
    def read(path: str) -> bytes:
        if path in site.texts:
            return site.texts[path].encode()
        if path in site.schemas:
            return orjson.dumps(site.schemas[path])
        raise FileNotFoundError(f"{path} is not a file of the site")

    return read


def _secret(reference: str) -> bytes:
    """What a reference of a route file stands for. Raises ReferenceProblem."""
    return resolver()(reference).encode("utf-8")


def _route_logger(chars: int) -> Callable[[str, str, str, int], None]:
    def write(level: str, text: str, route: str, line: int) -> None:
        known = level.lower() if level.lower() in ("debug", "info", "warning", "error") else "info"
        getattr(_LOG, known)("route-log", text=text[:chars], route=route, line=line)

    return write


def _trace(exchange: str, passed: Passed) -> None:
    known = asdict(passed)
    _LOG.info("step", exchange=exchange, what=known.pop("event"), **known)


def _problem(text: str) -> dict[str, Any]:
    return {"file": "", "line": 0, "column": 0, "rule": "start", "message": text, "remedy": ""}
