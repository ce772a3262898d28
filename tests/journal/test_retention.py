"""Retention on both databases: what has expired goes, what is held or younger stays, leaves always."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine, text

from integrator.journal import check, retention, tags
from integrator.journal import holds as legal
from integrator.journal.anchor import Anchor
from integrator.journal.holds import Holds
from integrator.journal.periods import PeriodInvalid
from integrator.journal.retention import Retention
from integrator.journal.search import Reading
from integrator.journal.writer import Journal
from integrator.security.keyring import Keyring, KeyringError
from integrator.store.api import Store
from integrator.store.location import locate
from integrator.store.migrations import r0004_retention
from integrator.store.units import StoreUnavailable, Unit
from tests.journal.conftest import LOG_KEY, NISS, NOW
from tests.journal.stores import Answered, Clock, Make, exchange, proven, sealed, unchanged

DAY_US = 86_400_000_000
READING = Reading("cli:dpo", "inquiry 2026/3")


@pytest.fixture
def later() -> Callable[[int], Clock]:
    """A clock that stands so many days after the records are made."""
    made = int(time.time() * 1e6)
    return lambda days: lambda: made + days * DAY_US


async def add(store: Store, journal: Journal, make: Make, period: str, **changes: object) -> bytes:
    row = journal.record("refused", make(**changes), now_us=NOW, final=True, retention=period)
    assert await store.commit(Unit([row])) is None
    return row.record_id


async def kept(store: Store) -> set[bytes]:
    return {row[0] for row in await store.rows("SELECT record_id FROM details")}


async def test_each_class_expires_in_its_own_time(
    real: Store, journal: Journal, make_context: Make, later: Callable[[int], Clock]
) -> None:
    short = [await add(real, journal, make_context, "P6M") for _ in range(3)]
    long = [await add(real, journal, make_context, "P10Y") for _ in range(2)]
    await Retention(real, journal, later(0)).know(["P6M"])
    assert [a.deleted for a in await Retention(real, journal, later(100)).apply()] == [0, 0]
    dry = await Retention(real, journal, later(200)).apply(dry=True)
    assert [(a.period, a.deleted) for a in dry] == [("P10Y", 0), ("P6M", 3)]
    assert await kept(real) == {*short, *long}
    assert [a.deleted for a in await Retention(real, journal, later(200)).apply()] == [0, 3]
    acts = [r for r in await real.latest_records(9) if r.type == "retention-applied"]
    assert b'"class":"P6M"' in acts[0].leaf
    assert b'"deleted":3' in acts[0].leaf
    assert await kept(real) == {*long, acts[0].record_id}
    index = journal.keyring.current("index")
    found = await real.find_records([tags.tag(index, tags.NISS, NISS)], 10)
    assert {record.record_id for record in found} == set(long)
    await Retention(real, journal, later(3_700)).apply()
    assert await kept(real) & set(long) == set()
    assert await real.rows("SELECT 1 FROM tag") == []


async def test_leaves_and_proofs_stay(
    real: Store, journal: Journal, keyring: Keyring, anchor: Anchor, clock: Clock, make_context: Make,
    answered: Answered, later: Callable[[int], Clock], tmp_path: Path,
) -> None:  # fmt: skip
    for _ in range(150):  # more than a page
        await exchange(real, journal, make_context(), answered)
    await sealed(real, anchor, clock)
    retention_ = Retention(real, journal, later(4_000))
    await retention_.know([])
    seen: list[tuple[int, int]] = []
    async with unchanged(real):
        (applied,) = await retention_.apply(advance=lambda done, total: seen.append((done, total)))
    assert applied.deleted == 300
    assert seen == [(100, 300), (200, 300), (300, 300)]
    await proven(real, tmp_path / "log")
    report = await check.check_log(real, keyring, origin=LOG_KEY.origin, anchor=anchor)
    assert report.sound, report.problems
    assert report.details_deleted == 300


@pytest.mark.parametrize("kind", ["subject", "exchange", "party", "flow"])
async def test_what_is_held_stays_until_the_hold_is_lifted(
    real: Store, journal: Journal, make_context: Make, later: Callable[[int], Clock], kind: str
) -> None:
    held = await add(real, journal, make_context, "P1M", flow="held-flow", party="municipal/liege")
    other = await add(real, journal, make_context, "P1M", subjects_request=())
    exchange_id = (await real.record(held)).exchange_id.hex()  # type: ignore[union-attr]
    values = {"subject": NISS, "exchange": exchange_id, "party": "municipal/liege", "flow": "held-flow"}
    holds = Holds(real, journal, later(1))
    hold = await holds.add(READING, kind, values[kind])
    retention_ = Retention(real, journal, later(60))
    await retention_.know(["P1M"])
    assert [(a.deleted, a.held) for a in await retention_.apply()] == [(0, 0), (1, 1)]
    assert held in await kept(real)
    assert other not in await kept(real)
    assert [(a.deleted, a.held) for a in await retention_.apply()] == [(0, 0), (0, 0)]
    await holds.lift(READING, hold.id)
    assert [(a.deleted, a.held) for a in await retention_.apply()] == [(0, 0), (1, 0)]
    assert held not in await kept(real)


async def test_a_hold_covers_every_record_of_its_subjects_exchanges(
    real: Store, journal: Journal, make_context: Make, answered: Answered, later: Callable[[int], Clock]
) -> None:
    await exchange(real, journal, make_context(), answered)  # the enterprise occurs in the answer only
    await Holds(real, journal, later(1)).add(READING, "subject", "0316381138")
    retention_ = Retention(real, journal, later(4_000))
    await retention_.know([])
    (applied,) = await retention_.apply()
    assert (applied.deleted, applied.held) == (1, 2)  # the record of the hold itself expired


async def test_a_hold_that_cannot_be_opened_stops_it(
    real: Store, journal: Journal, make_context: Make, later: Callable[[int], Clock]
) -> None:
    await add(real, journal, make_context, "P1M")
    await Holds(real, journal, later(1)).add(READING, "flow", "x")
    await real.change("UPDATE legal_hold SET sealed = %s", (b"x" * 60,))
    retention_ = Retention(real, journal, later(60))
    await retention_.know(["P1M"])
    with pytest.raises(KeyringError):
        await retention_.apply()
    assert await real.rows("SELECT 1 FROM details WHERE retention = 'P1M'") != []


async def test_it_goes_on_where_it_was_stopped(
    real: Store, journal: Journal, make_context: Make, later: Callable[[int], Clock],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(retention, "PAGE", 2)
    ids = [await add(real, journal, make_context, "P1M") for _ in range(5)]
    retention_ = Retention(real, journal, later(60))
    await retention_.know(["P1M"])
    write, calls = retention_._store.write, 0

    async def fail_once(*given: object) -> list[int]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise StoreUnavailable("lost")
        return await write(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(retention_._store, "write", fail_once)
    with pytest.raises(StoreUnavailable):
        await retention_.apply()
    assert len(await kept(real) & set(ids)) == 3
    assert sum(a.deleted for a in await retention_.apply()) == 3
    assert not await kept(real) & set(ids)


async def test_a_class_that_is_none_is_refused(real: Store, journal: Journal, clock: Clock) -> None:
    with pytest.raises(PeriodInvalid):
        await Retention(real, journal, clock).know(["for ever"])


async def test_the_classes_of_an_older_database_are_known(url: str, tmp_path: Path) -> None:
    engine = create_engine(locate(url, tmp_path).sqlalchemy_url())
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM upkeep"))
        connection.execute(
            text("INSERT INTO details (record_id, retention, key_id, sealed) VALUES (:id, 'P30D', 'k', :id)"),
            {"id": bytes(16)},
        )
        with Operations.context(MigrationContext.configure(connection)):
            r0004_retention._classes()
        assert connection.execute(text("SELECT name FROM upkeep")).fetchall() == [("retention/P30D",)]
    engine.dispose()


async def test_holds_are_listed_opened_and_lifted_once(real: Store, journal: Journal, clock: Clock) -> None:
    holds = Holds(real, journal, clock)
    first = await holds.add(READING, "subject", "17.07.30-033.84", from_us=5, until_us=9)
    second = await holds.add(READING, "flow", " person-consult ")
    assert [hold.id for hold in await holds.list()] == [second.id, first.id]
    assert first.row()["value"] == NISS
    assert (first.row()["from"], first.row()["until"]) == (5, 9)
    assert (second.row()["from"], second.row()["until"]) == (None, None)
    assert second.value == "person-consult"
    await holds.lift(READING, first.id)
    assert [hold.id for hold in await holds.list()] == [second.id]
    assert [hold.lifted_us is None for hold in await holds.list(all_=True)] == [True, False]
    with pytest.raises(legal.NoData, match="no hold of this id"):
        await holds.lift(READING, first.id)
    for record in await real.latest_records(9):
        assert NISS.encode() not in record.leaf
    stored = str(await real.rows("SELECT * FROM legal_hold"))
    assert NISS not in stored


@pytest.mark.parametrize(
    ("kind", "value", "more", "match"),
    [
        ("subject", "123", {}, "neither a national number"),
        ("exchange", "x", {}, "is a UUID"),
        ("party", " ", {}, "name the party"),
        ("purpose", "x", {}, "a hold is on one of"),
        ("flow", "x", {"from_us": 5, "until_us": 5}, "ends before it begins"),
    ],
)
async def test_wrong_holds_are_refused(
    real: Store, journal: Journal, clock: Clock, kind: str, value: str, more: dict[str, int], match: str
) -> None:
    with pytest.raises(legal.InvalidRequest, match=match):
        await Holds(real, journal, clock).add(READING, kind, value, **more)
    assert await real.rows("SELECT 1 FROM legal_hold") == []
