"""beans: the few Java classes that the engine knows, by name, with their properties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrator.engine.compiler import Bean, Node, Scope
from integrator.engine.spec import Option, Spec

XPATH = "javax.xml.crypto.dsig.spec.XPathFilterParameterSpec"
"""The one class that takes its value, an XPath, as the first of `constructors`; the engine keeps it as `xPath`."""
SPEC = Spec(
    "element",
    "beans",
    "Named objects of Java classes that the engine knows: aggregation strategies, idempotent repositories, keys.",
    "3.16",
    "beans: [{name: joined, type: org.apache.camel.processor.aggregate.StringAggregationStrategy, properties: {delimiter: '; '}}]",
    options=(
        Option("name", "Its name.", required=True, example="joined"),
        Option("type", "Full name of the class, `#class:` may stand before it.", required=True,
               example="org.apache.camel.processor.aggregate.StringAggregationStrategy"),
        Option("properties", "What is set on it.", type="object"),
        Option("constructors", f"The XPath of a {XPATH}, as {{0: /a/b}}; no other class takes any.", type="object"),
        *(Option(name, "Not in the embedded engine: needs Java.", type="any")
          for name in ("builderClass", "builderMethod", "destroyMethod", "factoryBean",
                       "factoryMethod", "initMethod", "script", "scriptLanguage", "scriptPropertyPlaceholders")),
    ),
)  # fmt: skip


def beans(value: Any, pointer: str, scope: Scope) -> dict[str, Bean]:
    """The beans of an element. Whether a class fits is said where the bean is used."""
    found: dict[str, Bean] = {}
    if not isinstance(value, (list, tuple)):
        scope.problem(pointer, "options", "beans is not a list", f"For example: {SPEC.example}")
        return found
    for index, item in enumerate(value):
        node = Node.of(SPEC, item, f"{pointer}/{index}", scope)
        if node is None:
            continue
        for name in (
            "script",
            "scriptLanguage",
            "factoryBean",
            "factoryMethod",
            "builderClass",
            "constructors",
        ):
            if name == "constructors" and _class(node) == XPATH:
                continue
            if node.options.get(name) is not None:
                node.problem(
                    f"/{name}", "not-yet", f"{name} of a bean needs Java", "Use a class the engine knows."
                )
        found[node.text("name")] = Bean(_class(node), _properties(node))
    return found


def _class(node: Node) -> str:
    return node.text("type").removeprefix("#class:")


def _properties(node: Node) -> Mapping[str, Any]:
    given = node.options.get("properties")
    properties = given if isinstance(given, Mapping) else {}
    made = node.options.get("constructors")
    if _class(node) != XPATH or not isinstance(made, Mapping):
        return properties
    if [str(key) for key in made] != ["0"]:
        node.problem("/constructors", "bean", f"{XPATH} takes an XPath only", "Write {0: /a/b}.")
    return {**properties, "xPath": str(next(iter(made.values()), ""))}


def named(node: Node, option: str) -> Bean | None:
    """The bean an option names: `#class:FQCN`, `#name` or `name`; notes a problem where there is none."""
    text = node.scope.fill(node.text(option), f"{node.pointer}/{option}").strip()
    if text.startswith("#class:"):
        return Bean(text.removeprefix("#class:"))
    name = text.removeprefix("#bean:").removeprefix("#")
    found = node.scope.beans.get(name)
    if found is None:
        node.problem(
            f"/{option}",
            "bean",
            f"there is no bean {name}",
            "Describe it under beans, or write #class: and its class.",
        )
    return found
