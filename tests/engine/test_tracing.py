"""What the history of an exchange says: every step with file and line where it is traced, never content."""

from __future__ import annotations

from integrator.engine import Services
from integrator.engine.steps import Failure
from integrator.engine.tracing import KEPT, Passed, trail
from tests.engine.helpers import exchange, steps


def traced() -> tuple[Services, list[tuple[str, Passed]]]:
    told: list[tuple[str, Passed]] = []
    return Services(trace=lambda name, entry: told.append((name, entry)), now_us=lambda: 7), told


def events(listed: list[Passed]) -> list[tuple[int, str, str]]:
    return [(entry.line, entry.step, entry.event) for entry in listed]


async def test_each_step_that_starts_and_ends_is_noted() -> None:
    services, told = traced()
    done = await steps(
        "setBody: {constant: a}\ndelay: {constant: '0'}\nto: log:x", exchange("secret"), services
    )
    expected = [(line, step, event) for line, step in ((6, "setBody"), (7, "delay"), (8, "to"))
                for event in ("start", "end")]  # fmt: skip
    assert events(trail(done)) == expected
    assert [entry for name, entry in told if name == done.id] == trail(done)
    assert {(entry.route, entry.file, entry.at_us) for entry in trail(done)} == {
        ("r", "routes/test.camel.yaml", 7)
    }
    assert "secret" not in repr(done.history[1:])


async def test_errors_and_stops_are_noted_with_their_class_only() -> None:
    services, _ = traced()
    done = await steps("throwException: {exceptionType: java.io.IOException, message: '${body}'}",
                       exchange("secret"), services)  # fmt: skip
    assert events(trail(done)) == [(6, "throwException", "start"), (6, "throwException", "error")]
    assert trail(done)[1].java_class == "java.io.IOException"
    assert [type(entry) for entry in done.history[1:]] == [Passed, Passed, Failure]
    assert "secret" not in repr(done.history[1:])
    done = await steps("filter: {constant: 'true', steps: [{stop: {}}]}", exchange("x"), services)
    assert events(trail(done)) == [(6, "filter", "start"), (6, "stop", "start"), (6, "stop", "stop"),
                                   (6, "filter", "stop")]  # fmt: skip


async def test_steps_inside_others_and_in_children_are_noted() -> None:
    services, told = traced()
    done = await steps("split: {tokenize: {token: ','}, steps: [{log: x}]}", exchange("a,b"), services)
    assert events(trail(done)) == [(6, "split", "start"), (6, "split", "end")]
    assert len({name for name, entry in told if entry.step == "log"} - {done.id}) == 2


async def test_the_history_is_bounded() -> None:
    services, told = traced()
    done = await steps(
        f"loop: {{constant: '{KEPT}', steps: [{{setBody: {{constant: a}}}}]}}", exchange(), services
    )
    assert len(done.history) == KEPT + 1
    assert len(told) == 2 * KEPT + 2


async def test_without_a_trace_nothing_is_noted() -> None:
    done = await steps("setBody: {constant: a}", exchange())
    assert len(done.history) == 1
    assert trail(done) == []


async def test_failures_are_noted_in_any_case() -> None:
    done = await steps("throwException: {exceptionType: java.io.IOException, message: x}", exchange())
    assert [(entry.line, entry.step, entry.java_class) for entry in done.history[1:]] == [
        (6, "throwException", "java.io.IOException")
    ]
