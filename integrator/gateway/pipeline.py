"""One exchange, in the order that invariants I1 and I2 demand.

Checked, then recorded `received` and durable, only then forwarded; answered by the route, checked,
minimised and rendered, then recorded as ended and durable, only then sent back.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from integrator.exchange import (
    BrokenContract,
    Context,
    Exchange,
    IntegratorError,
    InvalidRequest,
    Message,
    NoData,
    NotAuthenticated,
    NotRecorded,
    Overloaded,
    ProviderTimeout,
    Refused,
    RouteFailed,
)
from integrator.gateway.errors import OutcomeUnknown, after_the_route, error_info, rolled_back
from integrator.gateway.plane import Plane
from integrator.gateway.policy import Granted
from integrator.gateway.recording import Uncertain, commit
from integrator.gateway.runtime import FlowRuntime
from integrator.journal.vault import ANSWER, REQUEST
from integrator.store.units import RecordRow, Unit
from integrator.telemetry import log

_LOG = log.get("gateway")
_REFUSALS = (InvalidRequest, NotAuthenticated, Refused, Overloaded)
_GRACE_SECONDS = 1.0  # the outbound ends at the deadline by itself and says more

Render = Callable[[Any], bytes]


@dataclass(frozen=True, slots=True)
class Ended:
    """How an exchange ended for the consumer: an error or a body, and the hash of its end record."""

    error: IntegratorError | None
    body: bytes = b""
    record: bytes | None = None


async def run(
    plane: Plane,
    flow: FlowRuntime,
    granted: Granted,
    context: Context,
    message: Message,
    render: Render,
    render_no_data: Callable[[], bytes] | None = None,
) -> Ended:
    """Carry an admitted, valid request-reply exchange to its end; never raises an IntegratorError.

    `render` makes the answer of what may be released, before the end record, because a failure
    there is an end of another kind. `render_no_data` is given where no data has an answer.
    """
    # Open from here on: cancelled inside the commit nobody knows, and a successor has to look.
    plane.open[context.exchange_id] = context.received_us
    try:
        row = record_row(plane, flow, context, "received")
        kept = await plane.vaulted(flow, context, REQUEST, message.as_bytes()) if flow.flow.vault else ()
        await commit(plane.store, Unit([row]), kept)
    except IntegratorError as unwritten:
        close_later(plane, flow, context, "failed", unwritten)
        if not isinstance(unwritten, Uncertain):
            plane.open.pop(context.exchange_id, None)
        plane.metrics.refused(unwritten.reason)
        return Ended(unwritten)
    context.previous = row.leaf_hash
    body = b""
    error: IntegratorError | None = None
    try:
        body, error = await _carry(plane, flow, granted, context, message, render)
        if render_no_data is not None and isinstance(error, NoData):
            body, error = render_no_data(), None
    except asyncio.CancelledError:
        close_later(plane, flow, context, "unanswered", RouteFailed(reason="stopped"))
        raise
    except IntegratorError as failed:
        error = failed
    except Exception:
        # A mistake of ours must not leave the exchange open.
        _LOG.error("exchange-broke", exchange=context.exchange_id, flow=flow.id, exc_info=True)
        error = RouteFailed()
    return await _end(plane, flow, context, body, error)


async def _carry(
    plane: Plane, flow: FlowRuntime, granted: Granted, context: Context, message: Message, render: Render
) -> tuple[bytes, IntegratorError | None]:
    exchange = Exchange(message, exchange_id=context.exchange_id, context=context)
    if await _too_late(flow.routes.run(flow.uri, exchange), (context.deadline or 0.0) + _GRACE_SECONDS):
        return b"", ProviderTimeout()
    failure = exchange.exception
    if failure is not None:
        if not isinstance(failure, IntegratorError):
            _LOG.error("route-broke", exchange=context.exchange_id, flow=flow.id, exc_info=failure)
        error = after_the_route(failure, bool(context.legs))
        if isinstance(error, NoData):
            context.outcome = "no-data"
        return b"", error
    if exchange.rollback_only:
        return b"", rolled_back()
    try:
        answer = exchange.message.as_json()
        flow.check_answer(answer)
        context.subjects_response, says = flow.answer_subjects(answer)
    except InvalidRequest as unreadable:
        return b"", BrokenContract(unreadable.message, reason=unreadable.reason)
    context.outcome = _outcome(exchange, says)
    body = render(granted.minimise(answer))
    context.response_bytes = len(body)
    context.response_digest = hashlib.sha256(body).digest()
    return body, None


async def _too_late(work: Awaitable[None], deadline: float) -> bool:
    """Await the work until the deadline (loop time); True where it had to be cut off.

    What `asyncio.timeout_at` does, in a third of its steps: this runs for every exchange.
    """
    task = asyncio.current_task()
    assert task is not None
    cancelled_before, late = task.cancelling(), False

    def cut_off() -> None:
        nonlocal late
        late = task.cancel()

    timer = asyncio.get_running_loop().call_at(deadline, cut_off)
    try:
        await work
    except asyncio.CancelledError:
        # Somebody else may have cancelled the exchange too: then it is theirs to end.
        if not late or task.uncancel() > cancelled_before:
            raise
        return True
    finally:
        timer.cancel()
    if late:
        task.uncancel()
    return False


def _outcome(exchange: Exchange, says: bool) -> str:
    if not says:
        return "no-data"
    # A route that got only some of what it asked for says so by this header.
    return "partial" if exchange.message.headers.get("Integrator-Outcome") == "partial" else "with-data"


async def _end(
    plane: Plane, flow: FlowRuntime, context: Context, body: bytes, error: IntegratorError | None
) -> Ended:
    """Record the end; without its record no answer leaves."""
    context.replied_us = plane.now_us()
    kind = "completed"
    if error is not None and not isinstance(error, NoData):
        kind = "refused" if isinstance(error, _REFUSALS) else "failed"
        _withdraw(context, error)
    try:
        row = record_row(plane, flow, context, kind)
        kept = await plane.vaulted(flow, context, ANSWER, body) if flow.flow.vault and body else ()
        conflict = await commit(plane.store, Unit([row]), kept)
    except asyncio.CancelledError:
        close_later(plane, flow, context, "unanswered", RouteFailed(reason="stopped"))
        raise
    except IntegratorError:
        close_later(plane, flow, context, "unanswered", OutcomeUnknown())
        plane.metrics.ended(flow.id, "unanswered", _seconds(context))
        return Ended(OutcomeUnknown())
    plane.open.pop(context.exchange_id, None)
    if conflict is not None:  # somebody thought this process dead and closed the exchange
        plane.metrics.ended(flow.id, "unanswered", _seconds(context))
        return Ended(OutcomeUnknown())
    plane.metrics.ended(flow.id, context.outcome or kind, _seconds(context))
    if kind != "completed" and error is not None:
        tell(context, kind, error)
    return Ended(error, body, row.leaf_hash)


async def refuse(plane: Plane, flow: FlowRuntime | None, context: Context, error: IntegratorError) -> Ended:
    """One record for a request that goes no further; then its answer, or a 503 without a record."""
    context.replied_us = plane.now_us()
    context.error = error_info(error)
    context.fields = ()
    kind = "refused" if error.http_status < 500 or isinstance(error, Overloaded) else "failed"
    plane.metrics.refused(error.reason)
    plane.metrics.ended(context.flow, kind, _seconds(context))
    try:
        row = record_row(plane, flow, context, kind)
        await commit(plane.store, Unit([row]))
    except IntegratorError as unwritten:
        close_later(plane, flow, context, kind, error)
        return Ended(unwritten)
    tell(context, kind, error)
    return Ended(error, record=row.leaf_hash)


async def end_row(plane: Plane, flow: FlowRuntime, context: Context, kind: str) -> Ended:
    """Record an end for which nothing was forwarded; Ended.error says where that failed."""
    context.replied_us = plane.now_us()
    try:
        row = record_row(plane, flow, context, kind)
        await commit(plane.store, Unit([row]))
    except IntegratorError as error:
        close_later(plane, flow, context, "failed", error)
        return Ended(error)
    plane.metrics.ended(flow.id, context.outcome or kind, _seconds(context))
    return Ended(None, record=row.leaf_hash)


def _withdraw(context: Context, error: IntegratorError) -> None:
    """Nothing was released: take back what the context says of an answer."""
    context.error, context.outcome = error_info(error), None
    context.subjects_response, context.fields = (), ()
    context.response_digest, context.response_bytes = None, 0


def tell(context: Context, kind: str, error: IntegratorError) -> None:
    """One log line for what did not go well (ASVS 16.3.2): names and tokens, no values."""
    _LOG.info(
        f"exchange-{kind}",
        exchange=context.exchange_id,
        flow=context.flow,
        party=context.party,
        category=error.category,
        reason=error.reason,
        paths=error.paths[:5],
    )


def record_row(plane: Plane, flow: FlowRuntime | None, context: Context, kind: str) -> RecordRow:
    """The record of this kind; every kind but `received` is an end. Raises NotRecorded."""
    try:
        return plane.journal.record(
            kind,
            context,
            now_us=plane.now_us(),
            final=kind != "received",
            retention=flow.flow.retention if flow is not None else "P10Y",
        )
    except Exception:
        # What cannot be recorded must not happen, whatever the cause.
        _LOG.error("record-broke", exchange=context.exchange_id, flow=context.flow, exc_info=True)
        raise NotRecorded("the record of this exchange could not be made") from None


def close_later(
    plane: Plane, flow: FlowRuntime | None, context: Context, kind: str, error: IntegratorError
) -> None:
    """Keep an end record for when the database can be written again.

    Where `error` is Uncertain, the first record of the exchange is looked up before.
    """
    _withdraw(context, error)

    def remake(previous: bytes | None) -> RecordRow:
        context.previous = previous
        return record_row(plane, flow, context, kind)

    try:
        row = record_row(plane, flow, context, kind)
    except NotRecorded:
        plane.unwritten.lost += 1
    else:
        plane.unwritten.keep(row, remake if isinstance(error, Uncertain) else None)


def _seconds(context: Context) -> float:
    return max(0, (context.replied_us or context.received_us) - context.received_us) / 1_000_000
