"""The rule about where aggregates keep their groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from integrator.authoring.check.rule import Finding, rule
from integrator.authoring.check.view import View
from integrator.site.read import Pointer

STORED = "JdbcAggregationRepository"


@rule("groups-not-kept")
def groups_not_kept(view: View) -> Iterator[Finding]:
    """A flow that waits for its answer asks for aggregates whose groups are in the store.

    Only event flows have those: a group outlives the call that a request-reply flow answers.
    """
    waiting = {f"flow:{flow.id}" for flow in view.flows if flow.get("exchange") == "request-reply"}
    for document in view.site.routes.values():
        elements = document.data if isinstance(document.data, list) else []
        stored = {f"#{name}" for name in _beans(elements)} | {f"#bean:{name}" for name in _beans(elements)}
        for number, element in enumerate(elements):
            route = element.get("route") if isinstance(element, dict) else None
            start = route.get("from") if isinstance(route, dict) else None
            if not isinstance(start, dict) or str(start.get("uri")).partition("?")[0] not in waiting:
                continue
            for pointer, written in _repositories(route, (number, "route")):
                if written in stored or (written.startswith("#class:") and STORED in written):
                    yield Finding(document.place(pointer), "only event flows keep the groups of aggregates",
                                  "leave aggregationRepository out, or make the flow an event")  # fmt: skip


def _beans(elements: list[Any]) -> Iterator[str]:
    """The names of the beans of a file that are such a repository."""
    for element in elements:
        beans = element.get("beans") if isinstance(element, dict) else None
        for bean in beans if isinstance(beans, list) else ():
            if isinstance(bean, dict) and STORED in str(bean.get("type")):
                yield str(bean.get("name"))


def _repositories(value: Any, pointer: Pointer) -> Iterator[tuple[Pointer, str]]:
    """Every `aggregationRepository` of an aggregate below, with its place."""
    if isinstance(value, dict):
        step = value.get("aggregate")
        if isinstance(step, dict) and isinstance(step.get("aggregationRepository"), str):
            yield (*pointer, "aggregate", "aggregationRepository"), step["aggregationRepository"]
        for key, child in value.items():
            yield from _repositories(child, (*pointer, key))
    elif isinstance(value, list):
        for number, child in enumerate(value):
            yield from _repositories(child, (*pointer, number))
