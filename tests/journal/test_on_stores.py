"""The journal on the real stores: written, sealed, searched, checked, damaged and recovered."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from integrator.exchange import Context, Subject
from integrator.journal import commands, keycheck, merkle, recovery, tree, verify
from integrator.journal.anchor import Anchor, AnchorRefused, reconcile
from integrator.journal.check import check_log
from integrator.journal.published import Published
from integrator.journal.sealer import Sealer
from integrator.journal.search import Reader
from integrator.journal.writer import Journal
from integrator.security.keyring import PURPOSES, Key, Keyring, KeyringError
from integrator.security.limits import DEFAULT
from integrator.store.api import Store
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from integrator.store.units import Conflict, Unit
from tests.journal.conftest import LOG_KEY, NISS, NOW
from tests.journal.log_files import files
from tests.journal.stores import exchange, published, sealed

Make = Callable[..., Context]
Answered = Callable[[Context, bytes], Context]
Clock = Callable[[], int]
WHO = {"actor": "cli:auditor", "why": "complaint 2026/17"}
ORIGIN = "bus.example/journal"


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
    assert (await check_log(real, keyring, origin=ORIGIN, anchor=anchor)).sound


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
        await Sealer(real, anchor, LOG_KEY, clock).prepare()
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
        report = await check_log(alive, keyring, origin=ORIGIN, anchor=anchor)
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
        one, two = Sealer(first, anchor, LOG_KEY, clock), Sealer(second, anchor, LOG_KEY, clock)
        assert await one.prepare()
        assert not await two.prepare()
        await exchange(second, journal, make_context(), answered)
        assert await one.seal_pending() == 2
        await first.close()
        await exchange(second, journal, make_context(), answered)
        async with asyncio.timeout(30):  # the server lets the lock go once it has seen the session's end
            while not await two.prepare():  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.01)
        assert two.size == 2
        assert await two.seal_pending() == 2
        report = await check_log(second, keyring, origin=ORIGIN, anchor=anchor)
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
    assert (await check_log(store, keyring, origin=ORIGIN, anchor=anchor)).sound
    await store.close()
    with sqlite3.connect(tmp_path / "bus.db") as database:
        assert database.execute(damage).rowcount >= 1
    database.close()
    store = open_store("sqlite:///bus.db", limits=DEFAULT, process_id=bytes(16), data_dir=tmp_path)
    await store.open()
    try:
        report = await check_log(store, keyring, origin=ORIGIN, anchor=anchor)
        assert rule in [problem.rule for problem in report.problems]
    finally:
        await store.close()


# --- the tree ------------------------------------------------------------------------------------


async def filled(store: Store, journal: Journal, count: int) -> None:
    for start in range(0, count, 100):
        acts = [journal.act("noise", "bus", {"count": 1}, now_us=NOW) for _ in range(min(100, count - start))]
        assert await store.commit(Unit(records=acts)) is None


async def test_the_published_log_is_proven_from_outside(
    real: Store, journal: Journal, anchor: Anchor, clock: Clock, keyring: Keyring, tmp_path: Path,
    make_context: Make, answered: Answered,
) -> None:  # fmt: skip
    sealer = Sealer(real, anchor, LOG_KEY, clock, batch=130)
    assert await sealer.prepare()
    await filled(real, journal, 520)
    await sealer.seal_pending()
    context = await exchange(real, journal, make_context(), answered)
    last = (await real.records_of(UUID(context.exchange_id).bytes))[-1]
    assert await Published(real).receipt(last) is None
    await sealer.seal_pending()
    log = await published(real, tmp_path / "log")
    done = verify.verify(verify.directory(log), [LOG_KEY.verifier], ORIGIN)
    assert (done.size, done.entries, done.tiles) == (522, 522, 4)
    assert NISS.encode() not in b"".join(path.read_bytes() for path in files(log))
    last = (await real.records_of(UUID(context.exchange_id).bytes))[-1]
    receipt = await Published(real).receipt(last)
    assert receipt is not None
    assert verify.verify_receipt(receipt.encode(), [LOG_KEY.verifier], ORIGIN) == last.index
    assert receipt.entry == last.leaf
    report = await check_log(real, keyring, origin=ORIGIN, anchor=anchor)
    assert report.sound, report.problems
    assert report.root == done.root.hex()


async def test_every_earlier_checkpoint_is_a_beginning_of_the_later_ones(
    real: Store, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    sealer = Sealer(real, anchor, LOG_KEY, clock)
    assert await sealer.prepare()
    seen = []
    for count in (3, 200, 60, 1, 300):
        await filled(real, journal, count)
        await sealer.seal_pending()
        row = await real.last_checkpoint()
        assert row is not None
        seen.append(row)
    last = seen[-1]
    for row in seen[:-1]:
        proof = await tree.consistency(real, row.size, last.size)
        merkle.verify_consistency(row.size, last.size, row.root, last.root, proof)
        assert await tree.root_at(real, row.size) == row.root


async def test_a_log_sealed_before_there_was_a_tree_gets_one(
    real: Store, journal: Journal, anchor: Anchor, clock: Clock, keyring: Keyring, tmp_path: Path
) -> None:
    await filled(real, journal, 600)
    entries = await real.pending(1_000)
    assert await real.take_sealer_lock()
    state = await reconcile(real, anchor, lambda: NOW)
    assert await real.seal(0, entries, NOW)  # without tiles or checkpoint, as the first release did
    anchor.write(state.advanced([leaf_hash for _, leaf_hash in entries], NOW))
    sealer = Sealer(real, anchor, LOG_KEY, clock)
    assert await sealer.prepare()
    assert await real.tile_levels() == {1: (2, 1)}
    log = await published(real, tmp_path / "log")
    assert verify.verify(verify.directory(log), [LOG_KEY.verifier], ORIGIN).size == 600
    report = await check_log(real, keyring, origin=ORIGIN, anchor=anchor)
    assert report.sound, report.problems


async def test_an_older_copy_is_refused_by_its_anchor(
    tmp_path: Path, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    migrate("sqlite:///bus.db", tmp_path)

    async def run(count: int) -> None:
        store = open_store("sqlite:///bus.db", limits=DEFAULT, process_id=bytes(16), data_dir=tmp_path)
        await store.open()
        try:
            sealer = Sealer(store, anchor, LOG_KEY, clock)
            await sealer.prepare()
            await filled(store, journal, count)
            await sealer.seal_pending()
        finally:
            await store.close()

    await run(5)
    copy = (tmp_path / "bus.db").read_bytes()
    await run(5)
    (tmp_path / "bus.db").write_bytes(copy)
    with pytest.raises(AnchorRefused, match="holds 5 sealed records, its anchor 10"):
        await run(1)


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        ("UPDATE tile_hash SET hash = zeroblob(32) WHERE position = 1", "tile"),
        ("DELETE FROM tile_hash WHERE position = 0", "tile"),
        ("UPDATE checkpoint SET root = zeroblob(32) WHERE size > 0", "checkpoint"),
        (
            "UPDATE checkpoint SET note = CAST(replace(note, 'bus.example', 'bus.exampel') AS BLOB)",
            "checkpoint",
        ),
    ],
)
async def test_damage_to_the_tree_is_found(
    tmp_path: Path, journal: Journal, keyring: Keyring, anchor: Anchor, clock: Clock, damage: str, rule: str
) -> None:
    migrate("sqlite:///bus.db", tmp_path)
    store = open_store("sqlite:///bus.db", limits=DEFAULT, process_id=bytes(16), data_dir=tmp_path)
    await store.open()
    try:
        sealer = Sealer(store, anchor, LOG_KEY, clock)
        await sealer.prepare()
        await filled(store, journal, 600)
        await sealer.seal_pending()
        with sqlite3.connect(tmp_path / "bus.db") as database:
            assert database.execute(damage).rowcount >= 1
        database.close()
        report = await check_log(store, keyring, origin=ORIGIN, anchor=anchor)
        assert [problem.rule for problem in report.problems] == [rule]
        if rule == "tile" and damage.startswith("DELETE"):
            assert await tree.complete(store, 600) == 2
            assert (await check_log(store, keyring, origin=ORIGIN, anchor=anchor)).sound
    finally:
        await store.close()


KILLED = """
import asyncio, sys
from pathlib import Path
from integrator.journal.anchor import Anchor
from integrator.journal.sealer import Sealer
from integrator.journal.writer import Journal
from integrator.security.keyring import PURPOSES, Key, Keyring
from integrator.security.limits import DEFAULT
from integrator.store.open import open_store
from integrator.store.units import Unit
from tests.journal.conftest import LOG_KEY, NOW

async def main(url, directory, anchor):
    keyring = Keyring([Key(f"{p}-1", p, bytes([n] * 32)) for n, p in enumerate(PURPOSES, 1)])
    journal = Journal(keyring, LOG_KEY.origin)
    store = open_store(url, limits=DEFAULT, process_id=b"k" * 16, data_dir=Path(directory))
    await store.open()
    sealer = Sealer(store, Anchor(Path(anchor), LOG_KEY.origin), LOG_KEY, lambda: NOW, batch=60)
    while not await sealer.prepare():
        pass
    while True:
        await store.commit(Unit([journal.act("noise", "bus", {"count": 1}, now_us=NOW) for _ in range(100)]))
        await sealer.seal_pending()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize(
    "point", ["commit-after:3", "seal-before:7", "seal-after:7", "publish-before:1", "publish-before:7"]
)
async def test_after_a_kill_anywhere_the_log_is_proven(
    url: str, tmp_path: Path, anchor: Anchor, clock: Clock, keyring: Keyring, journal: Journal, point: str
) -> None:
    command = [sys.executable, "-c", KILLED, url, str(tmp_path), str(anchor.path)]
    killed = await asyncio.to_thread(
        subprocess.run, command, env={**os.environ, "INTEGRATOR_FAILPOINT": point}, capture_output=True,
        cwd=Path(__file__).parents[2], timeout=60, check=False,
    )  # fmt: skip
    assert killed.returncode == -9, killed.stderr
    store = open_store(url, limits=DEFAULT, process_id=b"n" * 16, data_dir=tmp_path)
    await store.open()
    try:
        sealer = Sealer(store, anchor, LOG_KEY, clock)
        async with asyncio.timeout(20):  # the server notices the end of a session a moment later
            while not await sealer.prepare():  # noqa: ASYNC110
                await asyncio.sleep(0)
        await sealer.seal_pending()
        log = await published(store, tmp_path / "log")
        done = verify.verify(verify.directory(log), [LOG_KEY.verifier], ORIGIN)
        assert done.size == sealer.size == (await store.log_state()).size
        report = await check_log(store, keyring, origin=ORIGIN, anchor=anchor)
        assert report.sound, report.problems
    finally:
        await store.close()
