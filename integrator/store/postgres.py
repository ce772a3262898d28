"""The store on PostgreSQL: psycopg sessions on the event loop, one each for units, changes, reads
and sealing.

The sessions keep state (prepared statements, the sealer's advisory lock): connect to the server
directly, or through a pooler in session mode.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import psycopg
from psycopg import AsyncConnection

from integrator.store import failpoints, postgres_batch
from integrator.store import statements as sql
from integrator.store.api import Change, CheckpointRow, Row, StoreRefused, TileHash
from integrator.store.batching import StoreLimits, Trouble
from integrator.store.common import CommonStore, compare_count
from integrator.store.postgres_link import Link, unavailable
from integrator.store.postgres_writer import Writer, insert, insert_alone, refused, roll_back
from integrator.store.schema import VERSION_QUERY, version_problem
from integrator.store.units import Conflict, StoreUnavailable, Unit, UnitRefused

T = TypeVar("T")

_SERVER_NEEDED = 140_000
_SEALER_LOCK = 0x6974_6773  # any constant: the advisory lock only one sealer holds
_SEALER_SILENCE_SECONDS = 3.0  # a sealer that is frozen, or cut off, gives way within five seconds


class PostgresStore(CommonStore):
    """`integrator.store.api.Store` on a PostgreSQL database."""

    def __init__(self, dsn: str, *, limits: StoreLimits, process_id: bytes) -> None:
        self._limits = limits
        self._process_id = process_id
        self._units, self._changes, self._reads, self._leading = (Link(dsn) for _ in range(4))
        self._sealing = Link(dsn, silence_seconds=_SEALER_SILENCE_SECONDS)
        self._in_turn = asyncio.Lock()
        self._writer: Writer | None = None
        self._sealer: AsyncConnection | None = None
        self._leads: dict[str, AsyncConnection] = {}

    async def open(self) -> None:
        """Connect, check durability and schema, start the writer.

        Raises StoreRefused, or StoreUnavailable where the server cannot be reached.
        """
        try:
            await _check(await self._units.connection(at_once=True))
        except (StoreRefused, StoreUnavailable):
            await self._units.close()
            raise
        except psycopg.Error as error:
            await self._units.close()
            raise unavailable(error) from error
        self._writer = Writer(self._units, self._process_id, self._limits)

    async def close(self) -> None:
        """Write what waits, then disconnect; the sealer's lock goes with its session."""
        if self._writer is not None:
            await self._writer.close()
        for link in (self._units, self._changes, self._reads, self._sealing, self._leading):
            await link.close()

    # --- primitives ---

    async def rows(self, text: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Read, outside any unit of work."""
        connection = await self._reads.connection()
        try:
            return await (await connection.execute(text.encode(), parameters)).fetchall()
        except psycopg.Error as error:
            raise unavailable(error) from error

    async def change(self, text: str, parameters: Sequence[object]) -> int:
        """One durable change; the number of rows."""

        async def change(connection: AsyncConnection) -> int:
            return (await connection.execute(text.encode(), parameters)).rowcount

        return await self._changed(change)

    async def change_many(self, text: str, rows: Sequence[Sequence[object]]) -> int:
        """The same text for many rows in one transaction."""

        async def change(connection: AsyncConnection) -> int:
            async with connection.transaction(), connection.cursor() as cursor:
                await cursor.executemany(text.encode(), rows)
                return cursor.rowcount

        return await self._changed(change)

    async def returning(self, text: str, parameters: Sequence[object]) -> list[Row]:
        """One durable change that returns rows."""

        async def change(connection: AsyncConnection) -> list[Row]:
            return await (await connection.execute(text.encode(), parameters)).fetchall()

        return await self._changed(change)

    async def together(
        self, changes: Sequence[Change], unit: Unit | None = None, *, expected: Sequence[int | None] = ()
    ) -> list[int]:
        """Changes and a unit of work in one transaction; the number of rows of each change."""

        async def change(connection: AsyncConnection) -> list[int]:
            if unit is None:
                await connection.execute("BEGIN")
            else:
                await insert_alone(connection, unit, self._process_id)
            counts: list[int] = []
            for text, values in changes:
                counts.append((await connection.execute(text.encode(), values)).rowcount)
                compare_count(counts[-1], len(counts) - 1, expected)
            failpoints.hit("together-before")
            await connection.execute("COMMIT")
            return counts

        done = await self._changed(change)
        failpoints.hit("together-after")
        return done

    async def _changed(
        self, change: Callable[[AsyncConnection], Awaitable[T]], link: Link | None = None
    ) -> T:
        """Run a change alone on its session; the mapping of errors is here."""
        async with self._in_turn:
            connection = await (link or self._changes).connection()
            try:
                return await change(connection)
            except (psycopg.IntegrityError, psycopg.DataError) as error:
                await roll_back(connection)
                raise UnitRefused(str(refused(error))) from error
            except UnitRefused:
                await roll_back(connection)
                raise
            except Trouble as trouble:
                await roll_back(connection)
                raise UnitRefused(str(trouble)) from trouble
            except (TypeError, ValueError, OverflowError) as error:
                await roll_back(connection)
                kind = type(error).__name__
                raise UnitRefused(f"the change cannot be stored: not a value to keep ({kind})") from error
            except psycopg.Error as error:
                await roll_back(connection)
                raise unavailable(error) from error

    # --- writing ---

    async def commit(self, unit: Unit) -> Conflict | None:
        """Write a unit whole or not at all; return once it is durable, or the conflict."""
        if self._writer is None:
            raise StoreUnavailable("the store is not open: open it first")
        return await self._writer.commit(unit)

    async def activate_site(self, site_hash: str, data: bytes, unit: Unit) -> None:
        """Store the compiled site, make it the active one and write `unit`, in one transaction.

        Raises UnitRefused where the unit cannot be written.
        """

        async def activate(connection: AsyncConnection) -> None:
            outcomes = await insert(connection, [unit], self._process_id)
            if any(outcomes):
                raise Trouble(UnitRefused("the activation's record is in conflict"))
            await connection.execute(sql.ADD_SITE, (site_hash, data))
            await connection.execute(sql.SET_ACTIVE, (site_hash,))
            await connection.execute("COMMIT")

        await self._changed(activate)

    # --- sealing ---

    async def take_sealer_lock(self) -> bool:
        """True where this process is now the only sealer: an advisory lock of the sealing session.

        Asked again it keeps the session alive, which the server ends after some seconds of silence.
        """

        async def lock(connection: AsyncConnection) -> bool:
            if connection is self._sealer:
                await connection.execute("SELECT 1")  # raises where the session is gone
                return True
            row = await (
                await connection.execute("SELECT pg_try_advisory_lock(%s)", (_SEALER_LOCK,))
            ).fetchone()
            assert row is not None
            self._sealer = connection if row[0] else None
            return bool(row[0])

        return await self._changed(lock, self._sealing)

    async def lead(self, name: str) -> bool:
        """An advisory lock of the leading session, by name; true as long as that session lives."""
        number = int.from_bytes(hashlib.sha256(f"lead {name}".encode()).digest()[:8], "big", signed=True)

        async def lock(connection: AsyncConnection) -> bool:
            if self._leads.get(name) is connection:
                await connection.execute("SELECT 1")  # raises where the session is gone
                return True
            self._leads.pop(name, None)
            row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", (number,))).fetchone()
            assert row is not None
            if row[0]:
                self._leads[name] = connection
            return bool(row[0])

        return await self._changed(lock, self._leading)

    async def resign(self, name: str) -> None:
        """Give the lock back, where this session has it."""
        number = int.from_bytes(hashlib.sha256(f"lead {name}".encode()).digest()[:8], "big", signed=True)

        async def unlock(connection: AsyncConnection) -> None:
            if self._leads.pop(name, None) is connection:
                await connection.execute("SELECT pg_advisory_unlock(%s)", (number,))

        await self._changed(unlock, self._leading)

    async def seal(
        self,
        start: int,
        entries: Sequence[tuple[bytes, bytes]],
        now_us: int,
        tiles: Sequence[TileHash] = (),
    ) -> bool:
        """Append `entries`, take them from pending, add `tiles`, move `log_state`; False where it had moved.

        False too where the session with the lock was lost: take the lock again first.
        """

        async def append(connection: AsyncConnection) -> bool:
            if connection is not self._sealer:
                return False
            async with connection.transaction():
                return await _append(connection, start, entries, now_us, tiles)

        sealed = await self._changed(append, self._sealing)
        failpoints.hit("seal-after")
        return sealed

    async def publish(self, checkpoint: CheckpointRow) -> bool:
        """Keep a checkpoint; False where its size has one of another root, or the lock was lost."""
        row = (checkpoint.size, checkpoint.root, checkpoint.note, checkpoint.signed_us)

        async def add(connection: AsyncConnection) -> bool:
            if connection is not self._sealer:
                return False
            async with connection.transaction():
                await connection.execute(sql.ADD_CHECKPOINT, row)
                found = await (await connection.execute(sql.CHECKPOINT_ROOT, (checkpoint.size,))).fetchone()
                failpoints.hit("publish-before")
            return found is not None and found[0] == checkpoint.root

        published = await self._changed(add, self._sealing)
        failpoints.hit("publish-after")
        return published


async def _append(
    connection: AsyncConnection,
    start: int,
    entries: Sequence[tuple[bytes, bytes]],
    now_us: int,
    tiles: Sequence[TileHash],
) -> bool:
    packed = postgres_batch.pack_entries(start, entries)
    moved = await connection.execute(sql.MOVE_LOG, (start + len(entries), now_us, start))
    if moved.rowcount == 0:
        return False
    await connection.execute(postgres_batch.SEAL_APPEND, packed)
    if (await connection.execute(postgres_batch.SEAL_TAKE, packed)).rowcount != len(entries):
        raise Trouble(UnitRefused("an entry to seal is not pending"))
    if tiles:
        async with connection.cursor() as cursor:
            await cursor.executemany(sql.ADD_TILE_HASH, tiles)
    failpoints.hit("seal-before")
    return True


async def _check(connection: AsyncConnection) -> None:
    """Version, durability and schema. Raises StoreRefused."""
    if connection.info.server_version < _SERVER_NEEDED:
        raise StoreRefused("PostgreSQL is too old: use 14 or newer")
    for setting in ("fsync", "synchronous_commit"):
        row = await (await connection.execute("SELECT current_setting(%s)", (setting,))).fetchone()
        if row is None or row[0] == "off":
            raise StoreRefused(
                f"PostgreSQL runs with {setting} = off, so a record may be lost at a crash: turn it on"
            )
    try:
        found = await (await connection.execute(VERSION_QUERY)).fetchone()
    except psycopg.errors.UndefinedTable:
        found = None
    problem = version_problem(found[0] if found else None)
    if problem is not None:
        raise StoreRefused(problem)
