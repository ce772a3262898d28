"""The arrays built in bulk are what PostgreSQL and psycopg take them for."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import AsyncConnection

from integrator.store import postgres_arrays as arrays
from integrator.store.batching import Trouble

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@pytest.fixture
async def connection(postgres_url: str) -> AsyncIterator[AsyncConnection]:
    async with await AsyncConnection.connect(postgres_url, autocommit=True) as found:
        arrays.register(found)
        yield found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    blobs=st.lists(st.binary(max_size=300)),
    ids=st.lists(st.binary(min_size=16, max_size=16)),
    texts=st.lists(st.none() | TEXT),
    longs=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)),
    shorts=st.lists(st.integers(-(2**15), 2**15 - 1)),
    flags=st.lists(st.booleans()),
)
async def test_every_value_comes_back(
    connection: AsyncConnection,
    blobs: list[bytes],
    ids: list[bytes],
    texts: list[str | None],
    longs: list[int | None],
    shorts: list[int],
    flags: list[bool],
) -> None:
    sent = (
        arrays.blobs(blobs),
        arrays.fixed(ids, 16, "an id"),
        arrays.texts(texts),
        arrays.int8s(longs),
        arrays.int2s(shorts),
        arrays.bools(flags),
    )
    cursor = connection.cursor(binary=True)
    await cursor.execute("SELECT %s, %s, %s, %s, %s, %s", sent)
    assert await cursor.fetchone() == (blobs, ids, texts, longs, shorts, flags)


@pytest.mark.parametrize("value", [b"", b"15 bytes exactly"[:15], b"seventeen bytes!!"])
def test_a_wrong_size_is_trouble(value: bytes) -> None:
    with pytest.raises(Trouble, match="an id must be 16 bytes"):
        arrays.fixed([bytes(16), value], 16, "an id")


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_an_integer_beyond_64_bits_is_an_overflow(value: int) -> None:
    with pytest.raises(OverflowError):
        arrays.int8s([value])
