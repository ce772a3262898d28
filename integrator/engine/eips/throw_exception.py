"""throwException: the exchange fails with a Java exception; the message is simple."""

from __future__ import annotations

from integrator.engine import exceptions
from integrator.engine.compiler import Node, source
from integrator.engine.javatypes import to_text
from integrator.engine.problems import did_you_mean
from integrator.engine.simple.safe import safe_text
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing
from integrator.exchange import Exchange

SPEC = Spec(
    "eip",
    "throwException",
    "Fails with a Java exception. Where the bus has an error of that name, callers see that one.",
    "2.2",
    "throwException: {exceptionType: java.util.NoSuchElementException, message: no such person}",
    options=(
        Option(
            "exceptionType",
            "Full name of a Java exception class.",
            required=True,
            example="java.lang.IllegalArgumentException",
        ),
        Option("message", "What happened; simple. Values in it never leave the exchange in personal flows."),
        Option("ref", "Not in the embedded engine: needs a Java bean."),
    ),
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    java_class = node.text("exceptionType")
    if node.options.get("ref") is not None:
        node.problem("/ref", "not-yet", "throwException by ref needs a Java bean", "Name an exceptionType.")
    if java_class and not exceptions.known(java_class):
        node.problem(
            "/exceptionType",
            "unknown-exception",
            f"the engine knows no exception class {java_class}",
            did_you_mean(java_class, exceptions.PARENTS),
        )
    message = node.text("message")
    if not message:
        return _thrower(java_class, nothing, nothing)
    found = source("simple", message, f"{node.pointer}/message", node.scope)
    text = found.expression() if found else nothing
    safe = safe_text(found) if found and node.scope.services.personal else text
    return _thrower(java_class, text, safe)


def _thrower(java_class: str, text: Run, safe: Run) -> Run:
    def throw_exception(exchange: Exchange) -> None:
        shown = to_text(text(exchange)) or ""
        raise exceptions.thrown(java_class, shown, shown if safe is text else safe(exchange))

    return throw_exception
