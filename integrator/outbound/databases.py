"""Data sources of adapters: SQLite files and PostgreSQL, with connections of their own, values always bound."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import errors

from integrator.exchange import Overloaded, ProviderUnreachable, RouteFailed
from integrator.outbound.folders import in_thread
from integrator.security.limits import DEFAULT, Limits

IDLE = 4
"""Connections to PostgreSQL that are kept open while nobody uses them."""
_SQL, _DAO, _JDBC = "java.sql.SQLException", "org.springframework.dao.", "org.springframework.jdbc."


@dataclass(frozen=True, slots=True)
class Rows:
    """What a statement gave: columns and rows, or the count of changes and generated keys."""

    columns: Sequence[str] | None
    rows: Sequence[Sequence[Any]]
    changed: int
    keys: Sequence[Mapping[str, Any]] = ()


class StatementError(RouteFailed):
    """The database refused a statement; `java_class` is Spring's name for it. No values in the text."""

    def __init__(self, java_class: str, message: str) -> None:
        super().__init__(message)
        self.message, self.java_class = message, java_class


def placeholders(statement: str, mark: str) -> str:
    """The statement with the driver's own mark in place of each `?` outside quotes and comments."""
    return "".join(mark if text == "?" else text for text in pieces(statement))


def pieces(statement: str) -> Iterator[str]:
    """The statement in pieces: quoted texts and comments whole, every other character alone."""
    at, end = 0, len(statement)
    while at < end:
        start, char = at, statement[at]
        if char in "'\"":
            closing = statement.find(char, at + 1)
            at = end if closing < 0 else closing + 1
        elif statement.startswith("--", at):
            closing = statement.find("\n", at)
            at = end if closing < 0 else closing
        elif statement.startswith("/*", at):
            closing = statement.find("*/", at + 2)
            at = end if closing < 0 else closing + 2
        else:
            at += 1
        yield statement[start:at]


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
            with _refusals(sqlite3.Error, _sqlite_class):
                connection.execute(f"PRAGMA query_only = {'ON' if reading else 'OFF'}")
                cursor = connection.execute(statement, [_bound(value) for value in values])
                if cursor.description is None:
                    made = ({"GENERATED_KEY": cursor.lastrowid},) if keys and cursor.lastrowid else ()
                    return Rows(None, (), max(cursor.rowcount, 0), made)
                rows = cursor.fetchmany(self._limits.rows_per_query + 1)
                return Rows([column[0] for column in cursor.description], _few(rows, self._limits), 0)

        async with self._one:
            found: Rows = await self._run_in(work)
        return found

    async def run_many(self, statement: str, many: Sequence[Sequence[Any]]) -> int:
        """Run one statement for each list of values, all or none; how many rows changed."""

        def work() -> int:
            connection = self._open()
            with _refusals(sqlite3.Error, _sqlite_class):
                connection.execute("PRAGMA query_only = OFF")
                connection.execute("BEGIN IMMEDIATE")
                try:
                    changed = 0
                    for values in many:
                        bound = [_bound(value) for value in values]
                        changed += max(connection.execute(statement, bound).rowcount, 0)
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
            with _refusals(sqlite3.Error, lambda _error: _JDBC + "CannotGetJdbcConnectionException"):
                self._connection = sqlite3.connect(
                    self._path, isolation_level=None, check_same_thread=False, timeout=self._limits.connect_seconds
                )  # fmt: skip
        return self._connection

    async def close(self) -> None:
        """Close the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


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
            with _refusals(psycopg.Error, _postgres_class):
                async with connection.transaction(), connection.cursor() as cursor:
                    if reading:
                        await cursor.execute(b"SET TRANSACTION READ ONLY")
                    await cursor.execute(text.encode(), [_bound(value) for value in values] or None)
                    if cursor.description is None:
                        return Rows(None, (), max(cursor.rowcount, 0))
                    names = [column.name for column in cursor.description]
                    rows = _few(await cursor.fetchmany(self._limits.rows_per_query + 1), self._limits)
                    if keys:
                        made = [dict(zip(names, row, strict=True)) for row in rows]
                        return Rows(None, (), max(cursor.rowcount, 0), made)
                    return Rows(names, rows, 0)

    async def run_many(self, statement: str, many: Sequence[Sequence[Any]]) -> int:
        """Run one statement for each list of values, all or none; how many rows changed."""
        text = _postgres_text(statement).encode()
        async with self._connection() as connection:
            with _refusals(psycopg.Error, _postgres_class):
                async with connection.transaction(), connection.cursor() as cursor:
                    changed = 0
                    for values in many:
                        await cursor.execute(text, [_bound(value) for value in values])
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


def open_database(endpoint: str, *, most: int, limits: Limits) -> SqliteDatabase | PostgresDatabase:
    """The data source of an address: sqlite:///FILE or postgresql://USER@HOST/DB. Raises ValueError."""
    parts = urlsplit(endpoint)
    if parts.scheme == "sqlite" and parts.path.startswith("/") and len(parts.path) > 1:
        return SqliteDatabase(
            parts.path.removeprefix("/") if parts.path.startswith("//") else parts.path, limits=limits
        )
    if parts.scheme in ("postgresql", "postgres") and parts.hostname:
        return PostgresDatabase(endpoint, most=most, limits=limits)
    raise ValueError(
        "the endpoint is no sqlite:////FILE or postgresql://USER@HOST/DATABASE: write it like that"
    )


def _postgres_text(statement: str) -> str:
    # A percent sign is psycopg's own mark, whether values follow or not.
    return placeholders(statement.replace("%", "%%"), "%s")


def _few(rows: Sequence[Any], limits: Limits) -> Sequence[Any]:
    if len(rows) > limits.rows_per_query:
        raise Overloaded(
            f"a query gives more than {limits.rows_per_query} rows: ask for fewer", reason="rows-per-query"
        )
    return rows


def _bound(value: Any) -> Any:
    """A value as the drivers take it; what is no scalar is bound as its text."""
    if value is None or isinstance(value, (str, int, float, bytes)):
        return (
            str(value)
            if type(value) not in (str, int, float, bool, bytes) and isinstance(value, str)
            else value
        )
    if isinstance(value, Decimal):
        return str(value)
    return value if hasattr(value, "isoformat") else str(value)


@contextlib.contextmanager
def _refusals(kind: type[Exception], java_class: Callable[[Any], str]) -> Iterator[None]:
    try:
        yield
    except kind as error:
        name = java_class(error)
        # What a driver says may repeat values.
        raise StatementError(name, f"the database refused the statement ({type(error).__name__})") from None


def _sqlite_class(error: sqlite3.Error) -> str:
    if isinstance(error, sqlite3.IntegrityError):
        unique = "UNIQUE" in str(error)
        return _DAO + ("DuplicateKeyException" if unique else "DataIntegrityViolationException")
    if isinstance(error, sqlite3.ProgrammingError):
        return _JDBC + "UncategorizedSQLException"
    if isinstance(error, sqlite3.OperationalError) and "readonly" in str(error):
        return _DAO + "InvalidDataAccessResourceUsageException"
    return _JDBC + "BadSqlGrammarException"


def _postgres_class(error: psycopg.Error) -> str:
    if isinstance(error, errors.UniqueViolation):
        return _DAO + "DuplicateKeyException"
    if isinstance(error, errors.IntegrityError):
        return _DAO + "DataIntegrityViolationException"
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return _DAO + "InvalidDataAccessResourceUsageException"
    if isinstance(error, psycopg.OperationalError):
        return _DAO + "DataAccessResourceFailureException"
    return _JDBC + ("BadSqlGrammarException" if isinstance(error, psycopg.ProgrammingError)
                    else "UncategorizedSQLException")  # fmt: skip


__all__ = ["PostgresDatabase", "Rows", "SqliteDatabase", "StatementError", "open_database", "pieces"]
