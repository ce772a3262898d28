"""Steps as plain callables, and how a list of them becomes one.

A run of steps that do not wait is one plain function; only what waits is awaited. Where a step fails,
the error learns route, file and line once, at the innermost step.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from integrator.engine.exceptions import RUNTIME_CAMEL, JavaException, class_of
from integrator.exchange import Exchange, IntegratorError, Message

Run = Callable[[Exchange], Any]
"""A plain callable, or one whose result is awaited (Step.waits)."""


class Where(NamedTuple):
    """Where a step stands."""

    route: str
    file: str
    line: int
    step: str


OPEN, QUIET, FINAL = 0, 1, 2
"""Who takes the errors of a block: a step around it; nobody (noErrorHandler); or the default error handler,
which sees an error once and passes it on."""


@dataclass(frozen=True, slots=True)
class Step:
    """A compiled step: `waits` says whether `run` returns an awaitable.

    The errors of a step that is not `guarded` pass the route's error handler by: only steps around it, and
    the routes that called this one, deal with them. Such steps wait.
    """

    run: Run
    waits: bool
    where: Where
    guarded: bool = True


@dataclass(frozen=True, slots=True)
class Block:
    """A compiled list of steps."""

    run: Run
    waits: bool


@dataclass(frozen=True, slots=True)
class Route:
    """A compiled route; `endpoint` is the normal form of its consumer's URI.

    `completed` runs after the exchange that entered by this route has ended, on copies of it.
    """

    id: str
    endpoint: str
    body: Block
    started: bool = True
    completed: Callable[[Exchange], Awaitable[None]] | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Family:
    """What an exchange shares with all its children: how many more may come, and which still run.

    `endings` are awaited once all have ended: what they leave in the store. `work` is what aggregates of an event
    flow add to groups there, written with the event's end record; `lost` the first child of an event that failed
    with nobody waiting for it.
    """

    left: int = 10_000_000
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    endings: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    work: Any = None
    lost: Exchange | None = None


@dataclass(slots=True)
class Trail:
    """Where an exchange is: the first entry of its history, kept by the engine alone.

    `origin` is the id of the first route, `endpoint` the last one sent to; `depth` and `entered` count the
    routes entered by `direct:`, so that loops end. `variables` are those of Camel's `route:` and `global:`
    repositories: here they live as long as the exchange, so that no value reaches another consumer's.
    `original` is the message as it came, `handled` says that an error handler ended the exchange, `failed`
    is the last error that was placed, `noted` the last in the exchange's properties, `exhausted` the last
    that no error handler may take any more; `after` is called when the exchange has ended, with whether it
    failed.
    """

    origin: str
    endpoint: str
    depth: int = 1
    entered: int = 1
    variables: dict[str, Any] = field(default_factory=dict)
    family: Family = field(default_factory=Family)
    original: Message | None = None
    handled: bool = False
    failed: Exception | None = None
    noted: Exception | None = None
    exhausted: Exception | None = None
    in_dead_letter: bool = False
    after: list[Callable[[Exchange, bool], None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Failure:
    """What `exchange.history` keeps of a failure: place and Java class, no content."""

    route: str
    file: str
    line: int
    step: str
    java_class: str


class RouteStop(BaseException):
    """The exchange ends here, the routes that called this one included; no doFinally runs.

    Why it ends stands in the exchange: `route_stop`, `rollback_only`, or `handled` in its trail.
    """


HISTORY_KEPT = 100
"""Failures that the history of one exchange keeps; a loop may have any number."""


def nothing(_exchange: Exchange) -> None:
    """The step that does nothing."""


def failed_at(exchange: Exchange, error: Exception, where: Where, mark: int = 2) -> Exception:
    """Note once where an error happened, in the exchange and its history.

    Returns the error to raise: one that is not the bus's own becomes a JavaException without its text,
    because nobody vouches for what such a text repeats. `mark` is OPEN, QUIET or FINAL.
    """
    trail: Trail = exchange.history[0]
    if trail.failed is error:
        if mark != QUIET and trail.noted is not error:
            note_failure(exchange, error, where)
        if mark == FINAL and trail.exhausted is not error:
            exchange.properties["CamelFailureRouteId"] = where.route
            trail.exhausted = error
        return error
    if not isinstance(error, IntegratorError):
        cause = error
        error = JavaException(RUNTIME_CAMEL, f"{type(cause).__name__} in step {where.step}")
        error.__cause__ = cause
    setattr(error, "where", where)  # noqa: B010 - errors of every room may pass here
    trail.failed = error
    if mark == FINAL:
        trail.exhausted = error
    if mark != QUIET:
        note_failure(exchange, error, where)
    if len(exchange.history) <= HISTORY_KEPT:
        exchange.history.append(Failure(*where, class_of(error)))
    return error


def note_failure(exchange: Exchange, error: Exception, where: Where) -> None:
    """Set the exchange properties by which routes see a failure."""
    properties = exchange.properties
    properties["CamelFailureRouteId"] = where.route
    properties["CamelFailureEndpoint"] = exchange.history[0].endpoint
    properties["CamelExceptionCaught"] = error
    exchange.history[0].noted = error


def block(steps: Iterable[Step], mark: int = FINAL) -> Block:
    """One callable that runs the steps in order."""
    listed = tuple(steps)
    if not listed:
        return Block(nothing, waits=False)
    if not any(step.waits for step in listed):
        return Block(_plain(listed, mark), waits=False)
    return Block(_waiting(listed, mark), waits=True)


def _plain(steps: tuple[Step, ...], mark: int) -> Run:
    pairs = tuple((step.run, step.where) for step in steps)

    def run_plain(exchange: Exchange) -> None:
        where = pairs[0][1]
        try:
            for run, where in pairs:  # noqa: B007 - read when a step fails
                run(exchange)
        except Exception as error:
            raise failed_at(exchange, error, where, mark) from error.__cause__

    return run_plain


def _waiting(steps: tuple[Step, ...], mark: int) -> Callable[[Exchange], Awaitable[None]]:
    # Steps that do not wait stay one plain call between two awaits.
    groups: list[tuple[Run, bool, Where, int]] = []
    plain: list[Step] = []
    for step in steps:
        if step.waits:
            if plain:
                groups.append((_plain(tuple(plain), mark), False, plain[0].where, mark))
                plain = []
            groups.append((step.run, True, step.where, mark if step.guarded or mark == OPEN else QUIET))
        else:
            plain.append(step)
    if plain:
        groups.append((_plain(tuple(plain), mark), False, plain[0].where, mark))
    listed = tuple(groups)

    async def run_waiting(exchange: Exchange) -> None:
        where, mark = listed[0][2:]
        try:
            for run, waits, where, mark in listed:  # noqa: B007 - read when a step fails
                if waits:
                    await run(exchange)
                else:
                    run(exchange)
        except Exception as error:
            raise failed_at(exchange, error, where, mark) from error.__cause__

    return run_waiting


def has_failed(exchange: Exchange) -> bool:
    """Whether an exchange failed, handled or not."""
    return exchange.exception is not None or exchange.history[0].handled or exchange.rollback_only


def ended(exchange: Exchange, *, failed: bool) -> None:
    """Tell those who wait for the end of an exchange, once."""
    trail: Trail = exchange.history[0]
    while trail.after:
        trail.after.pop()(exchange, failed)


async def call(run: Run, waits: bool, exchange: Exchange) -> None:
    """Run a step of either kind."""
    if waits:
        await run(exchange)
    else:
        run(exchange)


def is_waiting(run: Run) -> bool:
    """Whether a function has to be awaited."""
    return inspect.iscoroutinefunction(run)
