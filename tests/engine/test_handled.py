"""What steps send to endpoints of their own choice, under the route's error handler; texts and layouts of Camel."""

from __future__ import annotations

import pytest

from integrator.engine import Mocks, Services
from integrator.engine.exceptions import class_of
from integrator.engine.simple.prettying import pretty
from integrator.security.parsers import CONVERSIONS
from tests.engine.helpers import exchange, route, run

AGAIN = "- onException: {exception: [java.io.IOException], redeliveryPolicy: {maximumRedeliveries: 2, redeliveryDelay: '0'}}\n"
FAILS = (
    "- route: {id: f, errorHandler: {noErrorHandler: {}}, from: {uri: 'direct:f', steps: [{to: mock:tried}, "
    "{throwException: {exceptionType: java.io.IOException, message: f}}]}}\n"
)


async def _tried(step: str, *, before: str = AGAIN, mock: str = "mock:tried") -> int:
    mocks = Mocks()
    await run(before + FAILS + route(step), exchange("x"), Services(mocks=mocks))
    return len(mocks.received.get(mock, ()))


@pytest.mark.parametrize(
    ("step", "times"),
    [
        ("recipientList: {constant: 'direct:f,mock:other'}", 3),
        ("wireTap: {uri: 'direct:f'}", 3),
        ("enrich: {constant: direct:f}", 3),
        ("dynamicRouter: {simple: \"${iif(${header.n} == null,direct:f,${null})}\"}", 3),
        ("routingSlip: {constant: 'mock:first,direct:f'}", 6),
    ],
)  # fmt: skip
async def test_a_failing_endpoint_is_tried_again(step: str, times: int) -> None:
    assert await _tried(step) == times


async def test_the_others_of_a_list_go_on() -> None:
    assert await _tried("recipientList: {constant: 'direct:f,mock:other'}", mock="mock:other") == 1


async def test_a_recipient_that_went_to_the_dead_letters_ends_the_exchange() -> None:
    dead = "- errorHandler: {deadLetterChannel: {deadLetterUri: 'mock:dead'}}\n"
    step = "recipientList: {constant: 'direct:f,mock:other'}\nto: mock:end"
    assert await _tried(step, before=dead, mock="mock:dead") == 1
    assert await _tried(step, before=dead, mock="mock:end") == 0


async def test_a_tapped_route_completes() -> None:
    done = "- onCompletion: {steps: [{to: mock:done}]}\n"
    tapped = route("to: mock:tap", "direct:t", "t")
    mocks = Mocks()
    await run(done + tapped + route("wireTap: {uri: 'direct:t'}"), exchange("x"), Services(mocks=mocks))
    assert len(mocks.received["mock:done"]) == 2


async def test_a_pattern_holds_for_one_call() -> None:
    mocks = Mocks()
    await run(route("to: {uri: mock:a, pattern: InOnly}\nto: mock:b"), exchange("x"), Services(mocks=mocks))
    assert [mocks.received[name][0].pattern for name in ("mock:a", "mock:b")] == ["InOnly", "InOut"]


async def test_nobody_is_sent_to_where_the_uri_is_null() -> None:
    done = exchange("x")
    await run(route("toD: ${header.to}"), done)
    assert done.exception is None


async def test_mocks_keep_what_they_are_told() -> None:
    mocks = Mocks()
    step = "split: {constant: 'a,b,c', steps: [{to: 'mock:f?retainFirst=1'}, {to: 'mock:l?retainLast=1'}]}"
    await run(route(step), exchange("x"), Services(mocks=mocks))
    assert [one.message.body for one in mocks.received["mock:f"]] == ["a"]
    assert [one.message.body for one in mocks.received["mock:l"]] == ["c"]


async def test_a_missing_variable_cannot_be_converted() -> None:
    done = exchange("x")
    await run(route("convertVariableTo: {name: v, type: Integer}"), done)
    assert done.exception is not None
    assert class_of(done.exception) == "org.apache.camel.NoSuchVariableException"


def test_layouts() -> None:
    def lines(text: str) -> str:
        return pretty(text, CONVERSIONS.parse_json, CONVERSIONS.parse_xml)

    assert (
        lines('{"a":[1,{}],"b":"x/y"}')
        == '{\n\t"a": [\n\t\t1,\n\t\t{\n\t\t\t\n\t\t}\n\t],\n\t"b": "x\\/y"\n}\n'
    )
    assert lines('<p:a xmlns:p="u" p:x="1"><b>t</b></p:a>') == (
        '<p:a xmlns:p="u" p:x="1">\n  <b>\n    t\n  </b>\n</p:a>'
    )
    assert [lines(text) for text in ("plain", "{bad", "<bad")] == ["plain", "{bad", "<bad"]
