"""XSLT 3, XQuery, XPath 2 and xj: results, and that nothing but the message is read."""

from __future__ import annotations

import builtins
import os
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from integrator.engine import Services, saxon
from integrator.engine.exceptions import class_of
from integrator.engine.problems import ExpressionError
from tests.conftest import missing
from tests.engine.helpers import exchange, problems, route, run, steps

try:
    import saxonche  # noqa: F401
except ImportError:
    missing("SaxonC: pip install -e '.[xslt3]'")

XSL = "<xsl:stylesheet version='3.0' xmlns:xsl='http://www.w3.org/1999/XSL/Transform'>{}</xsl:stylesheet>"
MATCH = "<xsl:template match='/'><o>{}</o></xsl:template>"


def services(text: str) -> Services:
    files = {"s.xsl": text.encode()}
    return Services(resource=files.__getitem__)


async def transformed(inside: str, body: str = "<r><a>1</a></r>") -> Any:
    return await steps("to: xslt-saxon:s.xsl", exchange(body), services(XSL.format(MATCH.format(inside))))


async def test_version_3() -> None:
    done = await transformed('<xsl:value-of select="sum(for $n in 1 to 3 return $n * /r/a)"/>')
    assert done.message.body == '<?xml version="1.0" encoding="UTF-8"?><o>6</o>'


@pytest.mark.parametrize(
    "inside",
    [
        "<xsl:value-of select=\"unparsed-text('file:{path}')\"/>",
        "<xsl:copy-of select=\"doc('file:{path}')\"/>",
        "<xsl:copy-of select=\"document('file:{path}')\"/>",
        "<xsl:copy-of select=\"doc('http://127.0.0.1:9/')\"/>",
        "<xsl:copy-of select=\"collection('file:{path}')\"/>",
        "<xsl:copy-of select=\"json-doc('file:{path}')\"/>",
        "<xsl:evaluate xpath=\"'1'\"/>",
    ],
)
async def test_nothing_else_is_read(inside: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.xml"
    secret.write_text("<s>85073003328</s>")
    done = await transformed(inside.replace("{path}", str(secret)))
    assert class_of(done.exception) == "net.sf.saxon.trans.XPathException"
    assert "85073003328" not in str(done.exception)


@pytest.mark.parametrize(
    "text",
    [
        "<xsl:template match='/'><xsl:result-document href='file:/tmp/x.xml'><o/></xsl:result-document></xsl:template>",
        "<xsl:import href='other.xsl'/>",
        "<xsl:template match='/'><xsl:value-of select=\"environment-variable('HOME')\"/></xsl:template>",
        "<xsl:template match='/'><xsl:value-of select=\"function-lookup(xs:QName('fn:doc'), 1)\"/></xsl:template>",
        "<xsl:template match='/'><xsl:value-of select='no-such()'/></xsl:template>",
    ],
)
def test_sheets_that_are_refused(text: str) -> None:
    assert [found.rule for found in problems(route("to: xslt-saxon:s.xsl"), services(XSL.format(text)))] == [
        "resource"
    ]


async def test_what_fails_shows_no_value_anywhere(capfd: pytest.CaptureFixture[str]) -> None:
    inside = "<xsl:message>85073003328</xsl:message><xsl:value-of select=\"xs:integer(/r/a)\" xmlns:xs='http://www.w3.org/2001/XMLSchema'/>"
    done = await transformed(inside, "<r><a>Dupont 85073003328</a></r>")
    assert "85073003328" not in str(done.exception)
    shown = capfd.readouterr()
    assert "85073003328" not in shown.out + shown.err
    os.write(2, b"standard error is back\n")
    assert "is back" in capfd.readouterr().err


async def test_queries_read_nothing_else(tmp_path: Path) -> None:
    secret = tmp_path / "secret.xml"
    secret.write_text("<s>85073003328</s>")
    done = await steps(f"setBody: {{xquery: \"doc('file:{secret}')\"}}", exchange("<r/>"))
    assert class_of(done.exception) == "org.apache.camel.RuntimeExpressionException"
    for text in ("import module namespace m = 'm'; 1", "environment-variable('HOME')", "for $a in", "/x:y"):
        with pytest.raises(ExpressionError):
            saxon.Query(text, {})


def test_values_of_every_kind() -> None:
    query = saxon.Query("declare variable $v external; ($v, 1, 2.5, 1e3, true(), <a/>, 'x')", {})
    found = query.run(etree.XML("<r/>"), {"v": 7})
    assert [item.value for item in found[:5]] == [7, 1, 2.5, 1000.0, True]
    assert found[5].value.tag == "a"
    assert found[6].text == "x"


def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "saxonche":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    saxon.processor.cache_clear()
    try:
        found = problems(route("setBody: {xquery: /a}"), Services())
        assert [problem.rule for problem in found] == ["extra-missing"]
        assert "xslt3" in found[0].remedy
    finally:
        saxon.processor.cache_clear()


async def test_xj_refuses_what_is_not_of_its_type() -> None:
    hint = "xmlns:xj='http://camel.apache.org/component/xj' xj:type='int'"
    done = await steps(
        "to: xj:identity?transformDirection=XML2JSON", exchange(f"<r><a {hint}>Dupont</a></r>")
    )
    assert class_of(done.exception) == "javax.xml.transform.TransformerException"
    assert "Dupont" not in str(done.exception)


def test_xj_needs_a_direction() -> None:
    assert "missing-option" in [found.rule for found in problems(route("to: xj:identity"))]
    given = route("to: xj:identity?transformDirection=XML2JSON&output=DOM")
    assert [found.rule for found in problems(given)] == ["option-value"]


async def test_xj_both_ways() -> None:
    text = '{"a":[1,{"b":null},"é<"],"c":{},"d":true,"e":1.5}'
    both = "to: xj:identity?transformDirection=JSON2XML\nto: xj:identity?transformDirection=XML2JSON"
    done = exchange(text)
    await run(route(both), done)
    assert (done.exception, done.message.body) == (None, text)
