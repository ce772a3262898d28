"""Data sources of adapters: SQLite files and PostgreSQL, with connections of their own, values always bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

from integrator.outbound.queries import Rows
from integrator.outbound.sqlite_database import SqliteDatabase
from integrator.security.limits import Limits


class Database(Protocol):
    """A data source."""

    async def run(self, statement: str, values: Sequence[Any], *, reading: bool, keys: bool = False) -> Rows:
        """Run one statement. `reading`: it may change nothing. Raises StatementError."""
        ...

    async def run_many(self, statement: str, many: Sequence[Sequence[Any]]) -> int:
        """Run one statement for each list of values, all or none; how many rows changed."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


def open_database(endpoint: str, *, most: int, limits: Limits) -> Database:
    """The data source of an address: sqlite:///FILE or postgresql://USER@HOST/DB. Raises ValueError."""
    parts = urlsplit(endpoint)
    if parts.scheme == "sqlite" and parts.path.startswith("/") and len(parts.path) > 1:
        return SqliteDatabase(
            parts.path.removeprefix("/") if parts.path.startswith("//") else parts.path, limits=limits
        )
    if parts.scheme in ("postgresql", "postgres") and parts.hostname:
        # Its driver takes 8 MB that a bus without such an adapter need not have.
        from integrator.outbound.postgres_database import PostgresDatabase

        return PostgresDatabase(endpoint, most=most, limits=limits)
    raise ValueError(
        "the endpoint is no sqlite:////FILE or postgresql://USER@HOST/DATABASE: write it like that"
    )
