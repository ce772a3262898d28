from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest

from integrator.exchange import Context, InvalidRequest, NotRecorded
from integrator.journal import criteria, details
from integrator.journal.search import RECORDS_MAX, Reader, Reading
from integrator.journal.writer import Journal
from integrator.security.keyring import PURPOSES, Key, Keyring
from integrator.store.api import StoredRecord
from integrator.store.units import Unit
from tests.journal.conftest import NISS, NOW
from tests.journal.fake_store import FakeStore

Make = Callable[..., Context]
Answered = Callable[[Context, bytes], Context]
WHO = Reading("cli:auditor", "complaint 2026/17")


@pytest.fixture
def reader(store: FakeStore, journal: Journal, clock: Callable[[], int]) -> Reader:
    return Reader(store, journal, clock)


@pytest.fixture
async def exchange(store: FakeStore, journal: Journal, make_context: Make, answered: Answered) -> Context:
    context = make_context()
    first = journal.record("received", context, now_us=NOW, final=False)
    last = journal.record("completed", answered(context, first.leaf_hash), now_us=NOW + 9, final=True)
    for row in (first, last):
        await store.commit(Unit(records=[row]))
    return context


def readings(store: FakeStore) -> list[StoredRecord]:
    return [r for r in store.records.values() if r.type == "journal-read"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("subject", "17.07.30-033.84"),
        ("subject", "0316.381.138"),
        ("ticket", "0b9e1a52-5d3c-4b2f-9a70-6f0f4c1f2a11"),
        ("ticket", "ticket-of-provider"),
        ("dossier", "imio-urban:PE/2026/118"),
        ("agent", "RN/RBis:85.07.30-033.28"),
        ("inscription", "0b9e1a52-5d3c-4b2f-9a70-6f0f4c1f2a22"),
    ],
)
async def test_an_exchange_is_found_whole_by_whatever_its_records_name(
    reader: Reader, exchange: Context, kind: str, value: str
) -> None:
    found = await reader.search(WHO, criteria.parse(kind, value))
    assert [[record.stored.type for record in records] for records in found] == [["received", "completed"]]
    assert found[0][0].details is not None
    assert found[0][0].problem is None


async def test_what_nobody_asked_for_is_not_found(reader: Reader, exchange: Context) -> None:
    assert await reader.search(WHO, criteria.parse("subject", "85073003328")) == []


@pytest.mark.parametrize("by", ["exchange", "record"])
async def test_an_exchange_by_its_id_or_a_record_of_it(
    reader: Reader, store: FakeStore, exchange: Context, by: str
) -> None:
    record_id = orjson.loads(next(reversed(store.records.values())).leaf)["id"]
    opened = await reader.exchange(WHO, exchange.exchange_id if by == "exchange" else record_id)
    assert [record.stored.type for record in opened] == ["received", "completed"]


async def test_an_unknown_id_finds_nothing_and_is_recorded(reader: Reader, store: FakeStore) -> None:
    assert await reader.exchange(WHO, "01933b2e-7c1a-7d3e-8a4b-0123456789ab") == []
    assert len(readings(store)) == 1


@pytest.mark.parametrize("identifier", ["", "x", NISS])
async def test_what_is_no_id_is_refused(reader: Reader, identifier: str) -> None:
    with pytest.raises(InvalidRequest, match="UUID"):
        await reader.exchange(WHO, identifier)


async def test_latest_and_its_filters(reader: Reader, exchange: Context) -> None:
    assert [r.type for r in await reader.latest(WHO, limit=2)] == ["completed", "received"]
    assert [r.type for r in await reader.latest(WHO, limit=1, flow="person-consult")] == ["completed"]
    assert await reader.latest(WHO, party="municipal/liege") == []
    with pytest.raises(InvalidRequest, match="limit"):
        await reader.latest(WHO, limit=0)
    assert len(await reader.latest(WHO, limit=RECORDS_MAX * 10)) == 5


# --- reading is recorded ------------------------------------------------------------------------


async def test_every_reading_is_recorded_with_who_why_and_what_kind(
    reader: Reader, store: FakeStore, keyring: Keyring, exchange: Context
) -> None:
    await reader.latest(WHO)
    await reader.exchange(WHO, exchange.exchange_id)
    await reader.search(WHO, criteria.parse("subject", NISS))
    leaves = [orjson.loads(r.leaf) for r in readings(store)]
    assert [leaf["facts"] for leaf in leaves] == [
        {"criterion": "latest", "found": 2},
        {"criterion": "exchange", "found": 2},
        {"criterion": "subject", "found": 1},
    ]
    for record in readings(store):
        document = details.unseal(keyring.get("details-1"), record.record_id, record.details or b"").document
        assert document.pop("tagged", None) in (None, [["read-subject", f"subject\n{NISS}"]])
        assert document == {"actor": "cli:auditor", "why": "complaint 2026/17"}
        assert b"auditor" not in record.leaf


async def test_the_criterion_never_stands_in_the_leaf(
    reader: Reader, store: FakeStore, keyring: Keyring, exchange: Context
) -> None:
    await reader.search(WHO, criteria.parse("subject", NISS))
    await reader.search(Reading("cli:other", "statistics"), criteria.parse("ticket", NISS))
    for record in readings(store):
        assert NISS.encode() not in record.leaf + (record.details or b"")
        opened = details.unseal(keyring.get("details-1"), record.record_id, record.details or b"")
        assert NISS in opened.document["tagged"][0][1]
    found = await reader.readings_of(WHO, criteria.parse("subject", NISS))
    assert [(r.details or {})["actor"] for r in found] == ["cli:auditor"]
    assert len(await reader.search(WHO, criteria.parse("subject", NISS))) == 1


@pytest.mark.parametrize(("actor", "why"), [("", "x"), ("x", ""), (" ", "x"), ("x", "\t")])
def test_nobody_reads_without_name_and_reason(actor: str, why: str) -> None:
    with pytest.raises(InvalidRequest, match="who reads the journal and why"):
        Reading(actor, why)


async def test_what_cannot_be_recorded_is_not_shown(
    reader: Reader, store: FakeStore, exchange: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(unit: Unit) -> None:
        store.down = True
        store._up()

    monkeypatch.setattr(store, "commit", fails)
    with pytest.raises(NotRecorded, match="nothing is shown"):
        await reader.search(WHO, criteria.parse("subject", NISS))


# --- what is wrong is said ----------------------------------------------------------------------


async def problems(reader: Reader, exchange: Context) -> list[str | None]:
    return [record.problem for record in await reader.exchange(WHO, exchange.exchange_id)]


async def test_altered_details(reader: Reader, store: FakeStore, exchange: Context) -> None:
    first = next(iter(store.records.values()))
    assert first.details is not None
    store.alter(first.record_id, details=first.details[:-1] + bytes([first.details[-1] ^ 1]))
    found = await problems(reader, exchange)
    assert "cannot be opened" in (found[0] or "")
    assert found[1] is None


async def test_swapped_details(reader: Reader, store: FakeStore, exchange: Context) -> None:
    first, last = store.records.values()
    store.alter(first.record_id, details=last.details)
    store.alter(last.record_id, details=first.details)
    assert all("another record" in (problem or "") for problem in await problems(reader, exchange))


async def test_details_sealed_anew_with_another_content(
    reader: Reader, store: FakeStore, keyring: Keyring, exchange: Context
) -> None:
    first = next(iter(store.records.values()))
    row, _ = details.seal(keyring.get("details-1"), first.record_id, {"agent": "nobody"})
    store.alter(first.record_id, details=row)
    assert (await problems(reader, exchange))[0] == "the details are not those the leaf commits to"


async def test_deleted_details(reader: Reader, store: FakeStore, exchange: Context) -> None:
    first = next(iter(store.records.values()))
    store.alter(first.record_id, details=None, details_key=None)
    assert (await problems(reader, exchange))[0] == "details deleted"


@pytest.mark.parametrize("key_id", ["details-1", "details-9"])
async def test_a_wrong_or_missing_key(
    store: FakeStore, exchange: Context, clock: Callable[[], int], key_id: str
) -> None:
    other = Keyring([Key(f"{p}-{key_id[-1]}", p, b"x" * 32) for p in PURPOSES])
    stranger = Reader(store, Journal(other, "bus.example/journal"), clock)
    found = await stranger.exchange(WHO, exchange.exchange_id)
    assert all(record.details is None for record in found)
    assert all("details-1" in (record.problem or "") for record in found)


@pytest.mark.parametrize("leaf", [b"", b"[]", b"\xff", b'{"v":1}'])
async def test_an_altered_leaf(reader: Reader, store: FakeStore, exchange: Context, leaf: bytes) -> None:
    first = next(iter(store.records.values()))
    store.alter(first.record_id, leaf=leaf)
    assert (await problems(reader, exchange))[0] == "the leaf is not the one that was hashed"
