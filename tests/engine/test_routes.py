"""Running routes: results, failures and their places, stops, loops, adapters, logs of personal flows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from integrator.engine import JavaException, Mocks, Services, compile_routes
from integrator.engine.exceptions import class_of, text_of
from integrator.engine.steps import Failure
from integrator.exchange import (
    AdapterAnswer,
    BrokenContract,
    Context,
    Dossier,
    InvalidRequest,
    Leg,
    NoData,
    Overloaded,
    ProviderFault,
    ProviderTimeout,
    ProviderUnreachable,
)
from tests.engine.helpers import Answering, exchange, route, run, source, steps

PERSON_CONSULT = """\
- route:
    id: person-consult
    from:
      uri: flow:person-consult
      steps:
        - setBody: {jq: '{request: {personNumber: .niss}}'}
        - to: adapter:regional/bced-person?operation=getPerson
        - choice:
            when:
              - simple: ${header.Adapter-Code} == 'SOA0000001'
                steps: [{throwException: {exceptionType: java.util.NoSuchElementException, message: no such person}}]
        - transform: {jq: '{niss: .person.personNumber, address: ([.person.addresses.address[]? | select(."@addressType" == "Residential")] | first)}'}
"""
ANSWER = AdapterAnswer(
    {"person": {"personNumber": "85073003328", "addresses": {"address": [{"@addressType": "Residential", "x": 1}]}}},
    status="PROCESSED", code="SOA0000000", ticket="T-1", headers={"X-Kept": "1"},
)  # fmt: skip


async def test_the_route_of_the_design() -> None:
    sender = Answering(ANSWER)
    done = exchange({"niss": "85073003328"})
    await run(PERSON_CONSULT, done, Services(sender=sender), "flow:person-consult")
    assert done.exception is None
    assert done.message.body == {"niss": "85073003328", "address": {"@addressType": "Residential", "x": 1}}
    assert sender.calls == [
        ("regional/bced-person", "getPerson", {"request": {"personNumber": "85073003328"}})
    ]
    assert dict(done.message.headers) == {
        "Adapter-Code": "SOA0000000", "Adapter-Status": "PROCESSED", "Adapter-Ticket": "T-1", "X-Kept": "1",
    }  # fmt: skip


async def test_no_data_is_the_error_of_the_bus_and_knows_its_place() -> None:
    sender = Answering(AdapterAnswer({}, code="SOA0000001"))
    done = exchange({"niss": "85073003328"})
    await run(PERSON_CONSULT, done, Services(sender=sender), "flow:person-consult")
    assert isinstance(done.exception, NoData)
    assert done.exception.message == "no such person"
    assert done.history[-1] == Failure(
        "person-consult", "routes/test.camel.yaml", 11, "throwException", "java.util.NoSuchElementException"
    )


@pytest.mark.parametrize(
    ("java_class", "kind"),
    [
        ("java.lang.IllegalArgumentException", InvalidRequest),
        ("java.util.NoSuchElementException", NoData),
        ("java.util.concurrent.TimeoutException", ProviderTimeout),
        ("java.net.ConnectException", ProviderUnreachable),
        ("java.net.ProtocolException", BrokenContract),
        ("org.apache.camel.CamelExchangeException", ProviderFault),
        ("java.io.IOException", JavaException),
        ("java.lang.SecurityException", JavaException),
    ],
)
async def test_java_classes_are_errors_of_the_bus(java_class: str, kind: type[Exception]) -> None:
    done = await steps(
        f"throwException: {{exceptionType: {java_class}, message: 'm ${{body}}'}}", exchange("secret")
    )
    assert type(done.exception) is kind
    assert class_of(done.exception) == java_class
    assert text_of(done.exception) == "m secret"
    assert str(done.exception) == "m …"  # what leaves the exchange has no values


@pytest.mark.parametrize(
    "error", [ProviderTimeout("slow"), ProviderUnreachable("gone"), BrokenContract("html")]
)
async def test_errors_of_the_sender_are_caught_by_their_java_class(error: Exception) -> None:
    caught = f"{{exception: [{class_of(error)}], steps: [{{setBody: {{simple: '${{exception.message}}'}}}}]}}"
    text = f"doTry: {{steps: [{{to: 'adapter:a/b?operation=c'}}], doCatch: [{caught}]}}"
    done = await steps(text, exchange({}), Services(sender=Answering(error)))
    assert done.exception is None
    assert done.message.body == str(error)


async def test_the_superclass_catches_and_what_a_bug_raises_is_a_camel_runtime_exception() -> None:
    text = """doTry: {steps: [{to: 'adapter:a/b?operation=c'}],
      doCatch: [{exception: [java.io.IOException], steps: [{setBody: {constant: caught}}]}]}"""
    done = await steps(
        text.replace("\n", " "), exchange({}), Services(sender=Answering(ProviderUnreachable()))
    )
    assert done.message.body == "caught"
    done = await steps(
        "to: adapter:a/b?operation=c", exchange({}), Services(sender=Answering(KeyError("secret")))
    )
    assert isinstance(done.exception, JavaException)
    assert done.exception.message == "KeyError in step to"
    assert "secret" not in repr(done.history)


async def test_bodies_for_adapters_are_json_data() -> None:
    sender = Answering()
    for body in ('{"a": 1}', b'{"a": 1}', "", None):
        await steps("to: adapter:a/b?operation=c", exchange(body), Services(sender=sender))
    assert [call[2] for call in sender.calls] == [{"a": 1}, {"a": 1}, None, None]
    done = await steps("to: adapter:a/b?operation=c", exchange("<not json>"), Services(sender=sender))
    assert class_of(done.exception) == "org.apache.camel.TypeConversionException"
    await steps(
        "unmarshal: {json: {}}\nto: adapter:a/b?operation=c", exchange('{"a":[1]}'), Services(sender=sender)
    )
    assert type(sender.calls[-1][2]) is dict
    assert type(sender.calls[-1][2]["a"]) is list


async def test_headers_of_an_earlier_answer_do_not_stay() -> None:
    sender = Answering(AdapterAnswer({}, code="1", ticket="T"), AdapterAnswer({}))
    done = await steps(
        "to: adapter:a/b?operation=c\nto: adapter:a/b?operation=c", exchange({}), Services(sender=sender)
    )
    assert dict(done.message.headers) == {}


async def test_variable_receive_leaves_the_message_alone() -> None:
    sender = Answering(AdapterAnswer({"r": 1}, code="1"))
    done = await steps(
        "setVariable: {name: q, jq: '{a: 1}'}\n"
        "to: {uri: 'adapter:a/b?operation=c', variableSend: q, variableReceive: got}",
        exchange({"x": 1}), Services(sender=sender),
    )  # fmt: skip
    assert sender.calls[0][2] == {"a": 1}
    assert (done.message.body, dict(done.message.headers)) == ({"x": 1}, {})
    assert done.variables["got"] == {"r": 1}
    assert done.variables["header:got.Adapter-Code"] == "1"


# --- dynamic endpoints --------------------------------------------------------------------------------


async def test_computed_endpoints_reach_adapters_of_the_site_only() -> None:
    services = Services(sender=Answering(), adapters={"a/b"})
    text = "toD: ${header.to}"
    done = await steps(text, exchange({}, {"to": "adapter:a/b?operation=c"}), services)
    assert done.exception is None
    for bad in ("adapter:other/x?operation=c", "adapter:a/b", "http://evil.example/", "flow:x", "", "xslt:a.xsl",
                "adapter:a/b?operation=c&nosuch=1", "direct:", "bean:x", "secret value"):  # fmt: skip
        done = await steps(text, exchange({}, {"to": bad}), services)
        assert class_of(done.exception) == "org.apache.camel.ResolveEndpointFailedException", bad
        assert "secret" not in str(done.exception)
    done = await steps(
        "toD: {uri: '${header.to}', ignoreInvalidEndpoint: true}", exchange("x", {"to": "http:y"})
    )
    assert done.exception is None


async def test_computed_direct_endpoints() -> None:
    text = route("toD: direct:${header.n}") + route("setBody: {constant: there}", "direct:next", "next")
    assert (await run(text, exchange("x", {"n": "next"}))).message.body == "there"
    done = await run(text, exchange("x", {"n": "nowhere"}))
    assert class_of(done.exception) == "org.apache.camel.component.direct.DirectConsumerNotAvailableException"


# --- loops and stops ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["to: direct:start", "to: direct:start\nto: direct:start"])
async def test_routes_that_call_themselves_end(text: str) -> None:
    done = await run(route(text), exchange("x"))
    assert isinstance(done.exception, Overloaded)
    assert done.exception.reason == "route-loop"


async def test_a_loop_that_catches_its_errors_ends_too() -> None:
    again = "{to: 'direct:start'}"
    text = f"doTry: {{steps: [{again}], doCatch: [{{exception: [java.lang.Throwable], steps: [{again}]}}]}}"
    done = await run(route(text), exchange("x"))
    assert done.history[0].entered <= 1_000


async def test_stop_ends_the_caller_and_skips_do_finally() -> None:
    text = route("doTry: {steps: [{to: 'direct:sub'}], doFinally: {steps: [{setBody: {constant: no}}]}}\n"
                 "setBody: {constant: no}") + route("setBody: {constant: sub}\nstop: {}", "direct:sub", "sub")  # fmt: skip
    done = await run(text, exchange("x"))
    assert (done.message.body, done.route_stop, done.exception) == ("sub", True, None)


async def test_an_unknown_uri_is_an_exception_of_the_exchange() -> None:
    done = await run(route("log: x"), exchange("x"), uri="flow:nowhere")
    assert class_of(done.exception) == "org.apache.camel.component.direct.DirectConsumerNotAvailableException"


async def test_a_disabled_step_is_left_out() -> None:
    assert (await steps("setBody: {constant: a, disabled: true}", exchange("x"))).message.body == "x"


async def test_runs_of_one_set_do_not_mix() -> None:
    class Slow:
        async def call(self, _adapter: str, _operation: str, body: Any, *_: Any) -> AdapterAnswer:
            await asyncio.sleep(0)
            return AdapterAnswer(body)

    text = "setVariable: {name: 'global:v', jq: .n}\nto: adapter:a/b?operation=c\nsetHeader: {name: n, simple: '${variable.global:v}'}"
    routes = compile_routes([source(route(text))], Services(sender=Slow()))
    made = [exchange({"n": n}) for n in range(50)]
    await asyncio.gather(*(routes.run("direct:start", one) for one in made))
    assert [one.message.headers["n"] for one in made] == list(range(50))


# --- the context --------------------------------------------------------------------------------------


async def test_the_context_is_read_only() -> None:
    context = Context("E-1", "person-consult", "0" * 64, purpose="permits", dossier=Dossier("imio", "PE/1/2"))
    text = (
        "setHeader: {name: p, simple: '${exchangeProperty.IntegratorPurpose}|${exchangeProperty.IntegratorDossier}'}\n"
        "setHeader: {name: q, exchangeProperty: IntegratorFlow}\n"
        "setProperty: {name: 'Integrator${header.x}', constant: other}\n"
        "removeProperties: {pattern: 'Integrator*'}\nremoveProperty: {name: IntegratorPurpose}"
    )
    given = exchange({}, {"x": "Purpose"}, context=context, properties={"IntegratorKept": "1"})
    done = await steps(text, given)
    assert done.message.headers["p"] == "permits|PE/1/2"
    assert done.message.headers["q"] == "person-consult"
    assert done.properties == {"IntegratorKept": "1"}
    assert context.purpose == "permits"


async def test_validation_is_invalid_before_and_broken_contract_after_a_provider_call() -> None:
    context = Context("E-1", "f", "0" * 64)
    text = "validate: {simple: '${body} == 1'}"
    done = await steps(text, exchange("x", context=context))
    assert isinstance(done.exception, InvalidRequest)
    assert class_of(done.exception) == "org.apache.camel.support.processor.PredicateValidationException"
    context.legs.append(Leg("a/b", "c", "read", 0))
    assert isinstance((await steps(text, exchange("x", context=context))).exception, BrokenContract)


# --- logs ---------------------------------------------------------------------------------------------


async def test_logs_of_personal_flows_have_no_values() -> None:
    lines: list[tuple[str, str, str, int]] = []
    text = (
        "log: {message: 'got ${body} of ${header.h} ${body.length} ${exchangeId} ${routeId}', loggingLevel: WARN}\n"
        "to: log:cat?showAll=true"
    )
    await steps(text, exchange("Secret", {"h": "Secret"}), Services(log=lambda *line: lines.append(line)))
    assert lines == [
        ("WARN", "got … of … 6 E-1 r", "r", 6),
        ("INFO", "cat: Exchange[Id: E-1, BodyType: java.lang.String, Size: 6]", "r", 7),
    ]


async def test_logs_of_other_flows_have_them() -> None:
    lines: list[str] = []
    services = Services(log=lambda _level, text, *_: lines.append(text), personal=False)
    await steps("log: 'got ${body}'\nto: log:cat?showHeaders=true\nlog: {message: no, loggingLevel: 'OFF'}",
                exchange("x", {"h": "1"}), services)  # fmt: skip
    assert lines == ["got x", "cat: Exchange[Id: E-1, BodyType: java.lang.String, Body: x, Headers: {h=1}]"]


@pytest.mark.parametrize(
    "step",
    [
        "setBody: {simple: '${body.nope}'}", "setBody: {simple: '${body[k]}'}", "setBody: {jq: .a.b}",
        "setBody: {jq: '.a'}", "setBody: {jsonpath: $.x}", "setBody: {xpath: /r}", "unmarshal: {json: {}}",
        "setBody: {simple: '${mandatoryBodyAs(Integer)}'}", "setBody: {simple: '${abs(${body})}'}",
        "setBody: {simple: {expression: '${body}', resultType: int}}", "to: adapter:a/b?operation=c",
        "setBody: {simple: '${body.substring(90,91)}'}", "setBody: {simple: '${date:header.h:yyyy}'}",
        "setBody: {simple: '${base64Decode(${body}!)}'}", "setBody: {simple: '${body.charAt(1000)}'}",
        "throwException: {exceptionType: java.lang.IllegalStateException, message: '${body}'}",
        "filter: {simple: \"${body} regex '('\", steps: []}", "toD: '${body}'",
    ],
)  # fmt: skip
async def test_errors_name_no_values(step: str) -> None:
    done = await steps(step, exchange("Secret Person", {"h": "Secret Person"}))
    error = done.exception
    assert error is not None
    while error is not None:
        assert "Secret" not in str(error), repr(error)
        error = getattr(error, "java_cause", None) or error.__cause__
    assert "Secret" not in repr(done.history)


async def test_null_bodies() -> None:
    for step, java_class in (
        ("setBody: {jq: .a}", "org.apache.camel.RuntimeCamelException"),
        ("setBody: {xpath: /a}", "org.apache.camel.InvalidPayloadException"),
        ("unmarshal: {json: {}}", "org.apache.camel.NoTypeConversionAvailableException"),
        ("setBody: {simple: '${mandatoryBodyAs(String)}'}", "org.apache.camel.CamelExecutionException"),
    ):
        assert class_of((await steps(step, exchange(None))).exception) == java_class, step
    for step in (
        "setBody: {jsonpath: $.a}",
        "setBody: {simple: '${body}'}",
        "unmarshal: {json: {}, allowNullBody: true}",
    ):
        done = await steps(step, exchange(None))
        assert (done.message.body, done.exception) == (None, None), step


async def test_mocks_keep_snapshots_and_not_too_many() -> None:
    mocks = Mocks(kept=2)
    text = "to: mock:m\nsetBody: {constant: b}\nto: mock:m\nsetBody: {constant: c}\nto: mock:m"
    await steps(text, exchange("a"), Services(mocks=mocks))
    assert [one.message.body for one in mocks.received["mock:m"]] == ["b", "c"]
    assert (await steps("to: mock:m", exchange("a"))).message.body == "a"


def test_lines_of_a_route_without_positions_are_the_first() -> None:
    assert compile_routes([source(route("log: x"))], Services()).uris == {"direct:start"}
