"""SQLite: one bus, durable or refused, and what happens when the disk says no."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integrator.security.limits import DEFAULT
from integrator.store import retention, sqlite_batch, sqlite_writer
from integrator.store import sqlite as sqlite_module
from integrator.store.api import StoreRefused
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from integrator.store.schema import SCHEMA_VERSION
from integrator.store.sqlite import SqliteStore
from integrator.store.units import StoreUnavailable, StoreUncertain, Unit

from .conftest import NOW, PROCESS, event, new_id, record


@pytest.fixture
def make(tmp_path: Path) -> Callable[[], SqliteStore]:
    """A closed store on this test's migrated file."""
    migrate("sqlite:", tmp_path)

    def build() -> SqliteStore:
        store = open_store("sqlite:", limits=DEFAULT, process_id=PROCESS, data_dir=tmp_path)
        assert isinstance(store, SqliteStore)
        return store

    return build


@pytest.fixture
async def store(make: Callable[[], SqliteStore]) -> Any:
    found = make()
    await found.open()
    yield found
    await found.close()


async def pragma(store: SqliteStore, text: str) -> Any:
    """Set something on the writing connection, between batches."""
    writer = store._open_writer()

    def job(connection: sqlite3.Connection) -> Any:
        return connection.execute(text).fetchone()

    return await writer.run(job)


async def test_a_second_bus_is_refused_with_the_remedy(store: SqliteStore, make: Any) -> None:
    with pytest.raises(StoreRefused, match=rf"process {os.getpid()}\).*PostgreSQL and RabbitMQ"):
        await make().open()
    assert await store.commit(Unit(records=[record()])) is None


async def test_a_second_process_is_refused_too(store: SqliteStore, tmp_path: Path) -> None:
    done = await asyncio.to_thread(open_elsewhere, tmp_path)
    assert done.returncode != 0
    assert f"process {os.getpid()}" in done.stderr
    assert await store.commit(Unit(records=[record()])) is None


def open_elsewhere(tmp_path: Path) -> subprocess.CompletedProcess[str]:
    code = (
        "import asyncio; from pathlib import Path; from integrator.security.limits import DEFAULT; "
        "from integrator.store.open import open_store; "
        "asyncio.run(open_store('sqlite:', limits=DEFAULT, process_id=bytes(16), "
        f"data_dir=Path({str(tmp_path)!r})).open())"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


async def test_the_lock_ends_with_the_store(make: Any) -> None:
    for _ in range(2):
        store = make()
        await store.open()
        await store.close()


async def test_a_refused_start_gives_the_lock_back(make: Any, tmp_path: Path) -> None:
    change(tmp_path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreRefused, match="9999, which this bus"):
        await make().open()
    change(tmp_path, f"UPDATE alembic_version SET version_num = '{SCHEMA_VERSION}'")
    store = make()
    await store.open()
    await store.close()


def change(tmp_path: Path, text: str) -> None:
    connection = sqlite3.connect(tmp_path / "integrator.sqlite")
    connection.execute(text)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("UPDATE alembic_version SET version_num = '0000'", "has schema 0000.*integrator.store.migrate"),
        ("DELETE FROM alembic_version", "no tables of the bus.*integrator.store.migrate"),
        ("DROP TABLE alembic_version", "no tables of the bus.*integrator.store.migrate"),
    ],
)
async def test_another_schema_is_refused(make: Any, tmp_path: Path, text: str, said: str) -> None:
    change(tmp_path, text)
    with pytest.raises(StoreRefused, match=said):
        await make().open()


async def test_an_absent_database_is_refused_and_not_created(tmp_path: Path) -> None:
    store = open_store("sqlite:", limits=DEFAULT, process_id=PROCESS, data_dir=tmp_path)
    with pytest.raises(StoreRefused, match=r"integrator\.store\.migrate"):
        await store.open()
    assert os.listdir(tmp_path) == []  # noqa: PTH208


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "integrator.sqlite").write_bytes(b"no database at all " * 100)
    store = open_store("sqlite:", limits=DEFAULT, process_id=PROCESS, data_dir=tmp_path)
    with pytest.raises(StoreRefused, match="cannot be used"):
        await store.open()


async def test_what_cannot_be_made_durable_is_refused(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Lying(sqlite3.Connection):
        """A file system on which SQLite does not get WAL (network drives)."""

        def execute(self, text: str, *rest: Any) -> Any:
            return super().execute(text.replace("journal_mode = WAL", "journal_mode"), *rest)

    def connect(path: Path, **options: Any) -> sqlite3.Connection:
        return Lying(path, **options)

    store = make()
    change(store._path.parent, "PRAGMA journal_mode = DELETE")
    monkeypatch.setattr(sqlite_module.sqlite3, "connect", connect)
    with pytest.raises(StoreRefused, match=r"synchronous=FULL.*local disk"):
        await store.open()


async def test_every_commit_is_full(store: SqliteStore) -> None:
    assert await pragma(store, "PRAGMA synchronous") == (2,)
    assert await pragma(store, "PRAGMA journal_mode") == ("wal",)


async def test_an_old_sqlite_is_refused(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module.sqlite3, "sqlite_version_info", (3, 37, 2))
    with pytest.raises(StoreRefused, match=r"too old: install 3.38"):
        await make().open()


async def test_a_read_only_journal_is_unavailable_and_recovers(store: SqliteStore) -> None:
    await pragma(store, "PRAGMA query_only = 1")
    with pytest.raises(StoreUnavailable, match=r"READONLY.*check free space and rights"):
        await store.commit(Unit(records=[record()]))
    with pytest.raises(StoreUnavailable):
        await store.start_process(PROCESS, NOW)
    assert await store.pending(10) == []
    store._open_writer()._connection.execute("PRAGMA query_only = 0")
    assert await store.commit(Unit(records=[record()])) is None


async def test_a_full_disk_is_unavailable_and_recovers(store: SqliteStore) -> None:
    (pages,) = await pragma(store, "PRAGMA page_count")
    await pragma(store, f"PRAGMA max_page_count = {pages + 40}")

    async def fill() -> None:
        while True:
            await store.commit(Unit(records=[record(leaf=bytes(3_000))]))

    with pytest.raises(StoreUnavailable, match="SQLITE_FULL") as caught:
        await fill()
    written = len(await store.pending(2_000))
    assert not isinstance(caught.value, StoreUncertain)
    found = await asyncio.gather(
        *(store.commit(event(new_id(), body=bytes(9_000))) for _ in range(10)), return_exceptions=True
    )
    assert {type(outcome) for outcome in found} == {StoreUnavailable}
    assert 0 < len(await store.pending(2_000)) == written
    await pragma(store, "PRAGMA max_page_count = 1000000")
    assert await store.commit(Unit(records=[record()])) is None
    assert len(await store.pending(2_000)) == written + 1


async def test_a_closed_store_is_unavailable(make: Any) -> None:
    store = make()
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.commit(Unit(records=[record()]))
    await store.open()
    await store.close()
    with pytest.raises(StoreUnavailable, match="closing"):
        await store.commit(Unit(records=[record()]))
    with pytest.raises(StoreUnavailable, match="closing"):
        await store.add_key_check("k", b"v")


async def test_one_refused_job_does_not_undo_its_neighbours(store: SqliteStore) -> None:
    await store.add_key_check("there", b"v")
    jobs = [store.add_key_check(f"k{n}", b"v" if n != 3 else None) for n in range(6)]  # type: ignore[arg-type]
    found = await asyncio.gather(*jobs, return_exceptions=True)
    assert [outcome is None for outcome in found] == [True, True, True, False, True, True]
    assert set(await store.key_checks()) == {"there", "k0", "k1", "k2", "k4", "k5"}


def runs(tmp_path: Path) -> list[tuple[int, int]]:
    """(run, tags): lasting runs as they are numbered, small ones as 0, batches not spread as -1."""
    connection = sqlite3.connect(tmp_path / "integrator.sqlite")
    text = (
        "SELECT -1 AS number, sum(json_array_length(kinds)) FROM tag_batch HAVING count(*) "
        "UNION ALL SELECT iif(run < 1 << 40, run, 0) AS number, count(*) FROM tag GROUP BY number"
    )
    found = connection.execute(text).fetchall()
    connection.close()
    return found


async def test_tags_are_found_in_small_and_in_joined_runs(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_writer, "_TAGS_IN_SMALL_RUNS", 10)
    rows = [record(tags=((1, b"s" * 32), (2, bytes([n]) * 32))) for n in range(12)]
    for row in rows:
        await store.commit(Unit(records=[row]))
    await pragma(store, "PRAGMA page_count")  # the writer has joined before it takes the next job
    assert runs(tmp_path) == [(-1, 4), (1, 10), (2, 10)]
    found = await store.find_records([(1, b"s" * 32)], 99)
    assert runs(tmp_path) == [(0, 4), (1, 10), (2, 10)]
    assert [row.record_id for row in found] == [row.record_id for row in reversed(rows)]
    for n, row in enumerate(rows):
        (only,) = await store.find_records([(2, bytes([n]) * 32)], 9)
        assert only.record_id == row.record_id


async def test_small_runs_of_a_process_that_ended_are_joined_by_the_next(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_writer, "_TAGS_IN_SMALL_RUNS", 6)
    for _ in range(2):
        store = make()
        await store.open()
        for _ in range(2):
            await store.commit(Unit(records=[record(tags=((1, b"s" * 32), (2, new_id() * 2)))]))
        await store.close()
    assert runs(tmp_path) == [(-1, 2), (1, 6)]


async def test_runs_that_cannot_be_joined_now_stay_and_are_searched(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_writer, "_TAGS_IN_SMALL_RUNS", 6)
    monkeypatch.setattr(sqlite_batch, "JOIN_RUNS", "INSERT INTO absent VALUES (1)")
    for _ in range(5):
        await store.commit(Unit(records=[record(tags=((1, b"s" * 32), (2, new_id() * 2)))]))
    assert runs(tmp_path) == [(-1, 10)]
    assert len(await store.find_records([(1, b"s" * 32)], 99)) == 5


async def test_spread_runs_and_batches_are_joined_together(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_writer, "_TAGS_IN_SMALL_RUNS", 6)
    rows = [record(tags=((1, b"s" * 32), (2, bytes([n]) * 32))) for n in range(3)]
    await store.commit(Unit(records=[rows[0]]))
    assert len(await store.find_records([(1, b"s" * 32)], 99)) == 1
    assert runs(tmp_path) == [(0, 2)]
    for row in rows[1:]:
        await store.commit(Unit(records=[row]))
    await pragma(store, "PRAGMA page_count")
    assert runs(tmp_path) == [(1, 6)]
    assert len(await store.find_records([(1, b"s" * 32)], 99)) == 3


async def test_a_change_of_tags_finds_those_of_recent_batches(store: SqliteStore, tmp_path: Path) -> None:
    row = record(tags=((1, b"s" * 32), (2, b"t" * 32)))
    await store.commit(Unit(records=[row]))
    assert await store.change(retention.DROP_TAG, (1, b"s" * 32, row.record_id)) == 1
    assert runs(tmp_path) == [(0, 1)]
    await store.commit(Unit(records=[record(tags=((1, b"s" * 32),))]))
    assert await store.together([(retention.DROP_TAGS_OF, (row.record_id,))]) == [1]
    assert runs(tmp_path) == [(0, 1)]


async def test_tags_of_one_batch_keep_the_keys_they_were_made_with(store: SqliteStore) -> None:
    old, new = (record(tags=((1, b"s" * 32),), index_key=key) for key in ("index-1", "index-2"))
    await store.commit(Unit(records=[old, new]))
    keys = await store.rows("SELECT record_id, index_key FROM tag ORDER BY index_key")
    assert keys == [(old.record_id, "index-1"), (new.record_id, "index-2")]
