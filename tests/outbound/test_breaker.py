from __future__ import annotations

import pytest

from integrator.exchange import ProviderUnreachable
from integrator.outbound.breaker import Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(3, 30.0, clock)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.admit()
        breaker.failed()


def refused(breaker: Breaker) -> bool:
    try:
        breaker.admit()
    except ProviderUnreachable as error:
        return error.reason == "circuit-open"
    return False


def test_it_opens_after_so_many_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert breaker.state == "closed"
    fail(breaker, 1)
    assert breaker.state == "open"
    assert refused(breaker)


def test_a_success_between_failures_starts_the_count_again(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.admit()
    breaker.succeeded()
    fail(breaker, 2)
    assert breaker.state == "closed"


def test_after_its_rest_one_probe_goes_through(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now = 29.9
    assert refused(breaker)
    clock.now = 30.0
    assert breaker.state == "half-open"
    assert not refused(breaker)
    assert refused(breaker)  # the second one, while the probe runs
    breaker.succeeded()
    assert breaker.state == "closed"
    assert not refused(breaker)


def test_a_failed_probe_opens_it_for_a_whole_rest(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now = 30.0
    breaker.admit()
    clock.now = 31.0
    breaker.failed()
    clock.now = 60.9
    assert refused(breaker)
    clock.now = 61.0
    assert not refused(breaker)


def test_an_abandoned_probe_lets_the_next_one_through(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now = 30.0
    breaker.admit()
    breaker.abandoned()
    assert not refused(breaker)


def test_a_late_success_of_an_earlier_call_closes_it(breaker: Breaker) -> None:
    breaker.admit()
    fail(breaker, 3)
    breaker.succeeded()
    assert breaker.state == "closed"
