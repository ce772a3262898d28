"""The sealer's process is killed, frozen, or cut off from PostgreSQL: another seals within five seconds."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from integrator.journal.anchor import Anchor
from integrator.journal.sealer import Sealer
from integrator.journal.writer import Journal
from integrator.security.keyring import Keyring
from integrator.security.limits import DEFAULT
from integrator.store.api import Store
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from integrator.store.units import Unit
from tests.journal.conftest import LOG_KEY
from tests.journal.sealing_process import now_us
from tests.journal.stores import proven

TAKEOVER_SECONDS = 5.0
Process = asyncio.subprocess.Process
pytestmark = pytest.mark.xdist_group("services")


class Firewall:
    """Carries connections to the server until `cut`: then nothing passes, and nobody is told."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._open = asyncio.Event()
        self._open.set()
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        self._open.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        for source, target in ((reader, far_writer), (far_reader, writer)):
            self._tasks.add(asyncio.create_task(self._carry(source, target)))

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                await self._open.wait()
                target.write(data)
                await target.drain()
        finally:
            target.close()


@pytest.fixture
async def store(postgres_url: str, tmp_path: Path) -> AsyncIterator[Store]:
    migrate(postgres_url, tmp_path)
    opened = open_store(postgres_url, limits=DEFAULT, process_id=b"s" * 16, data_dir=tmp_path)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


@asynccontextmanager
async def sealing(url: str, directory: Path) -> AsyncIterator[Process]:
    """Another process that holds the sealer's lock."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.journal.sealing_process", url, str(directory)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=root)
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 60) == b"sealing\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def standing_by(store: Store, directory: Path) -> AsyncIterator[Sealer]:
    sealer = Sealer(store, Anchor(directory / "anchor", LOG_KEY.origin), LOG_KEY, now_us)
    running = asyncio.create_task(sealer.run())
    try:
        yield sealer
    finally:
        sealer.stop()
        await asyncio.wait_for(running, 30)


async def record(store: Store, journal: Journal) -> bytes:
    row = journal.act("noise", "bus", {"count": 1}, now_us=now_us())
    assert await store.commit(Unit([row])) is None
    return row.record_id


async def published(store: Store, record_id: bytes) -> float:
    """The seconds until a signed checkpoint covers the record."""
    began = time.monotonic()
    query = "SELECT 1 FROM log_entry e JOIN checkpoint c ON c.size > e.leaf_index WHERE e.record_id = %s"
    async with asyncio.timeout(30):
        while not await store.rows(query, (record_id,)):  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.02)
    return time.monotonic() - began


def lose_session(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as operator:
        ended = operator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ).fetchall()
    assert ended == [(True,)]


@pytest.mark.parametrize("fault", ["killed", "frozen", "session-ended"])
async def test_another_process_seals_within_five_seconds(
    store: Store, postgres_url: str, tmp_path: Path, journal: Journal, fault: str
) -> None:
    async with sealing(postgres_url, tmp_path) as other, standing_by(store, tmp_path) as here:
        assert await published(store, await record(store, journal)) < TAKEOVER_SECONDS
        assert not here.holds_lock
        if fault == "session-ended":
            lose_session(postgres_url)
        else:
            os.kill(other.pid, signal.SIGKILL if fault == "killed" else signal.SIGSTOP)
        assert await published(store, await record(store, journal)) < TAKEOVER_SECONDS
        if fault != "session-ended":
            assert here.holds_lock
        if fault == "frozen":
            os.kill(other.pid, signal.SIGCONT)
            assert await published(store, await record(store, journal)) < TAKEOVER_SECONDS
            assert here.holds_lock
            assert other.returncode is None
    assert await proven(store, tmp_path / "log") == (await store.log_state()).size


async def test_a_process_cut_off_from_the_database_gives_way(
    store: Store, postgres_url: str, tmp_path: Path, journal: Journal
) -> None:
    parts = urlsplit(postgres_url)
    assert parts.port is not None
    firewall = Firewall(parts.port)
    async with firewall.listening() as port:
        through = urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{port}")))
        async with sealing(through, tmp_path), standing_by(store, tmp_path) as here:
            assert await published(store, await record(store, journal)) < TAKEOVER_SECONDS
            assert not here.holds_lock
            firewall.cut()
            assert await published(store, await record(store, journal)) < TAKEOVER_SECONDS
            assert here.holds_lock
    assert await proven(store, tmp_path / "log") == 2


async def test_a_sealer_frozen_anywhere_harms_nothing_when_it_wakes(
    store: Store, postgres_url: str, tmp_path: Path, journal: Journal
) -> None:
    """Frozen in the middle of its work, again and again, while another goes on."""
    async with sealing(postgres_url, tmp_path) as other, standing_by(store, tmp_path) as here:
        for _ in range(3):
            await asyncio.gather(*(record(store, journal) for _ in range(50)))
            os.kill(other.pid, signal.SIGSTOP)
            last = await record(store, journal)
            assert await published(store, last) < TAKEOVER_SECONDS
            os.kill(other.pid, signal.SIGCONT)
            if here.holds_lock:
                lose_session(postgres_url)
        assert await published(store, await record(store, journal)) < TAKEOVER_SECONDS
        assert other.returncode is None
        assert here.failure is None
    size = await proven(store, tmp_path / "log")
    assert size == (await store.log_state()).size == 3 * 51 + 1


async def test_it_seals_at_least_once_a_second_under_load(
    store: Store, tmp_path: Path, journal: Journal, keyring: Keyring
) -> None:
    assert keyring.current("log")
    async with standing_by(store, tmp_path):
        end = time.monotonic() + 3.0

        async def client() -> None:
            while time.monotonic() < end:
                await record(store, journal)

        await asyncio.gather(*(client() for _ in range(8)))
        times = [row[0] for row in await store.rows("SELECT signed_us FROM checkpoint ORDER BY size")]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(times) >= 4
    assert max(gaps) < 1_000_000
