from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest

from integrator.exchange import Context
from integrator.journal import recovery
from integrator.journal.writer import Journal
from integrator.store.units import StoreUnavailable, Unit
from tests.journal.conftest import NOW
from tests.journal.fake_store import FakeStore

Make = Callable[..., Context]
OWN = bytes(16)


async def leave_open(store: FakeStore, journal: Journal, contexts: list[Context]) -> None:
    for context in contexts:
        row = journal.record("received", context, now_us=NOW, final=False)
        await store.commit(Unit(records=[row]))
        context.previous = row.leaf_hash
        store.dead.append(row.record_id)


async def close(store: FakeStore, journal: Journal, page: int = 3) -> int:
    return await recovery.close_orphans(
        store, journal, own=OWN, now_us=NOW + 9, dead_before_us=NOW + 1, page=page
    )


async def test_open_exchanges_of_dead_processes_end_as_unanswered(
    store: FakeStore, journal: Journal, make_context: Make
) -> None:
    contexts = [make_context() for _ in range(8)]
    await leave_open(store, journal, contexts)
    assert await close(store, journal) == 8
    assert store.buried == 1
    for context in contexts:
        first, last = await store.records_of(bytes.fromhex(context.exchange_id.replace("-", "")))
        leaf = orjson.loads(last.leaf)
        assert (last.type, last.final) == ("unanswered", True)
        assert leaf["previous"] == first.leaf_hash.hex()
        assert leaf["error"] == {"category": "internal", "code": "process-ended", "origin": "bus"}
        for name in (
            "flow",
            "site",
            "kind",
            "entry",
            "consumer",
            "purpose",
            "legal_basis",
            "authorisation",
            "received",
        ):
            assert leaf[name] == orjson.loads(first.leaf)[name]


async def test_nothing_open_nothing_written(store: FakeStore, journal: Journal) -> None:
    assert await close(store, journal) == 0
    assert (store.commits, store.buried) == (0, 1)


async def test_what_another_successor_closed_meanwhile_is_no_error(
    store: FakeStore, journal: Journal, make_context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    contexts = [make_context(), make_context()]
    await leave_open(store, journal, contexts)
    orphans = await store.orphans(0, OWN, 10)
    ended = journal.record("unanswered", contexts[0], now_us=NOW, final=True)
    await store.commit(Unit(records=[ended]))
    pages = iter([orphans, []])

    async def stale(*_: object) -> object:
        return next(pages)

    monkeypatch.setattr(store, "orphans", stale)
    assert await close(store, journal) == 1
    assert sum(r.final for r in store.records.values()) == 2


async def test_an_exchange_of_which_little_is_known(store: FakeStore, journal: Journal) -> None:
    context = Context("01933b2e-7c1a-7d3e-8a4b-0123456789ab", "", "s", party="85073003328")
    await leave_open(store, journal, [context])
    assert await close(store, journal) == 1
    last = next(r for r in store.records.values() if r.final)
    assert (last.flow, last.party) == (None, None)


async def test_a_store_that_never_ends_is_not_followed_for_ever(
    store: FakeStore, journal: Journal, make_context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    await leave_open(store, journal, [make_context()])
    orphans = await store.orphans(0, OWN, 10)

    async def always(*_: object) -> object:
        return orphans

    monkeypatch.setattr(store, "orphans", always)
    with pytest.raises(recovery.RecoveryStuck, match="check the database"):
        await close(store, journal)
    assert store.buried == 0


async def test_an_unreachable_database_is_the_callers_matter(store: FakeStore, journal: Journal) -> None:
    store.down = True
    with pytest.raises(StoreUnavailable):
        await close(store, journal)


@pytest.mark.parametrize("leaf", [b"", b"[]", b"{}", b"\xff"])
async def test_an_unreadable_leaf_does_not_keep_its_exchange_open(
    store: FakeStore, journal: Journal, make_context: Make, leaf: bytes
) -> None:
    await leave_open(store, journal, [make_context()])
    store.alter(store.dead[0], leaf=leaf)
    assert await close(store, journal) == 1
    last = next(r for r in store.records.values() if r.final)
    assert (last.type, last.flow) == ("unanswered", "person-consult")
