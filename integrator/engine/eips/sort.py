"""sort: a list in order, in place as in Camel."""

from __future__ import annotations

from typing import Any

from integrator.engine.compiler import Node
from integrator.engine.exceptions import JavaException, failure
from integrator.engine.javatypes import JavaList, type_of
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange

SPEC = Spec(
    "eip",
    "sort",
    "Sorts a list, by default the body: texts by character, numbers by value. The list itself changes.",
    "2.0",
    "sort: {simple: '${body}'}",
    options=(Option("comparator", "Not in the embedded engine: needs a Java bean."),),
    expression=True,
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    if node.options.get("comparator") is not None:
        node.problem("/comparator", "not-yet", "comparator needs a Java bean", "Leave it out.")
    value = node.expression()

    def sort(exchange: Exchange) -> None:
        found = value(exchange)
        if not isinstance(found, list):
            raise failure(
                "java.lang.NullPointerException",
                'Cannot invoke "java.util.List.sort(java.util.Comparator)" because "list" is null',
            )
        in_order(found)
        exchange.message.body = found if isinstance(found, JavaList) else JavaList(found)

    return sort


def in_order(values: list[Any]) -> None:
    """Sort in place. Raises JavaException where the values are of different or incomparable classes."""
    kinds = [_kind(value) for value in values]
    for place in range(1, len(kinds)):
        if kinds[place] != kinds[place - 1]:
            raise _class_cast(values[place - 1], kinds[place])
    if kinds and kinds[0] not in ("java.lang.String", "number", "java.lang.Boolean"):
        if len(values) > 1:
            raise _class_cast(values[0], "java.lang.Comparable")
        return
    if kinds and kinds[0] == "java.lang.String":
        values.sort(key=lambda text: text.encode("utf-16-be", "surrogatepass"))
    else:
        values.sort()


def _kind(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "number"
    return type_of(value) if value is not None else "null"


def _class_cast(value: Any, other: str) -> JavaException:
    mine = type_of(value) if value is not None else "null"
    theirs = "java.lang.Integer" if other == "number" else other
    return failure(
        "java.lang.ClassCastException",
        f"class {mine} cannot be cast to class {theirs} ({mine} and {theirs} are in module java.base"
        " of loader 'bootstrap')",
    )
