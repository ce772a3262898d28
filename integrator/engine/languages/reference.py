"""header, exchangeProperty and variable: the value of that name, as an expression of its own."""

from __future__ import annotations

from integrator.engine.compiler import Expression, Predicate, Source
from integrator.engine.names import property_of, variables_of
from integrator.engine.results import truth, with_result_type
from integrator.engine.spec import EXPRESSION, ID, TRIM, Spec
from integrator.exchange import Exchange

_OPTIONS = (EXPRESSION, TRIM, ID)
SPECS = (
    Spec("language", "header", "The value of a header.", "1.5", "header: Adapter-Code", _OPTIONS, text="expression"),
    Spec(
        "language", "exchangeProperty", "The value of an exchange property.", "2.0",
        "exchangeProperty: dossier", _OPTIONS, text="expression",
    ),
    Spec("language", "variable", "The value of a variable.", "4.4", "variable: found", _OPTIONS, text="expression"),
)  # fmt: skip


def expression(source: Source) -> Expression:
    """The value, with its own type."""
    name = source.text.strip()

    def header(exchange: Exchange) -> object:
        found = exchange.message.headers.get(name)
        return exchange.properties.get(name) if found is None else found

    def exchange_property(exchange: Exchange) -> object:
        return property_of(exchange, name)

    def variable(exchange: Exchange) -> object:
        return variables_of(exchange, name).get(name)

    found = {"header": header, "exchangeProperty": exchange_property}.get(source.language, variable)
    return with_result_type(source, found)


def predicate(source: Source) -> Predicate:
    """Whether there is such a value, and it is not false or empty."""
    value = expression(source)
    return lambda exchange: truth(value(exchange))
