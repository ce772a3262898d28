"""What check says about routes as a whole: engines, cycles, steps that never run, functions, places."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrator.authoring.check import check
from integrator.engine import check_routes
from integrator.engine.known import why
from integrator.site.problems import Problem
from tests.authoring.sites import BASE, N, R, write
from tests.engine.helpers import source


def found(text: str) -> dict[str, int]:
    """Rule → line, of a route file."""
    return {problem.rule: problem.line for problem in check_routes([source(text)])}


def site(tmp_path: Path, route: str, engine: str = "embedded") -> list[Problem]:
    write(tmp_path, BASE)
    (tmp_path / N).write_text(route)
    register = (tmp_path / R).read_text()
    (tmp_path / R).write_text(register.replace("exchange: event", f"exchange: event\n    engine: {engine}"))
    return check(tmp_path)


NOTIFY = """\
- route:
    id: notify
    from:
      uri: flow:notify
      steps:
        - to: adapter:regional/desk?operation=register
        - %s
"""


def test_what_only_camel_has_is_an_error_or_a_note(tmp_path: Path) -> None:
    embedded = site(tmp_path / "a", NOTIFY % "transacted: {}")
    assert [(p.rule, p.severity, p.line, p.column) for p in embedded] == [("not-yet", "error", 7, 23)]
    asked = site(tmp_path / "b", NOTIFY % "serviceCall: {name: x}", "camel-k")
    assert {(p.rule, p.severity) for p in asked} == {("engine-missing", "error"), ("camel-k-only", "warning")}
    note = next(p for p in asked if p.rule == "camel-k-only")
    assert "runs on Camel K only: it looks services up" in note.message
    wrong = site(tmp_path / "c", NOTIFY % "serviceCal: {name: x}", "camel-k")
    assert ("unknown-step", "error") in {(p.rule, p.severity) for p in wrong}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("script", "is not yet"), ("smtp", "is not yet"), ("kafka", "an adapter does that"),
        ("groovy", "runs code"), ("jaxb", "maps to Java"), ("rest", "is not yet"), ("policy", "Java virtual machine"),
    ],
)  # fmt: skip
def test_every_name_of_camel_has_its_reason(name: str, said: str) -> None:
    assert said in why(name)


def route(name: str, *steps: str) -> str:
    listed = "".join(f"        - {step}\n" for step in steps)
    return f"- route:\n    id: {name}\n    from:\n      uri: direct:{name}\n      steps:\n{listed}"


@pytest.mark.parametrize(
    "steps",
    [
        ("to: direct:a",),
        ("log: x", "to: 'direct://a?block=false'"),
        ("wireTap: {uri: 'direct:a'}",),
        ("enrich: {constant: 'direct:a'}",),
        ("pipeline: {steps: [{to: direct:a}]}",),
        ("multicast: {steps: [{to: direct:a}, {log: x}]}",),
        ("doTry: {steps: [{to: direct:a}]}",),
    ],
)
def test_a_route_that_calls_itself_for_ever(steps: tuple[str, ...]) -> None:
    assert found(route("a", *steps)) == {"direct-cycle": 5 + len(steps)}


@pytest.mark.parametrize(
    "steps",
    [
        ("filter: {simple: '${body}', steps: [{to: direct:a}]}",),
        ("choice: {when: [{simple: '${body}', steps: [{stop: {}}]}]}", "to: direct:a"),
        ("validate: {simple: '${body}'}", "to: direct:a"),
        ("loop: {constant: '3', steps: [{to: direct:a}]}",),
        (
            "doTry: {steps: [{log: x}], doCatch: [{exception: [java.lang.Exception], steps: [{to: direct:a}]}]}",
        ),
        ("to: direct:b", "to: direct:a"),
    ],
)
def test_a_route_that_may_call_itself(steps: tuple[str, ...]) -> None:
    text = route("a", *steps) + route("b", "filter: {simple: '${body}', steps: [{stop: {}}]}")
    assert set(found(text)) == {"direct-cycle-conditional"}


def test_a_cycle_over_several_files() -> None:
    first, second = source(route("a", "to: direct:b"), "a.yaml"), source(route("b", "to: direct:a"), "b.yaml")
    problems = check_routes([first, second])
    assert [(p.file, p.line, p.rule) for p in problems] == [("a.yaml", 6, "direct-cycle")]
    assert "by direct:b" in problems[0].message
    assert check_routes([source(route("a", "to: 'direct:b'")), source(route("b", "log: x"), "b.yaml")]) == []


def test_what_a_message_decides_is_no_cycle() -> None:
    assert "direct-cycle" not in found(
        route("a", "toD: 'direct:${header.x}'", "to: {uri: 'direct:a', disabled: true}")
    )


@pytest.mark.parametrize(
    "step",
    [
        "stop: {}",
        "throwException: {exceptionType: java.io.IOException, message: x}",
        "rollback: {message: x}",
        "pipeline: {steps: [{stop: {}}]}",
        "choice: {when: [{simple: '${body}', steps: [{stop: {}}]}], otherwise: {steps: [{rollback: {message: x}}]}}",
    ],
)
def test_steps_that_never_run(step: str) -> None:
    assert found(route("a", step, "log: never")) == {"unreachable": 7}


@pytest.mark.parametrize(
    "step",
    [
        "filter: {simple: '${body}', steps: [{stop: {}}]}",
        "choice: {when: [{simple: '${body}', steps: [{stop: {}}]}]}",
        "choice: {when: [{simple: '${body}', steps: [{log: x}]}], otherwise: {steps: [{stop: {}}]}}",
        "stop: {disabled: true}",
    ],
)
def test_steps_that_may_run(step: str) -> None:
    assert found(route("a", step, "log: maybe")) == {}


def test_steps_that_never_run_inside_others() -> None:
    inner = "split: {tokenize: {token: ','}, steps: [{stop: {}}, {log: never}]}"
    assert "unreachable" in found(route("a", inner))
    assert "unreachable" in found(
        route("a", "doTry: {steps: [{log: x}], doFinally: {steps: [{stop: {}}, {log: x}]}}")
    )


def test_steps_after_a_saga() -> None:
    beans = "- beans: [{name: saga, type: org.apache.camel.saga.InMemorySagaService}]\n"
    assert found(beans + route("a", "saga: {steps: [{log: x}]}", "log: after")) == {"saga-order": 8}
    assert found(beans + route("a", "log: before", "saga: {steps: [{log: x}]}")) == {}


def test_texts_for_booleans_and_numbers() -> None:
    text = route("a", "split: {tokenize: {token: ','}, streaming: 'true', steps: [{log: x}]}",
                 "resequence: {simple: '${body}', steps: [{log: x}]}")  # fmt: skip
    assert "schema-type" in found(text)
    assert "schema-type" not in found(
        route("a", "split: {tokenize: ',', streaming: '{{x:true}}', steps: [{log: x}]}")
    )
    assert "option-type" in found(route("a", "split: {tokenize: ',', streaming: maybe, steps: [{log: x}]}"))
    assert found(route("a", "delay: {constant: 5}")) == {"schema-type": 6}
    assert found(route("a", "setBody: {constant: true}")) == {"schema-type": 6}
    assert found(route("a", "delay: {constant: '5'}")) == {}


@pytest.mark.parametrize(
    ("uri", "rules"),
    [
        ("seda:q?size=10&timeout=5s", {"seda-missing"}),
        ("seda:q?size=many", {"option-type", "seda-missing"}),
        ("seda:q?failIfNoConsumers=maybe", {"option-type", "seda-missing"}),
        ("seda:q?waitForTaskToComplete=Sometimes", {"option-value", "seda-missing"}),
        ("seda:q?size={{size:5}}", {"seda-missing"}),
        ("log:x?maxChars=long", {"option-type"}),
    ],
)
def test_types_of_endpoint_options(uri: str, rules: set[str]) -> None:
    assert set(found(route("a", f"to: '{uri}'"))) == rules


def test_functions_beside_a_route_are_checked_in_their_file(tmp_path: Path) -> None:
    write(tmp_path, BASE)
    (tmp_path / N).write_text(NOTIFY % "bean: {ref: twice}")
    beans = tmp_path / N.replace(".camel.yaml", ".beans.py")
    assert [p.rule for p in check(tmp_path)] == ["bean"]
    beans.write_text("import os\n\ndef twice(body):\n    return body * 2\n")
    problems = {(Path(p.file).name, p.line, p.column, p.rule, p.severity) for p in check(tmp_path)}
    assert problems == {("notify.beans.py", 1, 1, "bean-code", "error"),
                        ("notify.camel.yaml", 7, 23, "bean-not-portable", "warning")}  # fmt: skip
    beans.write_text("def twice(body):\n    return body * 2\n")
    assert [p.severity for p in check(tmp_path)] == ["warning"]
