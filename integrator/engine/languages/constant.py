"""constant: a fixed text, or a value of another type by resultType."""

from __future__ import annotations

from integrator.engine.compiler import Expression, Predicate, Source
from integrator.engine.results import convert_constant
from integrator.engine.spec import EXPRESSION, ID, RESULT_TYPE, TRIM, Spec
from integrator.exchange import Exchange

SPEC = Spec(
    "language",
    "constant",
    "A fixed text. `resultType` makes a number or a boolean of it.",
    "1.0",
    "constant: ready",
    options=(EXPRESSION, RESULT_TYPE, TRIM, ID),
    text="expression",
)


def expression(source: Source) -> Expression:
    """The same value for every message."""
    text = source.text.strip() if source.node.flag("trim") else source.text
    value = convert_constant(source, text)

    def constant(_exchange: Exchange) -> object:
        return value

    return constant


def predicate(source: Source) -> Predicate:
    """Whether the text is `true`."""
    found = source.text.strip().lower() == "true"
    return lambda _exchange: found
