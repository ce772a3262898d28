"""onException, errorHandler, dead letters, redelivery, intercepts, completions, configurations."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrator.engine import Mocks, Services, compile_routes
from integrator.engine.exceptions import class_of
from integrator.engine.guards import Redelivery
from integrator.exchange import AdapterAnswer, Context, NoData, ProviderTimeout, ProviderUnreachable
from tests.engine.helpers import Answering, exchange, problems, route, rules, run, source

IO = "exception: [java.io.IOException]"
BOOM = "throwException: {exceptionType: java.io.IOException, message: boom}"
CALL = "to: adapter:a/b?operation=c"


class Waits:
    """A clock that only notes."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@given(st.integers(0, 6), st.integers(0, 6))
def test_redelivery_counts(failures: int, most: int) -> None:
    waits = Waits()
    sender = Answering(*[ProviderUnreachable("gone") for _ in range(failures)], AdapterAnswer({"ok": 1}))
    text = f"- errorHandler: {{defaultErrorHandler: {{redeliveryPolicy: {{maximumRedeliveries: {most}, redeliveryDelay: 2s}}}}}}\n"
    done = exchange({"x": 1})
    asyncio.run(run(text + route(CALL), done, Services(sender=sender, sleep=waits)))
    assert len(sender.calls) == min(failures, most) + 1
    assert waits.seconds == [2.0] * min(failures, most)
    assert (done.exception is None) == (failures <= most)
    assert all(call[2] == {"x": 1} for call in sender.calls)
    assert ("CamelFailureRouteId" in done.properties) == (failures > most)


def test_delays_grow_and_have_a_limit() -> None:
    policy = Redelivery(5, 1.0, 5.0, 2.0)
    assert [policy.wait(attempt) for attempt in (1, 2, 3, 4, 99)] == [1, 2, 4, 5, 5]
    assert [Redelivery(5, pattern=((1, 1.0), (3, 9.0))).wait(attempt) for attempt in (1, 2, 3)] == [1, 1, 9]
    assert all(0.85 <= Redelivery(5, 1.0, spread=0.15).wait(1) <= 1.15 for _ in range(50))


async def test_redelivery_ends_with_the_engines_limit_and_the_deadline() -> None:
    text = (
        f"- onException: {{{IO}, redeliveryPolicy: {{maximumRedeliveries: -1, redeliveryDelay: '0'}}}}\n"
        + route(CALL)
    )
    sender = Answering(*[ProviderUnreachable() for _ in range(50)])
    await run(text, exchange({}), Services(sender=sender, redeliveries=7))
    assert len(sender.calls) == 8
    waits, sender = Waits(), Answering(*[ProviderUnreachable() for _ in range(50)])
    late = Context("E-1", "f", "s", deadline=asyncio.get_running_loop().time() + 0.5)
    slow = text.replace("redeliveryDelay: '0'", "redeliveryDelay: 1s")
    await run(slow, exchange({}, context=late), Services(sender=sender, sleep=waits))
    assert (len(sender.calls), waits.seconds) == (1, [])


async def test_continued_goes_on_after_the_step() -> None:
    text = f"- onException: {{{IO}, continued: {{constant: 'true'}}, steps: [{{setHeader: {{name: h, constant: '1'}}}}]}}\n"
    done = await run(text + route(f"{BOOM}\nsetBody: {{constant: after}}"), exchange("x"))
    assert (done.message.body, dict(done.message.headers), done.exception) == ("after", {"h": "1"}, None)


async def test_handled_ends_the_caller_too() -> None:
    text = f"- onException: {{{IO}, handled: {{constant: 'true'}}, steps: [{{setBody: {{constant: H}}}}]}}\n"
    text += route("to: direct:sub\nsetBody: {constant: no}") + route(BOOM, "direct:sub", "sub")
    done = await run(text, exchange("x"))
    assert (done.message.body, done.exception, done.route_stop) == ("H", None, False)


async def test_the_nearest_class_and_on_when() -> None:
    text = (
        "- onException: {exception: [java.lang.Exception], handled: {constant: 'true'}, steps: [{setBody: {constant: general}}]}\n"
        f"- onException: {{{IO}, onWhen: {{simple: \"${{header.w}} == 'y'\"}}, handled: {{constant: 'true'}}, steps: [{{setBody: {{constant: io}}}}]}}\n"
    ) + route("throwException: {exceptionType: java.io.FileNotFoundException, message: m}")
    assert (await run(text, exchange("x", {"w": "y"}))).message.body == "io"
    assert (await run(text, exchange("x"))).message.body == "general"


async def test_errors_of_the_sender_are_handled_by_class() -> None:
    text = "- onException: {exception: [java.util.NoSuchElementException], handled: {constant: 'true'}, steps: [{setBody: {constant: none}}]}\n"
    done = await run(text + route(CALL), exchange({}), Services(sender=Answering(NoData("nothing"))))
    assert done.message.body == "none"
    done = await run(text + route(CALL), exchange({}), Services(sender=Answering(ProviderTimeout("slow"))))
    assert isinstance(done.exception, ProviderTimeout)


async def test_errors_of_a_do_try_pass_the_error_handler_of_its_route_by() -> None:
    text = "- onException: {exception: [java.lang.Exception], handled: {constant: 'true'}, steps: [{setBody: {constant: H}}]}\n"
    caught = route(
        f"doTry: {{steps: [{{{BOOM}}}], doCatch: [{{{IO}, steps: [{{setBody: {{constant: C}}}}]}}]}}"
    )
    assert (await run(text + caught, exchange("x"))).message.body == "C"
    other = caught.replace(IO, "exception: [java.lang.Error]")
    done = await run(text + other, exchange("x"))
    assert done.message.body == "x"
    assert class_of(done.exception) == "java.io.IOException"
    inner = route(
        "doTry: {steps: [{to: direct:sub}], doFinally: {steps: [{setHeader: {name: f, constant: '1'}}]}}\nsetBody: {constant: no}"
    )
    done = await run(text + inner + route(BOOM, "direct:sub", "sub"), exchange("x"))
    assert (done.message.body, dict(done.message.headers)) == ("H", {"f": "1"})


async def test_the_original_needs_use_original_message() -> None:
    text = (
        f"- onException: {{{IO}, useOriginalBody: true, handled: {{constant: 'true'}}, steps: [{{to: mock:e}}]}}\n"
        + route(f"setBody: {{constant: y}}\n{BOOM}")
    )
    done = await run(text, exchange("x"))
    assert class_of(done.exception) == "java.lang.IllegalStateException"
    done = await run(text.replace("useOriginalBody", "useOriginalMessage"), exchange("x"))
    assert (done.message.body, done.exception) == ("x", None)


async def test_dead_letters() -> None:
    mocks, waits = Mocks(), Waits()
    text = (
        "- errorHandler: {deadLetterChannel: {deadLetterUri: mock:dead, useOriginalMessage: true, redeliveryPolicy: {maximumRedeliveries: 2}}}\n"
        + route(f"setBody: {{constant: y}}\n{BOOM}\nto: mock:end")
    )
    done = await run(text, exchange("x"), Services(mocks=mocks, sleep=waits))
    assert (done.exception, [one.message.body for one in mocks.received["mock:dead"]]) == (None, ["x"])
    assert (waits.seconds, "mock:end" in mocks.received) == ([1.0, 1.0], False)
    strict = text.replace("useOriginalMessage: true", "deadLetterHandleNewException: false").replace(
        "mock:dead", "direct:dead"
    )
    done = await run(
        strict
        + route("throwException: {exceptionType: java.lang.IllegalStateException}", "direct:dead", "d"),
        exchange("x"),
        Services(sleep=waits),
    )
    assert done.exception is None  # the dead letter route has the same error handler: it goes in a circle


async def test_no_error_handler_leaves_errors_to_the_caller() -> None:
    caller = source(
        f"- onException: {{{IO}, handled: {{constant: 'true'}}, steps: [{{setBody: {{constant: H}}}}]}}\n"
        + route("to: direct:sub"),
        "a.yaml",
    )
    sub = route(BOOM, "direct:sub", "sub")
    for text, handled in ((sub, False), ("- errorHandler: {noErrorHandler: {}}\n" + sub, True)):
        done = exchange("x")
        await compile_routes([caller, source(text, "b.yaml")], Services()).run("direct:start", done)
        assert (done.exception is None) is handled


async def test_configurations_across_files() -> None:
    shared = source(
        f"- routeConfiguration: {{id: strict, onException: [{{onException: {{{IO}, handled: {{constant: 'true'}}, steps: [{{setBody: {{constant: RC}}}}]}}}}]}}",
        "shared.yaml",
    )
    named = route(BOOM).replace("id: r", "id: r\n    routeConfigurationId: str*")
    done = exchange("x")
    await compile_routes([source(named), shared], Services()).run("direct:start", done)
    assert done.message.body == "RC"
    assert [problem.rule for problem in problems(named)] == ["route-configuration"]


async def test_intercepts_around_sending() -> None:
    mocks = Mocks()
    text = "- interceptSendToEndpoint: {uri: 'mock:a*', onWhen: {simple: \"${body} == 'x'\"}, afterUri: mock:z, steps: [{setBody: {simple: 'i${body}'}}]}\n"
    text += route("to: mock:ab\nto: mock:b\ntoD: mock:${header.n}")
    done = await run(text, exchange("x", {"n": "ac"}), Services(mocks=mocks))
    assert done.exception is None
    assert {name: [one.message.body for one in ones] for name, ones in mocks.received.items()} == {
        "mock:ab": ["ix"], "mock:z": ["ix", "ix"], "mock:b": ["ix"], "mock:ac": ["ix"],
    }  # fmt: skip


async def test_completions_run_on_copies_and_their_failures_change_nothing() -> None:
    mocks = Mocks()
    text = f"- onCompletion: {{onWhen: {{simple: \"${{body}} == 'y'\"}}, steps: [{{setBody: {{constant: c}}}}, {{to: mock:c}}, {{{BOOM}}}]}}\n"
    done = await run(text + route("setBody: {simple: '${body}'}"), exchange("y"), Services(mocks=mocks))
    assert (done.message.body, done.exception, len(mocks.received["mock:c"])) == ("y", None, 1)
    await run(text + route("log: x"), exchange("n"), Services(mocks=mocks))
    assert len(mocks.received["mock:c"]) == 1


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("- onException: {exception: [NotFound], steps: []}", "unknown-exception"),
        (f"- onException: {{{IO}, onRedeliveryRef: '#x'}}", "bean"),
        (f"- onException: {{{IO}, redeliveryPolicy: {{maximumRedeliveries: many}}}}", "option-type"),
        (f"- onException: {{{IO}, redeliveryPolicy: {{redeliveryDelay: soon}}}}", "option-type"),
        (f"- onException: {{{IO}, redeliveryPolicy: {{delayPattern: a}}}}", "option-type"),
        (f"- onException: {{{IO}, redeliveryPolicy: 3}}", "option-type"),
        (f"- onException: {{{IO}, steps: [{{setBody: {{}}}}]}}", "expression-missing"),
        ("- errorHandler: {}", "missing-option"),
        ("- errorHandler: {deadLetterChannel: {}}", "missing-option"),
        ("- errorHandler: {refErrorHandler: x}", "not-yet"),
        ("- interceptSendToEndpoint: {steps: []}", "missing-option"),
        ("- onCompletion: {onCompleteOnly: true, onFailureOnly: true}", "option-value"),
        ("- routeConfiguration: {onException: [{exception: []}]}", "options"),
        ("- routeConfiguration: {nosuch: 1}", "unknown-option"),
        ("- beans: {a: 1}", "options"),
        ("- beans: [{name: a}]", "missing-option"),
        ("- beans: [{name: a, type: x.Y, script: z}]", "not-yet"),
    ],
)
def test_mistakes(text: str, rule: str) -> None:
    assert rule in rules(text)


def test_a_mistake_is_reported_once_however_many_routes_there_are() -> None:
    text = (
        "- onException: {exception: [NotFound], steps: []}\n"
        + route("log: x")
        + route("log: x", "direct:b", "b")
    )
    assert rules(text) == ["unknown-exception"]


async def test_steps_that_fail_in_a_loop_keep_a_bounded_history() -> None:
    text = f"loop: {{constant: '500', steps: [{{doTry: {{steps: [{{{BOOM}}}], doCatch: [{{{IO}, steps: [{{log: x}}]}}]}}}}]}}"
    done: Any = await run(route(text), exchange("x"))
    assert (done.exception, len(done.history)) == (None, 101)
