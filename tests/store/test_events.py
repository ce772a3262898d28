"""The delivery table: due, relayed, leased, moved, kept; on both databases."""

from __future__ import annotations

import asyncio

from integrator.store.api import DueDelivery, Store
from integrator.store.units import DeliveryRow, IdempotencyRow, Unit

from .conftest import NOW, end, event, new_id, record

FLOW = "permit-notification"
LEASE = NOW + 30


async def accepted(store: Store, **changes: object) -> bytes:
    exchange = new_id()
    assert await store.commit(event(exchange, **changes)) is None
    return exchange


async def test_an_accepted_event_is_due_from_its_time_on(store: Store) -> None:
    exchange = await accepted(store, due_us=NOW + 5)
    assert await store.next_due_us() == NOW + 5
    assert await store.due_deliveries(NOW + 4, 0, 10) == []
    assert await store.due_deliveries(NOW + 5, 0, 10) == [DueDelivery(exchange, FLOW, 0)]


async def test_the_longest_due_come_first_and_only_so_many(store: Store) -> None:
    exchanges = [await accepted(store, due_us=NOW - n) for n in range(5)]
    found = await store.due_deliveries(NOW, 0, 3)
    assert [due.exchange_id for due in found] == exchanges[:1:-1]


async def test_no_event_is_next(store: Store) -> None:
    assert await store.next_due_us() is None
    assert await store.due_deliveries(NOW, NOW, 10) == []
    assert await store.delivery(new_id()) is None
    assert await store.delivery_counts() == {}
    await store.mark_relayed([], NOW)


async def test_a_relayed_event_is_due_again_only_when_stale(store: Store) -> None:
    exchange = await accepted(store)
    due = DueDelivery(exchange, FLOW, 0)
    await store.mark_relayed([due], NOW + 1)
    status = await store.delivery(exchange)
    assert status is not None
    assert (status.state, status.changed_us) == ("relayed", NOW + 1)
    assert await store.next_due_us() is None
    assert await store.due_deliveries(NOW + 60, NOW, 10) == []
    assert await store.due_deliveries(NOW + 60, NOW + 1, 10) == [due]


async def test_many_are_marked_and_those_that_moved_on_are_left_alone(store: Store) -> None:
    exchanges = [await accepted(store) for _ in range(5)]
    await store.commit(Unit(delivery=DeliveryRow(exchanges[0], 0, "delivered", 0, None)))
    await store.commit(Unit(delivery=DeliveryRow(exchanges[1], 0, "accepted", 1, NOW + 9)))
    await store.mark_relayed([DueDelivery(exchange, FLOW, 0) for exchange in exchanges], NOW)
    states = [(await store.delivery(exchange)).state for exchange in exchanges]  # type: ignore[union-attr]
    assert states == ["delivered", "accepted", "relayed", "relayed", "relayed"]


async def test_a_claim_leases_one_attempt(store: Store) -> None:
    exchange = await accepted(store)
    claimed = await store.claim_delivery(exchange, 0, NOW, LEASE)
    assert claimed is not None
    assert (claimed.exchange_id, claimed.flow, claimed.party, claimed.attempt) == (
        exchange,
        FLOW,
        "municipal/namur",
        0,
    )
    assert (claimed.body, claimed.context, claimed.body_key) == (
        b"sealed body",
        b"sealed context",
        "bodies-1",
    )
    assert claimed.accepted_us == NOW
    assert await store.claim_delivery(exchange, 0, NOW + 1, LEASE) is None


async def test_only_one_of_many_claims_wins(store: Store) -> None:
    exchange = await accepted(store)
    found = await asyncio.gather(*(store.claim_delivery(exchange, 0, NOW, LEASE) for _ in range(20)))
    assert len([claimed for claimed in found if claimed is not None]) == 1


async def test_a_lease_that_ran_out_can_be_claimed_again(store: Store) -> None:
    exchange = await accepted(store)
    await store.claim_delivery(exchange, 0, NOW, LEASE)
    assert await store.claim_delivery(exchange, 0, LEASE - 1, LEASE + 30) is None
    assert await store.claim_delivery(exchange, 0, LEASE, LEASE + 30) is not None


async def test_a_leased_event_is_not_published_again(store: Store) -> None:
    exchange = await accepted(store)
    await store.claim_delivery(exchange, 0, NOW, LEASE)
    await store.mark_relayed([DueDelivery(exchange, FLOW, 0)], NOW + 1)  # the confirm comes late
    assert await store.due_deliveries(NOW + 20, NOW + 20, 10) == []
    assert await store.due_deliveries(LEASE, NOW + 20, 10) == [DueDelivery(exchange, FLOW, 0)]


async def test_claims_of_another_attempt_unknown_or_final_events_fail(store: Store) -> None:
    exchange = await accepted(store)
    assert await store.claim_delivery(exchange, 1, NOW, LEASE) is None
    assert await store.claim_delivery(new_id(), 0, NOW, LEASE) is None
    await store.commit(Unit(delivery=DeliveryRow(exchange, 0, "delivered", 0, None)))
    assert await store.claim_delivery(exchange, 0, NOW, LEASE) is None


async def test_a_failed_attempt_ends_the_lease_and_sets_the_next_time(store: Store) -> None:
    exchange = await accepted(store)
    await store.claim_delivery(exchange, 0, NOW, LEASE)
    await store.commit(Unit(delivery=DeliveryRow(exchange, 0, "accepted", 1, NOW + 2, "provider-timeout")))
    assert await store.next_due_us() == NOW + 2
    assert await store.due_deliveries(NOW + 2, 0, 10) == [DueDelivery(exchange, FLOW, 1)]
    assert await store.claim_delivery(exchange, 0, NOW + 2, LEASE) is None
    assert await store.claim_delivery(exchange, 1, NOW + 2, LEASE) is not None


async def test_counts_are_of_open_events_and_dead_letters(store: Store) -> None:
    first, second, _third = [await accepted(store) for _ in range(3)]
    await store.commit(Unit(delivery=DeliveryRow(first, 0, "delivered", 0, None)))
    dead = DeliveryRow(second, 0, "dead-lettered", 0, None, "attempts-spent", keep_body=True)
    await store.commit(Unit(records=[end(second, type="dead-lettered")], delivery=dead))
    assert await store.delivery_counts() == {(FLOW, "accepted"): 1, (FLOW, "dead-lettered"): 1}
    status = await store.delivery(second)
    assert status is not None
    assert (status.state, status.reason, status.due_us) == ("dead-lettered", "attempts-spent", None)


async def test_expired_claims_are_dropped(store: Store) -> None:
    for expires in (NOW + 1, NOW + 2, NOW + 3):
        exchange = new_id()
        key = expires.to_bytes(32, "big")
        claim = IdempotencyRow("p", "f", key, b"d" * 32, exchange, expires)
        await store.commit(Unit(records=[record(exchange)], idempotency=claim))
    assert await store.expire(NOW + 2, 0) == 2
    assert await store.expire(NOW + 2, 0) == 0


async def test_the_only_process_takes_over_what_a_dead_one_had_relayed_or_leased(store: Store) -> None:
    relayed, leased, retried, done = [await accepted(store) for _ in range(4)]
    await store.mark_relayed([DueDelivery(relayed, FLOW, 0)], NOW)
    assert await store.claim_delivery(leased, 0, NOW, LEASE)
    await store.commit(Unit(delivery=DeliveryRow(retried, 0, "accepted", 1, NOW + 50)))
    await store.commit(Unit(delivery=DeliveryRow(done, 0, "delivered", 0, None)))
    assert await store.release_deliveries(NOW + 1) == 2
    due = await store.due_deliveries(NOW + 1, 0, 10)
    assert {item.exchange_id for item in due} == {relayed, leased}
    assert await store.claim_delivery(leased, 0, NOW + 2, LEASE)
