"""The message of a queue: exactly three fields, and everything else is unreadable."""

from __future__ import annotations

import uuid

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrator.broker.messages import Unreadable, decode, encode, flow_of, message_id, queue_name
from integrator.store.api import DueDelivery

GOOD = {"exchange": "0190b0a0-0000-7000-8000-000000000001", "flow": "permit-notification", "attempt": 3}


@given(st.binary(min_size=16, max_size=16), st.text(min_size=1, max_size=40), st.integers(0, 1000))
def test_round_trip(exchange_id: bytes, flow: str, attempt: int) -> None:
    item = DueDelivery(exchange_id, flow, attempt)
    assert decode(encode(item), 1_024) == item


def test_nothing_but_the_three_fields_travels() -> None:
    item = DueDelivery(uuid.UUID(GOOD["exchange"]).bytes, "permit-notification", 3)
    assert orjson.loads(encode(item)) == GOOD
    assert message_id(item) == GOOD["exchange"] + ".3"


def test_a_flow_has_one_queue() -> None:
    assert queue_name("permit-notification") == "integrator.flow.permit-notification"
    assert flow_of("integrator.flow.permit-notification") == "permit-notification"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "message-not-json"),
        (b"\xff\xfe", "message-not-json"),
        (b"[]", "message-keys"),
        (b"null", "message-keys"),
        (orjson.dumps({**GOOD, "body": "secret"}), "message-keys"),
        (orjson.dumps({"exchange": GOOD["exchange"], "flow": "f"}), "message-keys"),
        (orjson.dumps({**GOOD, "flow": ""}), "message-flow"),
        (orjson.dumps({**GOOD, "flow": 7}), "message-flow"),
        (orjson.dumps({**GOOD, "attempt": -1}), "message-attempt"),
        (orjson.dumps({**GOOD, "attempt": True}), "message-attempt"),
        (orjson.dumps({**GOOD, "attempt": "1"}), "message-attempt"),
        (orjson.dumps({**GOOD, "attempt": 1.0}), "message-attempt"),
        (orjson.dumps({**GOOD, "exchange": "85073003328"}), "message-exchange"),
        (orjson.dumps({**GOOD, "exchange": None}), "message-exchange"),
        (orjson.dumps({**GOOD, "exchange": GOOD["exchange"].replace("-", "")}), "message-exchange"),
        (b" " * 2_000, "message-too-long"),
    ],
)
def test_what_is_not_ours_is_unreadable(body: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        decode(body, 1_024)
    assert caught.value.args == (reason,)
