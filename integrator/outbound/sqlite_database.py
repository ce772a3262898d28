"""A SQLite file as a data source of an adapter."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from integrator.outbound.folders import in_thread
from integrator.outbound.queries import SPRING_DAO, SPRING_JDBC, Rows, bound, few, refusals
from integrator.security.limits import DEFAULT, Limits


class SqliteDatabase:
    """A SQLite file; one statement at a time. `run_in` runs what blocks; `shown` makes texts of column names."""

    def __init__(
        self,
        path: str,
        *,
        run_in: Callable[[Callable[[], Any]], Awaitable[Any]] = in_thread,
        limits: Limits = DEFAULT,
        connection: sqlite3.Connection | None = None,
    ) -> None:
        self._path, self._run_in, self._limits = path, run_in, limits
        self._connection = connection
        self._one = asyncio.Lock()

    async def run(self, statement: str, values: Sequence[Any], *, reading: bool, keys: bool = False) -> Rows:
        """Run one statement. `reading`: it may change nothing. Raises StatementError."""

        def work() -> Rows:
            connection = self._open()
            with refusals(sqlite3.Error, _sqlite_class):
                connection.execute(f"PRAGMA query_only = {'ON' if reading else 'OFF'}")
                cursor = connection.execute(statement, [bound(value) for value in values])
                if cursor.description is None:
                    made = ({"GENERATED_KEY": cursor.lastrowid},) if keys and cursor.lastrowid else ()
                    return Rows(None, (), max(cursor.rowcount, 0), made)
                rows = cursor.fetchmany(self._limits.rows_per_query + 1)
                return Rows([column[0] for column in cursor.description], few(rows, self._limits), 0)

        async with self._one:
            found: Rows = await self._run_in(work)
        return found

    async def run_many(self, statement: str, many: Sequence[Sequence[Any]]) -> int:
        """Run one statement for each list of values, all or none; how many rows changed."""

        def work() -> int:
            connection = self._open()
            with refusals(sqlite3.Error, _sqlite_class):
                connection.execute("PRAGMA query_only = OFF")
                connection.execute("BEGIN IMMEDIATE")
                try:
                    changed = 0
                    for values in many:
                        taken = [bound(value) for value in values]
                        changed += max(connection.execute(statement, taken).rowcount, 0)
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
            return changed

        async with self._one:
            count: int = await self._run_in(work)
        return count

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            with refusals(sqlite3.Error, lambda _error: SPRING_JDBC + "CannotGetJdbcConnectionException"):
                self._connection = sqlite3.connect(
                    self._path, isolation_level=None, check_same_thread=False, timeout=self._limits.connect_seconds
                )  # fmt: skip
        return self._connection

    async def close(self) -> None:
        """Close the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _sqlite_class(error: sqlite3.Error) -> str:
    if isinstance(error, sqlite3.IntegrityError):
        unique = "UNIQUE" in str(error)
        return SPRING_DAO + ("DuplicateKeyException" if unique else "DataIntegrityViolationException")
    if isinstance(error, sqlite3.ProgrammingError):
        return SPRING_JDBC + "UncategorizedSQLException"
    if isinstance(error, sqlite3.OperationalError) and "readonly" in str(error):
        return SPRING_DAO + "InvalidDataAccessResourceUsageException"
    return SPRING_JDBC + "BadSqlGrammarException"
