from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrator.gateway.quota import Quotas


def test_a_bucket_empties_and_fills_again():
    now = [0.0]
    quotas = Quotas(lambda: now[0])
    assert [quotas.take("k", 2, 10) for _ in range(3)] == [0.0, 0.0, 5.0]
    now[0] = 4.0
    assert quotas.take("k", 2, 10) == pytest.approx(1.0)
    now[0] = 5.0
    assert quotas.take("k", 2, 10) == 0.0
    assert quotas.take("k", 2, 10) == pytest.approx(5.0)
    now[0] = 1000.0
    assert [quotas.take("k", 2, 10) for _ in range(3)] == [0.0, 0.0, 5.0]


def test_buckets_are_apart_and_bounded():
    quotas = Quotas(lambda: 0.0, kept=3)
    for number in range(10):
        assert quotas.take(number, 1, 60) == 0.0
    assert len(quotas._buckets) <= 3
    assert quotas.take(9, 1, 60) > 0


@given(st.lists(st.floats(0, 5), max_size=200), st.integers(1, 20), st.integers(1, 60))
def test_never_more_than_the_quota_and_its_refill(waits, count, seconds):
    now = [0.0]
    quotas = Quotas(lambda: now[0])
    taken = 0
    for wait in waits:
        now[0] += wait
        taken += quotas.take("k", count, seconds) == 0.0
    assert taken <= count + now[0] * count / seconds + 1e-6
