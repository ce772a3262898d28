from __future__ import annotations

import asyncio

import pytest

from integrator.exchange import Overloaded
from integrator.outbound.gate import Gate


def soon(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_so_many_at_once() -> None:
    gate = Gate(2, 10)
    assert gate.try_enter()
    assert gate.try_enter()
    assert not gate.try_enter()
    gate.leave()
    assert gate.try_enter()
    assert gate.inside == 2


async def test_who_waits_comes_in_the_order_of_arrival() -> None:
    gate, order = Gate(1, 10), []

    async def visit(name: int) -> None:
        await gate.enter(soon())
        order.append(name)
        await asyncio.sleep(0)
        gate.leave()

    await asyncio.gather(*(visit(name) for name in range(8)))
    assert order == list(range(8))
    assert gate.inside == 0


async def test_nobody_overtakes_who_waits() -> None:
    gate = Gate(1, 10)
    await gate.enter(soon())
    waiting = asyncio.create_task(gate.enter(soon()))
    await asyncio.sleep(0)
    gate.leave()
    assert not gate.try_enter()
    await waiting


async def test_waiting_is_bounded_in_number() -> None:
    gate = Gate(1, 1)
    await gate.enter(soon())
    waiting = asyncio.create_task(gate.enter(soon()))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as caught:
        await gate.enter(soon())
    assert caught.value.http_status == 503
    gate.leave()
    await waiting


async def test_waiting_is_bounded_in_time_and_leaves_no_trace() -> None:
    gate = Gate(1, 1)
    await gate.enter(soon())
    for _ in range(3):
        with pytest.raises(Overloaded):
            await gate.enter(soon(0.005))
    gate.leave()
    assert gate.inside == 0


async def test_cancelled_waiting_loses_no_room() -> None:
    gate = Gate(1, 10)
    await gate.enter(soon())
    tasks = [asyncio.create_task(gate.enter(soon())) for _ in range(4)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    gate.leave()  # goes to the first, which is cancelled in the same turn, or to the second
    tasks[1].cancel()
    await asyncio.gather(*tasks[:2], return_exceptions=True)
    await tasks[2]
    gate.leave()
    await tasks[3]
    gate.leave()
    assert gate.inside == 0
