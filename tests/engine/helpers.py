"""Small ways to write routes in tests: YAML with line numbers, a sender that answers, one run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from integrator.engine import Mocks, RouteProblem, Services, check_routes, compile_routes
from integrator.exchange import AdapterAnswer, Context, Exchange, Message
from integrator.security.parsers import CONVERSIONS
from integrator.site.compiled import RouteSource


def source(text: str, file: str = "routes/test.camel.yaml") -> RouteSource:
    """A route file as the site hands it over: data and the line of each node."""
    lines: dict[str, int] = {}

    def note(node: yaml.Node, pointer: str) -> None:
        lines[pointer] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                note(value, f"{pointer}/{key.value}")
                lines[f"{pointer}/{key.value}"] = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                note(value, f"{pointer}/{index}")

    root = yaml.compose(text)
    if root is not None:
        note(root, "")
    return RouteSource(file, tuple(yaml.safe_load(text) or ()), lines)


def route(steps: str, uri: str = "direct:start", name: str = "r") -> str:
    """A route with these steps, one a line of flow YAML."""
    listed = "\n".join(f"        - {step}" for step in steps.strip().split("\n"))
    return f"- route:\n    id: {name}\n    from:\n      uri: {uri}\n      steps:\n{listed}\n"


def exchange(
    body: Any = None,
    headers: Mapping[str, Any] | None = None,
    *,
    context: Context | None = None,
    properties: Mapping[str, Any] | None = None,
) -> Exchange:
    """An exchange with a message."""
    made = Exchange(Message(body, headers, conversions=CONVERSIONS), exchange_id="E-1", context=context)
    made.properties.update(properties or {})
    return made


class Answering:
    """A sender that keeps the calls and gives the answers in turn; an exception is raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[str, str, Any]] = []

    async def call(
        self, adapter: str, operation: str, body: Any, headers: Mapping[str, Any], context: Context | None
    ) -> AdapterAnswer:
        self.calls.append((adapter, operation, body))
        answer = self.answers.pop(0) if self.answers else AdapterAnswer({})
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, AdapterAnswer)
        return answer


async def run(
    text: str, given: Exchange, services: Services | None = None, uri: str = "direct:start"
) -> Exchange:
    """Compile the routes, run one, return the exchange."""
    await compile_routes([source(text)], services or Services()).run(uri, given)
    return given


async def steps(text: str, given: Exchange, services: Services | None = None) -> Exchange:
    """Run these steps alone."""
    return await run(route(text), given, services)


def rules(text: str, services: Services | None = None) -> list[str]:
    """The rules of the problems in a route file."""
    return [problem.rule for problem in check_routes([source(text)], services)]


def problems(text: str, services: Services | None = None) -> list[RouteProblem]:
    """The problems in a route file."""
    return check_routes([source(text)], services)


__all__ = ["Answering", "Mocks", "exchange", "problems", "route", "rules", "run", "source", "steps"]
