"""What both group commits share: outcomes, the trouble that splits a batch, the size of a batch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

from integrator.store.units import Conflict, StoreOverloaded, Unit, UnitRefused

Outcome = Conflict | Exception | None
"""None: written. A Conflict: not written, as the contract says. An exception: raised to the caller."""

Waiting = tuple[Unit, "asyncio.Future[Conflict | None]"]

BATCH_BYTES_MAX = 8 * 1_048_576
"""Bodies of events in one batch; beyond it the rest waits for the next (design, I7)."""


class StoreLimits(Protocol):
    """What the store needs of `integrator.security.limits.Limits`, which is handed in."""

    @property
    def units_waiting(self) -> int:
        """Units that may wait for the next batch; beyond it StoreOverloaded."""
        ...

    @property
    def units_per_batch(self) -> int:
        """Units one transaction writes at most."""
        ...


class Trouble(Exception):
    """Some unit of this batch cannot be written; `verdict` is its outcome where it is alone.

    The transaction was rolled back: the caller splits the batch and tries the halves.
    """

    def __init__(self, verdict: Conflict | UnitRefused) -> None:
        super().__init__(str(verdict))
        self.verdict = verdict


def overloaded() -> StoreOverloaded:
    """The error of a full waiting room."""
    return StoreOverloaded("too many units wait for the journal: try again later (limit units_waiting)")


def take(waiting: list[Waiting], units_max: int) -> list[Waiting]:
    """Remove and return the next batch: at most `units_max` units, and bounded bytes of bodies."""
    batch = waiting[:units_max]
    size = 0
    for count, (unit, _) in enumerate(batch):
        if unit.accept is not None:
            size += len(unit.accept.body)
            if size > BATCH_BYTES_MAX and count:
                del batch[count:]
                break
    del waiting[: len(batch)]
    return batch


def settle(batch: Sequence[Waiting], outcomes: Sequence[Outcome]) -> None:
    """Answer the callers of one batch; those that gave up meanwhile are skipped."""
    for (_, future), outcome in zip(batch, outcomes, strict=True):
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)


def unit_time_us(unit: Unit) -> int:
    """When the unit happened: its first record's time, so that a test's clock rules here too."""
    return unit.records[0].time_us if unit.records else time.time_ns() // 1_000


def first_claims(units: Sequence[Unit]) -> tuple[list[int], list[int]]:
    """Positions of units with an idempotency claim: the first of each key, and the later ones."""
    first: list[int] = []
    later: list[int] = []
    seen: set[tuple[str, str, bytes]] = set()
    for position, unit in enumerate(units):
        claim = unit.idempotency
        if claim is None:
            continue
        key = (claim.party, claim.flow, claim.key_mac)
        (later if key in seen else first).append(position)
        seen.add(key)
    return first, later
