"""simple's functions that evaluate other expressions: iif, forEach, filter, jq, jsonpath, xpath."""

from __future__ import annotations

from typing import Any

from integrator.engine.compiler import Expression, Node, Source
from integrator.engine.javatypes import JavaList
from integrator.engine.problems import ExpressionError
from integrator.engine.simple.calls import Arguments, Builder, items_of, with_body
from integrator.engine.simple.parser import parts
from integrator.engine.simple.predicates import predicate
from integrator.exchange import Exchange


def _iif(arguments: Arguments) -> Expression:
    arguments.need(3, 3)
    test = predicate(arguments.listed[0].strip(), arguments.source)
    then, otherwise = (arguments.value(index, keep_quotes=True) for index in (1, 2))
    return lambda exchange: then(exchange) if test(exchange) else otherwise(exchange)


def _for_each(arguments: Arguments) -> Expression:
    arguments.need(2, 2)
    items, work = arguments.value(0), arguments.value(1)

    def for_each(exchange: Exchange) -> Any:
        found = (with_body(exchange, item, work) for item in items_of(items(exchange)))
        return JavaList(item for item in found if item is not None)

    return for_each


def _filter(arguments: Arguments) -> Expression:
    arguments.need(2, 2)
    items, text = arguments.value(0), arguments.listed[1].strip()
    if any(mark in part for part in parts(text) if isinstance(part, str) for mark in "'\""):
        raise ExpressionError(
            "Camel drops the quotes in filter", "Compare with a header, a variable or a number."
        )
    test = predicate(text, arguments.source)

    def keep(exchange: Exchange) -> Any:
        return JavaList(item for item in items_of(items(exchange)) if with_body(exchange, item, test))

    return keep


def _language(arguments: Arguments) -> Expression:
    from integrator.engine import registry

    text, options = arguments.inside.strip(), {}
    first, comma, rest = text.partition(",")
    kind, colon, name = first.partition(":")
    if comma and colon and kind in ("header", "variable", "property") and name.isidentifier():
        text, options = rest.strip(), {"source": first}
    outer = arguments.source
    spec = registry.LANGUAGES.spec(arguments.name)
    node = Node(spec, {"expression": text, **options}, outer.node.pointer, outer.scope)
    module = registry.LANGUAGES.find(arguments.name)
    assert module is not None
    found: Expression = module.expression(Source(arguments.name, text, node))
    return found


FUNCTIONS: dict[str, Builder] = {
    "iif": _iif,
    "forEach": _for_each,
    "filter": _filter,
    "jq": _language,
    "jsonpath": _language,
    "xpath": _language,
}
__all__ = ["FUNCTIONS", "Exchange"]
