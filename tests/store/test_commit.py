"""Units: written whole or not at all, each with its own outcome, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from integrator.security.limits import Limits
from integrator.store.api import Store
from integrator.store.units import (
    Conflict,
    DeliveryRow,
    IdempotencyRow,
    StoreOverloaded,
    Unit,
    UnitRefused,
)

from .conftest import NOW, accept, end, event, new_id, record


def claim(exchange_id: bytes, **changes: object) -> IdempotencyRow:
    row = IdempotencyRow(
        "municipal/namur", "permit-notification", b"k" * 32, b"d" * 32, exchange_id, NOW + 10
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def failed(exchange_id: bytes, attempt: int, **changes: object) -> DeliveryRow:
    row = DeliveryRow(exchange_id, attempt, "accepted", attempt + 1, NOW + 5, "provider-unavailable")
    return replace(row, **changes)  # type: ignore[arg-type]


async def outcomes(store: Store, units: list[Unit]) -> list[object]:
    return await asyncio.gather(*(store.commit(unit) for unit in units), return_exceptions=True)


async def test_a_record_comes_back_as_it_was_written(store: Store) -> None:
    row = record()
    assert await store.commit(Unit(records=[row])) is None
    (kept,) = await store.records_of(row.exchange_id)
    assert (kept.record_id, kept.exchange_id, kept.time_us) == (row.record_id, row.exchange_id, NOW)
    assert (kept.type, kept.final, kept.outcome) == ("received", False, None)
    assert (kept.flow, kept.party) == (row.flow, row.party)
    assert (kept.leaf, kept.leaf_hash, kept.index) == (row.leaf, row.leaf_hash, None)
    assert (kept.details, kept.details_key) == (row.details, "details-1")


async def test_a_record_without_anything_optional(store: Store) -> None:
    row = record(flow=None, party=None, details=None, details_key=None, tags=(), index_key=None)
    assert await store.commit(Unit(records=[row])) is None
    (kept,) = await store.records_of(row.exchange_id)
    assert (kept.flow, kept.party, kept.details, kept.details_key) == (None, None, None, None)


async def test_texts_beyond_ascii_and_empty_leaves(store: Store) -> None:
    row = record(party="municipal/liège — «cité» 𝄞", leaf=b"", details=b"")
    assert await store.commit(Unit(records=[row])) is None
    (kept,) = await store.records_of(row.exchange_id)
    assert (kept.party, kept.leaf, kept.details) == (row.party, b"", b"")


async def test_several_records_of_one_unit(store: Store) -> None:
    exchange = new_id()
    assert await store.commit(Unit(records=[record(exchange), end(exchange)])) is None
    assert [kept.type for kept in await store.records_of(exchange)] == ["received", "completed"]


async def test_the_same_tag_twice_is_one_tag(store: Store) -> None:
    row = record(tags=((1, b"m" * 32), (1, b"m" * 32)))
    assert await store.commit(Unit(records=[row])) is None
    assert [kept.record_id for kept in await store.find_records([(1, b"m" * 32)], 9)] == [row.record_id]


async def test_a_thousand_at_once_are_all_written(store: Store) -> None:
    rows = [record() for _ in range(1_000)]
    assert await outcomes(store, [Unit(records=[row]) for row in rows]) == [None] * 1_000
    waiting = await store.pending(2_000)
    assert sorted(waiting) == sorted((row.record_id, row.leaf_hash) for row in rows)


@pytest.mark.parametrize(
    "changes",
    [
        {"record_id": b"short"},
        {"exchange_id": b"x" * 17},
        {"leaf_hash": b"x" * 31},
        {"time_us": 2**63},
        {"time_us": -1},
        {"type": None},
        {"leaf": None},
        {"party": "lone \ud800 surrogate"},
        {"party": "nul \x00 character"},
        {"details_key": None},
        {"tags": ((1, b"short"),)},
        {"tags": ((None, b"m" * 32),)},
        {"tags": ((99_999_999_999_999_999_999, b"m" * 32),)},
    ],
    ids=lambda changes: "-".join(changes),
)
async def test_one_bad_row_in_a_batch_of_a_hundred(store: Store, changes: dict[str, object]) -> None:
    units = [Unit(records=[record()]) for _ in range(100)]
    units[37] = Unit(records=[record(), record(**changes)])
    found = await outcomes(store, units)
    assert isinstance(found.pop(37), UnitRefused)
    assert found == [None] * 99
    assert len(await store.pending(200)) == 99  # the good record of the bad unit is not there either


async def test_a_refusal_carries_no_value(store: Store) -> None:
    with pytest.raises(UnitRefused) as caught:
        await store.commit(Unit(records=[record(type=None, party="85073003328", leaf=b"85073003328")]))
    assert "85073003328" not in str(caught.value)
    row = record(leaf=b"85073003328")
    await store.commit(Unit(records=[row]))
    with pytest.raises(UnitRefused) as caught:
        await store.commit(Unit(records=[row]))
    assert "85073003328" not in str(caught.value)
    assert row.record_id.hex() not in str(caught.value)


async def test_an_exchange_ends_once(store: Store) -> None:
    exchange = new_id()
    assert await store.commit(Unit(records=[record(exchange)])) is None
    assert await store.commit(Unit(records=[end(exchange)])) is None
    assert await store.commit(Unit(records=[end(exchange, outcome="no-data")])) == Conflict("ended")
    assert [kept.outcome for kept in await store.records_of(exchange)] == [None, "with-data"]


async def test_two_ends_of_one_exchange_in_one_batch(store: Store) -> None:
    exchange, others = new_id(), [Unit(records=[record()]) for _ in range(20)]
    twice = [Unit(records=[end(exchange, outcome=outcome)]) for outcome in ("with-data", "no-data")]
    found = await outcomes(store, [*others, *twice])
    assert found == [None] * 21 + [Conflict("ended")]
    assert [kept.outcome for kept in await store.records_of(exchange)] == ["with-data"]


async def test_an_idempotency_key_is_claimed_once(store: Store) -> None:
    first, second = new_id(), new_id()
    unit = event(first)
    unit.idempotency = claim(first)
    assert await store.commit(unit) is None
    unit = event(second)
    unit.idempotency = claim(second, digest=b"e" * 32)
    assert await store.commit(unit) == Conflict("idempotency", first, b"d" * 32)
    assert await store.records_of(second) == []
    assert await store.delivery(second) is None


async def test_the_same_key_of_another_party_flow_or_text_is_another_claim(store: Store) -> None:
    units = []
    for changes in ({}, {"party": "municipal/liege"}, {"flow": "other"}, {"key_mac": b"z" * 32}):
        exchange = new_id()
        units.append(Unit(records=[record(exchange)], idempotency=claim(exchange, **changes)))
    assert await outcomes(store, units) == [None] * 4


async def test_one_key_claimed_many_times_in_one_batch(store: Store) -> None:
    exchanges = [new_id() for _ in range(10)]
    units = [Unit(records=[record(exchange)], idempotency=claim(exchange)) for exchange in exchanges]
    found = await outcomes(store, units)
    assert found == [None] + [Conflict("idempotency", exchanges[0], b"d" * 32)] * 9
    assert len(await store.pending(100)) == 1


async def test_an_expired_claim_is_replaced(store: Store) -> None:
    first, second, third = new_id(), new_id(), new_id()
    assert await store.commit(Unit(records=[record(first)], idempotency=claim(first))) is None
    late = claim(second, digest=b"e" * 32, expires_us=NOW + 99)
    unit = Unit(records=[record(second, time_us=NOW + 10)], idempotency=late)
    assert await store.commit(unit) is None
    unit = Unit(records=[record(third, time_us=NOW + 11)], idempotency=claim(third))
    assert await store.commit(unit) == Conflict("idempotency", second, b"e" * 32)


async def test_a_claim_of_a_unit_that_fails_is_not_kept(store: Store) -> None:
    bad, good = new_id(), new_id()
    unit = Unit(records=[record(bad, type=None)], idempotency=claim(bad))
    following = Unit(records=[record(good)], idempotency=claim(good))
    found = await outcomes(store, [unit, following])
    assert isinstance(found[0], UnitRefused)
    assert found[1] is None


async def test_a_claim_of_a_unit_whose_exchange_ended_is_not_kept(store: Store) -> None:
    ended, other = new_id(), new_id()
    await store.commit(Unit(records=[end(ended)]))
    units = [
        Unit(records=[end(ended)], idempotency=claim(ended)),
        Unit(records=[record(other)], idempotency=claim(other)),
    ]
    assert await outcomes(store, units) == [Conflict("ended"), None]


async def test_an_attempt_moves_a_delivery_once(store: Store) -> None:
    exchange = new_id()
    await store.commit(event(exchange))
    assert await store.commit(Unit(delivery=failed(exchange, 0))) is None
    status = await store.delivery(exchange)
    assert status is not None
    assert (status.state, status.attempt, status.due_us, status.reason) == (
        "accepted",
        1,
        NOW + 5,
        "provider-unavailable",
    )
    assert await store.commit(Unit(delivery=failed(exchange, 0))) == Conflict("stale")


async def test_a_final_delivery_stays_as_it_is(store: Store) -> None:
    exchange = new_id()
    await store.commit(event(exchange))
    done = DeliveryRow(exchange, 0, "delivered", 0, None)
    assert await store.commit(Unit(records=[end(exchange, type="delivered")], delivery=done)) is None
    assert await store.commit(Unit(delivery=failed(exchange, 0))) == Conflict("stale")
    unit = Unit(records=[end(exchange)], delivery=done)
    assert await store.commit(unit) == Conflict("stale")
    assert len(await store.records_of(exchange)) == 2


async def test_an_unknown_delivery_is_stale(store: Store) -> None:
    assert await store.commit(Unit(delivery=failed(new_id(), 0))) == Conflict("stale")


async def test_two_attempts_on_one_delivery_in_one_batch(store: Store) -> None:
    exchange, others = new_id(), [Unit(records=[record()]) for _ in range(9)]
    await store.commit(event(exchange))
    both = [
        Unit(records=[end(exchange)], delivery=DeliveryRow(exchange, 0, "delivered", 0, None)),
        Unit(records=[record(exchange, type="attempt")], delivery=failed(exchange, 0)),
    ]
    assert await outcomes(store, [*others, *both]) == [None] * 10 + [Conflict("stale")]
    assert [kept.type for kept in await store.records_of(exchange)] == ["received", "completed"]


async def test_a_final_state_drops_the_body_unless_it_is_kept(store: Store) -> None:
    delivered, dead = new_id(), new_id()
    await store.commit(event(delivered))
    await store.commit(event(dead))
    await store.commit(Unit(delivery=DeliveryRow(delivered, 0, "delivered", 0, None)))
    kept = DeliveryRow(dead, 0, "dead-lettered", 0, None, "attempts-spent", keep_body=True)
    await store.commit(Unit(records=[end(dead, type="dead-lettered")], delivery=kept))
    assert await bodies(store) == [dead]
    assert await store.expire(NOW, NOW) == 0
    assert await store.expire(NOW, NOW + 1) == 1
    assert await bodies(store) == []


async def bodies(store: Store) -> list[bytes]:
    return [row[0] for row in await store.rows("SELECT exchange_id FROM delivery_body")]


async def test_a_second_accept_of_an_exchange_is_refused(store: Store) -> None:
    exchange = new_id()
    await store.commit(event(exchange))
    with pytest.raises(UnitRefused):
        await store.commit(Unit(records=[record(exchange)], accept=accept(exchange)))
    assert len(await store.records_of(exchange)) == 1


async def test_bodies_of_a_full_batch_come_back_unmixed(store: Store) -> None:
    exchanges = [new_id() for _ in range(30)]
    units = [
        event(exchange, body=b"b%d" % n * (n * 50), context=b"c%d" % n * n)
        for n, exchange in enumerate(exchanges)
    ]
    assert await outcomes(store, units) == [None] * 30
    for n, exchange in enumerate(exchanges):
        claimed = await store.claim_delivery(exchange, 0, NOW, NOW + 1)
        assert claimed is not None
        assert (claimed.body, claimed.context) == (b"b%d" % n * (n * 50), b"c%d" % n * n)
        assert claimed.body_key == "bodies-1"


async def test_big_bodies_are_spread_over_batches(store: Store) -> None:
    units = [event(new_id(), body=bytes(3_000_000)) for _ in range(8)]
    assert await outcomes(store, units) == [None] * 8


async def test_what_waits_is_bounded(opened) -> None:
    async with opened(limits=Limits(units_waiting=5)) as store:
        found = await outcomes(store, [Unit(records=[record()]) for _ in range(50)])
        refused = [outcome for outcome in found if isinstance(outcome, StoreOverloaded)]
        assert refused
        assert found.count(None) == 50 - len(refused)
        assert len(await store.pending(100)) == found.count(None)
        assert await store.commit(Unit(records=[record()])) is None


async def test_a_caller_that_gives_up_disturbs_nobody(store: Store) -> None:
    tasks = [asyncio.create_task(store.commit(Unit(records=[record()]))) for _ in range(10)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(found.pop(3), asyncio.CancelledError)
    assert found == [None] * 9


async def test_closing_writes_what_waits(opened) -> None:
    async with opened() as store:
        tasks = [asyncio.create_task(store.commit(Unit(records=[record()]))) for _ in range(50)]
        await asyncio.sleep(0)
    assert await asyncio.gather(*tasks) == [None] * 50
    async with opened() as store:
        assert len(await store.pending(100)) == 50
