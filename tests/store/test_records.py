"""Reading the journal's records, on both databases."""

from __future__ import annotations

from integrator.store.api import Store
from integrator.store.units import Unit

from .conftest import end, new_id, record


async def test_a_record_is_found_by_its_id(store: Store) -> None:
    row = record()
    await store.commit(Unit(records=[row]))
    found = await store.record(row.record_id)
    assert found is not None
    assert found.leaf_hash == row.leaf_hash
    assert await store.record(new_id()) is None


async def test_the_newest_records_by_flow_party_and_end(store: Store) -> None:
    rows = [
        record(flow="a", party="p"),
        end(new_id(), flow="a", party="q"),
        end(new_id(), flow="b", party="p"),
        record(flow=None, party=None),
    ]
    for row in rows:
        await store.commit(Unit(records=[row]))

    async def found(limit: int = 10, **asked: object) -> list[int]:
        kept = await store.latest_records(limit, **asked)  # type: ignore[arg-type]
        return [[row.record_id for row in rows].index(row.record_id) for row in kept]

    assert await found() == [3, 2, 1, 0]
    assert await found(2) == [3, 2]
    assert await found(flow="a") == [1, 0]
    assert await found(party="p") == [2, 0]
    assert await found(flow="a", party="p") == [0]
    assert await found(final_only=True) == [2, 1]
    assert await found(flow="a", party="q", final_only=True) == [1]
    assert await found(flow="unknown") == []


async def test_records_are_found_by_any_of_several_tags_newest_first(store: Store) -> None:
    subject, dossier, other = b"s" * 32, b"d" * 32, b"o" * 32
    rows = [
        record(tags=((1, subject), (2, dossier))),
        record(tags=((1, subject),)),
        record(tags=((2, subject),)),
        record(tags=((1, other),)),
    ]
    for row in rows:
        await store.commit(Unit(records=[row]))
    ids = [row.record_id for row in rows]
    assert [row.record_id for row in await store.find_records([(1, subject)], 10)] == [ids[1], ids[0]]
    both = await store.find_records([(1, other), (2, dossier), (1, subject)], 10)
    assert [row.record_id for row in both] == [ids[3], ids[1], ids[0]]
    assert [row.record_id for row in await store.find_records([(1, subject)], 1)] == [ids[1]]
    assert await store.find_records([(3, subject)], 10) == []
    assert await store.find_records([], 10) == []
