"""csv, yaml, base64, jacksonXml, gzipDeflater, zipDeflater."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrator.engine.exceptions import class_of
from integrator.engine.javatypes import JavaList, JavaMap, to_java, to_text
from integrator.engine.services import Services
from integrator.engine.spool import Spooling
from integrator.exchange import InvalidRequest, Overloaded
from integrator.security.limits import DEFAULT
from tests.engine import clock
from tests.engine.helpers import exchange, route, rules, run, steps


async def _read(step: str, body: Any) -> Any:
    done = await steps(f"unmarshal: {step}", exchange(body))
    assert done.exception is None, done.exception
    return done.message.body


async def _write(step: str, body: Any) -> Any:
    done = await steps(f"marshal: {step}", exchange(to_java(body)))
    assert done.exception is None, done.exception
    return done.message.body


@given(st.lists(st.lists(st.text(alphabet="a,;\"\n' é", max_size=4), min_size=1, max_size=4), max_size=5))
def test_csv_reads_what_it_wrote(rows: list[list[str]]) -> None:
    done = exchange(JavaList(JavaList(row) for row in rows))
    clock.run(run(route("marshal: {csv: {}}\nunmarshal: {csv: {}}"), done))
    assert (done.exception, done.message.body) == (None, rows)


async def test_csv_options() -> None:
    assert await _read("{csv: {delimiter: ';', useMaps: true}}", "a;b\n1;\n") == [{"a": "1", "b": ""}]
    assert await _read("{csv: {header: [x, y], skipHeaderRecord: true, useMaps: true}}", "a,b\n1,2\n") == [
        {"x": "1", "y": "2"}
    ]
    assert await _read("{csv: {nullString: NIL, trim: true}}", " a ,NIL\n") == [["a", None]]
    assert (
        await _write("{csv: {header: [b, a], recordSeparator: '\\n'}}", [{"a": 1, "b": None}]) == b"b,a\n,1\n"
    )
    assert await _write("{csv: {quoteDisabled: true}}", [["a,b"]]) == b"a,b\r\n"
    assert await _write("{csv: {}}", [["", "#", "b "]]) == b'"","#","b "\r\n'
    assert rules(route("marshal: {csv: {delimiter: ab}}")) == ["option-value"]
    for bad, said in (('a,"b', "EOF reached"), ('"a"x', "line: 1, position: 4")):
        done = await steps("unmarshal: {csv: {}}", exchange(bad))
        assert class_of(done.exception) == "java.io.UncheckedIOException"
        assert said in str(done.exception)
    done = await steps("unmarshal: {csv: {useMaps: true}}", exchange("a,\n1,2\n"))
    assert class_of(done.exception) == "java.lang.IllegalArgumentException"


async def test_yaml() -> None:
    read = await _read("{yaml: {}}", "a: 1\nb: [yes, 2026-01-02, 1.5, null]\n1: x\n")
    assert type(read) is JavaMap
    assert (read["a"], read["b"][0], read["b"][2:], read["1"]) == (1, True, [1.5, None], "x")
    assert to_text(read["b"][1]) == "Fri Jan 02 00:00:00 UTC 2026"
    assert (
        await _write("{yaml: {}}", {"b": 1, "a": [1, "é", None, "yes"]})
        == "b: 1\na: [1, é, null, 'yes']\n".encode()
    )
    assert await _read("{yaml: {}}", "a: &x [1]\nb: *x\n") == {"a": [1], "b": [1]}
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(24))
    for bad in (bomb, "a: &x [*x]", "[" * 100, "a: [", "!!python/object:os.system x", "secret: 'x"):
        done = await steps("unmarshal: {yaml: {}}", exchange(bad))
        assert class_of(done.exception).startswith("org.yaml.snakeyaml."), bad
        assert "secret" not in str(done.exception)
    done = await steps("unmarshal: {yaml: {}}", exchange("x" * 300_000))
    assert isinstance(done.exception, InvalidRequest)


@given(st.binary(max_size=200))
def test_bytes_come_back(data: bytes) -> None:
    text = "\n".join(
        f"{way}: {{{name}: {{}}}}"
        for name in ("base64", "gzipDeflater", "zipDeflater")
        for way in ("marshal", "unmarshal")
    )
    done = exchange(data)
    clock.run(run(route(text), done))
    assert (done.exception, done.message.body) == (None, data)


async def test_base64_lines() -> None:
    assert await _write("{base64: {}}", "x" * 60) == b"eHh4" * 19 + b"\r\n" + b"eHh4" + b"\r\n"
    assert await _write("{base64: {lineLength: 0}}", "x" * 60) == b"eHh4" * 20
    assert await _write("{base64: {urlSafe: true}}", b"\xff\xfe") == b"__4\r\n"
    assert await _read("{base64: {}}", " __4\r\n") == b"\xff\xfe"
    done = await steps("unmarshal: {base64: {}}", exchange("a"))
    assert class_of(done.exception) == "java.lang.IllegalArgumentException"


async def test_what_is_compressed_is_bounded() -> None:
    small = Services(spooling=Spooling(replace(DEFAULT, spool_memory_bytes=100, spool_body_bytes=1_000)))
    for name, data, wrong in (
        ("gzipDeflater", gzip.compress(b"x" * 2000), "java.io.IOException"),
        ("zipDeflater", zlib.compress(b"x" * 2000), "java.util.zip.ZipException"),
    ):
        done = await steps(f"unmarshal: {{{name}: {{}}}}", exchange(data), small)
        assert isinstance(done.exception, Overloaded)
        for bad in (b"no", data[:10]):
            done = await steps(f"unmarshal: {{{name}: {{}}}}", exchange(bad))
            assert class_of(done.exception) == wrong
    assert await _read("{gzipDeflater: {}}", gzip.compress(b"a") + gzip.compress(b"b")) == b"ab"
    assert rules(route("marshal: {zipDeflater: {compressionLevel: 12}}")) == ["option-value"]


async def test_xml_as_maps() -> None:
    read = await _read(
        "{jacksonXml: {}}", '<p:r xmlns:p="urn:p" x="1"><b/><a>1</a><p:a i="2">t</p:a><c><d>3</d></c></p:r>'
    )
    assert read == {"x": "1", "b": "", "a": ["1", {"i": "2", "": "t"}], "c": {"d": "3"}}
    assert await _read("{jacksonXml: {}}", "<a>1</a>") == {"": "1"}
    done = await steps("marshal: {jacksonXml: {}}", exchange(to_java({"a": [1, None], "b": {"c": "<"}})))
    assert done.message.body == b"<LinkedHashMap><a>1</a><a/><b><c>&lt;</c></b></LinkedHashMap>"
    assert done.message.headers["Content-Type"] == "application/xml"
    assert await _write("{jacksonXml: {}}", ["x"]) == b"<ArrayList><item>x</item></ArrayList>"
    for bad in ({"a b": 1}, {"a": "\x00"}):
        done = await steps("marshal: {jacksonXml: {}}", exchange(to_java(bad)))
        assert class_of(done.exception) == "com.fasterxml.jackson.databind.JsonMappingException"
    done = await steps("unmarshal: {jacksonXml: {}}", exchange("<a>"))
    assert class_of(done.exception) == "com.fasterxml.jackson.core.JsonParseException"
    assert "not-yet" in rules(route("unmarshal: {jacksonXml: {unmarshalType: com.x.Y}}"))


@pytest.mark.parametrize("name", ["csv", "yaml", "base64", "jacksonXml", "gzipDeflater", "zipDeflater"])
async def test_null_bodies(name: str) -> None:
    done = await steps(f"unmarshal: {{{name}: {{}}}}", exchange(None))
    assert class_of(done.exception) == "org.apache.camel.NoTypeConversionAvailableException"
    done = await steps(f"unmarshal: {{{name}: {{}}, allowNullBody: true}}", exchange(None))
    assert (done.exception, done.message.body) == (None, None)


@pytest.mark.parametrize(
    "step",
    [
        "{json: {allowUnmarshallType: true}}",
        "{json: {enableFeatures: WRITE_ENUMS_USING_INDEX}}",
        "{json: {objectMapper: m}}",
        "{jacksonXml: {xmlMapper: m}}",
        "{jacksonXml: {allowJmsType: true}}",
        "{csv: {recordConverterRef: c}}",
        "{yaml: {constructor: c}}",
        "{yaml: {unmarshalType: com.x.Y}}",
    ],
)
def test_options_that_need_java_are_refused(step: str) -> None:
    assert rules(route(f"unmarshal: {step}")) == ["not-yet"]


@settings(deadline=None)
@given(
    rows=st.lists(
        st.lists(st.text(alphabet='a|\\"\n #', max_size=4), min_size=2, max_size=3), min_size=1, max_size=4
    ),
    mode=st.sampled_from(["ALL", "ALL_NON_NULL", "MINIMAL", "NON_NUMERIC"]),
)
def test_csv_reads_what_it_wrote_in_every_mode(rows: list[list[str]], mode: str) -> None:
    options = f"{{csv: {{quoteMode: {mode}, escape: '\\', delimiter: '|', ignoreEmptyLines: false}}}}"
    done = exchange(JavaList(JavaList(row) for row in rows))
    clock.run(run(route(f"marshal: {options}\nunmarshal: {options}"), done))
    assert (done.exception, done.message.body) == (None, rows)
