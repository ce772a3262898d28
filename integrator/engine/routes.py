"""From route files to a RouteSet that runs them, and the checks that need all files together."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

import uuid_utils

from integrator.engine.analysis import analyse
from integrator.engine.children import adopt, cancel, family_ends
from integrator.engine.compilation import Compilation
from integrator.engine.compiler import EndpointUse, Program
from integrator.engine.components.direct import no_consumer
from integrator.engine.lifecycle import Leader, Offer, Running, Take, everybody, named
from integrator.engine.problems import LINTS, RouteErrors, RouteProblem
from integrator.engine.services import Services
from integrator.engine.steps import Family, RouteStop, Trail, ended, has_failed
from integrator.exchange import Exchange, IntegratorError
from integrator.site.compiled import RouteSource


class RouteSet:
    """Compiled routes by the URI they consume from."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._consumers = program.consumers
        self._running = Running(program.services)

    def start(
        self, take: Take | None = None, *, uris: Collection[str] | None = None, leader: Leader = everybody
    ) -> None:
        """Start the consumers that run by themselves: those with these addresses, or all.

        `take` answers for their messages; without one each is run to its end at once. `leader` keeps those
        that must be alone from running in two processes.
        """
        self._running.start(named(self._program.waiting, uris), take or self._run_offer, leader)

    async def _run_offer(self, offer: Offer) -> Exception | None:
        exchange = Exchange(offer.message, exchange_id=str(uuid_utils.uuid7()), pattern="InOnly")
        exchange.properties.update(offer.properties)
        await self.run(offer.uri, exchange)
        return exchange.exception

    @property
    def uris(self) -> frozenset[str]:
        """The URIs the set consumes from: `flow:x`, `direct:x`."""
        return frozenset(self._consumers)

    async def pause(self) -> None:
        """Stop the consumers that run by themselves; what is under way goes on."""
        await self._running.stop()

    async def stop(self) -> None:
        """End what the routes do on their own: groups of aggregates, timers, consumers. No message may follow."""
        await self.pause()
        closing = self._program.closing
        while closing:
            await closing.pop()()

    async def run(self, uri: str, exchange: Exchange) -> None:
        """Run the route that consumes `uri`. Never raises what a route raises: see `exchange.exception`.

        The result is in `exchange.message`; `exchange.history` tells where it failed, without content.
        """
        route = self._consumers.get(uri) or self._consumers.get(uri.partition("?")[0])
        if route is None or not route.started:
            exchange.exception = no_consumer(uri)
            return
        trail = Trail(route.id, route.endpoint, family=Family(self._program.services.children))
        exchange.history = [trail]
        if self._program.originals:
            trail.original = exchange.message.copy()
        try:
            if route.body.waits:
                await route.body.run(exchange)
            else:
                route.body.run(exchange)
        except RouteStop:
            pass  # the exchange itself says why it ended
        except Exception as error:  # what no doTry took ends here, as in Camel's producer template
            exchange.exception = error
        except BaseException:  # cancelled: nobody waits for its children either
            cancel(trail.family)
            ended(exchange, failed=True)
            raise
        family = trail.family
        try:
            if family.tasks:
                await family_ends(family)
            if trail.after:
                ended(exchange, failed=has_failed(exchange))
            if route.completed is not None:
                await route.completed(exchange)
            if family.tasks or family.endings:
                await family_ends(family)
            exchange.work = family.work
            if family.lost is not None and exchange.exception is None:
                exchange.exception = family.lost.exception
                adopt(exchange, family.lost)
        except IntegratorError as error:  # what it leaves in the store could not be written
            exchange.exception = exchange.exception or error


def _compile(sources: Sequence[RouteSource], services: Services, *, checking: bool) -> Compilation:
    compilation = Compilation(Program(services), [], [], checking, {})
    targets: list[tuple[str, EndpointUse]] = []
    for source in sources:
        compilation.configure(source)
    for source in sources:
        before = len(compilation.uses)
        compilation.file(source)
        targets.extend((source.file, use) for use in compilation.uses[before:] if not use.consumer)
    compilation.check_unused()
    compilation.check_templates()
    compilation.problems[:] = dict.fromkeys(compilation.problems)  # a part may be compiled for several routes
    compilation.uses[:] = dict.fromkeys(compilation.uses)
    compilation.targets = list(dict.fromkeys(targets))
    compilation.dangling(sources)
    compilation.problems.sort(key=lambda problem: (problem.file, problem.line))
    return compilation


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector out: all that is made here stays, and it would look at it again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def compile_routes(sources: Sequence[RouteSource], services: Services) -> RouteSet:
    """Compile every route of the files. Raises RouteErrors with all problems that keep one from running."""
    with _uncollected():
        compilation = _compile(sources, services, checking=False)
    serious = [problem for problem in compilation.problems if problem.rule not in LINTS]
    if serious:
        raise RouteErrors(serious)
    return RouteSet(compilation.program)


def check_routes(sources: Sequence[RouteSource], services: Services | None = None) -> list[RouteProblem]:
    """Every mistake in the files, lints included, in the order of file and line.

    Without `services` the files that routes name (XSLT, schemas) are not read.
    """
    compilation = _compile(sources, services or Services(), checking=services is None)
    found = [*compilation.problems, *analyse(sources)]
    return sorted(found, key=lambda problem: (problem.file, problem.line))


def endpoints(source: RouteSource) -> list[EndpointUse]:
    """Every endpoint the routes of a file name, consumers included, for egress checks."""
    return list(_uses(source))


def _uses(source: RouteSource) -> Iterator[EndpointUse]:
    found = _compile([source], Services(), checking=True).uses
    yield from (use for use in found if use.file in ("", source.file))
