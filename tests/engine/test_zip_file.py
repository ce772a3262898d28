"""zipFile: archives in and out, and what is refused."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrator.engine.dataformats import zip_file
from integrator.engine.exceptions import class_of
from integrator.engine.services import Services
from integrator.engine.spool import SpooledBody, Spooling
from integrator.exchange import Overloaded
from integrator.security.limits import DEFAULT
from tests.engine import clock
from tests.engine.helpers import exchange, route, run, steps

SMALL = replace(DEFAULT, spool_memory_bytes=50, spool_body_bytes=5_000, spool_total_bytes=8_000)
BOTH = "marshal: {zipFile: {}}\nunmarshal: {zipFile: {}}"


def archive(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return made.getvalue()


@settings(deadline=None)
@given(data=st.binary(max_size=300), name=st.text(alphabet="ab./é", min_size=1, max_size=8))
def test_a_body_comes_back(data: bytes, name: str) -> None:
    done = exchange(data, {"CamelFileName": name})
    clock.run(run(route(BOTH), done, Services(spooling=Spooling(SMALL))))
    found = done.message.body
    assert done.exception is None
    assert (found.read() if isinstance(found, SpooledBody) else found) == data


async def test_what_other_programs_write_and_read() -> None:
    done = await steps(
        "marshal: {zipFile: {preservePathElements: true}}", exchange("hello", {"CamelFileName": "d/a.txt"})
    )
    with zipfile.ZipFile(io.BytesIO(done.message.body)) as file:
        assert file.namelist() == ["d/", "d/a.txt"]
        assert file.read("d/a.txt") == b"hello"
    done = await steps("unmarshal: {zipFile: {}}", exchange(archive({"x.csv": b"1,2"}, zipfile.ZIP_STORED)))
    assert (done.message.body, done.message.headers["CamelFileName"]) == (b"1,2", "x.csv")


async def test_each_file_of_an_archive() -> None:
    text = (
        "unmarshal: {zipFile: {usingIterator: true}}\n"
        "split: {simple: '${body}', aggregationStrategy: "
        "'#class:org.apache.camel.processor.aggregate.StringAggregationStrategy', "
        "steps: [{setBody: {simple: '${header.CamelFileName}=${body};'}}]}"
    )
    done = await steps(text, exchange(archive({"a": b"1", "d/": b"", "d/b": b"2"})))
    assert done.message.body == "a=1;d/b=2;"


async def test_two_files_are_too_many_without_the_iterator() -> None:
    done = await steps("unmarshal: {zipFile: {}}", exchange(archive({"a": b"1", "b": b"2"})))
    assert class_of(done.exception) == "java.lang.IllegalStateException"


async def test_bombs() -> None:
    services = Services(spooling=Spooling(SMALL))
    bomb = archive({"a": b"x" * 100_000})
    done = await steps("unmarshal: {zipFile: {}}", exchange(bomb), services)
    assert isinstance(done.exception, Overloaded)
    done = await steps("unmarshal: {zipFile: {maxDecompressedSize: 10}}", exchange(bomb), services)
    assert class_of(done.exception) == "java.io.IOException"
    many = archive({str(number): b"x" * 4_000 for number in range(3)})
    each = "unmarshal: {zipFile: {usingIterator: true}}\nsplit: {simple: '${body}', steps: [{log: x}]}"
    done = await steps(each, exchange(many), services)
    assert isinstance(done.exception, Overloaded)
    assert services.spooling.bytes_on_disk <= SMALL.spool_total_bytes


async def test_too_many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_file, "ENTRIES", 2)
    done = await steps("unmarshal: {zipFile: {}}", exchange(archive({"a": b"", "b": b"", "c": b""})))
    assert isinstance(done.exception, Overloaded)


@pytest.mark.parametrize("damage", [slice(0, 60), slice(10, None), slice(0, 0)])
async def test_what_is_no_archive(damage: slice) -> None:
    done = await steps("unmarshal: {zipFile: {}}", exchange(archive({"a": b"hello " * 50})[damage]))
    assert class_of(done.exception) in ("java.lang.IllegalStateException", "java.io.IOException")


async def test_a_damaged_file_in_an_archive() -> None:
    data = bytearray(archive({"a": bytes(range(256))}))
    data[40:60] = zlib.compress(b"other")[:20].ljust(20, b"\0")
    done = await steps("unmarshal: {zipFile: {}}", exchange(bytes(data)))
    assert class_of(done.exception) == "java.io.IOException"
    each = "unmarshal: {zipFile: {usingIterator: true}}\nsplit: {simple: '${body}', steps: [{log: x}]}"
    done = await steps(each, exchange(bytes(data)))
    assert class_of(done.exception) == "org.apache.camel.RuntimeCamelException"
