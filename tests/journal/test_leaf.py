from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from integrator.exchange import Context, ErrorInfo, Leg
from integrator.journal.leaf import FIELD_GROUPS_MAX, LEAF_BYTES_MAX, exchange_leaf

Make = Callable[..., Context]


def leaf_of(context: Context, withheld: dict[str, str] | None = None) -> dict[str, Any]:
    return exchange_leaf("received", context, "id", 1, bytes(32), {} if withheld is None else withheld)


def test_absent_values_are_left_out() -> None:
    leaf = leaf_of(Context("x", "", "s"))
    assert sorted(leaf) == ["consumer", "entry", "exchange", "id", "kind", "site", "time", "type", "v"]
    assert leaf["consumer"] == {}


def test_of_many_legs_the_first_and_the_last_are_kept_and_all_are_counted(make_context: Make) -> None:
    legs = [Leg(f"a{n}", "o", "read", n) for n in range(1_000)]
    leaf = leaf_of(make_context(legs=legs))
    assert [leg["sent"] for leg in leaf["legs"]] == [*range(16), *range(984, 1_000)]
    assert leaf["legs_total"] == 1_000


def test_exactly_as_many_legs_as_allowed_are_all_kept(make_context: Make) -> None:
    leaf = leaf_of(make_context(legs=[Leg("a", "o", "read", n) for n in range(32)]))
    assert len(leaf["legs"]) == 32
    assert "legs_total" not in leaf


def test_the_largest_leaf_there_can_be_fits_an_entry(make_context: Make) -> None:
    big = 2**53 - 1
    name, code, text = "n" * 128, "c" * 64, "\U0001f600" * 512
    context = make_context(
        flow=name, party=name, purpose=name, entry=name, kind=name, site="a" * 128,
        legal_basis=text, authorisation=text, fields=(name,) * 500, outcome=code,
        error=ErrorInfo(code, code, code), attempts=big, request_bytes=big, response_bytes=big,
        response_digest=bytes(32), sent_us=big, received_us=big, replied_us=big,
        legs=[Leg(name, name, name, big, big, code, code, "t", big, big)] * 500,
    )  # fmt: skip
    leaf = leaf_of(context)
    assert len(leaf["fields"]) == FIELD_GROUPS_MAX
    assert leaf["fields_total"] == 500
    assert len(orjson.dumps(leaf)) < LEAF_BYTES_MAX - 1_000


def test_what_is_kept_out_is_named_and_handed_on(make_context: Make) -> None:
    withheld: dict[str, str] = {}
    legs = [Leg("a", "o", "read", 1, status="Jean Testeur", code="85073003328")]
    leaf = leaf_of(
        make_context(
            purpose="85.07.30-033.28",
            error=ErrorInfo("provider-fault", "no person 85073003328", "provider"),
            legs=legs,
        ),
        withheld,
    )
    assert leaf["purpose"] == leaf["error"]["code"] == leaf["legs"][0]["status"] == "withheld"
    assert withheld == {
        "purpose": "85.07.30-033.28",
        "error.code": "no person 85073003328",
        "legs[0].status": "Jean Testeur",
        "legs[0].code": "85073003328",
    }


@pytest.mark.parametrize("previous", [None, bytes(32)])
def test_the_request_stands_in_the_first_record_only(make_context: Make, previous: bytes | None) -> None:
    leaf = leaf_of(make_context(previous=previous))
    assert ("request" in leaf) == ("request_bytes" in leaf) == (previous is None)
    assert ("previous" in leaf) == (previous is not None)


def test_payload_digests_are_salted(make_context: Make) -> None:
    context = make_context()
    first = exchange_leaf("received", context, "id", 1, b"1" * 32, {})
    second = exchange_leaf("received", context, "id", 1, b"2" * 32, {})
    assert first["request"] != second["request"]
    assert (context.request_digest or b"").hex() not in (first["request"], second["request"])
