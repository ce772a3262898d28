"""Python functions of a site: how they are called, and what they must not do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from integrator.engine import Mocks, RouteErrors, RouteProblem, Services, check_routes, compile_routes
from integrator.engine.exceptions import class_of, text_of
from integrator.engine.site_code import MODULES, View
from integrator.exchange import Exchange
from tests.engine.helpers import exchange, route, source

CODE = """
from datetime import date
import re

def upper(body):
    return body.upper()

def add(text: str, number: int = 1):
    return text + str(number + 1)

def mark(exchange):
    exchange.headers["marked"] = exchange.id
    exchange.set_property("seen", exchange.property("given"))
    exchange.variables["v"] = exchange.body
    exchange.body = "marked"

def nothing(body):
    return None

def everything(exchange, body, headers, properties, variables):
    return [exchange.body == body, headers["h"], properties["p"], variables["w"]]

def protect(exchange):
    exchange.set_property("IntegratorParty", "me")

def refuse(body):
    fail("java.lang.IllegalArgumentException", "no " + body)

def broken(body):
    return body["secret"]

def is_long(body):
    return len(body) > 3

def year(body):
    return re.sub("x", str(date(2026, 1, 2).year), body)
"""


async def steps(text: str, given: Exchange, code: str = CODE) -> Exchange:
    made = replace(source(route(text)), code=code)
    await compile_routes([made], Services()).run("direct:start", given)
    return given


def problems(text: str, code: str, services: Services | None = None) -> list[RouteProblem]:
    found = check_routes([replace(source(route(text)), code=code)], services)
    return [problem for problem in found if problem.rule != "bean-not-portable"]


@pytest.mark.parametrize(
    ("step", "body", "expected"),
    [
        ("bean: {ref: upper}", "abc", "ABC"),
        ("bean: upper", "abc", "ABC"),
        ("to: bean:upper", "abc", "ABC"),
        ("bean: {ref: '#upper', method: upper, scope: Prototype}", "abc", "ABC"),
        ("bean: {ref: nothing}", "abc", "abc"),
        ("bean: {ref: add}", 7, "72"),
        ('bean: {ref: add, method: "add(${body}, 5)"}', "x", "x6"),
        ("bean: {ref: add, method: \"add('a,b', 1)\"}", "x", "a,b2"),
        ("bean: {ref: add, method: 'add(literal)'}", "x", "literal2"),
        ("to: 'bean:add?method=add(${body}, 2)'", "x", "x3"),
        ("setBody: {ref: is_long}", "long", True),
        ("setBody: {ref: {expression: is_long, resultType: java.lang.String}}", "long", "true"),
        ("filter: {ref: is_long, steps: [{setBody: {constant: done}}]}", "abcd", "done"),
        ("filter: {ref: is_long, steps: [{setBody: {constant: yes}}]}", "abc", "abc"),
        ("bean: year", "x", "2026"),
    ],
)
async def test_functions_are_called(step: str, body: object, expected: object) -> None:
    done = await steps(step, exchange(body))
    assert done.exception is None
    assert done.message.body == expected


async def test_a_process_sees_the_exchange() -> None:
    given = exchange("b")
    given.properties["given"] = 5
    done = await steps("process: {ref: mark}", given)
    assert done.message.body == "marked"
    assert done.message.headers["marked"] == done.id
    assert (done.properties["seen"], done.variables["v"]) == (5, "b")


async def test_parameters_are_filled_by_name() -> None:
    given = exchange("b", {"h": 1})
    given.properties["p"], given.variables["w"] = 2, 3
    assert (await steps("bean: everything", given)).message.body == [True, 1, 2, 3]


async def test_errors_have_java_classes_and_no_values() -> None:
    done = await steps("bean: refuse", exchange("secret"))
    assert class_of(done.exception) == "java.lang.IllegalArgumentException"
    assert text_of(done.exception) == "no secret"
    assert "secret" not in str(done.exception)
    done = await steps("bean: broken", exchange("secret"))
    assert class_of(done.exception) == "org.apache.camel.RuntimeCamelException"
    assert str(done.exception) == "TypeError in step bean"


async def test_the_context_is_read_only() -> None:
    done = await steps("process: {ref: protect}", exchange("b"))
    assert done.exception is not None
    assert "IntegratorParty" not in done.properties
    assert View(done).property("IntegratorParty") is None


@pytest.mark.parametrize(
    ("code", "line", "column", "said"),
    [
        ("import os\n", 1, 1, "cannot import os"),
        ("from os import path\n", 1, 1, "cannot import os"),
        ("from . import x\n", 1, 1, "cannot import ."),
        ("from operator import attrgetter\n", 1, 1, "attrgetter"),
        ("from math import *\n", 1, 1, "*"),
        ("def f(body):\n    return open(body)\n", 2, 12, "open"),
        ("def f(body):\n    return eval(body)\n", 2, 12, "eval"),
        ("def f(body):\n    return getattr(body, 'x')\n", 2, 12, "getattr"),
        ("def f(body):\n    return body.__class__\n", 2, 12, ".__class__"),
        ("def f(body):\n    return body._private\n", 2, 12, "._private"),
        ("def f(body):\n    return '{0.x}'.format(body)\n", 2, 12, ".format"),
        ("def f(body):\n    return __builtins__\n", 2, 12, "__builtins__"),
        ("x = 1\ndef f(body):\n    global x\n", 3, 5, "keep nothing"),
        ("async def f(body):\n    return 1\n", 1, 1, "async"),
        ("def f(body)\n", 1, 12, "no Python"),
        ("def f(body, seen=[]):\n    return seen\n", 1, 18, "can change"),
        ("from functools import lru_cache\n", 1, 1, "lru_cache"),
        (
            "def f(body):\n    match body:\n        case object(_exchange=x):\n            return x\n",
            3,
            14,
            "._exchange",
        ),
        ("def f(body):\n    return (g for g in body).gi_frame\n", 2, 12, "gi_frame"),
    ],
)
def test_what_functions_must_not_do(code: str, line: int, column: int, said: str) -> None:
    found = problems("log: x\nbean: f", code)
    first = next(problem for problem in found if problem.rule == "bean-code")
    assert (first.file, first.line, first.column) == ("routes/test.beans.py", line, column)
    assert said in first.message
    assert first.remedy
    with pytest.raises(RouteErrors):
        compile_routes([replace(source(route("bean: f")), code=code)], Services())


def test_modules_give_nothing_but_what_they_are_for() -> None:
    lines = "\n".join(f"import {name}" for name in MODULES)
    code = f"{lines}\ndef f(body):\n    return [hasattr_free for hasattr_free in [re, json, datetime]]\n"
    made = replace(source(route("bean: f")), code=code)
    routes = compile_routes([made], Services())
    assert routes.uris == {"direct:start"}


async def test_constants_cannot_change() -> None:
    code = """
SEEN = {"a": [1]}
LISTED = []
def read(body):
    return SEEN["a"][0]
def write(body):
    SEEN["b"] = body
def append(body):
    LISTED.append(body)
def give(body):
    return SEEN
"""
    assert (await steps("bean: give", exchange("x"), code)).message.body == {"a": [1]}
    assert (await steps("bean: read", exchange("x"), code)).message.body == 1
    assert str((await steps("bean: write", exchange("x"), code)).exception) == "TypeError in step bean"
    assert str((await steps("bean: append", exchange("x"), code)).exception) == "AttributeError in step bean"


async def test_modules_lead_to_no_other_module() -> None:
    done = await steps("bean: f", exchange("x"), "import re\ndef f(body):\n    return re.enum\n")
    assert str(done.exception) == "AttributeError in step bean"


@pytest.mark.parametrize(
    ("step", "rule"),
    [
        ("bean: {ref: uppr}", "bean"),
        ("bean: {}", "missing-option"),
        ("bean: {beanType: java.util.UUID}", "not-yet"),
        ("bean: {ref: upper, method: lower}", "bean"),
        ("bean: {ref: upper, method: 'upper(1, 2)'}", "bean"),
        ("bean: {ref: upper, method: '1x('}", "option-value"),
        ("bean: {ref: unfilled}", "bean"),
        ("process: {ref: nope}", "bean"),
        ("process: {}", "missing-option"),
        ("to: bean:nope", "bean"),
        ("to: bean:upper?nosuch=1", "unknown-endpoint-option"),
        ("setBody: {ref: nope}", "bean"),
    ],
)
def test_bad_calls(step: str, rule: str) -> None:
    code = CODE + "\ndef unfilled(body, other):\n    return 1\n"
    assert rule in [problem.rule for problem in problems(step, code)]


def test_the_nearest_function_is_offered() -> None:
    assert problems("bean: uppr", CODE)[0].remedy == "Did you mean upper?"
    assert "def upper(body) in routes/test.beans.py" in problems("bean: upper", "")[0].remedy


def test_functions_are_flagged_as_not_portable() -> None:
    found = check_routes([replace(source(route("bean: upper")), code=CODE)])
    assert [problem.rule for problem in found] == ["bean-not-portable"]


HOOKS = """
def occurred(exchange):
    exchange.set_property("occurred", (exchange.property("occurred") or 0) + 1)

def redelivering(exchange):
    exchange.headers["redelivered"] = str(exchange.headers["CamelRedeliveryCounter"])

def preparing(exchange):
    exchange.headers["prepared"] = "yes"

def twice(headers):
    return headers["CamelRedeliveryCounter"] <= 2

def worse(exchange):
    fail("java.lang.IllegalStateException", "worse")
"""
FAILING = """
- route: {id: a, from: {uri: direct:start, steps: [{throwException: {exceptionType: java.io.IOException, message: x}}]}}
"""


async def hooked(text: str) -> tuple[Exchange, Mocks]:
    mocks, given = Mocks(), exchange("x")
    made = replace(source(text + FAILING), code=HOOKS)
    await compile_routes([made], Services(mocks=mocks)).run("direct:start", given)
    return given, mocks


async def test_an_error_handler_calls_functions() -> None:
    given, mocks = await hooked(
        "- errorHandler: {deadLetterChannel: {deadLetterUri: mock:dead, onExceptionOccurredRef: occurred, "
        "onRedeliveryRef: redelivering, onPrepareFailureRef: preparing, "
        "redeliveryPolicy: {maximumRedeliveries: 2, redeliveryDelay: '0'}}}"
    )
    dead = mocks.received["mock:dead"][0]
    assert dead.message.headers["prepared"] == "yes"
    assert dead.message.headers["redelivered"] == "2"
    assert given.properties["occurred"] == 3


async def test_a_function_says_whether_to_try_again() -> None:
    given, mocks = await hooked(
        "- errorHandler: {deadLetterChannel: {deadLetterUri: mock:dead, retryWhileRef: twice, "
        "onExceptionOccurredRef: occurred, redeliveryPolicy: {redeliveryDelay: '0'}}}"
    )
    assert len(mocks.received["mock:dead"]) == 1
    assert given.properties["occurred"] == 3


async def test_an_on_exception_calls_functions() -> None:
    given, _ = await hooked(
        "- onException: {exception: [java.io.IOException], handled: {constant: 'true'}, "
        "onExceptionOccurredRef: occurred, onRedeliveryRef: redelivering, "
        "redeliveryPolicy: {maximumRedeliveries: 1, redeliveryDelay: '0'}, steps: [{log: x}]}"
    )
    assert given.exception is None
    assert given.properties["occurred"] == 2
    assert given.message.headers["redelivered"] == "1"


async def test_what_a_function_of_an_error_handler_raises_replaces_the_error() -> None:
    given, _ = await hooked("- errorHandler: {defaultErrorHandler: {onExceptionOccurredRef: worse}}")
    assert class_of(given.exception) == "java.lang.IllegalStateException"


def test_functions_of_error_handlers_that_are_not_there() -> None:
    text = "- errorHandler: {defaultErrorHandler: {onRedeliveryRef: nope}}" + FAILING
    assert [problem.rule for problem in check_routes([source(text)])] == ["bean"]


async def test_the_documented_functions_run() -> None:
    page = (Path(__file__).parents[2] / "docs" / "functions.md").read_text(encoding="utf-8")
    code, shown = (page.split(f"```{kind}\n")[1].split("```")[0] for kind in ("python", "yaml"))
    code += "\ndef is_urgent(body):\n    return False\n"
    written = "\n".join(line.removeprefix("- ") for line in shown.strip().split("\n"))
    text = route(written) + route("log: x", "direct:urgent", "urgent")
    routes = compile_routes([replace(source(text), code=code)], Services())
    given = exchange({"surface": 10}, {"rate": "1.5"})
    await routes.run("direct:start", given)
    assert given.message.body == {"surface": 10, "fee": "15.0"}
    large = exchange({"surface": 20_000}, {"rate": "1.5"})
    await routes.run("direct:start", large)
    assert class_of(large.exception) == "java.lang.IllegalArgumentException"
    assert all(f"`{name}`" in page for name in MODULES)
