"""A PostgreSQL database as a data source of an adapter; imported where there is one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import psycopg
from psycopg import errors

from integrator.exchange import ProviderUnreachable
from integrator.outbound.queries import SPRING_DAO, SPRING_JDBC, Rows, bound, few, placeholders, refusals
from integrator.security.limits import DEFAULT, Limits

IDLE = 4
"""Connections to PostgreSQL that are kept open while nobody uses them."""


class PostgresDatabase:
    """A PostgreSQL database: a few connections kept, each statement a transaction of its own."""

    def __init__(self, url: str, *, most: int = 16, limits: Limits = DEFAULT) -> None:
        self._url, self._limits = url, limits
        self._places = asyncio.Semaphore(most)
        self._idle: list[psycopg.AsyncConnection[tuple[Any, ...]]] = []

    async def run(self, statement: str, values: Sequence[Any], *, reading: bool, keys: bool = False) -> Rows:
        """Run one statement. `reading`: it may change nothing. Raises StatementError."""
        text = _postgres_text(statement)
        if keys:
            text += " RETURNING *"
        async with self._connection() as connection:
            with refusals(psycopg.Error, _postgres_class):
                async with connection.transaction(), connection.cursor() as cursor:
                    if reading:
                        await cursor.execute(b"SET TRANSACTION READ ONLY")
                    await cursor.execute(text.encode(), [bound(value) for value in values] or None)
                    if cursor.description is None:
                        return Rows(None, (), max(cursor.rowcount, 0))
                    names = [column.name for column in cursor.description]
                    rows = few(await cursor.fetchmany(self._limits.rows_per_query + 1), self._limits)
                    if keys:
                        made = [dict(zip(names, row, strict=True)) for row in rows]
                        return Rows(None, (), max(cursor.rowcount, 0), made)
                    return Rows(names, rows, 0)

    async def run_many(self, statement: str, many: Sequence[Sequence[Any]]) -> int:
        """Run one statement for each list of values, all or none; how many rows changed."""
        text = _postgres_text(statement).encode()
        async with self._connection() as connection:
            with refusals(psycopg.Error, _postgres_class):
                async with connection.transaction(), connection.cursor() as cursor:
                    changed = 0
                    for values in many:
                        await cursor.execute(text, [bound(value) for value in values])
                        changed += max(cursor.rowcount, 0)
                    return changed

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection[tuple[Any, ...]]]:
        async with self._places:
            connection = self._idle.pop() if self._idle else await self._connect()
            try:
                yield connection
            finally:
                usable = not connection.closed and connection.info.transaction_status == 0
                if usable and len(self._idle) < IDLE:
                    self._idle.append(connection)
                else:
                    await connection.close()

    async def _connect(self) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                return await psycopg.AsyncConnection.connect(self._url, autocommit=True)
        except (psycopg.Error, TimeoutError):
            # What the driver says repeats host and user of the URL.
            raise ProviderUnreachable(
                "no connection to the database could be made: try again later",
                reason="unreachable", origin="provider",
            ) from None  # fmt: skip

    async def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._idle:
            await self._idle.pop().close()


def _postgres_text(statement: str) -> str:
    # A percent sign is psycopg's own mark, whether values follow or not.
    return placeholders(statement.replace("%", "%%"), "%s")


def _postgres_class(error: psycopg.Error) -> str:
    if isinstance(error, errors.UniqueViolation):
        return SPRING_DAO + "DuplicateKeyException"
    if isinstance(error, errors.IntegrityError):
        return SPRING_DAO + "DataIntegrityViolationException"
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return SPRING_DAO + "InvalidDataAccessResourceUsageException"
    if isinstance(error, psycopg.OperationalError):
        return SPRING_DAO + "DataAccessResourceFailureException"
    return SPRING_JDBC + ("BadSqlGrammarException" if isinstance(error, psycopg.ProgrammingError)
                    else "UncategorizedSQLException")  # fmt: skip
