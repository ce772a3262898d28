"""Which refusals of what the bus fetches are for good."""

from __future__ import annotations

import pytest

from integrator.exchange import InvalidRequest, NotRecorded, Overloaded, Refused, RouteFailed
from integrator.gateway.consumption import _for_good


@pytest.mark.parametrize(
    ("error", "for_good"),
    [
        (None, False),
        (InvalidRequest(reason="schema"), True),
        (Refused(reason="no-grant"), True),
        (InvalidRequest(reason="idempotency-body", status=422), True),
        (InvalidRequest(reason="idempotency-in-progress", status=409), False),
        (Refused(reason="quota-exceeded", status=429), False),
        (Overloaded(), False),
        (NotRecorded(), False),
        (RouteFailed(), False),
    ],
)
def test_only_what_will_be_refused_again_is_for_good(error: Exception | None, for_good: bool) -> None:
    assert _for_good(error) is for_good
