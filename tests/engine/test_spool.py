"""Large bodies outside memory."""

from __future__ import annotations

import gc
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrator.engine import spool
from integrator.engine.javatypes import converter, to_text, type_of
from integrator.engine.spool import SpooledBody, Spooling
from integrator.exchange import InvalidRequest, Message, Overloaded
from integrator.security.limits import DEFAULT
from integrator.security.parsers import CONVERSIONS

SMALL = replace(
    DEFAULT,
    spool_memory_bytes=10,
    spool_whole_bytes=200_000,
    spool_body_bytes=300_000,
    spool_total_bytes=400_000,
)


def spooled(data: bytes, spooling: Spooling | None = None) -> SpooledBody:
    body = (spooling or Spooling(SMALL)).keep(data)
    assert isinstance(body, SpooledBody)
    return body


def test_small_bodies_stay_bytes() -> None:
    assert Spooling(SMALL).body([b"12345", b"67890"]) == b"1234567890"


def test_a_large_body_is_read_as_often_as_wanted_and_side_by_side() -> None:
    body = spooled(b"0123456789" * 20_000)
    assert body.size == 200_000
    first, second = body.open(), body.open()
    assert first.read(3) == second.read(3) == b"012"
    assert first.read() == second.read()
    assert b"".join(body.chunks()) == b"0123456789" * 20_000


@settings(deadline=None)
@given(data=st.binary(min_size=11, max_size=5_000), place=st.integers(0, 5_000), chunk=st.integers(1, 700))
def test_any_place_of_any_body_reads_back(data: bytes, place: int, chunk: int) -> None:
    body = Spooling(SMALL).body(data[i : i + chunk] for i in range(0, len(data), chunk))
    assert isinstance(body, SpooledBody)
    with body.open() as reader:
        reader.seek(place)
        assert reader.read(chunk) == data[place : place + chunk]
        reader.seek(0)
        assert reader.read() == data


def test_the_disk_shows_nothing_and_no_name(tmp_path: Path) -> None:
    body = spooled(b"85073003328 lives here " * 10, Spooling(SMALL, tmp_path))
    assert list(tmp_path.iterdir()) == []
    raw = os.pread(body._file.handle, 1_000, 0)
    assert len(raw) == body.size
    assert b"85073003328" not in raw
    other = spooled(b"85073003328 lives here " * 10, Spooling(SMALL, tmp_path))
    assert os.pread(other._file.handle, 1_000, 0) != raw


async def test_chunks_that_come_later() -> None:
    async def chunks():  # type: ignore[no-untyped-def]
        for _ in range(5):
            yield b"12345"

    body = await Spooling(SMALL).body_of(chunks())
    assert isinstance(body, SpooledBody)
    assert body.read() == b"12345" * 5


def test_limits() -> None:
    with pytest.raises(Overloaded, match="more than 300000 bytes"):
        spooled(bytes(300_001))
    spooling = Spooling(SMALL)
    kept = spooled(bytes(250_000), spooling)
    with pytest.raises(Overloaded, match="disk space") as caught:
        spooled(bytes(250_000), spooling)
    assert caught.value.reason == "spool-full"
    with pytest.raises(Overloaded, match="split it with streaming"):
        kept.read()


def test_space_comes_back_when_the_last_message_is_gone() -> None:
    spooling = Spooling(SMALL)
    message = Message(spooled(bytes(100), spooling), conversions=CONVERSIONS)
    copy = message.copy()
    del message
    gc.collect()
    assert spooling.bytes_on_disk == 100
    del copy
    gc.collect()
    assert spooling.bytes_on_disk == 0
    spooled(bytes(100), spooling).close()
    assert spooling.bytes_on_disk == 0


def test_an_unfinished_body_is_dropped() -> None:
    spooling = Spooling(SMALL)

    def chunks():  # type: ignore[no-untyped-def]
        yield bytes(50)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        spooling.body(chunks())
    assert spooling.bytes_on_disk == 0


def test_a_message_converts_it_like_bytes() -> None:
    message = Message(spooled(b'{"name": "Dupont"}'), conversions=CONVERSIONS)
    assert message.as_json() == {"name": "Dupont"}
    assert message.as_text() == '{"name": "Dupont"}'
    assert Message(spooled(b"<a>" + b"x" * 20 + b"</a>"), conversions=CONVERSIONS).as_xml().tag == "a"
    with pytest.raises(InvalidRequest):
        Message(spooled(b"\xff" * 20), conversions=CONVERSIONS).as_text()


def test_javas_converters_take_it_like_bytes() -> None:
    body = spooled(b"a text of some length")
    to_bytes = converter("byte[]")
    assert to_bytes is not None
    assert to_text(body) == "a text of some length"
    assert to_bytes(body) == b"a text of some length"
    assert type_of(body) == "org.apache.camel.StreamCache"
    assert spool.CHUNK > 0
