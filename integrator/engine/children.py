"""Children of an exchange: parts, branches and copies, each with its own exchange id and trail.

A child starts from a copy of its parent. What comes of it is carried back by `copy_results`, as Camel's
ExchangeHelper does; `settle` then lets the parent fail or end as the child did.
"""

from __future__ import annotations

import asyncio

import uuid_utils

from integrator.engine.steps import HISTORY_KEPT, Family, RouteStop, Run, Trail, ended, has_failed
from integrator.exchange import Exchange, Message, Overloaded

YIELD_EVERY = 64
"""Children or turns after which other exchanges get their turn on the event loop."""


def child(exchange: Exchange, message: Message, *, correlated: bool = True) -> Exchange:
    """A child with that message. Raises Overloaded where an exchange would have too many."""
    parent: Trail = exchange.history[0]
    family = parent.family
    family.left -= 1
    if family.left < 0:
        raise Overloaded("one exchange has too many parts, branches and copies", reason="children")
    made = Exchange(
        message,
        exchange_id=str(uuid_utils.uuid7()),
        context=exchange.context,
        pattern=exchange.pattern,
    )
    made.properties = exchange.properties.copy()
    if correlated:
        made.properties["CamelCorrelationId"] = exchange.id
    made.variables = exchange.variables.copy()
    made.history = [
        Trail(
            parent.origin,
            parent.endpoint,
            parent.depth,
            parent.entered,
            parent.variables,
            family,
            None if parent.original is None else message.copy(),
            in_dead_letter=parent.in_dead_letter,
        )
    ]
    return made


async def contained(run: Run, waits: bool, exchange: Exchange) -> None:
    """Run steps on a child; what they raise stays in it."""
    failed = True
    try:
        if waits:
            await run(exchange)
        else:
            run(exchange)
        failed = False
    except RouteStop:
        failed = has_failed(exchange)  # the child says itself why it ended
    except Exception as error:
        exchange.exception = error
    finally:
        if exchange.history[0].after:
            ended(exchange, failed=failed)


def has_ended(exchange: Exchange) -> bool:
    """Whether an exchange failed, or ended before its route did."""
    return (
        exchange.exception is not None
        or exchange.route_stop
        or exchange.rollback_only
        or exchange.history[0].handled
    )


def copy_results(target: Exchange, source: Exchange) -> None:
    """Make the result of a child the parent's: message, properties, variables and how it ended."""
    target.message = source.message
    target.properties.update(source.properties)
    target.variables.update(source.variables)
    target.route_stop = source.route_stop
    target.rollback_only = source.rollback_only
    target.history[0].handled = source.history[0].handled
    target.history[0].endpoint = source.history[0].endpoint
    target.exception = source.exception
    if source.exception is not None:
        adopt(target, source)


def adopt(target: Exchange, source: Exchange) -> None:
    """Note in the parent's history where a child failed."""
    room = HISTORY_KEPT + 1 - len(target.history)
    target.history.extend(source.history[1:][: max(room, 0)])


def settle(exchange: Exchange) -> None:
    """Fail or end where a child left the exchange failed or ended. Error handlers do not see it again."""
    error = exchange.exception
    if error is not None:
        exchange.exception = None
        fail_with(exchange, error)
    if exchange.route_stop or exchange.rollback_only or exchange.history[0].handled:
        raise RouteStop


def fail_with(exchange: Exchange, error: Exception) -> None:
    """Raise an error that is already placed, and that no error handler takes again."""
    trail: Trail = exchange.history[0]
    trail.failed = trail.noted = trail.exhausted = error
    raise error from error.__cause__


async def family_ends(family: Family) -> None:
    """Wait for the children that still run, then for what they leave in the store. Cancelled, it takes them along."""
    try:
        while family.tasks:
            await asyncio.wait(tuple(family.tasks))
    except asyncio.CancelledError:
        cancel(family)
        raise
    while family.endings:
        await family.endings.pop(0)()


def cancel(family: Family) -> None:
    """End the children that still run."""
    for task in tuple(family.tasks):
        task.cancel()


def start(made: Exchange, run: Run, waits: bool, most: int, *, answered: bool = False) -> asyncio.Task[None]:
    """Run a child beside its family; the exchange that started them all ends after it.

    Of an accepted event nothing may get lost: a child that fails with nobody waiting for its answer
    (`answered`) makes the event's attempt fail. Raises Overloaded where more than `most` run already.
    """
    family = made.history[0].family
    tasks = family.tasks
    if len(tasks) >= most:
        raise Overloaded(f"an exchange has more than {most} copies under way", reason="children")
    whole = not answered and made.context is not None and made.context.kind == "event"
    task = asyncio.ensure_future(_whole(made, run, waits) if whole else contained(run, waits, made))
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task


async def _whole(made: Exchange, run: Run, waits: bool) -> None:
    await contained(run, waits, made)
    family: Family = made.history[0].family
    if made.exception is not None and family.lost is None:
        family.lost = made
