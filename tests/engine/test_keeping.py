"""What outlives the process comes back as it was, types included."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from integrator.engine import keeping
from integrator.engine.exceptions import JavaException, class_of
from integrator.engine.javatypes import JavaArray, JavaEntry, JavaList, JavaMap, JavaSet, NodeList, to_text
from integrator.engine.spool import Spooling
from integrator.security.limits import Limits
from integrator.security.parsers import CONVERSIONS
from tests.engine.helpers import exchange

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8"))
    | st.binary(max_size=20) | st.decimals(allow_nan=False, allow_infinity=False)
    | st.datetimes(timezones=st.just(UTC))
)  # fmt: skip
NAMES = st.text(st.characters(codec="utf-8"), max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(JavaList)
        | st.lists(inner, max_size=3).map(JavaSet)
        | st.lists(inner, max_size=3).map(JavaArray)
        | st.dictionaries(NAMES, inner, max_size=3)
        | st.dictionaries(NAMES, inner, max_size=3).map(JavaMap)
    ),
    max_leaves=10,
)


NUMBERS = (2**63, -(2**63) - 1, float("inf"), float("-inf"), 2**53 + 1, True, 0, 0.0)


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_come_back(number: float) -> None:
    back = keeping.decode_value(keeping.encode_value(number), CONVERSIONS)
    assert (back, type(back)) == (number, type(number))


def types(value: Any) -> Any:
    if isinstance(value, dict):
        return type(value), [(key, types(item)) for key, item in value.items()]
    if isinstance(value, list):
        return type(value), [types(item) for item in value]
    return type(value)


@given(VALUES)
def test_values_come_back(value: Any) -> None:
    back = keeping.decode_value(keeping.encode_value(value), CONVERSIONS)
    assert (back, types(back)) == (value, types(value))


@given(VALUES, st.dictionaries(st.text("abc", min_size=1, max_size=3), VALUES, max_size=3))
def test_exchanges_come_back(body: Any, values: dict[str, Any]) -> None:
    made = exchange(body, values, properties=values)
    made.variables = dict(values)
    back = keeping.decode(keeping.encode(made), CONVERSIONS)
    assert (back.message.body, dict(back.message.headers)) == (body, values)
    assert (back.properties, back.variables) == (values, values)
    assert back.id != made.id


def test_xml_messages_exchanges_and_large_bodies_come_back() -> None:
    element = etree.fromstring("<a x='1'><b/>t</a>")
    inner = exchange("one", {"h": 1})
    spooled = Spooling(Limits(spool_memory_bytes=10)).body([b"x" * 100])
    made = exchange(JavaList([element, inner, inner.message, spooled, NodeList(["t"])]))
    back = keeping.decode(keeping.encode(made), CONVERSIONS).message.body
    assert etree.tostring(back[0]) == etree.tostring(element)
    assert (back[1].message.body, back[1].message.headers["h"], back[2].body) == ("one", 1, "one")
    assert (back[3], back[4]) == (b"x" * 100, ["t"])
    assert to_text(back[0]) == to_text(element)


def test_what_cannot_be_kept_is_an_error_in_the_message_and_left_out_elsewhere() -> None:
    made = exchange(
        "x", properties={"error": ValueError(), "good": Decimal("1.50"), "date": datetime.now(UTC)}
    )
    assert set(keeping.decode(keeping.encode(made), CONVERSIONS).properties) == {"good", "date"}
    assert set(keeping.decode(keeping.encode(made, ("good",)), CONVERSIONS).properties) == {"date"}
    for bad in (JavaEntry("85073003328", 1), "\ud800", object()):
        made = exchange(bad)
        with pytest.raises(JavaException) as caught:
            keeping.encode(made)
        assert class_of(caught.value) == "java.lang.IllegalArgumentException"
        assert "85073003328" not in str(caught.value)
