"""The journal on the real stores: written, sealed, searched, checked, damaged and recovered."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import uuid_utils

from integrator.exchange import Context, Subject
from integrator.journal import commands, keycheck, recovery
from integrator.journal.anchor import Anchor, AnchorRefused
from integrator.journal.sealer import Sealer
from integrator.journal.search import Reader
from integrator.journal.verify import verify
from integrator.journal.writer import Journal
from integrator.security.keyring import PURPOSES, Key, Keyring, KeyringError
from integrator.security.limits import DEFAULT
from integrator.store.api import Store
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from integrator.store.units import Conflict, Unit
from tests.journal.conftest import NISS, NOW

Make = Callable[..., Context]
Answered = Callable[[Context, bytes], Context]
Clock = Callable[[], int]
WHO = {"actor": "cli:auditor", "why": "complaint 2026/17"}
ORIGIN = "bus.example/journal"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    found = "sqlite:///bus.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    migrate(found, tmp_path)
    return found


@pytest.fixture
async def opening(url: str, tmp_path: Path) -> AsyncIterator[Callable[[], Any]]:
    """Open another store on this test's database, as a process of its own; closed at the end."""
    async with AsyncExitStack() as stack:

        async def open_it() -> tuple[Store, bytes]:
            process_id = uuid_utils.uuid7().bytes
            store = open_store(url, limits=DEFAULT, process_id=process_id, data_dir=tmp_path)
            await store.open()
            stack.push_async_callback(store.close)
            return store, process_id

        yield open_it


@pytest.fixture
async def real(opening: Callable[[], Any]) -> Store:
    store: Store = (await opening())[0]
    return store


@pytest.fixture
def anchor(tmp_path: Path) -> Anchor:
    return Anchor(tmp_path / "other-volume" / "journal.anchor", ORIGIN)


async def exchange(store: Store, journal: Journal, context: Context, answered: Answered) -> Context:
    first = journal.record("received", context, now_us=NOW, final=False)
    assert await store.commit(Unit(records=[first])) is None
    last = journal.record("completed", answered(context, first.leaf_hash), now_us=NOW + 9, final=True)
    assert await store.commit(Unit(records=[last])) is None
    return context


async def sealed(store: Store, anchor: Anchor, clock: Clock) -> Sealer:
    sealer = Sealer(store, anchor, clock, batch=3)
    assert await sealer.prepare()
    await sealer.seal_pending()
    return sealer


async def test_write_seal_search_check(
    real: Store, journal: Journal, anchor: Anchor, clock: Clock, make_context: Make, answered: Answered
) -> None:
    for _ in range(5):
        await exchange(real, journal, make_context(), answered)
    sealer = await sealed(real, anchor, clock)
    assert sealer.size == 10
    rows = await commands.search(Reader(real, journal, clock), "subject", NISS, **WHO)
    assert len(rows) == 5
    assert rows[0]["found_in"] == ["request", "answer"]
    assert [record["type"] for record in rows[0]["records"]] == ["received", "completed"]
    (again,) = await commands.readings(Reader(real, journal, clock), "subject", NISS, **WHO)
    assert again["why"] == "complaint 2026/17"
    report = await commands.check(real, journal, anchor=anchor, actor="cli:auditor", clock=clock)
    assert report["sound"], report["problems"]
    assert (report["size"], report["unsealed"], report["exchanges_ended"]) == (10, 2, 7)
    assert report["details_checked"] == 12


async def test_show_by_exchange_and_by_record(
    real: Store, journal: Journal, clock: Clock, make_context: Make, answered: Answered
) -> None:
    context = await exchange(real, journal, make_context(), answered)
    reader = Reader(real, journal, clock)
    shown = await commands.show(reader, context.exchange_id, **WHO)
    assert [row["type"] for row in shown] == ["received", "completed"]
    assert [row["problem"] for row in shown] == [None, None]
    assert await commands.show(reader, shown[1]["record"], **WHO) == shown


async def test_five_thousand_subjects_are_written(
    real: Store, journal: Journal, clock: Clock, make_context: Make, keyring: Keyring, anchor: Anchor
) -> None:
    many = tuple(Subject("niss", f"{n:011d}") for n in range(5_000))
    row = journal.record("failed", make_context(subjects_response=many), now_us=NOW, final=True)
    assert await real.commit(Unit(records=[row])) is None
    await sealed(real, anchor, clock)
    assert (await verify(real, keyring, origin=ORIGIN, anchor=anchor)).sound


async def test_an_exchange_ends_once(
    real: Store, journal: Journal, make_context: Make, answered: Answered
) -> None:
    context = await exchange(real, journal, make_context(), answered)
    again = journal.record("failed", context, now_us=NOW, final=True)
    conflict = await real.commit(Unit(records=[again]))
    assert isinstance(conflict, Conflict)
    assert conflict.kind == "ended"


async def test_keys_are_recognised(real: Store, keyring: Keyring) -> None:
    await keycheck.verify(real, keyring, embedded=True)
    await keycheck.verify(real, keyring)
    with pytest.raises(KeyringError, match="not the one this database was written with"):
        await keycheck.verify(real, Keyring([Key(f"{p}-1", p, b"x" * 32) for p in PURPOSES]), embedded=True)


async def test_a_database_behind_its_anchor_is_refused(
    real: Store, journal: Journal, anchor: Anchor, clock: Clock, make_context: Make, answered: Answered
) -> None:
    await exchange(real, journal, make_context(), answered)
    sealer = await sealed(real, anchor, clock)
    state = anchor.load()
    assert state is not None
    anchor.write(state.advanced([bytes(32)], NOW))
    with pytest.raises(AnchorRefused, match="holds 2 sealed records, its anchor 3"):
        await Sealer(real, anchor, clock).prepare()
    assert sealer.size == 2


async def test_what_a_dead_process_left_open_ends_as_unanswered(
    url: str,
    tmp_path: Path,
    journal: Journal,
    anchor: Anchor,
    clock: Clock,
    make_context: Make,
    keyring: Keyring,
) -> None:
    dead = open_store(url, limits=DEFAULT, process_id=b"d" * 16, data_dir=tmp_path)
    await dead.open()
    await dead.start_process(b"d" * 16, NOW - 1)
    for _ in range(3):
        row = journal.record("received", make_context(), now_us=NOW, final=False)
        await dead.commit(Unit(records=[row]))
    await dead.close()  # the connections end, the process row stays: it never said goodbye

    alive = open_store(url, limits=DEFAULT, process_id=b"a" * 16, data_dir=tmp_path)
    await alive.open()
    try:
        await alive.start_process(b"a" * 16, NOW + 100)
        close = {"own": b"a" * 16, "now_us": NOW + 200, "dead_before_us": NOW + 50}
        assert await recovery.close_orphans(alive, journal, page=2, **close) == 3
        assert await recovery.close_orphans(alive, journal, **close) == 0
        await sealed(alive, anchor, clock)
        report = await verify(alive, keyring, origin=ORIGIN, anchor=anchor)
        assert report.sound, report.problems
        assert (report.exchanges_ended, report.exchanges_open) == (3, 0)
    finally:
        await alive.close()


async def test_on_postgresql_one_of_two_processes_seals(
    postgres_url: str, tmp_path: Path, journal: Journal, clock: Clock, make_context: Make, answered: Answered,
    anchor: Anchor, keyring: Keyring,
) -> None:  # fmt: skip
    migrate(postgres_url, tmp_path)
    first, second = (
        open_store(postgres_url, limits=DEFAULT, process_id=bytes([n] * 16), data_dir=tmp_path)
        for n in (1, 2)
    )
    await first.open()
    await second.open()
    try:
        one, two = Sealer(first, anchor, clock), Sealer(second, anchor, clock)
        assert await one.prepare()
        assert not await two.prepare()
        await exchange(second, journal, make_context(), answered)
        assert await one.seal_pending() == 2
        await first.close()
        await exchange(second, journal, make_context(), answered)
        assert await two.prepare()
        assert two.size == 2
        assert await two.seal_pending() == 2
        report = await verify(second, keyring, origin=ORIGIN, anchor=anchor)
        assert report.sound, report.problems
    finally:
        await first.close()
        await second.close()


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        (
            "UPDATE record SET leaf = CAST(replace(leaf, 'with-data', 'with-none') AS BLOB) WHERE final",
            "leaf-hash",
        ),
        ("UPDATE record SET party = 'municipal/liege' WHERE final", "columns"),
        ("DELETE FROM log_entry WHERE leaf_index = 1", "gap"),
        ("DELETE FROM record WHERE NOT final", "record-missing"),
        ("UPDATE details SET sealed = zeroblob(64)", "details"),
        ("UPDATE log_entry SET leaf_hash = zeroblob(32) WHERE leaf_index = 0", "entry"),
    ],
)
async def test_damage_done_with_sql_is_found(
    tmp_path: Path, journal: Journal, keyring: Keyring, anchor: Anchor, clock: Clock, make_context: Make,
    answered: Answered, damage: str, rule: str,
) -> None:  # fmt: skip
    migrate("sqlite:///bus.db", tmp_path)
    store = open_store("sqlite:///bus.db", limits=DEFAULT, process_id=bytes(16), data_dir=tmp_path)
    await store.open()
    await exchange(store, journal, make_context(), answered)
    await sealed(store, anchor, clock)
    assert (await verify(store, keyring, origin=ORIGIN, anchor=anchor)).sound
    await store.close()
    with sqlite3.connect(tmp_path / "bus.db") as database:
        assert database.execute(damage).rowcount >= 1
    database.close()
    store = open_store("sqlite:///bus.db", limits=DEFAULT, process_id=bytes(16), data_dir=tmp_path)
    await store.open()
    try:
        report = await verify(store, keyring, origin=ORIGIN, anchor=anchor)
        assert rule in [problem.rule for problem in report.problems]
    finally:
        await store.close()
