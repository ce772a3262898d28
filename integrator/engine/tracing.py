"""Tracing: every step's start and end in the exchange's history, with file and line, never with content.

Compiled in where Services has a `trace`, and not there otherwise: without it a step costs nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from integrator.engine.exceptions import class_of
from integrator.engine.steps import RouteStop, Step, call
from integrator.exchange import Exchange

if TYPE_CHECKING:
    from integrator.engine.services import Services

KEPT = 10_000
"""Entries that the history of one exchange keeps; a loop may have any number."""


@dataclass(frozen=True, slots=True)
class Passed:
    """That an exchange came to a step: `event` is start, end, stop (the exchange ended there) or error."""

    route: str
    file: str
    line: int
    step: str
    event: str
    at_us: int
    java_class: str = ""


def traced(step: Step, services: Services) -> Step:
    """The same step, which notes what passes; `services.trace` is told as well."""
    where, now_us, tell = step.where, services.now_us, services.trace
    assert tell is not None

    def note(exchange: Exchange, event: str, java_class: str = "") -> None:
        entry = Passed(*where, event, now_us(), java_class)
        if len(exchange.history) <= KEPT:
            exchange.history.append(entry)
        tell(exchange.id, entry)

    def plain(exchange: Exchange) -> None:
        note(exchange, "start")
        try:
            step.run(exchange)
        except RouteStop:
            note(exchange, "stop")
            raise
        except Exception as error:
            note(exchange, "error", class_of(error))
            raise
        note(exchange, "end")

    async def waiting(exchange: Exchange) -> None:
        note(exchange, "start")
        try:
            await call(step.run, step.waits, exchange)
        except RouteStop:
            note(exchange, "stop")
            raise
        except Exception as error:
            note(exchange, "error", class_of(error))
            raise
        note(exchange, "end")

    return Step(waiting if step.waits else plain, step.waits, where, step.guarded)


def trail(exchange: Exchange) -> list[Passed]:
    """What the history of an exchange says of the steps it came to."""
    return [entry for entry in exchange.history if isinstance(entry, Passed)]
