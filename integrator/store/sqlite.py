"""The store on SQLite: one bus process, one writer thread, one reading thread.

WAL with synchronous=FULL: a commit is on the disk when it returns.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

from integrator.store import failpoints, sqlite_batch
from integrator.store import statements as sql
from integrator.store.api import Change, CheckpointRow, Row, StoreRefused, TileHash
from integrator.store.batching import StoreLimits
from integrator.store.common import CommonStore, compare_count
from integrator.store.lockfile import LockFile
from integrator.store.schema import VERSION_QUERY, version_problem
from integrator.store.sqlite_writer import Writer, spread_tags, unavailable
from integrator.store.units import Conflict, StoreUnavailable, Unit

_SQLITE_NEEDED = (3, 38, 0)  # the operator ->>
_WAL_PAGES = 4_000  # a checkpoint every 16 MB of log instead of every 4
_CACHE_KIB = 16_384


@lru_cache(maxsize=256)
def _text(text: str) -> str:
    """The shared statement with SQLite's placeholders."""
    return text.replace("%s", "?")


@lru_cache(maxsize=256)
def _reads_tags(text: str) -> bool:
    """Whether a statement needs the tags of recent batches where it looks for them."""
    return re.search(r"\b(FROM|INTO|JOIN) tag\b", text) is not None


def _ready(connection: sqlite3.Connection, text: str) -> str:
    """A statement's text, once the tags it needs are in their place; inside the writer's transaction."""
    if _reads_tags(text):
        spread_tags(connection)
    return _text(text)


class SqliteStore(CommonStore):
    """`integrator.store.api.Store` on one SQLite file."""

    def __init__(self, path: Path, *, limits: StoreLimits, process_id: bytes) -> None:
        self._path = path
        self._limits = limits
        self._process_id = process_id
        self._lock = LockFile(path)
        self._writer: Writer | None = None
        self._connections: list[sqlite3.Connection] = []
        self._readers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-reader")

    async def open(self) -> None:
        """Take the lock, check durability and schema, start the writer. Raises StoreRefused."""
        if sqlite3.sqlite_version_info < _SQLITE_NEEDED:
            raise StoreRefused(f"SQLite {sqlite3.sqlite_version} is too old: install 3.38 or newer")
        if not self._path.exists():
            raise StoreRefused(
                f"there is no database {self._path}: run `python -m integrator.store.migrate URL DIRECTORY` once"
            )
        self._lock.take()
        try:
            writing = self._connect()
            _check(writing, self._path)
            self._reading = self._connect()
            self._reading.execute("PRAGMA query_only = 1")
            self._writer = Writer(
                writing,
                self._process_id,
                self._limits,
            )
        except sqlite3.Error as error:
            self._disconnect()
            raise StoreRefused(f"the database {self._path} cannot be used ({error})") from error
        except StoreRefused:
            self._disconnect()
            raise

    async def close(self) -> None:
        """Write what waits, then disconnect and release the lock."""
        if self._writer is not None:
            await self._writer.close()
        self._readers.shutdown()
        self._disconnect()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._connections.append(connection)
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        return connection

    def _disconnect(self) -> None:
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self._lock.release()

    # --- primitives ---

    async def rows(self, text: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Read, outside any unit of work."""

        def read() -> list[Row]:
            return self._reading.execute(_text(text), parameters).fetchall()

        if _reads_tags(text):
            await self._open_writer().spread_tags()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, read)
        except sqlite3.Error as error:
            raise unavailable(error) from error

    async def change(self, text: str, parameters: Sequence[object]) -> int:
        """One durable change; the number of rows."""

        def change(connection: sqlite3.Connection) -> int:
            return connection.execute(_ready(connection, text), parameters).rowcount

        return await self._open_writer().run(change)

    async def change_many(self, text: str, rows: Sequence[Sequence[object]]) -> int:
        """The same text for many rows in one transaction."""

        def change(connection: sqlite3.Connection) -> int:
            return connection.executemany(_ready(connection, text), rows).rowcount

        return await self._open_writer().run(change)

    async def returning(self, text: str, parameters: Sequence[object]) -> list[Row]:
        """One durable change that returns rows."""

        def change(connection: sqlite3.Connection) -> list[Row]:
            return connection.execute(_ready(connection, text), parameters).fetchall()

        return await self._open_writer().run(change)

    async def together(
        self, changes: Sequence[Change], unit: Unit | None = None, *, expected: Sequence[int | None] = ()
    ) -> list[int]:
        """Changes and a unit of work in one transaction; the number of rows of each change."""
        writer = self._open_writer()

        def change(connection: sqlite3.Connection) -> list[int]:
            counts = []
            for text, values in changes:
                counts.append(connection.execute(_ready(connection, text), values).rowcount)
                compare_count(counts[-1], len(counts) - 1, expected)
            if unit is not None:
                writer.insert_alone(connection, unit)
            failpoints.hit("together-before")
            return counts

        done = await writer.run(change)
        failpoints.hit("together-after")
        return done

    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise StoreUnavailable("the store is not open: open it first")
        return self._writer

    # --- writing ---

    async def commit(self, unit: Unit) -> Conflict | None:
        """Write a unit whole or not at all; return once it is durable, or the conflict."""
        return await self._open_writer().commit(unit)

    async def activate_site(self, site_hash: str, data: bytes, unit: Unit) -> None:
        """Store the compiled site, make it the active one and write `unit`, in one transaction.

        Raises UnitRefused where the unit cannot be written.
        """
        writer = self._open_writer()

        def activate(connection: sqlite3.Connection) -> None:
            connection.execute(_text(sql.ADD_SITE), (site_hash, data))
            connection.execute(_text(sql.SET_ACTIVE), (site_hash,))
            if any(writer.insert(connection, [unit])):
                raise sqlite3.IntegrityError("the activation's record is in conflict")

        await writer.run(activate)

    # --- sealing ---

    async def take_sealer_lock(self) -> bool:
        """Always true: the lock file already made this the only process."""
        return True

    async def lead(self, name: str) -> bool:
        """Always true: the lock file already made this the only process."""
        return True

    async def resign(self, name: str) -> None:
        """Nothing to do: there is no other process."""

    async def seal(
        self,
        start: int,
        entries: Sequence[tuple[bytes, bytes]],
        now_us: int,
        tiles: Sequence[TileHash] = (),
    ) -> bool:
        """Append `entries`, take them from pending, add `tiles`, move `log_state`; False where it had moved."""

        def append(connection: sqlite3.Connection) -> bool:
            packed = sqlite_batch.pack_entries(start, entries)
            moved = connection.execute(_text(sql.MOVE_LOG), (start + len(entries), now_us, start)).rowcount
            if not moved:
                return False
            connection.execute(sqlite_batch.SEAL_APPEND, packed)
            if connection.execute(sqlite_batch.SEAL_TAKE, packed).rowcount != len(entries):
                raise sqlite3.IntegrityError("an entry to seal is not pending")
            connection.executemany(_text(sql.ADD_TILE_HASH), tiles)
            failpoints.hit("seal-before")
            return True

        sealed = await self._open_writer().run(append)
        failpoints.hit("seal-after")
        return sealed

    async def publish(self, checkpoint: CheckpointRow) -> bool:
        """Keep a checkpoint; False where its size has one of another root."""
        row = (checkpoint.size, checkpoint.root, checkpoint.note, checkpoint.signed_us)

        def add(connection: sqlite3.Connection) -> bool:
            connection.execute(_text(sql.ADD_CHECKPOINT), row)
            found = connection.execute(_text(sql.CHECKPOINT_ROOT), (checkpoint.size,)).fetchone()
            failpoints.hit("publish-before")
            return bool(found[0] == checkpoint.root)

        published = await self._open_writer().run(add)
        failpoints.hit("publish-after")
        return published


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Make commits durable and compare the schema. Raises StoreRefused."""
    journal = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
    if journal != "wal" or connection.execute("PRAGMA synchronous").fetchone()[0] != 2:
        raise StoreRefused(
            f"{path} cannot be written durably (WAL with synchronous=FULL): put it on a local disk"
        )
    try:
        row = connection.execute(VERSION_QUERY).fetchone()
    except sqlite3.OperationalError:
        row = None
    problem = version_problem(row[0] if row else None)
    if problem is not None:
        raise StoreRefused(problem)
