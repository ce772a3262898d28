"""Groups and message keys on both databases: optimistic changes, holding, seeing, expiring."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from integrator.store import mediation
from integrator.store.api import Store
from integrator.store.mediation import KeyName, Mediation
from integrator.store.units import Stale, Unit, UnitConflict

from .conftest import NOW, end, new_id, record

KEY = KeyName("f", "p", "r", b"m" * 32, "e-1", 1)


def add(group: bytes, key: bytes, due: int | None = None) -> tuple[str, tuple[object, ...]]:
    row = (
        group,
        "s",
        "f",
        "p",
        b"s" * 32,
        key,
        1,
        3,
        due,
        "timeout" if due else None,
        NOW,
        "bodies-1",
        b"head",
    )
    return mediation.ADD_GROUP, row


def part(group: bytes, number: int) -> tuple[str, tuple[object, ...]]:
    return mediation.ADD_PART, (group, number, new_id(), "bodies-1", b"part")


async def test_a_group_is_kept_changed_and_dropped(store: Store) -> None:
    kept, group = Mediation(store), new_id()
    await store.together([add(group, b"k" * 32, NOW + 5), part(group, 1)], expected=(1, 1))
    found = await kept.group(b"k" * 32)
    assert found is not None
    assert (found.group_id, found.version, found.size, found.due_by) == (group, 1, 1, "timeout")
    assert await kept.count_of(b"s" * 32) == 1
    assert await kept.groups_of(b"s" * 32) == [found]
    assert await kept.due(NOW + 4, 10) == []
    assert await kept.due(NOW + 5, 10) == [found]
    assert await kept.steps() == [("f", "s")]
    assert await kept.untouched("f", "s", NOW, 10) == [found]
    assert await kept.untouched("f", "s", NOW - 1, 10) == []
    move = (mediation.MOVE_GROUP, (2, 6, None, None, NOW, "bodies-1", b"head2", group, 1))
    await store.together([move, part(group, 2)], expected=(1, 1))
    assert [row.number for row in await kept.parts(group)] == [1, 2]
    with pytest.raises(Stale):
        await store.together([part(group, 3), move], expected=(1, 1))
    assert len(await kept.parts(group)) == 2
    drop = [(mediation.DROP_GROUP, (group, 2)), (mediation.DROP_PARTS, (group,))]
    assert await store.together(drop, expected=(1, None)) == [1, 2]
    assert await kept.group(b"k" * 32) is None


async def test_of_two_that_begin_a_group_one_has_to_read_again(store: Store) -> None:
    first, second = new_id(), new_id()

    async def begin(group: bytes) -> bool:
        try:
            await store.together([add(group, b"k" * 32), part(group, 1)], expected=(1, 1))
        except Stale:
            return False
        return True

    assert sorted(await asyncio.gather(begin(first), begin(second))) == [False, True]


async def test_nothing_is_written_beside_a_unit_in_conflict(store: Store) -> None:
    exchange, group = new_id(), new_id()
    await store.commit(Unit([record(exchange), end(exchange)]))
    with pytest.raises(UnitConflict) as caught:
        await store.together([add(group, b"k" * 32)], Unit([end(exchange)]), expected=(1,))
    assert caught.value.conflict.kind == "ended"
    assert await Mediation(store).group(b"k" * 32) is None


async def test_a_key_is_held_seen_and_released(store: Store) -> None:
    keys, other = Mediation(store), replace(KEY, owner="e-2")
    assert await keys.hold(KEY, NOW, NOW + 10, NOW + 100) == "new"
    assert await keys.hold(KEY, NOW, NOW + 10, NOW + 100) == "held"  # twice in one attempt is a duplicate
    assert await keys.hold(other, NOW, NOW + 10, NOW + 100) == "held"
    assert await keys.hold(replace(KEY, attempt=2), NOW, NOW + 10, NOW + 100) == "new"
    await keys.confirm(KEY, NOW + 100)  # no longer its attempt: without effect
    assert await keys.hold(other, NOW, NOW + 10, NOW + 100) == "held"
    await keys.confirm(replace(KEY, attempt=2), NOW + 100)
    assert await keys.hold(other, NOW, NOW + 10, NOW + 100) == "seen"
    await keys.release(replace(KEY, attempt=2))
    assert await keys.hold(other, NOW, NOW + 10, NOW + 100) == "new"


async def test_what_a_dead_exchange_holds_is_free_in_time(store: Store) -> None:
    keys, other = Mediation(store), replace(KEY, owner="e-2")
    await keys.hold(KEY, NOW, NOW + 10, NOW + 100)
    assert await keys.hold(other, NOW + 10, NOW + 20, NOW + 100) == "new"
    await keys.confirm(other, NOW + 100)
    assert await keys.seen(KEY)
    assert await keys.expire(NOW + 99) == 0
    assert await keys.expire(NOW + 100) == 1
    assert not await keys.seen(KEY)


async def test_of_many_that_want_a_key_one_has_it(store: Store) -> None:
    keys = Mediation(store)
    asked = [keys.hold(replace(KEY, owner=f"e-{n}"), NOW, NOW + 10, NOW + 100) for n in range(20)]
    assert sorted(await asyncio.gather(*asked)) == ["held"] * 19 + ["new"]
