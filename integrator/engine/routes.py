"""From route files to a RouteSet that runs them, and the checks that need all files together."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from integrator.engine import registry
from integrator.engine.compiler import EndpointUse, Intercept, Node, Program, Scope
from integrator.engine.components.direct import no_consumer
from integrator.engine.elements.beans import beans
from integrator.engine.elements.on_completion import completions
from integrator.engine.elements.route_configuration import (
    PARTS,
    Configuration,
    apply,
    completing,
    configuration,
    starting,
)
from integrator.engine.elements.route_configuration import SPEC as ROUTE_CONFIGURATION
from integrator.engine.known import ELEMENTS
from integrator.engine.problems import LINTS, RouteErrors, RouteProblem, did_you_mean
from integrator.engine.services import Services
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Block, Family, Route, RouteStop, Trail, call, ended, has_failed
from integrator.engine.uris import Uri
from integrator.exchange import Exchange
from integrator.site.compiled import RouteSource

_ROUTE_NOT_YET = (
    "errorHandlerRef", "routePolicy", "precondition", "streamCaching",
    "streamCache", "inputType", "outputType", "shutdownRoute", "shutdownRunningTask", "nodePrefixId", "variableReceive",
)  # fmt: skip
ROUTE = Spec(
    "element", "route", "A route: where messages come from and what is done with them.", "3.8",
    "route: {id: person-consult, from: {uri: flow:person-consult, steps: []}}",
    options=(
        Option("from", "The consumer and its steps.", type="object", required=True),
        Option("autoStartup", "Whether the route takes messages.", type="boolean", default=True),
        Option("errorHandler", "The error handler of this route.", type="object"),
        Option("routeConfigurationId", "Names of routeConfigurations, with commas; `a*` matches several.",
               example="strict"),
        Option("group", "A name that several routes share."),
        Option("startupOrder", "The order of starting; nothing depends on it here.", type="integer"),
        Option("messageHistory", "Accepted; the engine always knows where a step failed.", type="boolean"),
        Option("trace", "Accepted, without effect.", type="boolean"),
        Option("logMask", "Accepted; values of personal flows are never logged.", type="boolean"),
        *(Option(name, "Not yet in the embedded engine.", type="any") for name in _ROUTE_NOT_YET),
    ),
)  # fmt: skip
FROM = Spec(
    "element", "from", "The consumer of a route.", "3.8", "from: {uri: flow:person-consult, steps: []}",
    options=(
        Option("uri", "`flow:` of the register, `direct:` or `seda:`.", required=True, example="flow:person-consult"),
        Option("parameters", "Options of the URI.", type="object"),
        Option("steps", "What is done with each message.", type="steps", required=True),
    ),
)  # fmt: skip


_ELSEWHERE = "Use doTry in the route, or run the flow on Camel K."


class RouteSet:
    """Compiled routes by the URI they consume from."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._consumers = program.consumers

    @property
    def uris(self) -> frozenset[str]:
        """The URIs the set consumes from: `flow:x`, `direct:x`."""
        return frozenset(self._consumers)

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
            _cancel(trail.family)
            ended(exchange, failed=True)
            raise
        if trail.family.tasks:
            await _family_ends(trail.family)
        if trail.after:
            ended(exchange, failed=has_failed(exchange))
        if route.completed is not None:
            await route.completed(exchange)
            if trail.family.tasks:
                await _family_ends(trail.family)


async def _family_ends(family: Family) -> None:
    """Wait for the children that still run. Cancelled, it takes them along."""
    try:
        while family.tasks:
            await asyncio.wait(tuple(family.tasks))
    except asyncio.CancelledError:
        _cancel(family)
        raise


def _cancel(family: Family) -> None:
    for task in tuple(family.tasks):
        task.cancel()


@dataclass(slots=True)
class _Compilation:
    """One pass over all files: scopes, routes so far, problems."""

    program: Program
    problems: list[RouteProblem]
    uses: list[EndpointUse]
    checking: bool
    ids: dict[str, str]
    unnamed: int = 0
    files: dict[str, Configuration] = field(default_factory=dict)
    shared: dict[str, Configuration] = field(default_factory=dict)

    def configure(self, source: RouteSource) -> None:
        """Read what a file says beside its routes; routes of any file may need it."""
        scope = Scope(source, self.program, self.problems, self.uses, checking=self.checking)
        own = self.files[source.file] = Configuration(scope)
        for index, document in enumerate(source.documents):
            if not isinstance(document, Mapping) or len(document) != 1:
                continue
            name, value = next(iter(document.items()))
            pointer = f"/{index}/{name}"
            if name in PARTS:
                own.parts.append((name, value, pointer))
            elif name == "beans":
                scope.beans = {**scope.beans, **beans(value, pointer, scope)}
            elif name == "routeConfiguration":
                node = Node.of(ROUTE_CONFIGURATION, value, pointer, scope)
                if node is not None:
                    self.shared[node.text("id") or f"{source.file}{pointer}"] = found = configuration(node)
                    found.for_all = not node.text("id")

    def file(self, source: RouteSource) -> None:
        own = self.files[source.file]
        for index, document in enumerate(source.documents):
            self._element(document, f"/{index}", own.scope)

    def check_unused(self) -> None:
        """Compile what no route uses, to find its mistakes."""
        for one in (*self.files.values(), *self.shared.values()):
            if one.parts and not one.used:
                scope = Scope(
                    one.scope.source, self.program, self.problems, self.uses, checking=self.checking
                )
                scope.beans = one.scope.beans
                apply(scope, [one], None)
                starting(scope, [one])
                completing(scope, [one])

    def _configurations(self, node: Node) -> list[Configuration]:
        """What holds for a route: its file's elements, then the routeConfigurations."""
        names = [name.strip() for name in node.text("routeConfigurationId").split(",") if name.strip()]
        for name in names:
            if not any(_fits(name, known) for known in self.shared):
                node.problem("/routeConfigurationId", "route-configuration", f"there is no routeConfiguration {name}",
                             did_you_mean(name, self.shared) if self.shared else "Add it, or leave the name out.")  # fmt: skip
        return [self.files[node.scope.source.file]] + [
            one
            for known, one in self.shared.items()
            if one.for_all or any(_fits(name, known) for name in names)
        ]

    def _element(self, document: Any, pointer: str, scope: Scope) -> None:
        if not isinstance(document, Mapping) or len(document) != 1:
            scope.problem(pointer, "element", "a file is a list of named elements", "Write `- route:` items.")
            return
        name, value = next(iter(document.items()))
        if name == "route":
            self._route(value, f"{pointer}/route", scope)
        elif name == "from":
            self._route({"from": value}, pointer, scope)
        elif name in PARTS or name in ("beans", "routeConfiguration"):
            return  # read before the routes
        elif name in ELEMENTS:
            scope.problem(
                f"{pointer}/{name}", "not-yet", f"{name} is not yet in the embedded engine",
                _ELSEWHERE,
            )  # fmt: skip
        else:
            scope.problem(
                f"{pointer}/{name}", "unknown-element", f"there is no element {name}",
                did_you_mean(str(name), ELEMENTS),
            )  # fmt: skip

    def _route(self, value: Any, pointer: str, scope: Scope) -> None:
        node = Node.of(ROUTE, value, pointer, scope)
        if node is None:
            return
        for name in _ROUTE_NOT_YET:
            if node.options.get(name) is not None:
                node.problem(
                    f"/{name}", "not-yet", f"{name} of a route is not yet in the embedded engine", _ELSEWHERE
                )
        start = Node.of(FROM, node.options.get("from"), f"{pointer}/from", scope)
        if start is None:
            return
        scope.route = self._identify(node)
        uri = scope.uri(start.text("uri"), start.options.get("parameters"), f"{pointer}/from")
        scope.start = uri.name if uri else ""
        configurations = self._configurations(node)
        own = node.options.get("errorHandler")
        apply(scope, configurations, None if own is None else (own, f"{pointer}/errorHandler"))
        body = _intercepted(scope, starting(scope, configurations), start)
        completed = completing(scope, configurations)
        if uri is None:
            return
        scope.uses.append(EndpointUse(_address(uri), scope.line(f"{pointer}/from/uri"), f"{pointer}/from/uri",
                                      dynamic=False, consumer=True))  # fmt: skip
        route = Route(
            scope.route, uri.name, body, started=node.flag("autoStartup"),
            completed=completions(completed, scope.route) if completed else None, options=uri.options,
        )  # fmt: skip
        self._consume(uri, route, start)

    def _identify(self, node: Node) -> str:
        name = node.text("id")
        if not name:
            self.unnamed += 1
            return f"route{self.unnamed}"
        if name in self.ids:
            node.problem("/id", "duplicate-route-id", f"the route id {name} is already used in {self.ids[name]}",
                         "Give each route its own id.")  # fmt: skip
        self.ids[name] = node.scope.source.file
        return name

    def _consume(self, uri: Uri, route: Route, start: Node) -> None:
        module = registry.COMPONENTS.find(uri.scheme)
        if module is None or not getattr(module, "CONSUMES", False):
            start.problem("/uri", "consumer", f"routes of the embedded engine do not start from {uri.scheme}:",
                          "Start from flow: (of the register), direct: or seda:.")  # fmt: skip
            return
        address = _address(uri)
        if address in self.program.consumers:
            start.problem("/uri", "duplicate-consumer", f"two routes consume {address}", "Keep one of them.")
            return
        self.program.consumers[address] = route

    def dangling(self, sources: Sequence[RouteSource]) -> None:
        """Note `direct:` and `seda:` endpoints that no route consumes."""
        by_file = {source.file: source for source in sources}
        for file, use in self.targets:
            scheme = use.uri.partition(":")[0]
            if use.dynamic or scheme not in ("direct", "seda"):
                continue
            if use.uri.partition("?")[0] not in self.program.consumers:
                names = [uri for uri in self.program.consumers if uri.startswith(f"{scheme}:")]
                remedy = did_you_mean(use.uri, names) if names else "Add a route from it."
                self.problems.append(RouteProblem(
                    by_file[file].file, use.line, use.pointer, f"{scheme}-missing",
                    f"no route consumes {use.uri}", remedy,
                ))  # fmt: skip

    targets: Any = ()


def _fits(name: str, known: str) -> bool:
    return known.startswith(name[:-1]) if name.endswith("*") else name == known


def _intercepted(scope: Scope, first: list[Intercept], start: Node) -> Block:
    """The steps of a route, those of interceptFrom before them."""
    body = start.steps()
    if not first:
        return body
    name = scope.start

    async def run_intercepted(exchange: Exchange) -> None:
        for intercept in first:
            exchange.properties["CamelInterceptedEndpoint"] = name
            if intercept.applies(exchange):
                await call(intercept.body.run, intercept.body.waits, exchange)
        await call(body.run, body.waits, exchange)

    return Block(run_intercepted, waits=True)


def _address(uri: Uri) -> str:
    return f"{uri.scheme}:{uri.path}"


def _compile(sources: Sequence[RouteSource], services: Services, *, checking: bool) -> _Compilation:
    compilation = _Compilation(Program(services), [], [], checking, {})
    targets: list[tuple[str, EndpointUse]] = []
    for source in sources:
        compilation.configure(source)
    for source in sources:
        before = len(compilation.uses)
        compilation.file(source)
        targets.extend((source.file, use) for use in compilation.uses[before:] if not use.consumer)
    compilation.check_unused()
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
    return compilation.problems


def endpoints(source: RouteSource) -> list[EndpointUse]:
    """Every endpoint the routes of a file name, consumers included, for egress checks."""
    return list(_uses(source))


def _uses(source: RouteSource) -> Iterator[EndpointUse]:
    yield from _compile([source], Services(), checking=True).uses
