"""removeHeader, removeHeaders, removeProperty, removeProperties and removeVariable."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.names import PROTECTED, dynamic_name, pattern, variables_of
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange

_NAME = (Option("name", "Its name.", required=True),)
_PATTERN = (
    Option("pattern", "Exact name, name*, or a regular expression; case does not matter.", required=True),
    Option("excludePattern", "What stays although the pattern matches."),
)
SPECS = (
    Spec("eip", "removeHeader", "Removes one header.", "1.0", "removeHeader: {name: niss}", _NAME, text="name"),
    Spec(
        "eip", "removeHeaders", "Removes the headers that match; `*` removes Camel's own, too.", "2.3",
        "removeHeaders: {pattern: 'X-*', excludePattern: X-Keep}", _PATTERN, text="pattern",
    ),
    Spec("eip", "removeProperty", "Removes one exchange property.", "2.0", "removeProperty: {name: niss}",
         _NAME, text="name"),
    Spec(
        "eip", "removeProperties", "Removes the exchange properties that match.", "2.15",
        "removeProperties: {pattern: 'tmp*'}", _PATTERN, text="pattern",
    ),
    Spec("eip", "removeVariable", "Removes one variable; `*` removes all.", "4.4",
         "removeVariable: {name: found}", _NAME, text="name"),
)  # fmt: skip


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    kind = node.spec.name
    if kind in ("removeHeaders", "removeProperties"):
        return _matching(node, headers=kind == "removeHeaders")
    name_given = node.text("name")
    fixed, dynamic = dynamic_name(node)

    def remove_header(exchange: Exchange) -> None:
        exchange.message.headers.pop(name_given, None)  # Camel takes this name as it stands

    def remove_property(exchange: Exchange) -> None:
        name = name_given
        if not name.startswith(PROTECTED):
            exchange.properties.pop(name, None)

    def remove_variable(exchange: Exchange) -> None:
        name = fixed or dynamic(exchange)
        if name == "*":
            exchange.variables.clear()
        else:
            variables_of(exchange, name).pop(name, None)

    return {"removeHeader": remove_header, "removeProperty": remove_property}.get(kind, remove_variable)


def _matching(node: Node, *, headers: bool) -> Run:
    included = pattern(node, "pattern")
    excluded = pattern(node, "excludePattern")

    def remove_matching(exchange: Exchange) -> None:
        values = exchange.message.headers if headers else exchange.properties
        for name in [name for name in values if included(name) and not excluded(name)]:
            if headers or not name.startswith(PROTECTED):
                del values[name]

    return remove_matching
