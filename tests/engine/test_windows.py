"""Texts cut piece by piece: the same pieces whatever the chunks are."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrator.engine import windows
from integrator.engine.spool import Spooling
from integrator.engine.windows import Window
from integrator.exchange import InvalidRequest, Overloaded
from integrator.security.limits import DEFAULT
from tests.engine.helpers import exchange, steps

TEXTS = st.text(alphabet="ab,;é<>", max_size=60)
SIZES = st.integers(1, 7)


def chunks(text: str, size: int) -> list[bytes]:
    data = text.encode("utf-8")
    return [data[start : start + size] for start in range(0, len(data), size)]


def by_token(window: Window, token: str) -> list[str]:
    found = []
    while (piece := window.before(token)) is not None:
        found.append(piece)
    return [*found, window.rest()]


@settings(deadline=None)
@given(text=TEXTS, size=SIZES, token=st.sampled_from([",", "ab", ",,", "é;"]))
def test_tokens_across_chunks(text: str, size: int, token: str) -> None:
    assert by_token(Window.of_bytes(chunks(text, size)), token) == text.split(token)


@settings(deadline=None)
@given(text=TEXTS, size=SIZES, pattern=st.sampled_from(["[,;]+", "a+b", "é", "<[^>]*>"]))
def test_matches_across_chunks(text: str, size: int, pattern: str) -> None:
    compiled = re.compile(pattern)
    window, found = Window.of_bytes(chunks(text, size)), []
    while (piece := window.match(compiled)) is not None:
        found += [piece[0], piece[1][0]]
    found.append(window.rest())
    wanted, place = [], 0
    for match in compiled.finditer(text):
        wanted += [text[place : match.start()], match[0]]
        place = match.end()
    assert found == [*wanted, text[place:]]


def test_a_piece_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "LONGEST", 100)
    with pytest.raises(Overloaded, match="piece"):
        Window(["x" * 80] * 5).before(",")


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="UTF-8"):
        Window.of_bytes([b"a,b", b"\xff"]).rest()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("token: ';'", "a;b;;c;"),
        ("token: '[0-9]+', regex: true", "a1b22c"),
        ("token: '[', endToken: ']', includeTokens: true", "x[a]y[b]"),
        ("token: o, xml: true, inheritNamespaceTagName: r", "<r xmlns='urn:r'><o>a</o><o/><o>b</o></r>"),
        ("token: o, xml: true, inheritNamespaceTagName: '*'", "<r><h/><o>a</o><o>b</o></r>"),
        ("token: ';', group: '2', skipFirst: true", "h;a;b;c"),
    ],
)
async def test_bodies_on_disk_are_cut_as_those_in_memory(options: str, text: str) -> None:
    step = f"setBody: {{tokenize: {{{options}}}}}"
    body = Spooling(replace(DEFAULT, spool_memory_bytes=1)).body(chunks(text, 3))
    assert (await steps(step, exchange(body))).message.body == (
        await steps(step, exchange(text))
    ).message.body


JSON_BODIES = (
    '{"a": {"b": [1, {"c": "é", "d": [2.5, null]}, null, true, "x"]}, "z": [9]}',
    '{"z": 1, "a": {"b": []}}',
)


@pytest.mark.parametrize("text", JSON_BODIES)
@pytest.mark.parametrize("path", ["$.a.b[*]", "$.z"])
async def test_lists_on_disk_are_split_as_those_in_memory(text: str, path: str) -> None:
    strategy = "'#class:org.apache.camel.processor.aggregate.GroupedBodyAggregationStrategy'"
    step = f"split: {{jsonpath: {{expression: '{path}', suppressExceptions: true}}, streaming: true, aggregationStrategy: {strategy}, steps: [{{setHeader: {{name: n, constant: x}}}}]}}"
    body = Spooling(replace(DEFAULT, spool_memory_bytes=1)).body(chunks(text, 3))
    on_disk, in_memory = await steps(step, exchange(body)), await steps(step, exchange(text))
    assert on_disk.exception is None
    found = on_disk.message.body
    assert (found if found is not body else text) == in_memory.message.body


@pytest.mark.parametrize("text", ['{"a": [1, 2', '{"a": {"b": 1}}', '{"a": [{"k": 1, "k": 2}]}', "{'a'}"])
async def test_json_on_disk_that_is_none(text: str) -> None:
    body = Spooling(replace(DEFAULT, spool_memory_bytes=1)).body(chunks(text, 5))
    done = await steps("split: {jsonpath: '$.a[*]', streaming: true, steps: [{log: x}]}", exchange(body))
    assert isinstance(done.exception, Exception)
