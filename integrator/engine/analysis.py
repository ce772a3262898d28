"""What only all routes together show: cycles of `direct:`, steps that can never run, sagas with steps after them.

Works on the files as written. What a placeholder or a message decides is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrator.engine.problems import RouteProblem
from integrator.site.compiled import RouteSource

ENDS = frozenset({"stop", "throwException", "rollback"})
_MAY_END = ENDS | {"validate", "sample", "throttle", "idempotentConsumer", "circuitBreaker", "saga"}
_ALWAYS = ("pipeline", "step", "multicast")
_SENDS = ("to", "wireTap", "toD")
_CALLS = ("enrich", "recipientList", "routingSlip")


@dataclass(frozen=True, slots=True)
class _Edge:
    """One route calls another; `always` where nothing decides whether it does."""

    target: str
    pointer: str
    always: bool


@dataclass(slots=True)
class _Route:
    """A route as written."""

    source: RouteSource
    uri: str
    steps: Sequence[Any]
    pointer: str
    edges: list[_Edge] = field(default_factory=list)


def analyse(sources: Sequence[RouteSource]) -> Iterator[RouteProblem]:
    """Every finding, in no order."""
    routes = {route.uri: route for source in sources for route in _routes(source)}
    for route in routes.values():
        yield from _unreachable(route.source, route.steps, f"{route.pointer}/steps")
        route.edges.extend(_edges(route, routes))
    yield from _cycles(routes)


def _routes(source: RouteSource) -> Iterator[_Route]:
    for index, document in enumerate(source.documents):
        if not isinstance(document, Mapping) or len(document) != 1:
            continue
        name, value = next(iter(document.items()))
        whole = value if name == "route" else {"from": value} if name == "from" else None
        start = whole.get("from") if isinstance(whole, Mapping) else None
        if not isinstance(start, Mapping):
            continue
        uri, steps = start.get("uri"), start.get("steps")
        if isinstance(uri, str) and isinstance(steps, (list, tuple)):
            pointer = f"/{index}/route/from" if name == "route" else f"/{index}/from"
            yield _Route(source, _address(uri), steps, pointer)


def _address(uri: str) -> str:
    return uri.partition("?")[0].replace("://", ":", 1)


def _step(item: Any) -> tuple[str, Any]:
    if isinstance(item, str):
        return item, None
    if isinstance(item, Mapping) and len(item) == 1:
        name, value = next(iter(item.items()))
        return str(name), value
    return "", None


def _inner(name: str, value: Any, pointer: str) -> Iterator[tuple[Sequence[Any], str]]:
    """The lists of steps inside a step, and where they stand."""
    if not isinstance(value, Mapping):
        return
    if isinstance(value.get("steps"), (list, tuple)):
        yield value["steps"], f"{pointer}/steps"
    for part in ("when", "doCatch"):
        listed = value.get(part)
        for index, one in enumerate(listed if isinstance(listed, (list, tuple)) else ()):
            yield from _inner(part, one, f"{pointer}/{part}/{index}")
    for part in ("otherwise", "doFinally", "onFallback"):
        yield from _inner(part, value.get(part), f"{pointer}/{part}")


# --- steps that never run -------------------------------------------------------------------------


def _unreachable(source: RouteSource, steps: Sequence[Any], pointer: str) -> Iterator[RouteProblem]:
    ended = ""
    for index, item in enumerate(steps):
        name, value = _step(item)
        place = f"{pointer}/{index}"
        if ended:
            yield _problem(source, place, "unreachable", f"{name or 'this step'} never runs: {ended} before it ends "
                           "the route", f"Remove it, or move it before {ended}.")  # fmt: skip
            return
        if name == "saga" and index + 1 < len(steps):
            yield _problem(source, f"{pointer}/{index + 1}", "saga-order", "Camel 4.18 runs what stands after a saga "
                           "before the saga's own steps; here it runs after them",
                           "Let the saga be the last step of a route, and call that by direct:.")  # fmt: skip
        for inner, at in _inner(name, value, f"{place}/{name}"):
            yield from _unreachable(source, inner, at)
        if not _disabled(value) and _ends(name, value):
            ended = name


def _ends(name: str, value: Any) -> bool:
    """Whether nothing after a step runs."""
    if name in ENDS:
        return True
    if name in ("pipeline", "step") and isinstance(value, Mapping):
        return _list_ends(value.get("steps"))
    if name == "choice" and isinstance(value, Mapping):
        branches = value.get("when")
        otherwise = value.get("otherwise")
        if not isinstance(otherwise, Mapping) or not isinstance(branches, (list, tuple)):
            return False
        each = [*branches, otherwise]
        return all(isinstance(branch, Mapping) and _list_ends(branch.get("steps")) for branch in each)
    return False


def _list_ends(steps: Any) -> bool:
    if not isinstance(steps, (list, tuple)):
        return False
    return any(not _disabled(value) and _ends(name, value) for name, value in map(_step, steps))


def _disabled(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("disabled") not in (None, False, "false")


# --- cycles ---------------------------------------------------------------------------------------


def _edges(route: _Route, routes: Mapping[str, _Route]) -> Iterator[_Edge]:
    yield from _list_edges(route.steps, f"{route.pointer}/steps", routes, always=True)


def _list_edges(
    steps: Sequence[Any], pointer: str, routes: Mapping[str, _Route], *, always: bool
) -> Iterator[_Edge]:
    for index, item in enumerate(steps):
        name, value = _step(item)
        if _disabled(value):
            continue
        place = f"{pointer}/{index}/{name}"
        target = _target(name, value)
        if target is not None and target in routes:
            yield _Edge(target, place, always)
        for inner, at in _inner(name, value, place):
            within = name in _ALWAYS or (name == "doTry" and at.endswith("/doTry/steps"))
            yield from _list_edges(inner, at, routes, always=always and within)
        if always and _may_end(name, value, routes, set()):
            always = False


def _target(name: str, value: Any) -> str | None:
    """The route a step calls, where that is fixed."""
    uri = value
    if isinstance(value, Mapping):
        uri = value.get("uri") if name in _SENDS else value.get("constant")
        if (
            name in _CALLS
            and uri is None
            and isinstance(value.get("simple"), str)
            and "${" not in value["simple"]
        ):
            uri = value["simple"]
    if name not in (*_SENDS, *_CALLS) or not isinstance(uri, str) or "${" in uri or "{{" in uri:
        return None
    address = _address(uri)
    return address if address.startswith("direct:") else None


def _may_end(name: str, value: Any, routes: Mapping[str, _Route], seen: set[str]) -> bool:
    """Whether a step, or what it calls, may keep the following ones from running."""
    if name in _MAY_END:
        return True
    target = _target(name, value)
    if target is not None and target in routes and target not in seen:
        seen.add(target)
        if any(_may_end(*_step(item), routes, seen) for item in routes[target].steps):
            return True
    return any(
        _may_end(*_step(item), routes, seen) for inner, _at in _inner(name, value, "") for item in inner
    )


def _cycles(routes: Mapping[str, _Route]) -> Iterator[RouteProblem]:
    certain = _on_cycles(routes, always=True)
    for uri, edge in certain:
        yield _problem(routes[uri].source, edge.pointer, "direct-cycle", f"{uri} calls itself for ever"
                       + (f" by {edge.target}" if edge.target != uri else ""),
                       "Let a step decide when it ends: choice, filter, or a loop instead.")  # fmt: skip
    told = {uri for uri, _edge in certain}
    for uri, edge in _on_cycles(routes, always=False):
        if uri not in told:
            yield _problem(routes[uri].source, edge.pointer, "direct-cycle-conditional",
                           f"{uri} may call itself" + (f" by {edge.target}" if edge.target != uri else ""),
                           "Make sure that it ends: an exchange that enters too many routes fails.")  # fmt: skip


def _on_cycles(routes: Mapping[str, _Route], *, always: bool) -> list[tuple[str, _Edge]]:
    """The first route of each cycle, with the edge that leads into it."""
    found, covered = [], set[str]()
    for uri, route in routes.items():
        for edge in route.edges:
            if uri in covered or (always and not edge.always):
                continue
            path = _path(routes, edge.target, uri, always)
            if path is not None:
                found.append((uri, edge))
                covered.update((uri, *path))
    return found


def _path(routes: Mapping[str, _Route], start: str, goal: str, always: bool) -> list[str] | None:
    waiting, before = [start], {start: ""}
    while waiting:
        uri = waiting.pop()
        if uri == goal:
            path = []
            while uri:
                path.append(uri)
                uri = before[uri]
            return path
        for edge in routes[uri].edges:
            if edge.target not in before and (edge.always or not always):
                before[edge.target] = uri
                waiting.append(edge.target)
    return None


def _problem(source: RouteSource, pointer: str, rule: str, message: str, remedy: str) -> RouteProblem:
    place = pointer
    while place and place not in source.lines:
        place = place.rpartition("/")[0]
    return RouteProblem(source.file, source.lines.get(place, 1), pointer, rule, message, remedy)
