"""xpath and jsonpath beyond the vectors, the shorthands, sources and result types."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from integrator.engine import Services
from integrator.engine.exceptions import cause_of, class_of
from integrator.engine.javatypes import JavaList, JavaMap, NodeList, converter, type_of
from integrator.exchange import IntegratorError
from integrator.security.parsers import CONVERSIONS
from tests.engine.helpers import exchange, route, rules, steps

XML = '<r xmlns="urn:d" xmlns:p="urn:p"><a id="1">x</a><p:b>2</p:b></r>'


async def body(step: str, given: Any, headers: dict[str, Any] | None = None) -> Any:
    done = await steps(f"setBody: {step}", exchange(given, headers))
    if done.exception is not None:
        raise done.exception
    return done.message.body


async def test_xpath_with_namespaces() -> None:
    names = "namespace: [{key: d, value: 'urn:d'}, {key: q, value: 'urn:p'}]"
    text = f"{{xpath: {{expression: '/d:r/q:b', resultType: java.lang.Integer, {names}}}}}"
    assert await body(text, XML) == 2
    found = await body(f"{{xpath: {{expression: '/d:r/d:a', {names}}}}}", XML.encode())
    assert isinstance(found, NodeList)
    assert [node.get("id") for node in found] == ["1"]
    assert rules(route("setBody: {xpath: {expression: /r, namespace: [{key: 1}]}}")) == ["options"]


async def test_xpath_reads_headers_and_nodes() -> None:
    assert (
        await body(
            "{xpath: {expression: /x, source: 'header:h', resultType: String}}", "no", {"h": "<x>1</x>"}
        )
        == "1"
    )
    done = await steps(
        "setBody: {xpath: {expression: /r/o, resultQName: NODE}}\nsetBody: {xpath: {expression: /o/@i, resultType: String}}",
        exchange("<r><o i='7'/></r>"),
    )
    assert done.message.body == "7"
    assert await body("{xpath: {expression: 'in:body()', resultType: String}}", "<a>t</a>") == "<a>t</a>"


@pytest.mark.parametrize(
    "given", ["text", 5, '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>']
)
async def test_xpath_on_what_is_not_xml(given: Any) -> None:
    done = await steps("setBody: {xpath: /a}", exchange(given))
    assert class_of(done.exception).endswith(
        ("TypeConversionException", "NoTypeConversionAvailableException")
    )


@pytest.mark.parametrize(
    "text", ["document('file:///etc/hostname')", "str:tokenize('a')", "nosuch()", "$a(", "1 2"]
)
async def test_xpath_has_no_functions_that_reach_out(text: str) -> None:
    step = f'setBody: {{xpath: {{expression: "{text}", resultType: String}}}}'
    if not rules(route(step)):
        done = await steps(step, exchange("<a/>"))
        assert class_of(done.exception) == "org.apache.camel.language.xpath.InvalidXPathException"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.a['b c'][1]", 2), ("a['b c'][-1]", 3), ("$.n", None), ("$..x", [1, 2]), ("$.l[0:1].x", [1]),
        ("$.l[?(@.x == 2)].y", ["t"]), ("$.l.length()", 2), ("$.a.keys()", ["b c"]), ("$.a['b c'].max()", 3.0),
        ("$.l[?(@.y =~ /T/i)].x", [2]),
    ],
)  # fmt: skip
async def test_jsonpath(path: str, expected: Any) -> None:
    data = {"a": {"b c": [1, 2, 3]}, "n": None, "l": [{"x": 1}, {"x": 2, "y": "t"}]}
    found = await body(f'{{jsonpath: "{path}"}}', data)
    assert found == expected
    if isinstance(found, list):
        assert isinstance(found, JavaList)


async def test_jsonpath_results_are_java_types() -> None:
    found = await body("{jsonpath: $.a}", '{"a": {"b": [1]}}')
    assert type(found) is JavaMap
    assert type(found["b"]) is JavaList
    assert await body("{jsonpath: '$.l[${header.i}].x'}", {"l": [{"x": 5}]}, {"i": 0}) == 5
    done = await steps("setBody: {jsonpath: '$.${header.i}'}", exchange({}, {"i": "[bad"}))
    assert done.exception is not None
    assert class_of(cause_of(done.exception) or done.exception) == "com.jayway.jsonpath.InvalidPathException"


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("{header: h}", 5), ("{exchangeProperty: none}", None), ("{variable: none}", None),
        ("{expression: {header: {expression: h}}}", 5), ("{constant: ' x '}", "x"),
        ("{constant: {expression: ' x ', trim: false}}", " x "), ("{constant: {expression: '5', resultType: int}}", 5),
        ("{constant: {expression: 'true', resultType: boolean}}", True), ("{jq: '. as $b | header(\"h\")'}", 5),
        ("{jq: {expression: .x, source: 'header:j'}}", 9), ("{jq: {expression: ., resultType: java.util.Map}}", {"a": 1}),
        ("{jq: {expression: ., resultType: 'byte[]'}}", b'{"a":1}'), ("{jq: {expression: .a, resultType: Double}}", 1.0),
    ],
)  # fmt: skip
async def test_expressions(step: str, expected: Any) -> None:
    assert await body(step, {"a": 1}, {"h": 5, "j": '{"x": 9}'}) == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("int", "12", 12), ("Integer", 12.9, 12), ("long", None, None), ("double", "1.5", 1.5), ("boolean", "TRUE", True),
        ("boolean", 5, True), ("byte[]", "é", "é".encode()), ("String", b"a", "a"), ("Map", {"a": 1}, {"a": 1}),
        ("java.util.List", [1], [1]), ("Object", 1, 1),
    ],
)  # fmt: skip
def test_conversions(name: str, value: Any, expected: Any) -> None:
    convert = converter(name)
    assert convert is not None
    assert convert(value) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [("int", "1_0"), ("int", " 1"), ("int", "x"), ("int", []), ("int", "9" * 30), ("double", "x"), ("double", []),
     ("boolean", "12"), ("byte[]", 5), ("Map", "x"), ("List", "x"), ("boolean", [])],
)  # fmt: skip
def test_conversions_that_fail(name: str, value: Any) -> None:
    convert = converter(name)
    assert convert is not None
    with pytest.raises(IntegratorError) as caught:
        convert(value)
    assert class_of(caught.value).endswith(("TypeConversionException", "NoTypeConversionAvailableException"))


def test_types_have_java_names() -> None:
    values = [1, 2**40, 2**70, True, "a", 1.5, b"", JavaMap(), {}, []]
    assert [type_of(value).rpartition(".")[2] for value in values] == [
        "Integer", "Long", "BigInteger", "Boolean", "String", "Double", "byte[]", "LinkedHashMap", "ObjectNode",
        "ArrayNode",
    ]  # fmt: skip


async def test_a_text_is_read_once_for_several_questions_and_anew_for_nodes() -> None:
    read: list[bytes] = []

    def parse(data: bytes) -> Any:
        read.append(data)
        return CONVERSIONS.parse_xml(data)

    services = Services(conversions=replace(CONVERSIONS, parse_xml=parse))
    from_v = 'source: "variable:v"'
    text = f"""
setVariable: {{name: v, constant: "<a><b>1</b></a>"}}
filter: {{xpath: {{expression: /a/b = 2, {from_v}}}, steps: [{{stop: {{}}}}]}}
setHeader: {{name: h, xpath: {{expression: /a/b, {from_v}, resultType: java.lang.String}}}}
setProperty: {{name: one, xpath: {{expression: /a/b, {from_v}}}}}
setProperty: {{name: two, xpath: {{expression: /a/b, {from_v}}}}}
"""
    given = await steps(text, exchange(), services)
    assert given.exception is None
    assert given.message.headers["h"] == "1"
    assert given.properties["one"][0] is not given.properties["two"][0]
    assert len(read) == 3
