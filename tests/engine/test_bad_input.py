"""Bad input at run time: bodies of another type, expressions that fail, loops and recursion without end.

Each ends with an error that names the step and its line, and repeats nothing of the message.
"""

from __future__ import annotations

import pytest

from integrator.engine import Services, compile_routes
from integrator.engine.exceptions import class_of
from integrator.engine.steps import Failure
from tests.engine.helpers import exchange, route, source, steps

SECRET = "85073003328"
CAMEL = "org.apache.camel."


@pytest.mark.parametrize(
    ("step", "body", "java_class"),
    [
        ("unmarshal: {json: {}}", f"<{SECRET}>", "com.fasterxml.jackson.core.JsonParseException"),
        ("setBody: {xpath: /a}", f"{{{SECRET}}}", CAMEL + "TypeConversionException"),
        ("setBody: {jq: .a}", f"<{SECRET}>", None),
        ("setBody: {jq: .a.b}", '{"a": "85073003328"}', None),
        ("setBody: {jsonpath: $.a}", "{}", None),
        ("convertBodyTo: {type: java.lang.Integer}", SECRET + "x", CAMEL + "InvalidPayloadException"),
        ("split: {simple: '${body.nope}', steps: [{log: x}]}", SECRET, None),
        ("loop: {simple: '${body}', steps: [{log: x}]}", SECRET + "x", None),
        ("delay: {simple: '${body}'}", SECRET + "x", None),
        ("sort: {simple: '${body}'}", SECRET, None),
        ("filter: {simple: '${body.nope()}', steps: [{log: x}]}", SECRET, None),
        ("recipientList: {simple: 'nosuch:${body}'}", SECRET, CAMEL + "NoSuchEndpointException"),
        ("routingSlip: {simple: 'nosuch:${body}'}", SECRET, None),
        ("toD: 'direct:${body}'", SECRET, None),
        ("toD: 'seda:${body}?failIfNoConsumers=true'", SECRET, None),
        ("pollEnrich: {simple: 'nosuch:${body}', timeout: '0'}", SECRET, CAMEL + "NoSuchEndpointException"),
        ("throttle: {simple: '${body}'}", SECRET + "x", None),
        ("to: language:simple:${body.nope()}", SECRET, None),
        ("circuitBreaker: {steps: [{setBody: {simple: '${body.nope()}'}}]}", SECRET, None),
        ("idempotentConsumer: {header: none, idempotentRepository: '#class:org.apache.camel.support.processor.idempotent.MemoryIdempotentRepository', steps: [{log: x}]}", SECRET, CAMEL + "processor.idempotent.NoMessageIdException"),
    ],
)  # fmt: skip
async def test_a_message_that_does_not_fit(step: str, body: str, java_class: str | None) -> None:
    done = await steps(step, exchange(body))
    assert done.exception is not None
    if java_class is not None:
        assert class_of(done.exception) == java_class
    assert SECRET not in str(done.exception)
    failures = [entry for entry in done.history[1:] if isinstance(entry, Failure)]
    assert failures
    assert (failures[0].file, failures[0].line) == ("routes/test.camel.yaml", 6)
    assert SECRET not in repr(failures)


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        (route("to: direct:start"), {"routes_nested": 20}),
        (route("to: direct:b") + route("to: direct:start", "direct:b", "b"), {"routes_nested": 20}),
        (route("loop: {constant: '1000', steps: [{to: direct:b}]}") + route("log: x", "direct:b", "b"),
         {"routes_entered": 50}),
        (route("loop: {constant: '1000', steps: [{setBody: {simple: '${body}x'}}]}"), {"turns": 20}),
        (route("loop: {doWhile: true, constant: 'true', steps: [{setBody: {constant: x}}]}"), {"turns": 20}),
        (route("dynamicRouter: {constant: 'direct:b'}") + route("log: x", "direct:b", "b"),
         {"turns": 20, "routes_entered": 40}),
        (route("recipientList: {constant: 'direct:start,direct:start'}"), {"children": 100}),
        (route("multicast: {steps: [{to: direct:start}, {to: direct:start}]}"), {"children": 100}),
        (route("wireTap: {uri: 'direct:start'}"), {"children": 100}),
        (route("enrich: {constant: 'direct:start'}"), {"children": 100}),
        (route("to: 'seda:b?waitForTaskToComplete=Never'")
         + route("to: 'seda:b?waitForTaskToComplete=Never'", "seda:b", "b"), {"children": 100}),
        (route("split: {constant: 'a,b', steps: [{to: direct:start}]}"), {"children": 100}),
        (route("circuitBreaker: {steps: [{to: direct:start}]}"), {"routes_nested": 20}),
    ],
)  # fmt: skip
async def test_loops_and_recursion_end(text: str, limits: dict[str, int]) -> None:
    given = exchange("x")
    await compile_routes([source(text)], Services(**limits)).run("direct:start", given)  # type: ignore[arg-type]
    assert len(given.history) < 200
    beside = "wireTap" in text or "seda" in text  # what fails beside a route changes nothing in it
    assert beside or class_of(given.exception) == "java.util.concurrent.RejectedExecutionException"
