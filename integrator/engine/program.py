"""What the routes of one set share while they are compiled and while they run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from integrator.engine.lifecycle import Consumer
from integrator.engine.services import Services
from integrator.engine.steps import Block, Route
from integrator.exchange import Exchange

Expression = Callable[[Exchange], Any]
Predicate = Callable[[Exchange], bool]


@dataclass(frozen=True, slots=True)
class EndpointUse:
    """An endpoint a route names; `dynamic` ones (toD with functions) are known at run time only.

    `file` is where it stands; a template may stand in another file than the route that uses it.
    """

    uri: str
    line: int
    pointer: str
    dynamic: bool
    consumer: bool
    file: str = ""


@dataclass(slots=True)
class Program:
    """What the routes of one set share: the services, and the consuming route of a URI (`direct:x`).

    `originals` says that an error handler of the set asks for the message as it came; `shared` keeps what
    steps remember from one exchange to the next (idempotent keys, throttles), by bean or step; `templates` are the
    routeTemplates by id, `making` those that a route is being made from; `closing` is awaited when the set stops,
    `waiting` are the consumers that run by themselves once it is started.
    """

    services: Services
    consumers: dict[str, Route] = field(default_factory=dict)
    originals: bool = False
    names: int = 0
    shared: dict[str, Any] = field(default_factory=dict)
    templates: dict[str, Any] = field(default_factory=dict)
    making: list[str] = field(default_factory=list)
    closing: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    waiting: list[Consumer] = field(default_factory=list)


class Flow(tuple[Any, ...]):
    """Some steps of a list, and where they stand: `pointer` is the list's, `first` the place of the first."""

    pointer: str
    first: int

    def __new__(cls, steps: Iterable[Any], pointer: str, first: int) -> Flow:
        """The steps."""
        made = super().__new__(cls, tuple(steps))
        made.pointer, made.first = pointer, first
        return made


@dataclass(frozen=True, slots=True)
class Intercept:
    """Steps that run before other steps, or around sending: `uri` is the pattern of the endpoint.

    `known` are the exchange properties by which its steps know where they run.
    """

    body: Block
    when: Predicate | None = None
    uri: str = ""
    skip: bool = False
    after: Callable[[Exchange], Any] | None = None
    known: Mapping[str, str] = field(default_factory=dict)

    def applies(self, exchange: Exchange) -> bool:
        """Whether its predicate holds."""
        return self.when is None or self.when(exchange)


@dataclass(frozen=True, slots=True)
class Bean:
    """A bean of the file: a Java class name that the engine knows, with its properties."""

    java_class: str
    properties: Mapping[str, Any] = field(default_factory=dict)
