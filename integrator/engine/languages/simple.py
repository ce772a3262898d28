"""simple: Camel's own expression language."""

from __future__ import annotations

from integrator.engine.compiler import Expression, Predicate, Source
from integrator.engine.javatypes import canonical, to_text
from integrator.engine.results import with_result_type
from integrator.engine.simple import compiler, predicates
from integrator.engine.simple.prettying import pretty
from integrator.engine.spec import EXPRESSION, ID, RESULT_TYPE, TRIM, Option, Spec
from integrator.exchange import Exchange

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
        Option(
            "pretty", "Writes a result that is JSON or XML in several lines.", type="boolean", default=False
        ),
        Option(
            "nested",
            "Not in the embedded engine: it would run what messages contain.",
            type="boolean",
            default=False,
        ),
    ),
    text="expression",
)


def expression(source: Source) -> Expression:
    """The value of the text; one function alone keeps its type."""
    text = source.text.strip() if source.node.flag("trim") else source.text
    if source.node.flag("nested"):
        source.node.problem(
            "/nested", "not-yet", "nested would evaluate what messages contain", "Leave it out."
        )
    if canonical(source.node.text("resultType")) == "java.lang.Boolean":
        return predicates.predicate(text, source)
    value = compiler.expression(text, source)
    if source.node.flag("pretty"):
        value = _in_lines(source, value)
    value = with_result_type(source, value)
    if not source.node.flag("trimResult"):
        return value

    def trimmed(exchange: object) -> object:
        found = value(exchange)  # type: ignore[arg-type]
        return found.strip() if isinstance(found, str) else found

    return trimmed


def _in_lines(source: Source, value: Expression) -> Expression:
    conversions = source.scope.services.conversions

    def shown(exchange: Exchange) -> object:
        text = to_text(value(exchange))
        return None if text is None else pretty(text, conversions.parse_json, conversions.parse_xml)

    return shown


def predicate(source: Source) -> Predicate:
    """Whether the text holds, operators included."""
    return predicates.predicate(source.text, source)
