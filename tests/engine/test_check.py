"""Every mistake of a route file in one pass, each with its place, rule and remedy."""

from __future__ import annotations

import pytest

from integrator.engine import RouteErrors, Services, check_routes, compile_routes, endpoints
from tests.engine.helpers import problems, route, rules, source

WRONG = """\
- route:
    id: one
    from:
      uri: flow:person-consult
      steps:
        - setBodi: {constant: x}
        - setBody: {jq: '.a | {'}
        - to: {uri: 'adapter:regional/x', parameters: {opera-tion: get}}
        - setHeader: {nam: a, constant: b}
        - throwException: {exceptionType: java.lang.IllegalArgumentExeption, message: no}
        - to: direct:nowhere
        - to: kafka:topic
        - to: httpx:there
        - transacted: {}
        - choice: {when: [{simple: '${header.a} ==1', steps: []}]}
- route:
    id: one
    from: {uri: 'flow:person-consult', steps: [{setBody: {groovy: x}}]}
"""


def test_one_pass_finds_every_mistake_with_its_line() -> None:
    found = [(problem.line, problem.rule) for problem in problems(WRONG)]
    assert found == [
        (6, "unknown-step"),
        (7, "expression"),
        (8, "parameter-renamed"),
        (8, "unknown-endpoint-option"),
        (8, "missing-option"),
        (9, "unknown-option"),
        (9, "missing-option"),
        (10, "unknown-exception"),
        (11, "direct-missing"),
        (12, "not-yet"),
        (13, "unknown-component"),
        (14, "not-yet"),
        (15, "expression"),
        (17, "duplicate-route-id"),
        (18, "not-yet"),
        (18, "duplicate-consumer"),
    ]


def test_problems_say_what_to_do() -> None:
    by_rule = {problem.rule: problem for problem in problems(WRONG)}
    assert by_rule["unknown-step"].remedy == "Did you mean setBody?"
    assert by_rule["unknown-step"].pointer == "/0/route/from/steps/0/setBodi"
    assert by_rule["unknown-option"].remedy == "Did you mean name?"
    assert "java.lang.IllegalArgumentException" in by_rule["unknown-exception"].remedy
    assert all(problem.remedy and problem.message for problem in by_rule.values())
    assert str(by_rule["unknown-step"]).startswith("routes/test.camel.yaml:6: unknown-step: ")


def test_compiling_raises_them_together() -> None:
    with pytest.raises(RouteErrors) as caught:
        compile_routes([source(WRONG)], Services())
    assert len(caught.value.problems) >= 14
    assert not {"direct-missing", "parameter-renamed"} & {problem.rule for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("step", "rule"),
    [
        ("setBody: {}", "expression-missing"),
        ("setBody: {constant: a, simple: b}", "expression-missing"),
        ("setBody: {expression: {simpl: a}}", "unknown-language"),
        ("setBody: {csimple: a}", "not-yet"),
        ("setBody: {simple: '${nofunc}'}", "expression"),
        ("setBody: {simple: '${body'}", "expression"),
        ("setBody: {simple: '${env:HOME}'}", "not-yet"),
        ("setBody: {simple: '${toJson(body)}'}", "expression"),
        ("setBody: {simple: '${substring(a)}'}", "expression"),
        ("setBody: {simple: '${date:now:qq}'}", "expression"),
        ("setBody: {simple: '${date:never:yyyy}'}", "expression"),
        ("setBody: {simple: '{{missing}}'}", "placeholder"),
        ("setBody: {simple: '${properties:missing}'}", "placeholder"),
        ("setBody: {constant: {expression: x, resultType: int}}", "expression"),
        ("setBody: {constant: {expression: x, resultType: com.x.Y}}", "result-type"),
        ("setBody: {xpath: '/r/['}", "expression"),
        ("setBody: {xpath: '/n:r'}", "expression"),
        ("setBody: {xpath: {expression: /r, resultQName: NODES}}", "option-value"),
        ("setBody: {jsonpath: '$.[bad'}", "expression"),
        ("setBody: {jsonpath: {expression: $.a, option: NOPE}}", "expression"),
        ("setBody: {jq: {expression: .a, source: 'cookie:x'}}", "expression"),
        ("setBody: {jq: 'env'}", "not-yet"),
        ("filter: {simple: '${body} = 1', steps: []}", "expression"),
        ("filter: {simple: '(${body} == 1)', steps: []}", "expression"),
        ("filter: {simple: '', steps: []}", "expression"),
        ("filter: {simple: 'true', steps: 5}", "option-type"),
        ("validate: {simple: 'hello'}", "expression"),
        ("removeHeaders: {pattern: '('}", "pattern"),
        ("setProperty: {name: IntegratorFlow, constant: x}", "protected"),
        ("log: {message: x, loggingLevel: LOUD}", "option-value"),
        ("log: {message: x, logger: '#mine'}", "not-yet"),
        ("marshal: {}", "data-format"),
        ("marshal: {avro: {}}", "not-yet"),
        ("marshal: {jsn: {}}", "unknown-option"),
        ("marshal: {json: {library: Gson}}", "option-value"),
        ("unmarshal: {json: {unmarshalType: com.x.Person}}", "result-type"),
        ("to: nothing here", "uri"),
        ("to: ''", "uri"),
        ("to: flow:other", "flow-producer"),
        ("to: {uri: direct:a, parameters: [1]}", "option-type"),
        ("to: log:x?nosuch=1", "unknown-endpoint-option"),
        ("to: log:x?level=LOUD", "option-value"),
        ("to: adapter:regional/x", "missing-option"),
        ("toD: smtp:${header.host}", "dynamic-uri"),
        ("doTry: {steps: [], doCatch: [{exception: [NotFound], steps: []}]}", "unknown-exception"),
        ("doTry: {steps: [], doCatc: []}", "unknown-option"),
        ("choice: {when: [{simple: 'true', step: []}]}", "unknown-option"),
        ("choice: {otherwise: [1]}", "options"),
        ("route: {id: x}", "misplaced"),
        ("[1, 2]", "step"),
        ("{setBody: {constant: a}, to: direct:x}", "step"),
        ("throwException: {message: x}", "missing-option"),
        ("setHeaders: {headers: [{name: a}]}", "expression-missing"),
    ],
)
def test_each_kind_of_mistake(step: str, rule: str) -> None:
    assert rule in rules(route(step))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("- onException: {steps: []}", "missing-option"),
        ("- rest: {}", "not-yet"),
        ("- rout: {}", "unknown-element"),
        ("- {route: {}, from: {}}", "element"),
        ("- just text", "element"),
        ("- route: {id: a}", "missing-option"),
        ("- route: {id: a, from: {uri: direct:a}}", "missing-option"),
        ("- route: {id: a, from: {uri: 'kafka:x', steps: []}}", "consumer"),
        ("- route: {id: a, errorHandler: {refErrorHandler: x}, from: {uri: direct:a, steps: []}}", "not-yet"),
        ("- from: {uri: direct:a, steps: [{to: direct:b}], nosuch: 1}", "unknown-option"),
        ("- route: text", "options"),
    ],
)
def test_each_kind_of_mistake_in_the_file(text: str, rule: str) -> None:
    assert rule in rules(text)


def test_a_good_file_has_no_problems() -> None:
    assert problems(route("setBody: {constant: x}\nto: log:x")) == []
    assert check_routes([source("")]) == []


def test_files_of_the_site_are_read_only_with_services() -> None:
    text = route("to: xslt:schemas/none.xsl\nto: validator:../out.xsd\nto: json-validator:none.json")
    assert problems(text) == []
    assert [problem.rule for problem in problems(text, Services())] == ["resource"] * 3


def test_direct_is_found_across_files() -> None:
    first = source(route("to: direct:next"), "a.yaml")
    second = source(route("to: log:x", "direct:next", "other"), "b.yaml")
    assert check_routes([first, second]) == []
    assert [problem.file for problem in check_routes([first])] == ["a.yaml"]


def test_endpoints_are_listed_for_egress() -> None:
    text = route(
        "to: adapter:regional/x?operation=get\ntoD: direct:${header.n}\nto: {uri: log, parameters: {name: a}}"
    )
    assert [(use.uri, use.dynamic, use.consumer, use.line) for use in endpoints(source(text))] == [
        ("adapter:regional/x?operation=get", False, False, 6),
        ("direct:${header.n}", True, False, 7),
        ("log:a", False, False, 8),
        ("direct:start", False, True, 4),
    ]


def test_expressions_are_bounded() -> None:
    assert "expression" in rules(route("setBody: {simple: '" + "x" * 30_000 + "'}"))
    deep = "${trim(" * 40 + "a" + ")}" * 40
    assert "expression" in rules(route(f"setBody: {{simple: '{deep}'}}"))
