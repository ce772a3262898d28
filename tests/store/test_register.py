"""Keys, sites and processes, on both databases."""

from __future__ import annotations

import pytest

from integrator.store.api import KeyRow, Store
from integrator.store.units import Unit, UnitRefused

from .conftest import NOW, PROCESS, end, event, new_id, record

OTHER = b"o" * 16


def key(key_id: str = "k1", **changes: object) -> KeyRow:
    values: dict[str, object] = {"secret_mac": b"m" * 32, "party": "municipal/namur", "label": "test"}
    return KeyRow(key_id, **({"created_us": NOW} | values | changes))  # type: ignore[arg-type]


async def test_a_key_is_kept_found_and_revoked_once(store: Store) -> None:
    await store.add_key(key(expires_us=NOW + 5))
    assert await store.find_key("k1") == key(expires_us=NOW + 5)
    assert await store.revoke_key("k1", NOW + 1) is True
    assert await store.revoke_key("k1", NOW + 2) is False
    assert await store.revoke_key("unknown", NOW) is False
    found = await store.find_key("k1")
    assert found is not None
    assert found.revoked_us == NOW + 1
    assert await store.find_key("unknown") is None


async def test_keys_are_listed_newest_first(store: Store) -> None:
    for n in range(3):
        await store.add_key(key(f"k{n}", created_us=NOW + n))
    assert [row.key_id for row in await store.list_keys()] == ["k2", "k1", "k0"]


@pytest.mark.parametrize("bad", [key(), key("k2", party=None), key("k\ud800"), key("k3", created_us=2**70)])
async def test_a_key_that_cannot_be_kept_is_refused_and_the_store_goes_on(store: Store, bad: KeyRow) -> None:
    await store.add_key(key())
    with pytest.raises(UnitRefused) as caught:
        await store.add_key(bad)
    assert "k1" not in str(caught.value)
    await store.add_key(key("k9"))
    assert len(await store.list_keys()) == 2


async def test_the_first_check_value_of_a_key_stays(store: Store) -> None:
    assert await store.key_checks() == {}
    await store.add_key_check("details-1", b"one")
    await store.add_key_check("details-1", b"two")
    await store.add_key_check("index-1", b"three")
    assert await store.key_checks() == {"details-1": b"one", "index-1": b"three"}


async def test_activating_a_site_writes_it_its_record_and_the_pointer_together(store: Store) -> None:
    assert await store.active_site() is None
    assert await store.load_site("aa") is None
    first, second = record(type="site-activated"), record(type="site-activated")
    await store.activate_site("aa", b"{}", Unit(records=[first]))
    await store.activate_site("bb", b"[]", Unit(records=[second]))
    assert await store.active_site() == "bb"
    assert (await store.load_site("aa"), await store.load_site("bb")) == (b"{}", b"[]")
    assert len(await store.pending(10)) == 2


async def test_a_site_can_be_activated_again(store: Store) -> None:
    for site in ("aa", "bb", "aa"):
        await store.activate_site(site, b"{}", Unit(records=[record(type="site-activated")]))
    assert await store.active_site() == "aa"


@pytest.mark.parametrize("changes", [{"type": None}, {"leaf_hash": b"short"}, {"final": True}])
async def test_a_site_without_its_record_is_not_activated(store: Store, changes: dict[str, object]) -> None:
    ended = new_id()
    await store.commit(Unit(records=[end(ended)]))
    await store.activate_site("aa", b"{}", Unit(records=[record(type="site-activated")]))
    with pytest.raises(UnitRefused):
        await store.activate_site("bb", b"{}", Unit(records=[record(ended, **changes)]))
    assert await store.active_site() == "aa"
    assert await store.load_site("bb") is None
    assert len(await store.pending(10)) == 2


async def test_what_a_dead_process_left_open_is_found(opened) -> None:
    asked, answered, accepted = new_id(), new_id(), new_id()
    async with opened(process_id=PROCESS) as store:
        await store.start_process(PROCESS, NOW)
        await store.commit(Unit(records=[record(asked)]))
        await store.commit(Unit(records=[record(answered)]))
        await store.commit(Unit(records=[end(answered)]))
        await store.commit(event(accepted))
    async with opened(process_id=OTHER) as store:
        await store.start_process(OTHER, NOW + 100)
        own = new_id()
        await store.commit(Unit(records=[record(own, time_us=NOW + 100)]))
        assert await store.orphans(NOW, OTHER, 10) == []  # it may still live
        (found,) = await store.orphans(NOW + 1, OTHER, 10)
        assert (found.exchange_id, found.type) == (asked, "received")
        await store.bury(NOW + 1, OTHER)
        assert len(await store.orphans(NOW + 1, OTHER, 10)) == 1  # not before they are closed
        await store.commit(Unit(records=[end(asked, type="unanswered", outcome=None)]))
        assert await store.orphans(NOW + 1, OTHER, 10) == []
        await store.bury(NOW + 1, OTHER)
        assert await store.orphans(NOW * 2, PROCESS, 10) != []  # as another would see our own


async def test_orphans_come_oldest_first_and_only_so_many(opened) -> None:
    async with opened() as store:
        await store.start_process(PROCESS, NOW)
        for n in (3, 1, 2):
            await store.commit(Unit(records=[record(time_us=NOW + n)]))
        found = await store.orphans(NOW + 9, OTHER, 2)
        assert [row.time_us for row in found] == [NOW + 1, NOW + 2]


async def test_a_heartbeat_keeps_a_process_alive_and_says_what_is_closed(store: Store) -> None:
    await store.start_process(PROCESS, NOW)
    await store.commit(Unit(records=[record(time_us=NOW + 1)]))
    await store.commit(Unit(records=[record(time_us=NOW + 20)]))
    await store.beat(PROCESS, NOW + 30, NOW + 10, "aa")
    assert await store.orphans(NOW + 30, OTHER, 10) == []
    found = await store.orphans(NOW + 31, OTHER, 10)
    assert [row.time_us for row in found] == [NOW + 20]


async def test_a_process_that_ended_cleanly_leaves_nothing(store: Store) -> None:
    await store.start_process(PROCESS, NOW)
    await store.commit(Unit(records=[record()]))
    await store.end_process(PROCESS)
    assert await store.orphans(NOW * 2, OTHER, 10) == []


async def test_a_process_buried_too_early_registers_again_with_its_next_beat(store: Store) -> None:
    await store.start_process(PROCESS, NOW)
    await store.bury(NOW + 1, OTHER)
    await store.beat(PROCESS, NOW + 30, NOW + 5, "aa")
    await store.commit(Unit(records=[record(time_us=NOW + 6)]))
    assert len(await store.orphans(NOW + 31, OTHER, 10)) == 1
