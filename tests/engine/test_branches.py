"""split, multicast, recipientList, slips, enrich, wireTap, loop, sort: children, order, bounds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrator.engine import Mocks, Services, compile_routes
from integrator.engine.exceptions import class_of
from integrator.engine.iterating import iterate
from integrator.engine.javatypes import JavaEntry, JavaList, JavaMap, to_text
from integrator.exchange import AdapterAnswer, Context, Exchange, Overloaded
from tests.engine import clock
from tests.engine.helpers import Answering, exchange, problems, route, rules, run, source, steps

GROUPED = "'#class:org.apache.camel.processor.aggregate.GroupedBodyAggregationStrategy'"
BOOM = "throwException: {exceptionType: java.io.IOException, message: boom}"


# --- split -----------------------------------------------------------------------------------------------


@given(st.lists(st.text(alphabet="ab ;", max_size=4), max_size=30), st.booleans(), st.booleans())
def test_every_part_is_taken_once_and_in_order(parts: list[str], parallel: bool, streaming: bool) -> None:
    text = (
        f"split: {{simple: '${{body}}', parallelProcessing: {str(parallel).lower()}, "
        f"streaming: {str(streaming).lower()}, aggregationStrategy: {GROUPED}, steps: [{{log: x}}]}}"
    )
    done = exchange(JavaList(parts))
    clock.run(run(route(text), done))
    if not parts:
        assert done.message.body == []
    elif parallel and streaming:
        assert sorted(done.message.body) == sorted(parts)
    else:
        assert done.message.body == parts


@pytest.mark.parametrize(
    ("value", "delimiter", "found"),
    [
        (None, ",", []),
        ("", ",", []),
        ("a,b,,c,", ",", ["a", "b", "", "c"]),
        (",a", ",", ["a"]),
        (",,a,,", ",", ["", "a", ""]),
        ("a;b", ",", ["a;b"]),
        ("a,b", "false", ["a,b"]),
        ("bean:x?method=m(1,2),mock:a", ",", ["bean:x?method=m(1,2)", "mock:a"]),
        (7, ",", [7]),
        (["a", None], ",", ["a", None]),
    ],
)
def test_iteration(value: Any, delimiter: str, found: list[Any]) -> None:
    assert list(iterate(value, delimiter)) == found


async def test_maps_are_split_into_entries() -> None:
    entries = list(iterate(JavaMap({"a": 1})))
    assert isinstance(entries[0], JavaEntry)
    assert to_text(entries[0]) == "a=1"
    mocks = Mocks()
    text = (
        "split: {simple: '${body}', steps: [{setBody: {simple: '${body.key}-${body.value}'}}, {to: mock:p}]}"
    )
    await steps(text, exchange(JavaMap({"a": 1, "b": 2})), Services(mocks=mocks))
    assert [one.message.body for one in mocks.received["mock:p"]] == ["a-1", "b-2"]


async def test_children_have_ids_of_their_own_and_know_their_parent() -> None:
    mocks = Mocks()
    await steps("split: {simple: '${body}', steps: [{to: mock:p}]}", exchange("a,b"), Services(mocks=mocks))
    ids = [one.id for one in mocks.received["mock:p"]]
    assert len({*ids, "E-1"}) == 3
    assert [one.properties["CamelCorrelationId"] for one in mocks.received["mock:p"]] == ["E-1"] * 2


async def test_a_streamed_split_draws_parts_one_by_one() -> None:
    seen: list[int] = []

    class Parts(list[int]):
        def __iter__(self) -> Any:
            for number in range(10**6):
                seen.append(number)
                yield number

    text = f"split: {{simple: '${{body}}', streaming: true, stopOnException: true, steps: [{{{BOOM}}}]}}"
    done = await steps(text, exchange(Parts([1])))
    assert class_of(done.exception) == "org.apache.camel.CamelExchangeException"
    assert len(seen) <= 2


async def test_what_stops_a_split_keeps_values_out_of_its_message() -> None:
    text = "split: {simple: '${body}', stopOnException: true, steps: [{throwException: {exceptionType: java.io.IOException, message: 'm ${body}'}}]}"
    done = await steps(text, exchange("secret"))
    assert "secret" not in str(done.exception)
    assert done.history[-1].step == "throwException"


async def test_an_exchange_has_only_so_many_children() -> None:
    done = await steps(
        "split: {simple: '${body}', steps: [{log: x}]}", exchange("a,b,c"), Services(children=2)
    )
    assert isinstance(done.exception, Overloaded)
    text = route("split: {simple: '${body}', steps: [{to: direct:start}]}")
    done = await run(text, exchange(JavaList(["a", "b"])), Services(children=500, routes_nested=20))
    assert isinstance(done.exception, Overloaded)


def test_side_by_side_is_bounded_and_keeps_the_order() -> None:
    under_way = most = 0

    async def sleep(seconds: float) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(seconds)
        under_way -= 1

    text = f"split: {{simple: '${{body}}', parallelProcessing: true, aggregationStrategy: {GROUPED}, steps: [{{delay: {{simple: '${{body}}'}}}}]}}"
    done = exchange(JavaList([300, 1, 150, 20, 5]))
    clock.run(run(route(text), done, Services(sleep=sleep, side_by_side=2)))
    assert done.message.body == [300, 1, 150, 20, 5]
    assert most == 2
    done = exchange(JavaList([300, 1, 150]))
    clock.run(
        run(
            route(text.replace("parallelProcessing: true", "parallelProcessing: true, streaming: true")), done
        )
    )
    assert done.message.body == [1, 150, 300]


def test_cancelling_an_exchange_cancels_its_children() -> None:
    ended = []

    async def sleep(_seconds: float) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def work() -> None:
        text = route("wireTap: {uri: 'direct:slow'}\nsplit: {simple: '${body}', parallelProcessing: true, steps: [{to: direct:slow}]}") + route("delay: {constant: '5'}", "direct:slow", "slow")  # fmt: skip
        task = asyncio.ensure_future(run(text, exchange("a,b"), Services(sleep=sleep)))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        await asyncio.sleep(0)

    clock.run(work())
    assert len(ended) == 3


# --- tokenize --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "text", "found"),
    [
        ("token: ','", "a,b", ["a", "b"]),
        ("token: '\\n'", "a\nb\n", ["a", "b"]),
        ("token: '[,;]', regex: true", "a,b;c", ["a", "b", "c"]),
        ("token: ',', group: '2'", "a,b,c", ["a,b", "c"]),
        ("token: ',', group: '2', groupDelimiter: '+', skipFirst: true", "h,a,b,c", ["a+b", "c"]),
        ("token: '<', endToken: '>'", "<a><b", ["a", "b"]),
        ("token: o, xml: true", '<r><o i="1">a</o><p/><x:o/></r>', ['<o i="1">a</o>', "<x:o/>"]),
        (
            "token: o, xml: true, inheritNamespaceTagName: r",
            '<r xmlns="urn:r"><o>a</o></r>',
            ['<o xmlns="urn:r">a</o>'],
        ),
        ("token: ',', source: 'header:h'", "body", ["x", "y"]),
    ],
)
async def test_tokenize(options: str, text: str, found: list[str]) -> None:
    done = await steps(
        f"setBody: {{tokenize: {{{options}}}}}".replace("'\\n'", '"\\n"'), exchange(text, {"h": "x,y"})
    )
    assert done.message.body == found


@pytest.mark.parametrize(
    "options", ["token: 'a b', xml: true", "token: '(', regex: true", "token: ',', group: a"]
)
def test_tokens_that_cannot_be_used(options: str) -> None:
    assert "expression" in rules(route(f"split: {{tokenize: {{{options}}}, steps: [{{log: x}}]}}"))


# --- multicast and recipients ----------------------------------------------------------------------------


async def test_multicast_gives_each_branch_the_original() -> None:
    text = "multicast: {steps: [{setBody: {constant: one}}, {setBody: {simple: '${body}-two'}}]}"
    done = await steps(text, exchange("x"))
    assert done.message.body == "x-two"


async def test_a_recipient_list_reaches_what_a_computed_uri_may_reach() -> None:
    sender = Answering(AdapterAnswer({"a": 1}))
    services = Services(sender=sender, adapters={"a/b"})
    done = await steps(
        "recipientList: {header: to}", exchange({}, {"to": "adapter:a/b?operation=c"}), services
    )
    assert (done.exception, done.message.body) == (None, {"a": 1})
    for bad in ("adapter:x/y?operation=c", "http://evil.example/", "xslt:a.xsl", "flow:x"):
        done = await steps(
            "recipientList: {header: to}", exchange({}, {"to": f"adapter:a/b?operation=c, {bad}"}), services
        )
        assert class_of(done.exception) == "org.apache.camel.ResolveEndpointFailedException", bad
    assert len(sender.calls) == 1


def test_fixed_recipients_are_listed_for_egress() -> None:
    from integrator.engine import endpoints

    text = route(
        "recipientList: {constant: 'direct:a,adapter:x/y?operation=z'}\nenrich: {constant: direct:b}\nrecipientList: {header: r}"
    )
    assert [(use.uri, use.dynamic) for use in endpoints(source(text))][:-1] == [
        ("direct:a", False), ("adapter:x/y?operation=z", False), ("direct:b", False), ("direct:${…}", True),
    ]  # fmt: skip


async def test_a_router_that_never_ends_is_stopped() -> None:
    done = await steps("dynamicRouter: {constant: mock:a}", exchange("x"), Services(routes_entered=20))
    assert isinstance(done.exception, Overloaded)
    done = await steps(
        "routingSlip: {header: s, ignoreInvalidEndpoints: true}", exchange("x", {"s": "nosuch:a,mock:b"})
    )
    assert done.properties["CamelSlipEndpoint"] == "mock://b"


# --- enrich, wireTap -------------------------------------------------------------------------------------


async def test_grouped_in_enrich_leaves_the_body() -> None:
    text = route(f"enrich: {{constant: direct:a, aggregationStrategy: {GROUPED}}}") + route(
        "setBody: {constant: A}", "direct:a", "a"
    )
    done = await run(text, exchange("x"))
    assert (done.message.body, done.properties["CamelGroupedExchange"]) == ("x", ["A"])


async def test_enrich_into_a_variable() -> None:
    text = route("enrich: {constant: direct:a, variableReceive: v}") + route(
        "setBody: {constant: A}\nsetHeader: {name: h, constant: '1'}", "direct:a", "a"
    )
    done = await run(text, exchange("x"))
    assert (done.message.body, done.variables["v"], done.variables["header:v.h"]) == ("x", "A", "1")
    assert "h" not in done.message.headers


async def test_the_exchange_ends_after_its_taps() -> None:
    mocks = Mocks()
    text = route("wireTap: {uri: 'direct:t'}\nsetBody: {constant: after}") + route(
        f"delay: {{constant: '20'}}\nto: mock:t\n{BOOM}", "direct:t", "t"
    )
    done = await run(text, exchange("x"), Services(mocks=mocks, sleep=lambda _seconds: asyncio.sleep(0)))
    assert (done.message.body, done.exception) == ("after", None)
    assert [one.message.body for one in mocks.received["mock:t"]] == ["x"]
    assert mocks.received["mock:t"][0].id != done.id


async def test_taps_are_bounded() -> None:
    text = route("loop: {constant: '5', steps: [{wireTap: {uri: 'direct:t'}}]}") + route(
        "delay: {constant: '1'}", "direct:t", "t"
    )
    done = await run(text, exchange("x"), Services(waiting=3, sleep=lambda _seconds: asyncio.sleep(0)))
    assert isinstance(done.exception, Overloaded)


# --- loop, sort, pipeline, step --------------------------------------------------------------------------


async def test_loop() -> None:
    turn = "steps: [{setBody: {simple: '${body}${exchangeProperty.CamelLoopIndex}'}}]"
    assert (await steps(f"loop: {{constant: '3', {turn}}}", exchange("x"))).message.body == "x012"
    assert (await steps(f"loop: {{constant: '3', copy: true, {turn}}}", exchange("x"))).message.body == "x2"
    assert (await steps(f"loop: {{constant: '-1', {turn}}}", exchange("x"))).message.body == "x"
    done = await steps(f"loop: {{simple: \"${{body}} != 'x01'\", doWhile: true, {turn}}}", exchange("x"))
    assert done.message.body == "x01"
    done = await steps(f"loop: {{header: n, {turn}}}", exchange("x", {"n": "abc"}))
    assert class_of(done.exception) == "org.apache.camel.TypeConversionException"
    done = await steps(f"loop: {{header: n, {turn}}}", exchange("x"))
    assert class_of(done.exception) == "org.apache.camel.NoTypeConversionAvailableException"
    for endless in ("constant: '1000'", "simple: 'true', doWhile: true"):
        done = await steps(f"loop: {{{endless}, steps: [{{log: x}}]}}", exchange("x"), Services(turns=100))
        assert isinstance(done.exception, Overloaded)


async def test_sort_goes_by_class() -> None:
    done = await steps("sort: {tokenize: {token: ','}}", exchange("b,a,C,10,9"))
    assert done.message.body == ["10", "9", "C", "a", "b"]
    assert (await steps("sort: {simple: '${body}'}", exchange(JavaList([10, 9, 2.5])))).message.body == [
        2.5,
        9,
        10,
    ]
    assert "not-yet" in rules(route("sort: {simple: '${body}', comparator: '#c'}"))


async def test_step_and_pipeline() -> None:
    text = "step: {id: ask, steps: [{setBody: {simple: '${exchangeProperty.CamelStepId}'}}]}\npipeline: {steps: [{setHeader: {name: h, constant: '1'}}]}"
    done = await steps(text, exchange("x"))
    assert (done.message.body, done.message.headers["h"], done.properties) == ("ask", "1", {})


def test_a_step_without_steps_takes_those_after_it() -> None:
    text = route("filter: {simple: \"${body} == 'y'\"}\nsetBody: {constant: inside}")
    found = problems(text)
    assert [(problem.rule, problem.line) for problem in found] == [("steps-empty", 6)]
    routes = compile_routes([source(text)], Services())

    async def both() -> list[Any]:
        made: list[Exchange] = [exchange("x"), exchange("y")]
        for one in made:
            await routes.run("direct:start", one)
        return [one.message.body for one in made]

    assert asyncio.run(both()) == ["x", "inside"]
    wrong = problems(route("filter: {simple: 'true'}\nsetBody: {}"))
    assert ("expression-missing", 7) in [(problem.rule, problem.line) for problem in wrong]


# --- conversions -----------------------------------------------------------------------------------------


async def test_converting() -> None:
    done = await steps(
        "convertBodyTo: {type: 'byte[]', charset: iso-8859-1}\nconvertBodyTo: {type: String, charset: iso-8859-1}",
        exchange("é"),
    )
    assert done.message.body == "é"
    assert (
        await steps("convertBodyTo: {type: java.util.Map, mandatory: false}", exchange("abc"))
    ).message.body is None
    done = await steps("convertHeaderTo: {name: n, type: Integer, toName: m}", exchange("x", {"n": "7"}))
    assert dict(done.message.headers) == {"m": 7, "n": "7"}
    done = await steps("convertBodyTo: Integer", exchange("secret"))
    assert "secret" not in str(done.exception)
    assert rules(route("convertBodyTo: nosuch.Type")) == ["type"]
    assert "option-value" in rules(route("convertBodyTo: {type: String, charset: nosuch}"))


# --- mistakes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "rule"),
    [
        ("split: {steps: [{log: x}]}", "expression-missing"),
        ("split: {simple: a, aggregationStrategy: flexible, steps: [{log: x}]}", "bean"),
        ("split: {simple: a, aggregationStrategy: '#class:com.x.Mine', steps: [{log: x}]}", "bean"),
        ("split: {simple: a, timeout: 5s, steps: [{log: x}]}", "option-value"),
        ("split: {simple: a, timeout: soon, parallelProcessing: true, steps: [{log: x}]}", "option-type"),
        ("split: {simple: a, executorService: '#e', steps: [{log: x}]}", "not-yet"),
        ("multicast: {onPrepare: '#p', steps: [{log: x}]}", "not-yet"),
        ("wireTap: {}", "missing-option"),
        ("wireTap: {uri: direct:a, onPrepare: '#p'}", "not-yet"),
        ("wireTap: {uri: 'smtp://x'}", "not-yet"),
        ("loop: {steps: [{log: x}]}", "expression-missing"),
        ("recipientList: {simple: a, strategyRef: b}", "unknown-option"),
        ("to: seda:x?nosuch=1", "unknown-endpoint-option"),
    ],
)
def test_mistakes(step: str, rule: str) -> None:
    assert rule in rules(route(step))


async def test_the_context_is_shared_with_children() -> None:
    context = Context("E-1", "f", "s", party="municipal/namur")
    mocks = Mocks()
    await steps(
        "split: {simple: '${body}', steps: [{to: mock:p}]}",
        exchange("a", context=context),
        Services(mocks=mocks),
    )
    assert mocks.received["mock:p"][0].context is context
