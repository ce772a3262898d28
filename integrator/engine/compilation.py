"""One pass over all route files: their routes by consumer, and every mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrator.engine import kamelets, known, registry
from integrator.engine.compiler import EndpointUse, Intercept, Node, Program, Scope
from integrator.engine.elements import route_template
from integrator.engine.elements.beans import beans
from integrator.engine.elements.on_completion import completions
from integrator.engine.elements.route import FROM, NOT_HERE, ROUTE, holds, received
from integrator.engine.elements.route_configuration import (
    PARTS,
    Configuration,
    apply,
    completing,
    configuration,
    starting,
)
from integrator.engine.elements.route_configuration import SPEC as ROUTE_CONFIGURATION
from integrator.engine.problems import RouteProblem, did_you_mean
from integrator.engine.sending import check_options
from integrator.engine.steps import Block, Route, call, is_waiting
from integrator.engine.uris import Uri
from integrator.exchange import Exchange
from integrator.site.compiled import RouteSource

_ELSEWHERE = "Use doTry in the route, or run the flow on Camel K."


@dataclass(slots=True)
class Compilation:
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
        after = ""
        for index, document in enumerate(source.documents):
            if not isinstance(document, Mapping) or len(document) != 1:
                continue
            name, value = next(iter(document.items()))
            pointer = f"/{index}/{name}"
            after = after or (name if name in ("route", "from") else "")
            if name in PARTS:
                if after and name != "errorHandler":
                    scope.problem(pointer, "misplaced", f"{name} stands after a route: Camel refuses that",
                                  "Move it above the first route of the file.")  # fmt: skip
                own.parts.append((name, value, pointer))
            elif name == "beans":
                scope.beans = {**scope.beans, **beans(value, pointer, scope)}
            elif name == "routeTemplate":
                self._template(value, pointer, scope)
            elif name == "routeConfiguration":
                node = Node.of(ROUTE_CONFIGURATION, value, pointer, scope)
                if node is not None:
                    self.shared[node.text("id") or f"{source.file}{pointer}"] = found = configuration(node)
                    found.for_all = not node.text("id")

    def _template(self, value: Any, pointer: str, scope: Scope) -> None:
        found = route_template.template(value, pointer, scope)
        if found is None:
            return
        if found.id in self.program.templates:
            found.node.problem("/id", "duplicate-template", f"there are two routeTemplates {found.id}",
                               "Give each its own id.")  # fmt: skip
        self.program.templates[found.id] = found

    def _templated(self, value: Any, pointer: str, scope: Scope) -> None:
        """Make a route from a template."""
        node = Node.of(route_template.SPECS[1], value, pointer, scope)
        if node is None:
            return
        found = route_template.named(node, node.text("routeTemplateRef"), "routeTemplateRef")
        given = route_template.values(node)
        if found is None or not route_template.complete(node, found, given, "parameters"):
            return
        made, local = found.filled(given)
        local = {**local, **beans(node.options.get("beans") or [], f"{pointer}/beans", scope)}
        origin = found.scope
        own = Scope(origin.source, self.program, self.problems, self.uses, checking=self.checking)
        own.beans, own.prefix = {**origin.beans, **scope.beans, **local}, node.text("prefixId")
        name = node.scope.fill(node.text("routeId"), pointer)
        self._route({**made, "id": name or None}, found.pointer, own, templated=True)

    def check_templates(self) -> None:
        """Note what no route is made from; its endpoints count all the same."""
        for found in list(self.program.templates.values()):
            if found.made:
                continue
            found.node.problem("", "template-unused", f"no route is made from the routeTemplate {found.id}",
                               "Make one with templatedRoute or kamelet:, or remove it.")  # fmt: skip
            before = len(self.problems)
            kamelets.instance(found.node, found.id, {name: name for name in found.needed}, None, "id")
            del self.problems[before:]  # without values for its parameters nothing can be said

    def file(self, source: RouteSource) -> None:
        """Compile the routes of a file."""
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

    def _configurations(self, node: Node, *, templated: bool) -> list[Configuration]:
        """What holds for a route: its file's elements, then the routeConfigurations.

        Of the file's elements only the errorHandler holds for one made from a template, as in Camel.
        """
        names = [name.strip() for name in node.text("routeConfigurationId").split(",") if name.strip()]
        for name in names:
            if not any(_fits(name, known) for known in self.shared):
                node.problem("/routeConfigurationId", "route-configuration", f"there is no routeConfiguration {name}",
                             did_you_mean(name, self.shared) if self.shared else "Add it, or leave the name out.")  # fmt: skip
        own = self.files[node.scope.source.file]
        if templated:
            own = Configuration(own.scope, list(own.of("errorHandler")))
        return [own] + [
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
        elif name in PARTS or name in ("beans", "routeConfiguration", "routeTemplate"):
            return  # read before the routes
        elif name == "templatedRoute":
            self._templated(value, f"{pointer}/{name}", scope)
        elif name in known.ELEMENTS:
            scope.problem(
                f"{pointer}/{name}", "not-yet", f"{name} {known.why(name)}",
                _ELSEWHERE,
            )  # fmt: skip
        else:
            scope.problem(
                f"{pointer}/{name}", "unknown-element", f"there is no element {name}",
                did_you_mean(str(name), known.ELEMENTS),
            )  # fmt: skip

    def _route(self, value: Any, pointer: str, scope: Scope, *, templated: bool = False) -> None:
        """Compile a route. What stands beside it in the file does not hold for one made from a template."""
        node = Node.of(ROUTE, value, pointer, scope)
        if node is None:
            return
        for name, why in NOT_HERE.items():
            if node.options.get(name) is not None:
                node.problem(
                    f"/{name}", "not-yet", f"{name} of a route is not in the embedded engine", f"{why}."
                )
        start = Node.of(FROM, node.options.get("from"), f"{pointer}/from", scope)
        if start is None:
            return
        if not holds(node, scope.checking):
            return
        scope.route = self._identify(node)
        scope.prefix = node.text("nodePrefixId") or scope.prefix
        uri = scope.uri(start.text("uri"), start.options.get("parameters"), f"{pointer}/from")
        scope.start = uri.name if uri else ""
        configurations = self._configurations(node, templated=templated)
        own = node.options.get("errorHandler")
        apply(scope, configurations, None if own is None else (own, f"{pointer}/errorHandler"))
        body = received(start, _intercepted(scope, starting(scope, configurations), start))
        completed = completing(scope, configurations)
        if uri is None:
            return
        if uri.scheme == "kamelet":
            self._from_kamelet(start, uri, body, node)
            return
        scope.note_use(_address(uri), f"{pointer}/from/uri", consumer=True)
        route = Route(
            scope.route, uri.name, body, started=node.flag("autoStartup"),
            completed=completions(completed, scope.route) if completed else None, options=uri.options,
        )  # fmt: skip
        self._consume(uri, route, start)

    def _from_kamelet(self, start: Node, uri: Uri, body: Block, node: Node) -> None:
        """A route that starts where a template starts, and takes what reaches its sink."""
        scope = start.scope
        inner = kamelets.calling(start, Route(scope.route, uri.name, body), uri.name)
        sink = Block(inner, is_waiting(inner))
        made = kamelets.instance(start, uri.path, kamelets.given(uri), lambda _route: sink, "uri")
        if made is None:
            return
        route, own, source = made
        start_uri = own.uri(str(source.get("uri") or ""), source.get("parameters"), own.start)
        if start_uri is None or start_uri.scheme == "kamelet":
            start.problem("/uri", "consumer", f"the routeTemplate {uri.path} has no consumer of its own",
                          "Start its route from direct:, seda: or another consumer.")  # fmt: skip
            return
        scope.note_use(_address(start_uri), f"{start.pointer}/uri", consumer=True)
        self._consume(start_uri, Route(scope.route, start_uri.name, route.body, node.flag("autoStartup"),
                                       options=start_uri.options), start)  # fmt: skip

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
        if not check_options(start, uri, registry.COMPONENTS.spec(uri.scheme)):
            return
        address = _address(uri)
        if address in self.program.consumers:
            start.problem("/uri", "duplicate-consumer", f"two routes consume {address}", "Keep one of them.")
            return
        self.program.consumers[address] = route
        if route.started and hasattr(module, "consumer"):
            consumer = module.consumer(start, uri)
            if consumer is not None:
                self.program.waiting.append(consumer)

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
                    use.file or by_file[file].file, use.line, use.pointer, f"{scheme}-missing",
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
            if intercept.applies(exchange):
                exchange.properties["CamelInterceptedEndpoint"] = name
                exchange.properties.update(intercept.known)
                await call(intercept.body.run, intercept.body.waits, exchange)
        await call(body.run, body.waits, exchange)

    return Block(run_intercepted, waits=True)


def _address(uri: Uri) -> str:
    return f"{uri.scheme}:{uri.path}"
