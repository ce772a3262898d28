"""delay, throttle, sample, idempotentConsumer, claimCheck, loadBalance, rollback, seda, stub, mustache."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrator.engine import Mocks, Services, compile_routes
from integrator.engine.eips.idempotent_consumer import MEMORY, Keys
from integrator.engine.exceptions import class_of
from integrator.engine.mustache import compile_template
from integrator.engine.problems import ExpressionError
from integrator.exchange import Context, Exchange, Overloaded
from tests.engine import clock
from tests.engine.helpers import exchange, route, rules, run, source, steps

BOOM = "throwException: {exceptionType: java.io.IOException, message: boom}"


def _all(
    text: str, given: list[Exchange], services: Services | None = None, *, together: bool = False
) -> list[Any]:
    """Send them all to one set of routes, on a clock that jumps; when each ended."""

    async def work() -> list[Any]:
        routes = compile_routes([source(text)], services or Services())
        loop = asyncio.get_running_loop()
        begun, ends = loop.time(), []

        async def one(made: Exchange) -> None:
            await routes.run("direct:start", made)
            ends.append(round(loop.time() - begun, 1))

        if together:
            await asyncio.gather(*(one(made) for made in given))
        else:
            for made in given:
                await one(made)
        return ends

    return clock.run(work())


def test_delay_waits_within_its_limit() -> None:
    made = [exchange("x", {"ms": 1500}), exchange("x"), exchange("x", {"ms": -5})]
    assert _all(route("delay: {header: ms}"), made) == [1.5, 1.5, 1.5]
    late = exchange("x", {"ms": 10**12})
    _all(route("delay: {header: ms}"), [late])
    assert isinstance(late.exception, Overloaded)


def test_throttle_waits_refuses_and_is_bounded() -> None:
    text = route("throttle: {constant: '2', timePeriodMillis: '1000'}")
    assert _all(text, [exchange("x") for _ in range(5)], together=True) == [0, 0, 1, 1, 2]
    many = [exchange("x") for _ in range(5)]
    _all(text, many, Services(waiting=1), together=True)
    assert sum(isinstance(one.exception, Overloaded) for one in many) == 2
    by_key = [exchange("x", {"k": key}) for key in "aabb"]
    text = route(
        "throttle: {constant: '1', timePeriodMillis: 5s, rejectExecution: true, correlationExpression: {header: k}}"
    )
    _all(text, by_key)
    assert [one.exception is None for one in by_key] == [True, False, True, False]
    assert class_of(by_key[1].exception) == "org.apache.camel.processor.ThrottlerRejectedExecutionException"


def test_so_many_at_once() -> None:
    text = route("throttle: {constant: '1', mode: ConcurrentRequests}\ndelay: {constant: '1000'}")
    assert _all(text, [exchange("x") for _ in range(3)], together=True) == [1, 2, 3]
    refused = [exchange("x") for _ in range(2)]
    _all(
        text.replace("ConcurrentRequests", "ConcurrentRequests, rejectExecution: true"),
        refused,
        together=True,
    )
    assert [one.exception is None for one in refused] == [True, False]


def test_sample_by_period() -> None:
    made = [exchange("x") for _ in range(4)]
    _all(route("delay: {constant: '400'}\nsample: {samplePeriod: '1000'}"), made)
    assert [one.route_stop for one in made] == [False, True, True, False]


# --- idempotentConsumer ----------------------------------------------------------------------------------

CONSUME = f"idempotentConsumer: {{header: id, idempotentRepository: '#class:{MEMORY}', steps: [{{setBody: {{constant: done}}}}]}}"


@given(st.lists(st.sampled_from("abcd"), max_size=20))
def test_each_key_is_done_once_however_many_come_together(keys: list[str]) -> None:
    text = CONSUME.replace("steps: [", "steps: [{delay: {constant: '10'}}, ")
    made = [exchange("x", {"id": key}) for key in keys]
    _all(route(text), made, together=True)
    done = Counter(one.message.headers["id"] for one in made if one.message.body == "done")
    assert done == Counter(set(keys))
    assert all(one.exception is None for one in made)


def test_keys_count_for_one_flow_and_party_and_failed_ones_are_forgotten() -> None:
    parties = ("municipal/namur", "municipal/liege", "municipal/namur")
    made = [exchange("x", {"id": "1"}, context=Context("E", "f", "s", party=party)) for party in parties]
    _all(route(CONSUME), made)
    assert [one.message.body for one in made] == ["done", "done", "x"]
    made = [exchange("x", {"id": "1"}), exchange("x", {"id": "1"})]
    _all(route(f"{CONSUME}\n{BOOM}"), made)
    assert [one.message.body for one in made] == ["done", "done"]
    made = [exchange("x", {"id": "1"}), exchange("x", {"id": "1"})]
    _all(route(CONSUME.replace("steps:", "completionEager: true, steps:") + f"\n{BOOM}"), made)
    assert [one.message.body for one in made] == ["done", "x"]
    none = exchange("x")
    _all(route(CONSUME), [none])
    assert class_of(none.exception) == "org.apache.camel.processor.idempotent.NoMessageIdException"


def test_keys_are_kept_up_to_a_bound_and_not_as_text() -> None:
    keys = Keys(2)
    first = keys.digest(exchange(), "85073003328")
    assert b"85073003328" not in first
    assert [keys.add(key) for key in (first, b"b", first, b"c", first)] == [True, True, False, True, True]


# --- claimCheck, loadBalance, rollback -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kept", "headers", "body"),
    [
        ("", {"a": "1", "ab": "1", "new": "2"}, "x"),
        ("body", {"a": "2", "ab": "2", "new": "2"}, "x"),
        ("header:a*", {"a": "1", "ab": "1", "new": "2"}, "y"),
        ("headers, -header:ab", {"a": "1", "ab": "2", "new": "2"}, "y"),
        ("--headers, body", {}, "x"),
    ],
)
async def test_claims(kept: str, headers: dict[str, str], body: str) -> None:
    text = "\n".join((
        "claimCheck: {operation: Set, key: k}",
        "setHeaders: {headers: [{name: a, constant: '2'}, {name: ab, constant: '2'}, {name: new, constant: '2'}]}",
        "setBody: {constant: y}",
        f"claimCheck: {{operation: Get, key: k, filter: '{kept}'}}",
    ))  # fmt: skip
    done = await steps(text, exchange("x", {"a": "1", "ab": "1"}))
    assert (dict(done.message.headers), done.message.body) == (headers, body)
    many = await steps("loop: {constant: '200', steps: [{claimCheck: {operation: Push}}]}", exchange("x"))
    assert isinstance(many.exception, Overloaded)


def test_balancing() -> None:
    mocks = Mocks()
    text = route(
        "loadBalance: {weightedLoadBalancer: {distributionRatio: '3,1', roundRobin: true}, steps: [{to: mock:a}, {to: mock:b}]}"
    )
    _all(text, [exchange(str(number)) for number in range(8)], Services(mocks=mocks))
    assert [one.message.body for one in mocks.received["mock:b"]] == ["1", "5"]
    mocks = Mocks()
    text = route("loadBalance: {roundRobinLoadBalancer: {}, steps: [{to: mock:a}, {to: mock:b}]}")
    _all(text, [exchange(str(number)) for number in range(5)], Services(mocks=mocks))
    assert [one.message.body for one in mocks.received["mock:a"]] == ["0", "2", "4"]


async def test_failing_over_starts_from_the_original_each_time() -> None:
    bad = f"{{pipeline: {{steps: [{{setBody: {{constant: bad}}}}, {{{BOOM}}}]}}}}"
    text = (
        f"loadBalance: {{failoverLoadBalancer: {{}}, steps: [{bad}, {{setBody: {{simple: '${{body}}!'}}}}]}}"
    )
    done = await steps(text, exchange("x"))
    assert (done.message.body, done.exception) == ("x!", None)
    other = text.replace("{}, steps", "{exception: [java.lang.IllegalStateException]}, steps")
    assert class_of((await steps(other, exchange("x"))).exception) == "java.io.IOException"


async def test_rollback_marks_or_throws() -> None:
    done = await steps("rollback: {markRollbackOnly: true}\nsetBody: {constant: no}", exchange("x"))
    assert (done.rollback_only, done.route_stop, done.exception, done.message.body) == (
        True,
        False,
        None,
        "x",
    )
    done = await steps("rollback: {}", exchange("x"))
    assert class_of(done.exception) == "org.apache.camel.RollbackExchangeException"


# --- seda, stub, mustache --------------------------------------------------------------------------------


def test_a_queue_answers_takes_turns_and_times_out() -> None:
    mocks = Mocks()
    text = route("to: seda:q?timeout=2000") + route(
        "delay: {header: ms}\nsetBody: {simple: '${body}!'}\nto: mock:q", "seda:q", "q"
    )
    made = [exchange("a", {"ms": 500}), exchange("b", {"ms": 500}), exchange("c", {"ms": 5000})]
    assert _all(text, made, Services(mocks=mocks), together=True) == [0.5, 1.0, 2.0]
    assert [one.message.body for one in made] == ["a!", "b!", "c"]
    assert class_of(made[2].exception) == "org.apache.camel.ExchangeTimedOutException"
    assert [one.message.body for one in mocks.received["mock:q"]] == ["a!", "b!"]
    once = exchange("a", {"ms": 500})
    once.pattern = "InOnly"
    assert _all(text, [once], Services(mocks=mocks)) == [0.5]  # it ends after what it started
    assert once.message.body == "a"
    failed = exchange("a")
    _all(route("to: seda:q") + route(BOOM, "seda:q", "q"), [failed])
    assert class_of(failed.exception) == "java.io.IOException"


def test_queues_are_bounded_and_do_not_go_in_circles() -> None:
    made = [exchange("x") for _ in range(5)]
    for one in made:
        one.pattern = "InOnly"
    text = route("to: seda:q?size=1") + route("delay: {constant: '1000'}", "seda:q", "q")
    _all(text, made, together=True)
    full = [one for one in made if one.exception is not None]
    assert len(full) == 3
    assert class_of(full[0].exception) == "java.lang.IllegalStateException"
    circle = exchange("x")
    circle.pattern = "InOnly"
    _all(route("to: seda:q") + route("to: seda:q", "seda:q", "q"), [circle], Services(routes_nested=10))
    assert circle.exception is None


def test_a_queue_without_a_route_is_a_lint() -> None:
    assert rules(route("to: seda:q")) == ["seda-missing"]
    assert rules(route("to: seda:q") + route("log: x", "seda:q", "q")) == []


async def test_a_stub_takes_any_option() -> None:
    done = await steps("to: stub:smtp://host?x=1", exchange("x"))
    assert (done.message.body, done.exception) == ("x", None)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{body}}", "&lt;a&gt; &amp; &quot;b&quot;"),
        ("{{{body}}}|{{&body}}", '<a> & "b"|<a> & "b"'),
        ("{{headers.h}}{{! no }}{{headers.none}}", "1"),
        ("{{#list}}{{.}},{{/list}}{{^none}}none{{/none}}", "1,2,none"),
        ("{{#map}}\n{{name}}{{#inner}}{{x}}{{name}}{{/inner}}\n{{/map}}\n", "n7n\n"),
        ("{{list.1}}{{map.inner.x}}", "27"),
    ],
)
def test_templates(template: str, text: str) -> None:
    values = {
        "body": '<a> & "b"',
        "headers": {"h": "1"},
        "list": [1, 2],
        "map": {"name": "n", "inner": {"x": 7}},
    }
    assert compile_template(template)(values) == text


@pytest.mark.parametrize(
    "template", ["{{#a}}", "{{/a}}", "{{#a}}{{/b}}", "{{> part}}", "{{=<% %>=}}", "{{#a}}" * 40]
)
def test_templates_that_cannot_be_used(template: str) -> None:
    with pytest.raises(ExpressionError):
        compile_template(template)


async def test_a_template_of_the_site() -> None:
    services = Services(
        resource=lambda path: b"Hello {{body}} {{headers.h}}" if path == "a.mustache" else b"{{#x}}"
    )
    done = await steps("to: mustache:a.mustache", exchange("x", {"h": "<"}), services)
    assert done.message.body == "Hello x &lt;"
    assert rules(route("to: mustache:b.mustache"), services) == ["resource"]


@pytest.mark.parametrize(
    ("step", "rule"),
    [
        ("delay: {}", "expression-missing"),
        ("delay: {constant: '5', executorService: '#e'}", "not-yet"),
        ("throttle: {constant: '1', mode: Some}", "option-value"),
        ("sample: {messageFrequency: often}", "option-type"),
        ("idempotentConsumer: {header: id, steps: [{log: x}]}", "missing-option"),
        ("idempotentConsumer: {header: id, idempotentRepository: '#none', steps: [{log: x}]}", "bean"),
        (
            "idempotentConsumer: {header: id, idempotentRepository: '#class:x.Jdbc', steps: [{log: x}]}",
            "bean",
        ),
        ("claimCheck: {operation: Get}", "missing-option"),
        ("claimCheck: {operation: Take, key: k}", "option-value"),
        ("loadBalance: {steps: [{log: x}]}", "missing-option"),
        ("loadBalance: {stickyLoadBalancer: {}, steps: [{log: x}]}", "not-yet"),
        (
            "loadBalance: {weightedLoadBalancer: {distributionRatio: '1'}, steps: [{log: x}, {log: y}]}",
            "option-value",
        ),
        ("loadBalance: {failoverLoadBalancer: {exception: [None]}, steps: [{log: x}]}", "unknown-exception"),
    ],
)
def test_mistakes(step: str, rule: str) -> None:
    assert rule in rules(route(step))


async def test_two_routes_share_a_named_repository() -> None:
    text = f"- beans: [{{name: seen, type: {MEMORY}}}]\n"
    consume = CONSUME.replace(f"'#class:{MEMORY}'", "'#seen'")
    text += route(consume + "\nsetBody: {constant: again}\nto: direct:b") + route(consume, "direct:b", "b")
    done = await run(text, exchange("x", {"id": "1"}))
    assert (done.message.body, done.properties["CamelDuplicateMessage"]) == ("again", True)
