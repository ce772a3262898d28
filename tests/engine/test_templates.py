"""Route templates and kamelets beyond Camel's own cases: mistakes, loops, several files."""

from __future__ import annotations

import pytest

from integrator.engine import Services, check_routes, compile_routes, endpoints
from integrator.engine.exceptions import class_of
from tests.engine.helpers import exchange, problems, route, rules, run, source

TEMPLATE = """
- routeTemplate:
    id: audit
    parameters: [{name: to}, {name: level, defaultValue: INFO}]
    from:
      uri: "direct:{{to}}"
      steps:
        - log: {message: audited, loggingLevel: "{{level}}"}
        - setBody: {constant: "{{to}}"}
"""


def made(text: str) -> str:
    return f"{TEMPLATE}- templatedRoute: {{routeTemplateRef: audit, {text}}}\n"


async def test_a_template_may_stand_in_another_file() -> None:
    first = source(TEMPLATE, "templates.yaml")
    second = source("- templatedRoute: {routeTemplateRef: audit, parameters: [{name: to, value: a}]}\n"
                    + route("to: direct:a"), "routes.yaml")  # fmt: skip
    assert check_routes([second, first]) == []
    given = exchange("x")
    await compile_routes([second, first], Services()).run("direct:start", given)
    assert given.message.body == "a"


async def test_values_of_wrong_types_are_found_where_they_stand() -> None:
    found = problems(made("parameters: [{name: to, value: a}, {name: level, value: LOUD}]"))
    assert [(problem.rule, problem.line) for problem in found] == [("option-value", 8)]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (made("parameters: []"), "template-parameter"),
        (made("parameters: [{name: to}]"), "missing-option"),
        (made("parameters: [{name: to, value: a}, {name: levl, value: b}]"), "template-parameter-unknown"),
        (TEMPLATE + "- templatedRoute: {routeTemplateRef: adit, parameters: []}", "template"),
        (TEMPLATE + TEMPLATE, "duplicate-template"),
        (TEMPLATE, "template-unused"),
        ("- routeTemplate: {id: a}", "missing-option"),
        ("- routeTemplate: {id: a, route: {}, from: {uri: direct:a, steps: []}}", "missing-option"),
        ("- routeTemplate: {id: a, route: text}", "options"),
        ("- templatedRoute: {routeId: a}", "missing-option"),
        (route("to: kamelet:nope"), "template"),
        (route("to: kamelet:sink"), "kamelet-sink"),
        (route("to: kamelet:source"), "kamelet-sink"),
        (route("kamelet: {steps: []}"), "missing-option"),
        (TEMPLATE + route("to: kamelet:audit"), "template-parameter"),
        ("- routeTemplate: {id: k, from: {uri: 'kamelet:source', steps: [{to: 'kamelet:k'}]}}\n"
         + route("to: kamelet:k"), "template-loop"),
        ("- routeTemplate: {id: k, from: {uri: 'kamelet:source', steps: [{setBodi: {}}]}}\n"
         + route("to: kamelet:k"), "unknown-step"),
        ("- routeTemplate: {id: k, from: {uri: 'kamelet:source', steps: []}}\n"
         + route("log: x", "kamelet:k", "r"), "consumer"),
    ],
)  # fmt: skip
def test_mistakes(text: str, rule: str) -> None:
    assert rule in rules(text)


def test_the_nearest_names_are_offered() -> None:
    found = problems(TEMPLATE + "- templatedRoute: {routeTemplateRef: adit, parameters: []}")
    assert {problem.remedy for problem in found if problem.rule == "template"} == {"Did you mean audit?"}
    found = problems(made("parameters: [{name: to, value: a}, {name: levl, value: b}]"))
    assert [problem.remedy for problem in found] == ["Did you mean level?"]


def test_endpoints_of_a_template_count_even_where_nobody_uses_it() -> None:
    text = "- routeTemplate: {id: k, from: {uri: 'kamelet:source', steps: [{to: 'http://example.org'}]}}"
    assert [use.uri for use in endpoints(source(text)) if not use.consumer] == ["http:example.org"]


async def test_kamelets_that_call_routes_that_call_them_end() -> None:
    text = ("- routeTemplate: {id: k, from: {uri: 'kamelet:source', steps: [{to: 'direct:start'}]}}\n"
            + route("to: kamelet:k"))  # fmt: skip
    given = await run(text, exchange("x"), Services(routes_nested=10))
    assert class_of(given.exception) == "java.util.concurrent.RejectedExecutionException"
