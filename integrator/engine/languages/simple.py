"""simple: Camel's own expression language."""

from __future__ import annotations

from integrator.engine.compiler import Expression, Predicate, Source
from integrator.engine.javatypes import canonical
from integrator.engine.results import with_result_type
from integrator.engine.simple import compiler, predicates
from integrator.engine.spec import EXPRESSION, ID, RESULT_TYPE, TRIM, Option, Spec

SPEC = Spec(
    "language",
    "simple",
    "Texts with ${functions}. Operators count only where true or false is expected, or with resultType boolean.",
    "1.0",
    "simple: ${header.Adapter-Code} == 'SOA0000001'",
    options=(
        EXPRESSION,
        RESULT_TYPE,
        TRIM,
        ID,
        Option("trimResult", "Removes blanks around the result.", type="boolean", default=False),
        Option("pretty", "Not yet in the embedded engine.", type="boolean", default=False),
        Option("nested", "Accepted; nested functions are always evaluated.", type="boolean"),
    ),
    text="expression",
)


def expression(source: Source) -> Expression:
    """The value of the text; one function alone keeps its type."""
    text = source.text.strip() if source.node.flag("trim") else source.text
    if source.node.flag("pretty"):
        source.node.problem("/pretty", "not-yet", "pretty is not yet in the embedded engine", "Leave it out.")
    if canonical(source.node.text("resultType")) == "java.lang.Boolean":
        return predicates.predicate(text, source)
    value = with_result_type(source, compiler.expression(text, source))
    if not source.node.flag("trimResult"):
        return value

    def trimmed(exchange: object) -> object:
        found = value(exchange)  # type: ignore[arg-type]
        return found.strip() if isinstance(found, str) else found

    return trimmed


def predicate(source: Source) -> Predicate:
    """Whether the text holds, operators included."""
    return predicates.predicate(source.text, source)
