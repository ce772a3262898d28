from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from integrator.exchange import Context, InvalidRequest
from integrator.journal import commands
from integrator.journal.anchor import Anchor, AnchorRefused
from integrator.journal.sealer import Sealer
from integrator.journal.search import Reader
from integrator.journal.writer import Journal
from integrator.store.units import Unit
from tests.journal.conftest import AGENT_NISS, LOG_KEY, NISS, NOW
from tests.journal.fake_store import FakeStore

Make = Callable[..., Context]
Answered = Callable[[Context, bytes], Context]
Clock = Callable[[], int]
WHO = {"actor": "cli:auditor", "why": "complaint 2026/17"}


@pytest.fixture
def reader(store: FakeStore, journal: Journal, clock: Clock) -> Reader:
    return Reader(store, journal, clock)


@pytest.fixture
def anchor(tmp_path: Path) -> Anchor:
    return Anchor(tmp_path / "journal.anchor", "bus.example/journal")


@pytest.fixture
async def exchange(store: FakeStore, journal: Journal, make_context: Make, answered: Answered) -> Context:
    context = make_context()
    first = journal.record("received", context, now_us=NOW, final=False)
    last = journal.record("completed", answered(context, first.leaf_hash), now_us=NOW + 9, final=True)
    for row in (first, last):
        await store.commit(Unit(records=[row]))
    return context


async def test_list_shows_nothing_personal(reader: Reader, exchange: Context) -> None:
    rows = await commands.list_latest(reader, **WHO)
    assert [row["type"] for row in rows] == ["completed", "received"]
    assert rows[0]["time"] == "2026-09-21T14:13:20.000Z"
    assert rows[0]["exchange"] == exchange.exchange_id
    text = json.dumps(rows)
    assert NISS not in text
    assert AGENT_NISS not in text


async def test_show_opens_leaf_and_details(reader: Reader, exchange: Context) -> None:
    first, last = await commands.show(reader, exchange.exchange_id, **WHO)
    assert first["details"]["subjects_request"] == [["niss", NISS]]
    assert last["leaf"]["previous"] == first["leaf_hash"]
    assert await commands.show(reader, "01933b2e-7c1a-7d3e-8a4b-0123456789ab", **WHO) == []


async def test_who_saw_the_data_of_this_citizen_when_why_under_what_authority(
    reader: Reader, exchange: Context
) -> None:
    (row,) = await commands.search(reader, "subject", "17.07.30-033.84", **WHO)
    assert row["agent"] == {"manager": "RN/RBis", "identifier": AGENT_NISS}
    assert (row["party"], row["organisation"], row["on_behalf_of"]) == (
        "municipal/namur",
        "0207362739",
        "0316381138",
    )
    assert row["dossier"]["id"] == "PE/2026/118"
    assert row["legal_basis"].startswith("Décret du 11 mars 1999")
    assert (row["purpose"], row["authorisation"]) == ("environmental-permit", "protocol SPW-2026-014")
    assert (row["state"], row["outcome"], row["fields"]) == (
        "completed",
        "with-data",
        ["identity", "address"],
    )
    assert row["found_in"] == ["request", "answer"]
    assert row["problems"] == []


async def test_other_subjects_of_the_exchange_are_not_shown(reader: Reader, exchange: Context) -> None:
    (row,) = await commands.search(reader, "subject", "0316381138", **WHO)
    assert row["found_in"] == ["answer"]
    assert NISS not in json.dumps(row)


async def test_an_exchange_still_open(
    reader: Reader, store: FakeStore, journal: Journal, make_context: Make
) -> None:
    row = journal.record("received", make_context(dossier=None), now_us=NOW, final=False)
    await store.commit(Unit(records=[row]))
    (found,) = await commands.search(reader, "agent", f"RN/RBis:{AGENT_NISS}", **WHO)
    assert (found["state"], found["outcome"], found["found_in"]) == ("open", None, [])
    assert found["dossier"] == "0b9e1a52-5d3c-4b2f-9a70-6f0f4c1f2a22"


async def test_deleted_details_still_leave_the_leaf(
    reader: Reader, store: FakeStore, exchange: Context
) -> None:
    for record_id in list(store.records):
        store.alter(record_id, details=None, details_key=None)
    (row,) = await commands.search(reader, "subject", NISS, **WHO)
    assert (row["party"], row["agent"]) == ("municipal/namur", None)
    assert row["problems"] == ["details deleted", "details deleted"]


async def test_who_looked_a_citizen_up(reader: Reader, exchange: Context) -> None:
    await commands.search(reader, "subject", NISS, actor="cli:curious", why="none given")
    (row,) = await commands.readings(reader, "subject", NISS, **WHO)
    assert (row["actor"], row["why"], row["found"]) == ("cli:curious", "none given", 1)


@pytest.mark.parametrize("limit", [0, -1])
async def test_bad_input(reader: Reader, limit: int) -> None:
    with pytest.raises(InvalidRequest):
        await commands.search(reader, "subject", "123", **WHO)
    with pytest.raises(InvalidRequest):
        await commands.search(reader, "subject", NISS, **WHO, limit=limit)
    with pytest.raises(InvalidRequest):
        await commands.list_latest(reader, actor="x", why="")


async def test_check_reports_and_is_recorded(
    store: FakeStore, journal: Journal, exchange: Context, anchor: Anchor, clock: Clock
) -> None:
    sealer = Sealer(store, anchor, LOG_KEY, clock)
    await sealer.prepare()
    await sealer.seal_pending()
    report = await commands.check(store, journal, anchor=anchor, actor="cli:auditor", clock=clock)
    assert report["sound"] is True
    assert (report["size"], report["exchanges_ended"], report["problems"]) == (2, 1, [])
    json.dumps(report)
    assert [r.type for r in store.records.values()][-1] == "journal-checked"


async def test_a_lost_anchor_is_adopted_on_record(
    store: FakeStore, journal: Journal, exchange: Context, anchor: Anchor, clock: Clock
) -> None:
    sealer = Sealer(store, anchor, LOG_KEY, clock)
    await sealer.prepare()
    await sealer.seal_pending()
    anchor.path.unlink()
    with pytest.raises(AnchorRefused):
        await Sealer(store, anchor, LOG_KEY, clock).prepare()
    with pytest.raises(InvalidRequest):
        await commands.adopt_anchor(store, journal, anchor=anchor, actor="x", why="", clock=clock)
    row = await commands.adopt_anchor(store, journal, anchor=anchor, **WHO, clock=clock)
    assert row["size"] == 2
    assert [r.type for r in store.records.values()][-1] == "anchor-adopted"
    assert await Sealer(store, anchor, LOG_KEY, clock).prepare()
