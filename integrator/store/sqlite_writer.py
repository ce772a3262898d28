"""The one thread that writes to SQLite: natural group commit.

While one batch commits, the next gathers in a list the loop appends to, and goes on gathering as long
as each turn of the loop brings more units; the loop is woken once a batch. Short changes (leases,
keys, sealing) are jobs; those waiting together share a transaction.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from integrator.store import failpoints, sqlite_batch
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
from integrator.store.statements import CLAIMED_BY
from integrator.store.units import (
    Conflict,
    StoreUnavailable,
    StoreUncertain,
    Unit,
    UnitConflict,
    UnitRefused,
)

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], Any]

_CLAIMED_BY = CLAIMED_BY.replace("%s", "?")
_TAGS_IN_SMALL_RUNS = 8_192  # joining them holds the writer up for some 10 ms
_IO_ERROR = sqlite3.SQLITE_IOERR
_DATA_ERRORS = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    OverflowError,
    TypeError,
    AttributeError,
    ValueError,
)
"""What bad data of one unit or change raises, at binding or in the database."""


def unavailable(error: sqlite3.Error) -> StoreUnavailable:
    """The error for callers: what the database said, and what to do.

    After an input/output error the rows may or may not survive a crash: that is StoreUncertain.
    """
    said = getattr(error, "sqlite_errorname", type(error).__name__)
    code = getattr(error, "sqlite_errorcode", 0)
    kind = StoreUncertain if code & 0xFF == _IO_ERROR else StoreUnavailable
    return kind(f"the journal cannot be written ({said}): check free space and rights of its directory")


def rule(error: Exception) -> str:
    """The rule the data broke, without its values: SQLite names columns, Python may quote."""
    return (
        str(error)
        if isinstance(error, sqlite3.IntegrityError)
        else f"not a value SQLite can keep ({type(error).__name__})"
    )


def refused(error: Exception) -> Trouble:
    """The outcome, for a unit alone, of data that broke a rule."""
    if "record.exchange_id" in str(error):
        return Trouble(Conflict("ended"))
    return Trouble(UnitRefused(f"the unit cannot be stored: {rule(error)}"))


class Writer:
    """Owns the writing connection; `commit` and `run` are called on the loop."""

    def __init__(self, connection: sqlite3.Connection, process_id: bytes, limits: StoreLimits) -> None:
        self._connection = connection
        self._process_id = process_id
        self._units_waiting, self._units_per_batch = limits.units_waiting, limits.units_per_batch
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Waiting] = []
        self._jobs: list[tuple[Job, asyncio.Future[Any]]] = []
        self._idle = False
        self._gathered = 0  # units at the last turn of the loop; 0: the thread may take them
        self._closing = False
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        for statement in sqlite_batch.PREPARE:
            connection.execute(statement)
        last_run, self._small_tags = connection.execute(sqlite_batch.RUN_STATE).fetchone()
        self._tag_run: int = last_run or sqlite_batch.SMALL_RUNS
        self._spread_until = self._tag_run - 1  # of what the last process left nothing may be spread yet
        self._thread.start()

    # --- on the loop ---

    async def commit(self, unit: Unit) -> Conflict | None:
        """Queue a unit for the next batch and wait until it is durable."""
        if len(self._waiting) >= self._units_waiting:
            raise overloaded()
        if self._closing:
            raise StoreUnavailable("the store is closing: send it again to the next process")
        future: asyncio.Future[Conflict | None] = self._loop.create_future()
        self._waiting.append((unit, future))
        if not self._gathered:
            self._gathered = 1
            self._loop.call_soon(self._gather)
        return await future

    def _gather(self) -> None:
        """Let the thread take the batch once a turn of the loop has brought no more units."""
        count = len(self._waiting)
        if self._gathered < count < self._units_per_batch:
            self._gathered = count
            self._loop.call_soon(self._gather)
            return
        self._gathered = 0
        if self._idle:
            self._idle = False
            self._wake.put(None)

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run a short change on the writing connection, inside a transaction, and wait for it."""
        if len(self._jobs) >= self._units_waiting:
            raise overloaded()
        if self._closing:
            raise StoreUnavailable("the store is closing: send it again to the next process")
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.append((job, future))
        self._wake.put(None)
        return await future

    async def spread_tags(self) -> None:
        """Have the tags of the batches written until now in `tag`, for who reads it on another connection."""
        newest = self._tag_run
        if newest > self._spread_until:
            await self.run(spread_tags)
            self._spread_until = max(self._spread_until, newest)

    async def close(self) -> None:
        """Write what waits, then end the thread."""
        self._closing = True
        self._wake.put(None)
        await self._loop.run_in_executor(None, self._thread.join)

    # --- in the thread ---

    def _work(self) -> None:
        while True:
            if self._jobs:
                self._run_jobs()
            batch = [] if self._gathered else take(self._waiting, self._units_per_batch)
            if batch:
                units = [unit for unit, _ in batch]
                outcomes = self._write(units)
                failpoints.hit("commit-after")
                self._loop.call_soon_threadsafe(settle, batch, outcomes)
                self._small_tags += sum([len(record.tags) for unit in units for record in unit.records])
                if self._small_tags >= _TAGS_IN_SMALL_RUNS:
                    self._join_runs()
                continue
            # The flag is set before the last look: what is gathered after that look sees it and wakes us.
            self._idle = True
            if self._jobs or (self._waiting and not self._gathered):
                self._idle = False
                continue
            if self._closing and not self._waiting:
                return
            self._wake.get()
            self._idle = False

    def _write(self, units: Sequence[Unit]) -> list[Outcome]:
        """The outcome of each unit; a batch in trouble is halved until the culprit is alone."""
        try:
            return self._transaction(units)
        except Trouble as trouble:
            if len(units) == 1:
                return [trouble.verdict]
        except sqlite3.Error as error:
            return [unavailable(error) for _ in units]
        middle = len(units) // 2
        return self._write(units[:middle]) + self._write(units[middle:])

    def _transaction(self, units: Sequence[Unit]) -> list[Outcome]:
        """All units in one transaction. Raises Trouble or sqlite3.Error, having rolled back."""
        gated = any([unit.idempotency is not None or unit.delivery is not None for unit in units])  # noqa: C419
        connection = self._connection
        try:
            if not gated and not failpoints.armed():
                connection.execute(sqlite_batch.INSERT, self._pack(units))
                return [None] * len(units)
            connection.execute("BEGIN IMMEDIATE")
            outcomes = self.insert(connection, units)
            failpoints.hit("commit-before")
            connection.execute("COMMIT")
        except _DATA_ERRORS as error:
            self._roll_back()
            raise refused(error) from error
        except (sqlite3.Error, Trouble):
            self._roll_back()
            raise
        return outcomes

    def _roll_back(self) -> None:
        """Leave no transaction open; SQLite has already rolled back after some errors."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def insert(self, connection: sqlite3.Connection, units: Sequence[Unit]) -> list[Outcome]:
        """Gates first, then the rows of the units that passed, inside the open transaction."""
        outcomes: list[Outcome] = [None] * len(units)
        self._claim(connection, units, outcomes)
        passed = [unit for unit, outcome in zip(units, outcomes, strict=True) if outcome is None]
        _move(connection, passed)
        if passed:
            connection.execute(sqlite_batch.INSERT, self._pack(passed))
        return outcomes

    def insert_alone(self, connection: sqlite3.Connection, unit: Unit) -> None:
        """The rows of one unit, inside the open transaction. Raises UnitConflict, UnitRefused or Trouble."""
        try:
            (outcome,) = self.insert(connection, [unit])
        except Trouble as trouble:
            outcome = trouble.verdict
        except sqlite3.IntegrityError as error:
            outcome = refused(error).verdict
        if isinstance(outcome, Conflict):
            raise UnitConflict(outcome)
        if outcome is not None:
            raise outcome

    def _pack(self, units: Sequence[Unit]) -> tuple[object, ...]:
        self._tag_run += 1
        return sqlite_batch.pack(units, self._process_id, self._tag_run)

    def _join_runs(self) -> None:
        """Join the small runs of tags into one; where that fails they wait for the next time."""
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(sqlite_batch.JOIN_RUNS)
            connection.execute(sqlite_batch.DROP_RUNS)
            connection.execute(sqlite_batch.DROP_BATCHES)
            connection.execute("COMMIT")
        except sqlite3.Error:
            self._roll_back()
        self._small_tags = 0

    def _claim(self, connection: sqlite3.Connection, units: Sequence[Unit], outcomes: list[Outcome]) -> None:
        """Write the idempotency claims; a unit whose key is taken gets its conflict."""
        first, later = first_claims(units)
        if not first:
            return
        claims = sqlite_batch.pack_claims([units[position] for position in first])
        written = connection.execute(sqlite_batch.CLAIM, claims).rowcount
        suspects = later if written == len(first) else first + later
        for position in suspects:
            claim = units[position].idempotency
            assert claim is not None
            held = connection.execute(_CLAIMED_BY, (claim.party, claim.flow, claim.key_mac)).fetchone()
            if position in later or held[0] != claim.exchange_id:
                outcomes[position] = Conflict("idempotency", held[0], held[1])

    def _run_jobs(self) -> None:
        """Run the jobs that wait now in one transaction; a refused one undoes only itself."""
        jobs, self._jobs = self._jobs, []
        results: list[Any] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for job, _ in jobs:
                results.append(self._run_job(job))
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            results = [unavailable(error) for _ in jobs]
        futures = [future for _, future in jobs]
        self._loop.call_soon_threadsafe(_answer, futures, results)

    def _run_job(self, job: Job) -> Any:
        connection = self._connection
        connection.execute("SAVEPOINT job")
        try:
            result = job(connection)
        except UnitRefused as error:
            result = error
        except Trouble as trouble:
            result = UnitRefused(f"the change cannot be stored: {trouble}")
        except _DATA_ERRORS as error:
            result = UnitRefused(f"the change cannot be stored: {rule(error)}")
        if isinstance(result, UnitRefused):
            connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")
        return result


def spread_tags(connection: sqlite3.Connection) -> None:
    """Move the tags of batches into `tag`, inside a transaction."""
    connection.execute(sqlite_batch.SPREAD_BATCHES)
    connection.execute(sqlite_batch.DROP_BATCHES)


def _move(connection: sqlite3.Connection, units: Sequence[Unit]) -> None:
    """Compare-and-swap the delivery rows. Raises Trouble where one of them had moved on."""
    moves = [(unit.delivery, unit_time_us(unit)) for unit in units if unit.delivery is not None]
    if not moves:
        return
    packed = sqlite_batch.pack_moves(moves)
    rows = {row.exchange_id for row, _ in moves}
    # Two moves of one row in a batch cannot be told apart by a count: they are tried one by one.
    if len(rows) < len(moves) or connection.execute(sqlite_batch.MOVE, packed).rowcount < len(moves):
        raise Trouble(Conflict("stale"))
    connection.execute(sqlite_batch.DROP_BODIES, packed)


def _answer(futures: Sequence[asyncio.Future[Any]], results: Sequence[Any]) -> None:
    for future, result in zip(futures, results, strict=True):
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
