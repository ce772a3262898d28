"""The relay with an injected clock: what it publishes when, and that it never runs in circles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from integrator.broker.relay import Relay
from integrator.security.limits import Limits
from integrator.store.api import DueDelivery
from integrator.store.units import StoreUnavailable
from tests.broker.support import delivery, until

SECOND = 1_000_000
START = 1_800_000_000 * SECOND


class Table:
    """A delivery table: state, attempt, due time and last change of each event."""

    def __init__(self) -> None:
        self.rows: dict[bytes, list[object]] = {}
        self.down = False
        self.asked: list[tuple[int, int, int]] = []

    def accept(self, due_us: int = START, flow: str = "f") -> DueDelivery:
        item = delivery(flow)
        self.rows[item.exchange_id] = ["accepted", 0, due_us, due_us, flow]
        return item

    def state(self, item: DueDelivery) -> object:
        return self.rows[item.exchange_id][0]

    def _check(self) -> None:
        if self.down:
            raise StoreUnavailable

    async def due_deliveries(self, now_us: int, stale_before_us: int, limit: int) -> Sequence[DueDelivery]:
        self._check()
        self.asked.append((now_us, stale_before_us, limit))
        return [
            DueDelivery(key, flow, attempt)
            for key, (state, attempt, due, changed, flow) in self.rows.items()
            if (state == "accepted" and due <= now_us) or (state == "relayed" and changed <= stale_before_us)
        ][:limit]

    async def mark_relayed(self, relayed: Sequence[DueDelivery], now_us: int) -> None:
        self._check()
        for item in relayed:
            row = self.rows[item.exchange_id]
            if row[1] == item.attempt and row[0] in ("accepted", "relayed"):
                row[0], row[3] = "relayed", now_us

    async def next_due_us(self) -> int | None:
        self._check()
        return min((row[2] for row in self.rows.values() if row[0] == "accepted"), default=None)


class Queues:
    """A broker that confirms, or says why not."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.published: list[list[DueDelivery]] = []
        self.waiting: dict[str, int] = {}
        self.only: set[bytes] | None = None

    async def publish(self, deliveries: Sequence[DueDelivery]) -> Sequence[str | None]:
        await asyncio.sleep(0)
        self.published.append(list(deliveries))
        return [
            self.reason if self.only is None or item.exchange_id in self.only else None for item in deliveries
        ]

    async def depths(self) -> dict[str, int]:
        return self.waiting


class Bench:
    def __init__(self, **limits: int) -> None:
        self.table, self.queues, self.now = Table(), Queues(), START
        self.relay = Relay(self.table, self.queues, clock_us=lambda: self.now, limits=Limits(**limits))

    def pass_seconds(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.relay.stop()


async def test_what_is_due_is_published_once(bench: Bench) -> None:
    first, second = bench.table.accept(), bench.table.accept()
    later = bench.table.accept(START + 5 * SECOND)
    assert await bench.relay.round() is False
    assert await bench.relay.round() is False
    assert bench.queues.published == [[first, second]]
    assert (bench.table.state(first), bench.table.state(later)) == ("relayed", "accepted")
    assert bench.relay.relayed == 2
    bench.pass_seconds(5)
    await bench.relay.round()
    assert bench.queues.published[1:] == [[later]]


async def test_batches_are_bounded() -> None:
    bench = Bench(relay_batch=10)
    for _ in range(25):
        bench.table.accept()
    rounds = [await bench.relay.round() for _ in range(4)]
    assert rounds == [True, True, False, False]
    assert [len(batch) for batch in bench.queues.published] == [10, 10, 5]


async def test_only_what_was_confirmed_counts_as_relayed(bench: Bench) -> None:
    good, bad = bench.table.accept(), bench.table.accept()
    bench.queues.reason, bench.queues.only = "unroutable", {bad.exchange_id}
    assert await bench.relay.round() is False
    assert (bench.table.state(good), bench.table.state(bad)) == ("relayed", "accepted")


async def test_what_was_relayed_and_not_finished_is_published_again(bench: Bench) -> None:
    item = bench.table.accept()
    await bench.relay.round()
    bench.pass_seconds(50)
    await bench.relay.round()
    assert len(bench.queues.published) == 1
    bench.pass_seconds(30)
    await bench.relay.round()
    assert bench.queues.published == [[item], [item]]
    await bench.relay.round()
    assert len(bench.queues.published) == 2


async def test_a_backlog_in_the_queue_is_late_not_lost(bench: Bench) -> None:
    bench.table.accept()
    await bench.relay.round()
    bench.queues.waiting = {"f": 4_000}
    bench.pass_seconds(300)
    await bench.relay.round()
    assert len(bench.queues.published) == 1
    bench.pass_seconds(320)
    await bench.relay.round()
    assert len(bench.queues.published) == 2


async def test_the_alarm_is_set_for_the_next_due_time(bench: Bench) -> None:
    await bench.relay.round()
    assert await bench.relay.pause_seconds() == pytest.approx(15.0)
    bench.table.accept(START + 3 * SECOND)
    assert await bench.relay.pause_seconds() == pytest.approx(3.0)


async def test_a_row_that_is_due_and_cannot_be_had_does_not_make_it_spin(bench: Bench) -> None:
    bench.table.accept(START - SECOND)
    assert await bench.relay.pause_seconds() == pytest.approx(0.05)


async def test_an_accept_wakes_it(bench: Bench) -> None:
    bench.relay.start()
    await until(lambda: bench.relay.rounds == 1)
    item = bench.table.accept()
    bench.relay.wake()
    await until(lambda: bench.table.state(item) == "relayed")
    assert bench.relay.rounds == 2


async def test_accepts_during_a_round_share_the_next(bench: Bench) -> None:
    bench.relay.start()
    bench.table.accept()
    await until(lambda: len(bench.queues.published) == 1)
    for _ in range(100):
        bench.table.accept()
        bench.relay.wake()
    await until(lambda: bench.relay.relayed == 101)
    assert len(bench.queues.published) <= 3


async def test_while_the_broker_is_down_events_stay_accepted_and_accepts_do_not_hurry_it(
    bench: Bench,
) -> None:
    bench.queues.reason = "broker-down"
    bench.relay.start()
    items = [bench.table.accept()]
    bench.relay.wake()
    await until(lambda: len(bench.queues.published) == 1)
    for _ in range(50):
        items.append(bench.table.accept())
        bench.relay.wake()
        await asyncio.sleep(0)
    assert len(bench.queues.published) == 1
    assert {bench.table.state(item) for item in items} == {"accepted"}
    bench.queues.reason = None
    bench.relay.resume()
    await until(lambda: {bench.table.state(item) for item in items} == {"relayed"})


async def test_the_back_off_doubles_up_to_its_bound_and_starts_anew(bench: Bench) -> None:
    bench.queues.reason = "broker-down"
    bench.table.accept()
    waits = []
    for _ in range(10):
        await bench.relay.round()
        waits.append(bench.relay._blocked_seconds())
        bench.now = bench.relay._blocked_until_us
    assert waits == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0])
    bench.queues.reason = None
    await bench.relay.round()
    bench.table.accept()
    bench.queues.reason = "broker-down"
    await bench.relay.round()
    assert bench.relay._blocked_seconds() == pytest.approx(0.2)


async def test_a_store_that_is_down_is_backed_off_from(bench: Bench) -> None:
    bench.table.down = True
    bench.relay.start()
    await until(lambda: bench.relay._failures == 1)
    bench.relay.wake()
    await asyncio.sleep(0)
    assert bench.relay.rounds == 1
    bench.table.down = False
    item = bench.table.accept()
    bench.relay.resume()
    await until(lambda: bench.table.state(item) == "relayed")


async def test_a_confirm_that_could_not_be_noted_is_published_again(bench: Bench) -> None:
    item = bench.table.accept()
    note = bench.table.mark_relayed

    async def fail(relayed: Sequence[DueDelivery], now_us: int) -> None:
        raise StoreUnavailable

    bench.table.mark_relayed = fail  # type: ignore[method-assign]
    assert await bench.relay.round() is False
    bench.table.mark_relayed = note  # type: ignore[method-assign]
    await bench.relay.round()
    assert bench.queues.published == [[item], [item]]


async def test_it_outlives_a_mistake(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    async def broken(deliveries: Sequence[DueDelivery]) -> Sequence[str | None]:
        raise KeyError("85073003328")

    publish, bench.queues.publish = bench.queues.publish, broken  # type: ignore[method-assign]
    item = bench.table.accept()
    bench.relay.start()
    await until(lambda: bench.relay._failures == 1)
    bench.queues.publish = publish  # type: ignore[method-assign]
    bench.relay.resume()
    await until(lambda: bench.table.state(item) == "relayed")
    logged = capsys.readouterr().err
    assert "relay-round-failed" in logged
    assert "85073003328" not in logged


async def test_stopping_twice_or_before_starting_is_fine(bench: Bench) -> None:
    await bench.relay.stop()
    bench.relay.start()
    await bench.relay.stop()
    await bench.relay.stop()
