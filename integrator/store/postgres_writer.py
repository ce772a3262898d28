"""The group commit on PostgreSQL: one session on the loop; while one batch commits, the next gathers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus

from integrator.store import failpoints, postgres_arrays, postgres_batch
from integrator.store.batching import (
    Outcome,
    StoreLimits,
    Trouble,
    Waiting,
    first_claims,
    overloaded,
    settle,
    take,
    unit_time_us,
)
from integrator.store.postgres_link import Link, unavailable
from integrator.store.statements import CLAIMED_BY
from integrator.store.units import (
    Conflict,
    StoreUnavailable,
    StoreUncertain,
    Unit,
    UnitConflict,
    UnitRefused,
)

_RESOLVE_SECONDS = 5.0
_RESOLVE_PAUSE_SECONDS = 0.2
_END_BACKEND = """
SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE pid = %s AND backend_start = %s
"""


def refused(error: psycopg.Error) -> Trouble:
    """The outcome of data that broke a rule: constraint and column are named, never a value."""
    diagnostics = error.diag
    if diagnostics.constraint_name == "record_final":
        return Trouble(Conflict("ended"))
    named = (diagnostics.table_name, diagnostics.column_name, diagnostics.constraint_name)
    where = " ".join(part for part in named if part)
    return Trouble(UnitRefused(f"the unit cannot be stored: {type(error).__name__} {where}".rstrip()))


class Writer:
    """Gathers units and writes them in batches; everything runs on the loop."""

    def __init__(self, link: Link, process_id: bytes, limits: StoreLimits) -> None:
        self._link = link
        self._process_id = process_id
        self._units_waiting, self._units_per_batch = limits.units_waiting, limits.units_per_batch
        self._waiting: list[Waiting] = []
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._closing = False
        self._planned: list[Outcome] | None = None
        """The outcomes of the transaction whose commit was sent; None before that point."""
        self._task = self._loop.create_task(self._work(), name="store-writer")

    async def commit(self, unit: Unit) -> Conflict | None:
        """Queue a unit for the next batch and wait until it is durable."""
        if len(self._waiting) >= self._units_waiting:
            raise overloaded()
        if self._closing:
            raise StoreUnavailable("the store is closing: send it again to the next process")
        future: asyncio.Future[Conflict | None] = self._loop.create_future()
        self._waiting.append((unit, future))
        self._wake.set()
        return await future

    async def close(self) -> None:
        """Write what waits, then end."""
        self._closing = True
        self._wake.set()
        await self._task

    async def _work(self) -> None:
        while True:
            batch = take(self._waiting, self._units_per_batch)
            if not batch:
                if self._closing:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            outcomes = await self._write([unit for unit, _ in batch])
            failpoints.hit("commit-after")
            settle(batch, outcomes)

    async def _write(self, units: Sequence[Unit]) -> list[Outcome]:
        """The outcome of each unit; a batch in trouble is halved until the culprit is alone."""
        self._planned = None
        try:
            connection = await self._link.connection()
        except StoreUnavailable as error:
            return [StoreUnavailable(str(error)) for _ in units]
        lost = self._link.backend
        try:
            return await self._transaction(connection, units)
        except Trouble as trouble:
            if len(units) == 1:
                return [trouble.verdict]
        except psycopg.Error as error:
            if connection.closed and self._planned is not None:
                return await self._resolve(units, self._planned, lost)
            return [unavailable(error) for _ in units]
        middle = len(units) // 2
        return await self._write(units[:middle]) + await self._write(units[middle:])

    async def _transaction(self, connection: AsyncConnection, units: Sequence[Unit]) -> list[Outcome]:
        """All units in one transaction. Raises Trouble or psycopg.Error, having rolled back."""
        gated = any([unit.idempotency is not None or unit.delivery is not None for unit in units])  # noqa: C419
        try:
            if not gated and not failpoints.armed():
                text, parameters = postgres_batch.pack(units, self._process_id)
                self._planned = [None] * len(units)
                await connection.execute(text, parameters, prepare=True)
                return self._planned
            outcomes = await insert(connection, units, self._process_id)
            failpoints.hit("commit-before")
            self._planned = outcomes
            await connection.execute("COMMIT")
        except (psycopg.IntegrityError, psycopg.DataError) as error:
            await roll_back(connection)
            raise refused(error) from error
        except (psycopg.Error, Trouble):
            await roll_back(connection)
            raise
        return outcomes

    async def _resolve(
        self, units: Sequence[Unit], planned: list[Outcome], lost: tuple[int, object] | None
    ) -> list[Outcome]:
        """The connection was lost while committing: find out on a new one whether the rows are there.

        The old session's server side may still be committing: it is ended first, then the answer is
        final.
        """
        written = [unit for unit, outcome in zip(units, planned, strict=True) if outcome is None]
        ids = [record.record_id for unit in written for record in unit.records]
        deadline = time.monotonic() + _RESOLVE_SECONDS
        while ids and time.monotonic() < deadline:
            try:
                connection = await self._link.connection(at_once=True)
                ended = await (await connection.execute(_END_BACKEND, lost)).fetchall()
                if all(row[0] for row in ended):
                    parameters = {"ids": postgres_arrays.fixed(ids, 16, "a record id")}
                    count = await (await connection.execute(postgres_batch.WRITTEN, parameters)).fetchone()
                    return self._resolved(planned, len(ids), count[0] if count else 0)
            except (psycopg.Error, StoreUnavailable):
                await asyncio.sleep(_RESOLVE_PAUSE_SECONDS)
        text = "the database was lost while it committed: look the exchange up before repeating it"
        return [StoreUncertain(text) if outcome is None else outcome for outcome in planned]

    def _resolved(self, planned: list[Outcome], expected: int, found: int) -> list[Outcome]:
        """All rows of a transaction are there, or none."""
        if found == expected:
            return planned
        text = "the database was lost before it committed: send it again"
        return [StoreUnavailable(text) if outcome is None else outcome for outcome in planned]


async def roll_back(connection: AsyncConnection) -> None:
    """Leave no transaction open; a lost connection has none."""
    if not connection.closed and connection.info.transaction_status != TransactionStatus.IDLE:
        await connection.execute("ROLLBACK")


async def insert(connection: AsyncConnection, units: Sequence[Unit], process_id: bytes) -> list[Outcome]:
    """Begin, gates, then the rows of the units that passed; COMMIT is left to the caller."""
    outcomes: list[Outcome] = [None] * len(units)
    first, later = first_claims(units)
    claims = postgres_batch.pack_claims([units[position] for position in first])
    async with connection.pipeline():
        await connection.execute("BEGIN")
        claimed = await connection.execute(postgres_batch.CLAIM, claims, prepare=True) if first else None
    suspects = later if claimed is None or claimed.rowcount == len(first) else first + later
    for position in suspects:
        claim = units[position].idempotency
        assert claim is not None
        asked = (claim.party, claim.flow, claim.key_mac)
        held = await (await connection.execute(CLAIMED_BY, asked)).fetchone()
        assert held is not None
        if position in later or held[0] != claim.exchange_id:
            outcomes[position] = Conflict("idempotency", held[0], held[1])
    passed = [unit for unit, outcome in zip(units, outcomes, strict=True) if outcome is None]
    await _rows(connection, passed, process_id)
    return outcomes


async def _rows(connection: AsyncConnection, units: Sequence[Unit], process_id: bytes) -> None:
    """Compare-and-swap the delivery rows and insert the rest, in one round trip.

    Raises Trouble where a delivery had moved on.
    """
    if not units:
        return
    moves = [(unit.delivery, unit_time_us(unit)) for unit in units if unit.delivery is not None]
    # Two moves of one row in a batch cannot be told apart by a count: they are tried one by one.
    if len({row.exchange_id for row, _ in moves}) < len(moves):
        raise Trouble(Conflict("stale"))
    text, parameters = postgres_batch.pack(units, process_id)
    packed = postgres_batch.pack_moves(moves)
    moved = None
    try:
        async with connection.pipeline():
            if moves:
                moved = await connection.execute(postgres_batch.MOVE, packed, prepare=True)
                await connection.execute(postgres_batch.DROP_BODIES, packed, prepare=True)
            await connection.execute(text, parameters, prepare=True)
    except psycopg.IntegrityError:
        if moved is None or moved.rowcount >= len(moves):
            raise
    if moved is not None and moved.rowcount < len(moves):
        raise Trouble(Conflict("stale"))  # the first gate that closed is the unit's conflict


async def insert_alone(connection: AsyncConnection, unit: Unit, process_id: bytes) -> None:
    """The rows of one unit in a transaction it begins. Raises UnitConflict, UnitRefused or psycopg.Error."""
    try:
        (outcome,) = await insert(connection, [unit], process_id)
    except Trouble as trouble:
        outcome = trouble.verdict
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        outcome = refused(error).verdict
    if isinstance(outcome, Conflict):
        raise UnitConflict(outcome)
    if outcome is not None:
        raise outcome
