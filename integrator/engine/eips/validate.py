"""validate: the exchange fails unless a predicate is true."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.exceptions import CAMEL
from integrator.engine.shown import shown
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.engine.validation import violation
from integrator.exchange import Exchange

SPEC = Spec(
    "eip",
    "validate",
    "Throws PredicateValidationException unless the predicate is true.",
    "2.3",
    "validate: {simple: '${body} != null'}",
    options=(Option("predicateExceptionFactory", "Not in the embedded engine."),),
    expression=True,
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    test = node.predicate()
    text_of_test = shown(node.expression_source())
    if node.options.get("predicateExceptionFactory") is not None:
        node.problem(
            "/predicateExceptionFactory",
            "not-yet",
            "predicateExceptionFactory needs a Java bean",
            "Leave it out.",
        )

    def validate(exchange: Exchange) -> None:
        if not test(exchange):
            text = f"Validation failed for Predicate[{text_of_test}]. Exchange[{exchange.id}]"
            raise violation(exchange, CAMEL + "support.processor.PredicateValidationException", text)

    return validate
