"""simple beyond the vectors: operators in expressions, escapes, paths, dates, and texts nobody meant."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrator.engine import Services, check_routes
from integrator.engine.exceptions import class_of
from integrator.engine.javatypes import JavaList, JavaMap, double_text, java_text, pretty, to_text
from integrator.engine.simple.dates import formatter
from integrator.exchange import Context
from integrator.site.compiled import RouteSource
from tests.engine.helpers import exchange, run, source, steps

NOON = 1_772_712_000_000_000  # 2026-03-05 12:00 UTC


async def value(text: str, body: Any = "x", headers: dict[str, Any] | None = None, **services: Any) -> Any:
    quoted = text.replace("'", "''")
    done = await steps(
        f"setHeader: {{name: out, simple: '{quoted}'}}",
        exchange(body, headers),
        Services(now_us=lambda: NOON, personal=False, **services),
    )
    if done.exception is not None:
        raise done.exception
    return done.message.headers["out"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${header.n}++", 8),
        ("${header.n}--", 6),
        ("${header.s}++", "8"),
        ("${header.no} ?: 'default'", "default"),
        ("${header.n} ?: 'default'", 7),
        ("${header.no} ?: ${header.n}", 7),
        ("${header.n} == 7 ? 'yes' : 'no'", "7yes"),
        ("${header.t} ? 'yes' : 'no'", "trueno"),
        ("is it? yes : no", "is it? yes : no"),
        ("what ? maybe : not", "what ? maybe : not"),
        ("${header.list} ~> ${body[1]}", "b"),
        ("a\\nb\\tc\\}", "a\nb\tc}"),
        ("${header.n} && ${header.s}", "7 && 7"),
        ("${header.list[last]}", "c"),
        ("${header.list[last-1]}", "b"),
        ("${header.list?[9]}", None),
        ("${header.map[k].length}", 1),
        ("${header.map?.nope}", None),
        ("${headers['list'][0]}", None),  # Camel takes all of it for one name
        ("${header.text.replace('a','b').contains('b b')}", True),
        ("${header.text.split(' ').size()}", 2),
        ("${header.text.indexOf('z')}", -1),
        ("${bodyAs(java.util.Map)}", None),
        ("${exception.message}", None),
        ("${date:now:yyyy-MM-dd HH:mm:ss.SSS}", "2026-03-05 12:00:00.000"),
        ("${date:now+1d-2h:EEEE d MMM yy, h a}", "Friday 6 Mar 26, 10 AM"),
        ("${date-with-timezone:now:Europe/Brussels:HH:mm XXX Z}", "13:00 +01:00 +0100"),
        ("${date:header.ms:yyyy}", "1970"),
        ("${uppercase(${trim('  ab ')})}", "AB"),
        ("${concat(${header.no},'a')}", "a"),
        ("${list()}", []),
        ("${size(${header.list})}", 3),
        ("${not(${header.n} > 5 && ${header.n} < 9)}", False),
        ("${iif(${header.n} in '6,7',${header.text},none)}", "a a"),
        ("${isEmpty(${header.none})}", True),
        ("${substringBetween('<','>')}", None),
        ("${capitalize('')}", ""),
    ],
)
async def test_expressions(text: str, expected: Any) -> None:
    headers = {
        "n": 7, "s": "7", "t": True, "list": JavaList("abc"), "map": JavaMap(k="v"), "text": "a a", "ms": 1000,
    }  # fmt: skip
    if text == "${header.map?.nope}":
        with pytest.raises(Exception, match="not found"):  # `?.` guards null only
            await value(text, headers=headers)
    else:
        assert await value(text, headers=headers) == expected


async def test_json_prints_pretty_and_java_collections_as_java_does() -> None:
    assert await value("[${body}]", {"a": [1, {"b": None}], "c": {}}) == (
        '[{\n  "a" : [ 1, {\n    "b" : null\n  } ],\n  "c" : { }\n}]'
    )
    assert (
        await value("[${body}]", JavaMap(a=JavaList([1, None, 2.50, True]))) == "[{a=[1, null, 2.5, true]}]"
    )
    assert pretty({"d": Decimal("1.50")}) == '{\n  "d" : 1.50\n}'
    assert java_text(JavaMap()) == "{}"


@pytest.mark.parametrize(
    ("number", "text"),
    [(1.0, "1.0"), (0.1, "0.1"), (1e7, "1.0E7"), (12345678.9, "1.23456789E7"), (1e-5, "1.0E-5"), (0.001, "0.001"),
     (-0.0, "-0.0"), (float("inf"), "Infinity"), (float("nan"), "NaN"), (1e22, "1.0E22"), (100.0, "100.0")],
)  # fmt: skip
def test_doubles_print_as_in_java(number: float, text: str) -> None:
    assert double_text(number) == text


@pytest.mark.parametrize(
    ("value_", "text"),
    [(None, None), ("a", "a"), (True, "true"), (5, "5"), (Decimal("1.10"), "1.10"), (b"\xc3\xa9", "é"),
     ([1, "a"], '[ 1, "a" ]'), (JavaList(), "[]")],
)  # fmt: skip
def test_texts(value_: Any, text: str | None) -> None:
    assert to_text(value_) == text


@pytest.mark.parametrize("pattern", ["q", "yyyy'", "x", "yyyy-Q"])
def test_date_patterns_that_do_not_compile(pattern: str) -> None:
    with pytest.raises(Exception, match="date pattern"):
        formatter(pattern)


def test_date_patterns() -> None:
    moment = datetime(2026, 3, 5, 0, 7, 9, 123456, tzinfo=UTC)
    assert formatter("yy/M/d h:m:s a''D 'T' SSSSSS z X")(moment) == "26/3/5 12:7:9 AM'64 T 000123 UTC Z"
    assert formatter("k K u F w W YYYY G MMMMM EEEE zzzz")(moment) == (
        "24 0 4 1 10 1 2026 AD March Thursday Coordinated Universal Time"
    )
    assert formatter("w Y")(datetime(2024, 12, 31, tzinfo=UTC)) == "1 2025"


async def test_created_is_when_the_gateway_received() -> None:
    given_ = exchange("x", context=Context("E", "f", "0" * 64, received_us=NOON))
    done = await steps("setBody: {simple: '${date:exchangeCreated:HH}'}", given_)
    assert done.message.body == "12"


async def test_trims_unless_told() -> None:
    done = await steps("setBody: {simple: {expression: ' ${body} ', trim: false}}", exchange("x"))
    assert done.message.body == " x "
    done = await steps("setBody: {simple: {expression: '${body}', trimResult: true}}", exchange(" x "))
    assert done.message.body == "x"


async def test_result_type_boolean_makes_operators_count() -> None:
    done = await steps("setBody: {simple: {expression: '${body} == 7', resultType: boolean}}", exchange("7"))
    assert done.message.body is True


async def test_placeholders() -> None:
    services = Services(placeholders={"a": "1"}, personal=False)
    text = "setBody: {simple: '{{a}}{{?b}}{{c:d}}${properties:a}${propertiesExist:b}'}"
    assert (await steps(text, exchange(), services)).message.body == "1d1false"


async def test_long_texts_are_not_matched() -> None:
    done = await steps("filter: {simple: \"${body} regex 'a+'\", steps: []}", exchange("a" * 200_000))
    assert class_of(done.exception) == "java.lang.IllegalArgumentException"


async def test_simple_loads_files_of_the_site() -> None:
    services = Services(resource=lambda path: f"[{path}]\n".encode(), personal=False)
    assert (
        await steps("setBody: {simple: '${load(file:a.txt)}'}", exchange(), services)
    ).message.body == "[a.txt]"


async def test_caught_exceptions_print_as_in_java() -> None:
    text = (
        "- from: {uri: direct:start, steps: [{doTry: {steps: [{throwException: {exceptionType: java.io.IOException, "
        "message: boom}}], doCatch: [{exception: [java.lang.Exception], steps: [{setBody: {simple: "
        "'${exception}|${exception.class.simpleName}|${exception.stacktrace}|${exception.cause}'}}]}]}}]}"
    )
    assert (await run(text, exchange())).message.body == (
        "java.io.IOException: boom|IOException|java.io.IOException: boom\n\tat route1(routes/test.camel.yaml:1)\n|"
    )


pieces = st.sampled_from(
    ["${", "}", "$simple{", "body", "header.a", "'", '"', " ", "==", " == ", "&&", " || ", "(", ")", "[", "]", ".", "?",
     " ? ", " : ", " ?: ", " ~> ", "++", "\\n", "\\", "1", "-", "null", "trim", "iif", "split", ",", "date:now", "{{", "}}",
     " contains ", " regex ", "jq(", "x"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(pieces, max_size=12).map("".join), st.sampled_from(["simple", "jq", "xpath", "jsonpath"]))
def test_any_text_either_compiles_or_is_a_problem(text: str, language: str) -> None:
    documents = (
        {
            "from": {
                "uri": "direct:a",
                "steps": [{"setBody": {language: text}}, {"filter": {language: text, "steps": []}}],
            }
        },
    )
    for problem in check_routes([RouteSource("f.yaml", documents)], Services()):
        assert problem.remedy


def test_the_helper_finds_lines() -> None:
    assert source("- from:\n    uri: direct:a\n").lines["/0/from/uri"] == 2
