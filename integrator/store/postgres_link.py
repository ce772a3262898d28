"""One PostgreSQL session that comes back by itself: connect on demand, back off while it fails."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

import psycopg
from psycopg import AsyncConnection

from integrator.store import postgres_arrays
from integrator.store.units import StoreUnavailable

_CONNECT_SECONDS = 5
_BACK_OFF_SECONDS = 0.1
_BACK_OFF_SECONDS_MAX = 5.0
_STATEMENT_SECONDS = 15
_SILENCE_MS = 10_000  # a server that answers nothing for so long is gone

_SETUP = """
SELECT set_config('statement_timeout', %s, false), set_config('jit', 'off', false),
       set_config('plan_cache_mode', 'force_generic_plan', false),
       set_config('idle_session_timeout', %s, false),
       set_config('idle_in_transaction_session_timeout', %s, false), backend_start
FROM pg_stat_activity WHERE pid = pg_backend_pid()
"""


def unavailable(error: psycopg.Error) -> StoreUnavailable:
    """The error for callers: the server's code, and what to do; never the server's text with values."""
    code = error.sqlstate or type(error).__name__
    return StoreUnavailable(
        f"the database cannot be used now ({code}): check that it runs, accepts connections and has space"
    )


class Link:
    """A session and what it takes to open it again.

    `silence_seconds`: the server ends the session, and with it the locks it holds, where nothing comes
    from this side for so long; 0 never.
    """

    def __init__(self, dsn: str, *, silence_seconds: float = 0) -> None:
        self._dsn, self._silence = dsn, f"{int(silence_seconds * 1000)}ms"
        self._connection: AsyncConnection | None = None
        self._opening = asyncio.Lock()
        self._next_try = 0.0
        self._back_off = _BACK_OFF_SECONDS
        self.backend: tuple[int, datetime] | None = None
        """Process id and start of the server's side, to know it again after a loss."""

    async def connection(self, *, at_once: bool = False) -> AsyncConnection:
        """The open session, opened again where it was lost.

        Raises StoreUnavailable where that fails; then without trying until the back-off is over,
        unless `at_once`.
        """
        if self._connection is not None and not self._connection.closed:
            return self._connection
        async with self._opening:
            if self._connection is not None and not self._connection.closed:
                return self._connection
            if not at_once and time.monotonic() < self._next_try:
                raise StoreUnavailable("the database was not reachable a moment ago: check that it runs")
            try:
                self._connection = await self._open()
            except psycopg.Error as error:
                self._next_try = time.monotonic() + self._back_off
                self._back_off = min(self._back_off * 2, _BACK_OFF_SECONDS_MAX)
                raise unavailable(error) from error
            self._next_try, self._back_off = 0.0, _BACK_OFF_SECONDS
            return self._connection

    async def _open(self) -> AsyncConnection:
        connection = await AsyncConnection.connect(
            self._dsn,
            autocommit=True,
            connect_timeout=_CONNECT_SECONDS,
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
            tcp_user_timeout=_SILENCE_MS,
        )
        postgres_arrays.register(connection)
        try:
            settings = (f"{_STATEMENT_SECONDS}s", self._silence, self._silence)
            row = await (await connection.execute(_SETUP, settings)).fetchone()
        except psycopg.Error:
            await connection.close()
            raise
        assert row is not None
        self.backend = (connection.info.backend_pid, row[-1])
        return connection

    async def close(self) -> None:
        """End the session for good."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None
