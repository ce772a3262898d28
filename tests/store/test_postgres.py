"""PostgreSQL: refused where it would lose records, and what happens when the connection is lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrator.security.limits import DEFAULT
from integrator.store import postgres_writer
from integrator.store.api import StoreRefused
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from integrator.store.postgres import PostgresStore
from integrator.store.units import StoreUnavailable, StoreUncertain, Unit
from tests.services import postgres

from .conftest import NOW, PROCESS, event, new_id, record
from .test_commit import claim


@pytest.fixture
def dsn(postgres_url: str, tmp_path: Path) -> str:
    migrate(postgres_url, tmp_path)
    return postgres_url


def store_at(url: str) -> PostgresStore:
    store = open_store(url, limits=DEFAULT, process_id=PROCESS, data_dir=Path())
    assert isinstance(store, PostgresStore)
    return store


@contextlib.asynccontextmanager
async def opened_at(url: str) -> AsyncIterator[PostgresStore]:
    store = store_at(url)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


class Proxy:
    """A TCP proxy that cuts a connection around the first packet holding `marker` once armed.

    `before` drops the packet, so that the server never sees it; otherwise it is passed on and the
    server's answer is withheld.
    """

    def __init__(self, port: int) -> None:
        self._server_port = port
        self.marker: bytes | None = None
        self.before = False
        self.refuse = False
        self.cuts = 0

    async def __aenter__(self) -> Proxy:
        self._serving: set[asyncio.Task[None]] = set()
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        await asyncio.gather(*self._serving)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        if not self.refuse:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
            ends.append(up_writer)
            answers = asyncio.create_task(self._pump(up_reader, writer))
            await self._requests(reader, up_writer, answers)
            answers.cancel()
            await asyncio.wait([answers])
        for end in ends:
            end.close()
            with contextlib.suppress(ConnectionError):
                await end.wait_closed()

    async def _requests(
        self, reader: asyncio.StreamReader, up_writer: asyncio.StreamWriter, answers: asyncio.Task[None]
    ) -> None:
        while data := await self._read(reader):
            if self.marker is not None and self.marker in data:
                self.marker = None
                self.cuts += 1
                answers.cancel()
                if not self.before:
                    up_writer.write(data)
                    await up_writer.drain()
                return
            up_writer.write(data)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await self._read(reader):
            writer.write(data)
        writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.read(65_536)
        except ConnectionError:
            return b""


@contextlib.asynccontextmanager
async def through_proxy(dsn: str) -> AsyncIterator[tuple[Proxy, PostgresStore]]:
    server_port = int(dsn.rsplit(":", 1)[1].split("/")[0])
    async with Proxy(server_port) as proxy:
        store = store_at(dsn.replace(f":{server_port}/", f":{proxy.port}/"))
        await store.open()
        try:
            yield proxy, store
        finally:
            await store.close()


def gated() -> Unit:
    """A unit whose transaction has a COMMIT of its own."""
    exchange = new_id()
    unit = event(exchange)
    unit.idempotency = claim(exchange, key_mac=exchange * 2)
    return unit


async def test_a_connection_lost_after_commit_was_sent_is_looked_up_and_answered(dsn: str) -> None:
    async with through_proxy(dsn) as (proxy, store):
        proxy.marker = b"COMMIT"
        unit = gated()
        assert await store.commit(unit) is None
        assert proxy.cuts == 1
        assert len(await store.records_of(unit.records[0].exchange_id)) == 1


async def test_a_connection_lost_before_commit_arrived_is_looked_up_and_answered(dsn: str) -> None:
    async with through_proxy(dsn) as (proxy, store):
        proxy.marker, proxy.before = b"COMMIT", True
        unit = gated()
        with pytest.raises(StoreUnavailable, match="before it committed") as caught:
            await store.commit(unit)
        assert not isinstance(caught.value, StoreUncertain)
        assert proxy.cuts == 1
        assert await store.records_of(unit.records[0].exchange_id) == []
        assert await store.commit(unit) is None


@pytest.mark.parametrize("before", [False, True])
async def test_a_statement_that_commits_by_itself_is_looked_up_too(dsn: str, before: bool) -> None:
    async with through_proxy(dsn) as (proxy, store):
        await store.commit(Unit(records=[record()]))
        proxy.marker, proxy.before = b"marked leaf", before
        units = [Unit(records=[record(leaf=b"marked leaf")]) for _ in range(20)]
        found = await asyncio.gather(*(store.commit(unit) for unit in units), return_exceptions=True)
        assert proxy.cuts == 1
        kept = {row.record_id for row in await store.latest_records(100)}
        for unit, outcome in zip(units, found, strict=True):
            assert (outcome is None) is (unit.records[0].record_id in kept)
        assert {type(outcome) for outcome in found} <= {type(None), StoreUnavailable}
        assert (found[0] is None) is not before


async def test_the_old_session_is_ended_before_the_answer(dsn: str) -> None:
    """The server still works on the lost transaction: the answer waits until it cannot commit."""
    async with through_proxy(dsn) as (proxy, store):
        await store.commit(Unit(records=[record()]))  # prepares the statement
        with psycopg.connect(dsn) as blocker:
            blocker.execute("LOCK TABLE record IN SHARE MODE")
            proxy.marker = b"marked leaf"
            unit = Unit(records=[record(leaf=b"marked leaf")])
            with pytest.raises(StoreUnavailable, match="before it committed"):
                await store.commit(unit)
            blocker.rollback()
        assert await store.records_of(unit.records[0].exchange_id) == []


async def test_what_cannot_be_looked_up_is_uncertain(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_writer, "_RESOLVE_SECONDS", 0.5)
    async with through_proxy(dsn) as (proxy, store):
        proxy.marker, proxy.refuse = b"COMMIT", True
        with pytest.raises(StoreUncertain, match="before repeating"):
            await store.commit(gated())
        proxy.refuse = False


async def test_a_stopped_server_is_unavailable_and_the_store_recovers(
    dsn: str, postgres_server: postgres.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_writer, "_RESOLVE_SECONDS", 0.5)
    async with opened_at(dsn) as store:
        assert await store.commit(Unit(records=[record()])) is None
        assert len(await store.pending(10)) == 1
        postgres_server.stop("immediate")
        try:
            with pytest.raises(StoreUnavailable):
                await store.commit(Unit(records=[record()]))
            with pytest.raises(StoreUnavailable, match="check that it runs"):
                await store.commit(Unit(records=[record()]))
            with pytest.raises(StoreUnavailable):
                await store.pending(10)
            with pytest.raises(StoreUnavailable):
                await store.start_process(PROCESS, NOW)
        finally:
            postgres_server.start()
        await recovered(store)
        assert await store.commit(Unit(records=[record()])) is None
        kept = len(await store.pending(10))
        assert kept in (2, 3)  # the unit `recovered` wrote, and ours, beside the first


async def recovered(store: PostgresStore) -> None:
    """Try until the back-off is over, as the gateway's callers do."""
    async with asyncio.timeout(20):
        while True:
            try:
                await store.start_process(PROCESS, NOW)
                await store.pending(1)
                await store.commit(Unit())
            except StoreUnavailable:
                await asyncio.sleep(0.05)
            else:
                return


async def test_a_sealer_whose_session_is_lost_takes_the_lock_again(dsn: str) -> None:
    async with opened_at(dsn) as store:
        await store.commit(Unit(records=[record()]))
        entries = await store.pending(10)
        assert await store.take_sealer_lock() is True
        with psycopg.connect(dsn, autocommit=True) as operator:
            operator.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        with pytest.raises(StoreUnavailable):
            await store.seal(0, entries, NOW)
        assert await store.seal(0, entries, NOW) is False
        assert await store.take_sealer_lock() is True
        assert await store.seal(0, entries, NOW) is True


async def test_a_database_without_synchronous_commit_is_refused(dsn: str) -> None:
    name = dsn.rsplit("/", 1)[1]
    with psycopg.connect(dsn, autocommit=True) as operator:
        operator.execute(f"ALTER DATABASE {name} SET synchronous_commit = off".encode())
    with pytest.raises(StoreRefused, match=r"synchronous_commit = off.*turn it on"):
        await store_at(dsn).open()


async def test_a_server_without_fsync_is_refused(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as operator:
        await switch(operator, "fsync", "off")
        try:
            with pytest.raises(StoreRefused, match=r"fsync = off.*turn it on"):
                await store_at(dsn).open()
        finally:
            await switch(operator, "fsync", "on")
    async with opened_at(dsn) as store:
        assert await store.commit(Unit(records=[record()])) is None


async def switch(operator: psycopg.Connection[Any], setting: str, value: str) -> None:
    """Change a server setting and wait until the sessions see it."""
    operator.execute(f"ALTER SYSTEM SET {setting} = {value}".encode())
    operator.execute("SELECT pg_reload_conf()")
    async with asyncio.timeout(10):
        while operator.execute(f"SHOW {setting}".encode()).fetchone() != (value,):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "9999, which this bus"),
        ("DROP TABLE alembic_version", "no tables of the bus.*integrator.store.migrate"),
    ],
)
async def test_another_schema_is_refused(dsn: str, text: str, said: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as operator:
        operator.execute(text.encode())
    with pytest.raises(StoreRefused, match=said):
        await store_at(dsn).open()


async def test_a_server_that_is_not_there_is_unavailable_without_its_password(free_port: Any) -> None:
    with pytest.raises(StoreUnavailable, match="check that it runs") as caught:
        await store_at(f"postgresql://bus:secret@127.0.0.1:{free_port()}/journal").open()
    assert "secret" not in str(caught.value)


async def test_two_processes_claim_one_key_at_once(dsn: str) -> None:
    async with opened_at(dsn) as first, opened_at(dsn) as second:
        units = []
        for _ in range(40):
            exchange = new_id()
            units.append(Unit(records=[record(exchange)], idempotency=claim(exchange)))
        stores = [first, second] * 20
        found = await asyncio.gather(*(store.commit(unit) for store, unit in zip(stores, units, strict=True)))
        assert found.count(None) == 1
        winner = units[found.index(None)].records[0].exchange_id
        assert {outcome.exchange_id for outcome in found if outcome is not None} == {winner}
