"""A database restored behind what outsiders have seen: refused, recovered, or continued as a new epoch."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from integrator.journal import check, commands, epochs, merkle, restore, verify
from integrator.journal import checkpoint as checkpoints
from integrator.journal.anchor import Anchor, AnchorRefused
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.epochs import EpochRefused
from integrator.journal.logkey import LogKey
from integrator.journal.published import Published
from integrator.journal.restore import Found, RestoreRefused
from integrator.journal.sealer import Sealer
from integrator.journal.search import Reader, Reading, open_record
from integrator.journal.writer import Journal
from integrator.security.keyring import Keyring
from integrator.store.api import Store
from tests.journal.conftest import LOG_KEY, NISS
from tests.journal.log_files import files
from tests.journal.stores import Answered, Clock, Make, exchange, proven, published, sealed

READING = Reading("cli:operator", "restored the backup of 2026-11-23")
ORIGIN = LOG_KEY.origin
KNOWN = [LOG_KEY.verifier]
_TABLES = ("record", "details", "tag", "pending", "log_entry", "tile_hash", "checkpoint")


@pytest.fixture
async def lost(
    real: Store, journal: Journal, anchor: Anchor, clock: Clock, make_context: Make, answered: Answered,
    tmp_path: Path,
) -> tuple[Store, Path, list[bytes]]:  # fmt: skip
    """A log of 8 with a copy and receipts of it, taken back to what it was at 4."""
    for _ in range(2):
        await exchange(real, journal, make_context(), answered)
    await sealed(real, anchor, clock)
    backup = {name: await real.rows(f"SELECT record_id FROM {name}") for name in _TABLES[:4]}
    for _ in range(2):
        await exchange(real, journal, make_context(), answered)
    await sealed(real, anchor, clock)
    copy = await published(real, tmp_path / "copy")
    receipts = []
    for record in await real.sealed_records(4, 8):
        receipt = await Published(real).receipt(record)
        assert receipt is not None
        receipts.append(receipt.encode())
    for name, ids in backup.items():
        kept = {row[0] for row in ids}
        for (record_id,) in await real.rows(f"SELECT record_id FROM {name}"):
            if record_id not in kept:
                await real.change(f"DELETE FROM {name} WHERE record_id = %s", (record_id,))
    await real.change("DELETE FROM log_entry WHERE leaf_index >= %s", (4,))
    await real.change("DELETE FROM checkpoint WHERE size > %s", (4,))
    await real.change("UPDATE log_state SET size = %s", (4,))
    return real, copy, receipts


async def test_it_is_refused_and_recovered_from_a_copy(
    lost: tuple[Store, Path, list[bytes]], journal: Journal, keyring: Keyring, anchor: Anchor, clock: Clock,
    tmp_path: Path,
) -> None:  # fmt: skip
    store, copy, _ = lost
    with pytest.raises(AnchorRefused, match="holds 4 sealed records, its anchor 8"):
        await Sealer(store, anchor, LOG_KEY, clock).prepare()
    found = Found()
    found.take_log(verify.directory(copy), KNOWN, ORIGIN, 4)
    seen: list[tuple[int, int]] = []
    done = await restore.restore(
        store, journal, anchor, found, READING, clock, advance=lambda *p: seen.append(p)
    )
    assert (done.start, done.stop) == (4, 8)
    assert seen == [(4, 4)]
    await sealed(store, anchor, clock)
    assert await proven(store, tmp_path / "log") == 9  # and the record of the recovery
    earlier = checkpoints.verify((copy / "checkpoint").read_bytes(), KNOWN, ORIGIN)
    verify.verify(verify.directory(tmp_path / "log"), KNOWN, ORIGIN, earlier=[earlier])
    report = await check.check_log(store, keyring, origin=ORIGIN, anchor=anchor)
    assert report.sound, report.problems
    assert (report.exchanges_ended, report.details_deleted) == (5, 4)
    rows = await commands.search(Reader(store, journal, clock), "subject", NISS, actor="a", why="b c")
    assert len(rows) == 2


async def test_receipts_of_everything_that_is_missing_do_too(
    lost: tuple[Store, Path, list[bytes]], journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    store, _, receipts = lost
    found = Found()
    for receipt in receipts:
        found.take_receipt(receipt, KNOWN, ORIGIN)
    assert (await restore.restore(store, journal, anchor, found, READING, clock)).stop == 8
    await sealed(store, anchor, clock)


async def test_some_of_them_do_not(
    lost: tuple[Store, Path, list[bytes]], journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    store, _, receipts = lost
    found = Found()
    for receipt in receipts[1:]:
        found.take_receipt(receipt, KNOWN, ORIGIN)
    with pytest.raises(RestoreRefused, match=r"1 of the 4 entries missing .* the first is 4.*new-epoch"):
        await restore.restore(store, journal, anchor, found, READING, clock)
    assert (await store.log_state()).size == 4


async def test_a_copy_that_is_not_the_log_writes_nothing(
    lost: tuple[Store, Path, list[bytes]], journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    store, copy, _ = lost
    found = Found()
    found.take_log(verify.directory(copy), KNOWN, ORIGIN, 4)
    found.entries[5], found.entries[6] = found.entries[6], found.entries[5]
    with pytest.raises(RestoreRefused, match="are not the log that was signed at 8"):
        await restore.restore(store, journal, anchor, found, READING, clock)
    assert (await store.log_state()).size == 4
    assert len(await store.latest_records(99)) == 4


async def test_altered_copies_and_receipts_are_refused(lost: tuple[Store, Path, list[bytes]]) -> None:
    _, copy, receipts = lost
    with pytest.raises(RestoreRefused, match="this receipt cannot be used"):
        Found().take_receipt(receipts[0].replace(b"index 4", b"index 5"), KNOWN, ORIGIN)
    for path in files(copy):
        if "entries" in str(path) or path.name == "checkpoint":
            path.unlink()
            with pytest.raises(RestoreRefused, match="this copy of the log cannot be used"):
                Found().take_log(verify.directory(copy), KNOWN, ORIGIN, 4)


async def test_nothing_missing_is_said(real: Store, journal: Journal, anchor: Anchor, clock: Clock) -> None:
    await sealed(real, anchor, clock)
    with pytest.raises(RestoreRefused, match="nothing here says it had more"):
        await restore.restore(real, journal, anchor, Found(), READING, clock)


@pytest.mark.parametrize("entry", [b"x", b"[]", b"{}", b'{"id":"x"}'])
def test_what_is_no_leaf_is_refused(entry: bytes) -> None:
    with pytest.raises(RestoreRefused, match="no leaf of this journal"):
        restore.record_of(entry)


# --- a new epoch ---------------------------------------------------------------------------------


async def test_a_new_epoch_names_the_old_checkpoint_and_what_was_lost(
    lost: tuple[Store, Path, list[bytes]], journal: Journal, keyring: Keyring, anchor: Anchor, clock: Clock,
    tmp_path: Path, make_context: Make, answered: Answered,
) -> None:  # fmt: skip
    store, copy, receipts = lost
    old = (copy / "checkpoint").read_bytes()
    begun = await epochs.begin(store, journal, anchor, ORIGIN, READING, clock)
    assert (begun.number, begun.kept_size, begun.lost_size) == (2, 4, 8)
    origin = f"{ORIGIN}/epoch-2"
    assert begun.origin == await epochs.origin_now(store, ORIGIN) == origin
    (first,) = await store.sealed_records(4, 5)
    assert orjson.loads(first.leaf)["facts"] == {
        "number": 2, "kept_size": 4, "old_origin": ORIGIN, "old_size": 8,
        "old_root": checkpoints.unproven(old).root.hex(),
    }  # fmt: skip
    assert (open_record(keyring, first).details or {})["why"] == READING.why

    new_anchor = Anchor(anchor.path, origin)
    key = LogKey(origin, keyring.current("log"))
    new_journal = Journal(keyring, origin)
    sealer = Sealer(store, new_anchor, key, clock)
    assert await sealer.prepare()
    await exchange(store, new_journal, make_context(), answered)
    await sealer.seal_pending()
    log = await published(store, tmp_path / "log")
    assert verify.verify(verify.directory(log), [key.verifier], origin).size == 7
    report = await check.check_log(store, keyring, origin=origin, anchor=new_anchor)
    assert report.sound, report.problems
    # searches span the epochs, and old receipts stay provable under the old name
    rows = await commands.search(Reader(store, new_journal, clock), "subject", NISS, actor="a", why="b c")
    assert len(rows) == 3
    assert [row["records"][0]["index"] for row in rows] == [5, 2, 0]
    assert verify.verify_receipt(receipts[0], [LogKey(ORIGIN, keyring.current("log")).verifier], ORIGIN) == 4


async def test_what_the_epochs_share_is_proven_to_whoever_kept_an_old_checkpoint(
    lost: tuple[Store, Path, list[bytes]], journal: Journal, keyring: Keyring, anchor: Anchor, clock: Clock,
    tmp_path: Path,
) -> None:  # fmt: skip
    store, copy, _ = lost
    kept = [hash_ for _, _, hash_ in await store.log_entries(0, 4)]
    key = LogKey(ORIGIN, keyring.current("log"))
    older = checkpoints.sign(Checkpoint(ORIGIN, 4, merkle.root_of(kept)), key)
    (tmp_path / "older").write_bytes(older)
    await epochs.begin(store, journal, anchor, ORIGIN, READING, clock)
    log = await published(store, tmp_path / "log")
    new = LogKey(f"{ORIGIN}/epoch-2", keyring.current("log"))
    given = [str(log), "--key", str(new.verifier), "--key", str(key.verifier)]
    assert await asyncio.to_thread(verify.main, [*given, "--earlier", str(tmp_path / "older")]) == 0
    # the one of the lost range is not a beginning of the new log, and is said not to be
    assert await asyncio.to_thread(verify.main, [*given, "--earlier", str(copy / "checkpoint")]) == 1


async def test_an_interrupted_epoch_is_finished(
    lost: tuple[Store, Path, list[bytes]], journal: Journal, anchor: Anchor, clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    store, _, _ = lost
    with monkeypatch.context() as patched:
        patched.setattr(epochs, "_sign", _die)
        with pytest.raises(KeyboardInterrupt):
            await epochs.begin(store, journal, anchor, ORIGIN, READING, clock)
    begun = await epochs.begin(store, journal, anchor, ORIGIN, READING, clock)
    assert (begun.number, begun.kept_size) == (2, 4)
    assert [row.number for row in await epochs.RetentionStore(store).epochs()] == [2]
    assert (await store.log_state()).size == 5


async def _die(*_given: Any) -> None:
    raise KeyboardInterrupt


async def test_no_epoch_begins_where_nothing_is_missing(
    real: Store, journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    await sealed(real, anchor, clock)
    with pytest.raises(EpochRefused, match="nothing is missing"):
        await epochs.begin(real, journal, anchor, ORIGIN, READING, clock)


async def test_without_any_checkpoint_of_the_old_log_none_begins(
    lost: tuple[Store, Path, list[bytes]], journal: Journal, anchor: Anchor, clock: Clock
) -> None:
    store, copy, _ = lost
    anchor.path.unlink()
    with pytest.raises(EpochRefused, match="give the newest one an outsider kept"):
        await epochs.begin(store, journal, anchor, ORIGIN, READING, clock)
    note = (copy / "checkpoint").read_bytes()
    with pytest.raises(EpochRefused, match="not to be believed"):
        await epochs.begin(
            store, journal, anchor, ORIGIN, READING, clock, published=note.replace(b"\n8\n", b"\n9\n")
        )
    begun = await epochs.begin(store, journal, anchor, ORIGIN, READING, clock, published=note)
    assert begun.lost_size == 8


# --- a state that is lost or torn ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        ("DELETE FROM log_state", "lost the state of its log"),
        ("UPDATE log_state SET size = size - 1", "goes on behind the 3 entries its state says"),
        (
            "DELETE FROM log_entry WHERE leaf_index = 3",
            "other records than its anchor saw, somewhere in 0..4",
        ),
    ],
)
async def test_a_lost_or_torn_state_is_refused_with_the_remedy(
    real: Store, journal: Journal, anchor: Anchor, clock: Clock, make_context: Make, answered: Answered,
    damage: str, match: str,
) -> None:  # fmt: skip
    for _ in range(2):
        await exchange(real, journal, make_context(), answered)
    await sealed(real, anchor, clock)
    await real.change(damage, ())
    with pytest.raises(AnchorRefused, match=match) as caught:
        await Sealer(real, anchor, LOG_KEY, clock).prepare()
    assert (
        "estore" in str(caught.value) or "older copy" in str(caught.value) or "right one" in str(caught.value)
    )
