"""Ways out for tests of routes: directories below one, databases in memory that speak a little H2, real servers.

Nothing is refused here: what an adapter allows is the outbound's business, and tested there.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from integrator.broker.letters import QueueClient
from integrator.exchange import Context, Leg
from integrator.outbound.folders import LocalFolder, at_once
from integrator.outbound.pool import Pool
from integrator.outbound.queries import Rows
from integrator.outbound.sqlite_database import SqliteDatabase
from integrator.outbound.transport import HttpRequest, HttpResponse, parse_endpoint
from integrator.security.limits import DEFAULT


class OpenWay:
    """A system that lets everybody do everything."""

    adapter = "test/open"

    def taken_by(self, file: str, what: str, access: str = "read") -> bool:
        return True

    @contextlib.asynccontextmanager
    async def use(self, context: Context | None, access: str, what: str, size: int = 0) -> AsyncIterator[Leg]:
        yield Leg(self.adapter, what, access, 0, sent_bytes=size)


class OpenFolder(OpenWay):
    def __init__(self, root: Path) -> None:
        self.folder = LocalFolder(root, at_once)


class H2(SqliteDatabase):
    """SQLite that names columns and types values as H2 does."""

    def __init__(self) -> None:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        super().__init__(":memory:", run_in=at_once, connection=connection)
        self._connected = connection

    def fill(self, script: str) -> None:
        self._connected.executescript(_sqlite(script))

    async def run(self, statement: str, values: Sequence[Any], *, reading: bool, keys: bool = False) -> Rows:
        found = await super().run(_sqlite(statement), values, reading=reading, keys=keys)
        if found.columns is None:
            return found
        columns = [name if '"' + name + '"' in statement else name.upper() for name in found.columns]
        types = self._types()
        rows = [
            [_typed(types.get(name.lower(), ""), value) for name, value in zip(columns, row, strict=True)]
            for row in found.rows
        ]
        return Rows(columns, rows, found.changed, found.keys)

    async def run_many(self, statement: str, many: Sequence[Sequence[Any]]) -> int:
        return await super().run_many(_sqlite(statement), many)

    def _types(self) -> dict[str, str]:
        tables = self._connected.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            row[1].lower(): row[2].lower()
            for (table,) in tables
            for row in self._connected.execute(f"PRAGMA table_info('{table}')")
        }


def _sqlite(statement: str) -> str:
    numbered = (
        r"\b(int|integer|bigint)\s+(auto_increment|identity|generated \w+ as identity)(\s+primary\s+key)?"
    )
    statement = re.sub(numbered, "integer primary key autoincrement", statement, flags=re.IGNORECASE)
    return re.sub(r"\b(date|timestamp)\s+(?=')", "", statement, flags=re.IGNORECASE)


def _typed(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind.startswith(("decimal", "numeric")):
        scale = int(kind.rstrip(")").rpartition(",")[2]) if "," in kind else 0
        return Decimal(str(value)).quantize(Decimal(1).scaleb(-scale))
    if kind == "date":
        return date.fromisoformat(value)
    if kind.startswith("timestamp"):
        return datetime.fromisoformat(value)
    if kind.startswith("bool"):
        return bool(value)
    return value


class OpenDatabase(OpenWay):
    def __init__(self) -> None:
        self.database = H2()


class OpenWeb(OpenWay):
    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    async def send(
        self,
        method: str,
        path: str,
        query: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        seconds: float,
    ) -> HttpResponse:
        import asyncio

        origin, _ = parse_endpoint(self._endpoint)
        target = (path or "/") + (f"?{query}" if query else "")
        pool = Pool()
        try:
            deadline = asyncio.get_running_loop().time() + seconds
            return await pool.send(HttpRequest(origin, method, target, headers, body, deadline))
        finally:
            await pool.close()


class OpenQueue(OpenWay):
    def __init__(self, url: str) -> None:
        self.queues = QueueClient(url, DEFAULT)


class OpenWays:
    """The ways of one case: files below `site`, one database a data source, the broker at `broker`."""

    def __init__(self, site: Path, script: str | None = None, broker: str | None = None) -> None:
        self._site = site
        self._broker = OpenQueue(broker) if broker is not None else None
        self._databases: dict[str, OpenDatabase] = {}
        if script is not None:
            self._database("dataSource").database.fill(script)

    def _database(self, name: str) -> OpenDatabase:
        return self._databases.setdefault(name, OpenDatabase())

    def files(self, protocol: str, name: str) -> tuple[OpenFolder, str] | None:
        directory, _, rest = name.strip("/").partition("/")
        return OpenFolder(self._site / directory), rest

    def database(self, name: str) -> OpenDatabase | None:
        return self._database(name)

    def web(self, scheme: str, host: str) -> OpenWeb | None:
        return OpenWeb(f"{scheme}://{host}")

    def queue(self, name: str) -> OpenQueue | None:
        return self._broker

    async def close(self) -> None:
        if self._broker is not None:
            await self._broker.queues.close()
