from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from integrator.exchange import Context
from integrator.journal.anchor import Anchor
from integrator.journal.canonical import leaf_hash
from integrator.journal.check import Report, check_log
from integrator.journal.sealer import Sealer
from integrator.journal.writer import Journal
from integrator.security.keyring import Keyring
from integrator.store.api import StoredRecord
from integrator.store.units import Unit
from tests.journal.conftest import LOG_KEY, NOW
from tests.journal.fake_store import FakeStore

Make = Callable[..., Context]
Answered = Callable[[Context, bytes], Context]
ORIGIN = "bus.example/journal"


@pytest.fixture
def anchor(tmp_path: Path) -> Anchor:
    return Anchor(tmp_path / "journal.anchor", ORIGIN)


@pytest.fixture
async def filled(
    store: FakeStore,
    journal: Journal,
    make_context: Make,
    answered: Answered,
    anchor: Anchor,
    clock: Callable[[], int],
) -> FakeStore:
    """Three exchanges sealed, one open and sealed, one act not sealed."""
    for _ in range(3):
        context = make_context()
        first = journal.record("received", context, now_us=NOW, final=False)
        last = journal.record("completed", answered(context, first.leaf_hash), now_us=NOW, final=True)
        for row in (first, last):
            await store.commit(Unit(records=[row]))
    row = journal.record("received", make_context(), now_us=NOW, final=False)
    await store.commit(Unit(records=[row]))
    sealer = Sealer(store, anchor, LOG_KEY, clock)
    await sealer.prepare()
    await sealer.seal_pending()
    await store.commit(Unit(records=[journal.act("noise", "bus", {"count": 1}, now_us=NOW)]))
    return store


async def check(store: FakeStore, keyring: Keyring, anchor: Anchor, page: int = 2) -> Report:
    return await check_log(store, keyring, origin=ORIGIN, anchor=anchor, page=page)


def rules(report: Report) -> list[str]:
    return [problem.rule for problem in report.problems]


def record(store: FakeStore, index: int) -> StoredRecord:
    return store.records[store.log[index][1]]


def rewrite(store: FakeStore, index: int, leaf: dict[str, object]) -> None:
    """Change a leaf with care: its hash in row and log too."""
    data = orjson.dumps(leaf, option=orjson.OPT_SORT_KEYS)
    store.alter(record(store, index).record_id, leaf=data, leaf_hash=leaf_hash(data))
    store.log[index] = (index, store.log[index][1], leaf_hash(data))


@pytest.mark.parametrize("page", [1, 2, 1_000])
async def test_a_sound_journal(filled: FakeStore, keyring: Keyring, anchor: Anchor, page: int) -> None:
    report = await check(filled, keyring, anchor, page)
    assert report.sound, report.problems
    assert (report.size, report.unsealed) == (7, 1)
    assert (report.exchanges_ended, report.exchanges_open) == (4, 1)
    assert (report.details_checked, report.details_deleted) == (8, 0)
    state = anchor.load()
    assert state is not None
    assert report.running_hash == state.head.running_hash.hex()


async def test_an_empty_journal(store: FakeStore, keyring: Keyring) -> None:
    assert (await check_log(store, keyring, origin=ORIGIN)).sound


async def test_a_gap(filled: FakeStore, keyring: Keyring, anchor: Anchor) -> None:
    del filled.log[3]
    report = await check(filled, keyring, anchor)
    assert "gap" in rules(report)
    assert "anchor" in rules(report)
    assert report.problems[0].index == 3


async def test_a_record_that_is_gone(filled: FakeStore, keyring: Keyring, anchor: Anchor) -> None:
    del filled.records[filled.log[0][1]]
    report = await check(filled, keyring, anchor)
    assert rules(report) == ["record-missing", "previous", "previous"]


async def test_an_altered_leaf(filled: FakeStore, keyring: Keyring, anchor: Anchor) -> None:
    altered = record(filled, 1)
    filled.alter(altered.record_id, leaf=altered.leaf.replace(b"with-data", b"with-none"))
    assert rules(await check(filled, keyring, anchor)) == ["leaf-hash"]


async def test_a_leaf_altered_with_care_differs_from_the_anchor(
    filled: FakeStore, keyring: Keyring, anchor: Anchor
) -> None:
    leaf = orjson.loads(record(filled, 1).leaf)
    rewrite(filled, 1, {**leaf, "fields": ["identity"]})
    assert rules(await check(filled, keyring, anchor)) == ["anchor", "checkpoint", "checkpoint"]


async def test_a_leaf_that_is_not_canonical(filled: FakeStore, keyring: Keyring, anchor: Anchor) -> None:
    target = record(filled, 6)
    data = orjson.dumps(orjson.loads(target.leaf), option=orjson.OPT_INDENT_2)
    filled.alter(target.record_id, leaf=data, leaf_hash=leaf_hash(data))
    filled.log[6] = (6, target.record_id, leaf_hash(data))
    assert set(rules(await check(filled, keyring, anchor))) == {"canonical", "anchor", "checkpoint"}


@pytest.mark.parametrize(
    "changes",
    [{"flow": "other"}, {"party": None}, {"type": "failed"}, {"outcome": "no-data"}, {"time_us": 1}],
)
async def test_columns_that_say_otherwise(
    filled: FakeStore, keyring: Keyring, anchor: Anchor, changes: dict[str, object]
) -> None:
    filled.alter(record(filled, 1).record_id, **changes)
    report = await check(filled, keyring, anchor)
    assert rules(report) == ["columns"]
    assert next(iter(changes)).removesuffix("_us") in report.problems[0].message


async def test_swapped_details(filled: FakeStore, keyring: Keyring, anchor: Anchor) -> None:
    first, second = record(filled, 0), record(filled, 2)
    filled.alter(first.record_id, details=second.details)
    filled.alter(second.record_id, details=first.details)
    assert rules(await check(filled, keyring, anchor)) == ["details", "details"]


async def test_details_deleted_by_retention_are_no_problem(
    filled: FakeStore, keyring: Keyring, anchor: Anchor
) -> None:
    filled.alter(record(filled, 0).record_id, details=None, details_key=None)
    report = await check(filled, keyring, anchor)
    assert report.sound
    assert report.details_deleted == 1


async def test_a_second_end(filled: FakeStore, journal: Journal, keyring: Keyring, anchor: Anchor) -> None:
    first = record(filled, 0)
    context = Context(orjson.loads(first.leaf)["exchange"], "person-consult", "s", previous=first.leaf_hash)
    filled.insert(journal.record("failed", context, now_us=NOW, final=True))
    assert rules(await check(filled, keyring, anchor)) == ["final-twice"]


async def test_a_record_after_the_end(
    filled: FakeStore, journal: Journal, keyring: Keyring, anchor: Anchor
) -> None:
    first = record(filled, 0)
    context = Context(orjson.loads(first.leaf)["exchange"], "person-consult", "s", previous=first.leaf_hash)
    filled.insert(journal.record("received", context, now_us=NOW, final=False))
    assert rules(await check(filled, keyring, anchor)) == ["after-end"]


async def test_an_end_linked_to_nothing(
    filled: FakeStore, journal: Journal, keyring: Keyring, anchor: Anchor, make_context: Make
) -> None:
    row = journal.record("failed", make_context(previous=bytes(32)), now_us=NOW, final=True)
    filled.insert(row)
    assert rules(await check(filled, keyring, anchor)) == ["previous", "previous"]


async def test_an_end_that_forgot_its_beginning(
    filled: FakeStore, journal: Journal, keyring: Keyring, anchor: Anchor
) -> None:
    opened = record(filled, 6)
    context = Context(orjson.loads(opened.leaf)["exchange"], "person-consult", "s")
    filled.insert(journal.record("failed", context, now_us=NOW, final=True))
    assert rules(await check(filled, keyring, anchor)) == ["previous"]


async def test_a_log_entry_that_names_another_hash(
    filled: FakeStore, keyring: Keyring, anchor: Anchor
) -> None:
    filled.log[0] = (0, filled.log[0][1], bytes(32))
    assert set(rules(await check(filled, keyring, anchor))) == {"entry", "anchor", "checkpoint"}


async def test_what_waits_is_checked_too(filled: FakeStore, keyring: Keyring, anchor: Anchor) -> None:
    record_id = next(iter(filled.waiting))
    filled.waiting[record_id] = bytes(32)
    assert rules(await check(filled, keyring, anchor)) == ["entry"]
    del filled.records[record_id]
    assert rules(await check(filled, keyring, anchor)) == ["record-missing"]


async def test_an_anchor_ahead_torn_or_missing(filled: FakeStore, keyring: Keyring, anchor: Anchor) -> None:
    state = anchor.load()
    assert state is not None
    anchor.write(state.advanced([bytes(32)], NOW))
    assert rules(await check(filled, keyring, anchor)) == ["anchor"]
    anchor.path.write_bytes(b"{")
    assert rules(await check(filled, keyring, anchor)) == ["anchor"]
    anchor.path.unlink()
    assert rules(await check(filled, keyring, anchor)) == ["anchor"]


async def test_problems_are_bounded_and_all_counted(
    filled: FakeStore, keyring: Keyring, anchor: Anchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrator.journal.check.PROBLEMS_MAX", 2)
    for index in range(6):
        filled.alter(record(filled, index).record_id, details=b"x" * 40)
    report = await check(filled, keyring, anchor)
    assert (len(report.problems), report.problems_total) == (2, 6)
    assert not report.sound


async def test_a_garbled_leaf_is_reported_and_does_not_stop_the_check(
    filled: FakeStore, keyring: Keyring, anchor: Anchor
) -> None:
    for index, garbage in enumerate((b"", b"[]", b'{"previous":7}', b"\xff")):
        filled.alter(record(filled, index).record_id, leaf=garbage)
    report = await check(filled, keyring, anchor)
    assert rules(report).count("leaf-hash") == 4


async def test_records_committed_while_the_log_is_read_are_no_problem(
    filled: FakeStore, journal: Journal, keyring: Keyring, anchor: Anchor, make_context: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    real = filled.log_state

    async def busy() -> object:
        state = await real()
        context = make_context()
        first = journal.record("received", context, now_us=NOW, final=False)
        context.previous = first.leaf_hash
        filled.insert(first)
        filled.insert(journal.record("failed", context, now_us=NOW, final=True))
        await filled.seal(state.size, list(filled.waiting.items())[:2], NOW)
        return state

    monkeypatch.setattr(filled, "log_state", busy)
    report = await check(filled, keyring, anchor)
    assert report.sound, report.problems
