"""Elements cut out of XML of any size: the same as lxml finds, whatever the chunks are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from integrator.engine import xmlpieces
from integrator.engine.exceptions import JavaException, class_of
from integrator.engine.spool import Spooling
from integrator.engine.xmlpieces import Pieces, Reader, steps_of
from integrator.exchange import InvalidRequest, Overloaded
from integrator.security.limits import DEFAULT
from tests.engine.helpers import exchange, route, rules, steps

NAMES = st.sampled_from(["o", "l", "p:o", "q:l"])
TREES = st.recursive(
    st.tuples(NAMES, st.sampled_from(["", "t", "é &gt; ", "<!-- <o> -->", "<![CDATA[<o>]]>"]), st.just([])),
    lambda inner: st.tuples(NAMES, st.sampled_from(["", " ", "x"]), st.lists(inner, max_size=4)),
    max_leaves=12,
)


def written(tree: Any) -> str:
    name, text, children = tree
    if not text and not children:
        return f"<{name} a='/>' />"
    return f'<{name} b="1">{text}{"".join(map(written, children))}</{name}>'


def cut(text: str, path: str, size: int = 1_000, mode: str = "i", group: int = 1) -> list[str]:
    data = text.encode("utf-8")
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    return list(
        Pieces(Reader(chunks, is_text=True), steps_of(path, {"p": "urn:p", "q": "urn:q"}), mode, group)
    )


def outermost(root: etree._Element, tag: str) -> list[etree._Element]:
    return [found for found in root.iter(tag) if not any(above.tag == tag for above in found.iterancestors())]


@settings(deadline=None)
@given(tree=TREES, size=st.integers(1, 40), name=st.sampled_from(["o", "l", "p:o", "q:l"]))
def test_the_same_elements_as_lxml(tree: Any, size: int, name: str) -> None:
    text = f"<r xmlns:p='urn:p' xmlns:q='urn:q'>{written(tree)}</r>"
    tag = {"o": "o", "l": "l", "p:o": "{urn:p}o", "q:l": "{urn:q}l"}[name]
    wanted = [
        etree.tostring(found, method="c14n", with_tail=False)
        for found in outermost(etree.fromstring(text), tag)
    ]
    assert [
        etree.tostring(etree.fromstring(piece), method="c14n") for piece in cut(text, f"//{name}", size)
    ] == wanted


@settings(deadline=None)
@given(lists=st.lists(st.integers(0, 4), max_size=5), size=st.integers(1, 40), group=st.integers(1, 3))
def test_each_piece_within_its_ancestors_is_a_document(lists: list[int], size: int, group: int) -> None:
    text = "<r a='1'>" + "".join("<l><k>" + "<o>t</o>" * count + "</k></l>" for count in lists) + "</r>"
    pieces = cut(text, "//o", size, mode="w", group=group)
    assert sum(len(etree.fromstring(piece).findall("l/k/o")) for piece in pieces) == sum(lists)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<!DOCTYPE r [<!ENTITY e 'x'>]><r><o>&e;</o></r>", "xml-doctype"),
        ("<!DOCTYPE r SYSTEM 'http://example.org/r.dtd'><r><o/></r>", "xml-doctype"),
        ("<?xml-stylesheet href='x'?><r><o/></r>", "xml-instruction"),
        ("<a>" * 200 + "</a>" * 200, "too-complex"),
    ],
)
def test_what_the_hardened_parser_refuses(text: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        cut(text, "//o")
    assert caught.value.reason == reason


def test_an_encoding_that_cannot_be_cut() -> None:
    data = "<?xml version='1.0' encoding='UTF-16'?><r/>".encode("utf-16")
    with pytest.raises((InvalidRequest, JavaException)):
        list(Pieces(Reader([data], is_text=False), steps_of("//o", {}), "i", 1))


def test_latin_text_is_decoded() -> None:
    data = "<?xml version='1.0' encoding='ISO-8859-1'?><r><o>é</o></r>".encode("latin-1")
    assert list(Pieces(Reader([data], is_text=False), steps_of("//o", {}), "i", 1)) == ["<o>é</o>"]


def test_one_element_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xmlpieces, "LONGEST", 1_000)
    with pytest.raises(Overloaded):
        cut("<r><o>" + "<x>y</x>" * 5_000, "//o", 500)


def test_what_was_passed_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xmlpieces, "LONGEST", 200_000)
    assert len(cut("<r>" + "<o>text</o>" * 100_000 + "</r>", "//o", 10_000)) == 100_000


async def test_bodies_on_disk_are_cut_as_those_in_memory() -> None:
    text = "<r xmlns='urn:r'>" + "".join(f"<o>{number}</o>" for number in range(50)) + "</r>"
    body = Spooling(replace(DEFAULT, spool_memory_bytes=1)).keep(text.encode())
    step = "setBody: {xtokenize: {expression: '//*:o', group: 7}}"
    found = (await steps(step, exchange(body))).message.body
    assert len(found) == 8
    assert found == (await steps(step, exchange(text))).message.body


async def test_errors_name_the_place_and_not_the_text() -> None:
    done = await steps("setBody: {xtokenize: //o}", exchange("<r><o>85073003328</o><o></r>"))
    assert class_of(done.exception) == "java.lang.RuntimeException"
    assert "line 1, column" in str(done.exception)
    assert "85073003328" not in str(done.exception)


@pytest.mark.parametrize(
    "options",
    ["expression: '/'", "expression: //o, mode: x", "expression: //o, namespace: [p]", "expression: ///o"],
)
def test_paths_that_cannot_be_used(options: str) -> None:
    assert rules(route(f"split: {{xtokenize: {{{options}}}, steps: [{{log: x}}]}}"))
