"""routeTemplate and templatedRoute: routes with parameters, and the routes made from them.

The values of parameters stand in for their `{{name}}` before anything of the route is compiled, so that a
template is checked with the values it gets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrator.engine.compiler import Bean, Node, Scope
from integrator.engine.elements.beans import beans
from integrator.engine.problems import did_you_mean
from integrator.engine.spec import Option, Spec

_BEANS = Option("beans", "Beans of this route alone; `{{name}}` names them.", type="list")
SPECS = (
    Spec(
        "element", "routeTemplate", "A route with parameters: templatedRoute and kamelet: make routes from it.", "3.5",
        "routeTemplate: {id: audit, parameters: [{name: to}], from: {uri: 'direct:{{to}}', steps: [{log: audit}]}}",
        options=(
            Option("id", "The name of the template.", required=True, example="audit"),
            Option("parameters", "Its parameters; those without a default have to be given.", type="list",
                   example=[{"name": "to"}]),
            Option("from", "The consumer and its steps, as in a route.", type="object"),
            Option("route", "A whole route instead of from.", type="object"),
            _BEANS,
        ),
    ),
    Spec(
        "element", "templatedRoute", "A route made from a routeTemplate.", "3.16",
        "templatedRoute: {routeTemplateRef: audit, routeId: audit-a, parameters: [{name: to, value: a}]}",
        options=(
            Option("routeTemplateRef", "The template.", required=True, example="audit"),
            Option("routeId", "The id of the route.", example="audit-a"),
            Option("prefixId", "Stands before the ids of the steps."),
            Option("parameters", "Their values.", type="list", example=[{"name": "to", "value": "a"}]),
            _BEANS,
        ),
    ),
)  # fmt: skip
PARAMETER = Spec(
    "part", "parameter", "A parameter of a routeTemplate.", "3.5", "{name: to, defaultValue: a}",
    (
        Option("name", "Its name.", required=True, example="to"),
        Option("defaultValue", "Its value where none is given.", example="a"),
        Option("required", "Whether it has to be given, where it has no default.", type="boolean", default=True),
    ),
)  # fmt: skip
VALUE = Spec(
    "part", "parameter value", "The value of a parameter.", "3.16", "{name: to, value: a}",
    (
        Option("name", "Its name.", required=True, example="to"),
        Option("value", "Its value.", required=True, example="a"),
    ),
)  # fmt: skip
_PLACEHOLDER = re.compile(r"\{\{\s*(\?|!)?([^{}:?!]+?)\s*(?::([^{}]*))?\}\}")


@dataclass(slots=True)
class Template:
    """A routeTemplate as written. `made` counts the routes made from it."""

    id: str
    node: Node
    route: Mapping[str, Any]
    pointer: str
    defaults: dict[str, str] = field(default_factory=dict)
    needed: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    made: int = 0

    @property
    def scope(self) -> Scope:
        """The scope of its file."""
        return self.node.scope

    def filled(self, given: Mapping[str, str]) -> tuple[Mapping[str, Any], dict[str, Bean]]:
        """The route with these values, and the beans of it alone."""
        values = {**self.defaults, **given}
        own = self.node.options.get("beans") or ()
        for item in own if isinstance(own, (list, tuple)) else ():
            if isinstance(item, Mapping) and "name" in item:
                values.setdefault(str(item["name"]), str(item["name"]))
        local = beans(substituted(own, values), f"{self.node.pointer}/beans", self.scope) if own else {}
        self.made += 1
        return substituted(self.route, values), local

    def missing(self, given: Mapping[str, str]) -> list[str]:
        """The parameters that have no value."""
        return [name for name in self.needed if name not in given]


def template(value: Any, pointer: str, scope: Scope) -> Template | None:
    """Read a routeTemplate; notes what is wrong with it."""
    node = Node.of(SPECS[0], value, pointer, scope)
    if node is None or not node.text("id"):
        return None
    whole, start = node.options.get("route"), node.options.get("from")
    if (whole is None) == (start is None):
        node.problem(
            "",
            "missing-option",
            "routeTemplate has one of from and route",
            f"For example: {SPECS[0].example}",
        )
        return None
    if whole is not None and not isinstance(whole, Mapping):
        node.problem("/route", "options", "route is not a mapping", f"For example: {SPECS[0].example}")
        return None
    found = Template(node.text("id"), node, whole if whole is not None else {"from": start},
                     f"{pointer}/route" if whole is not None else pointer)  # fmt: skip
    _parameters(node, found)
    return found


def _parameters(node: Node, found: Template) -> None:
    needed, known = [], []
    listed = node.options.get("parameters")
    for index, item in enumerate(listed if isinstance(listed, (list, tuple)) else ()):
        one = Node.of(PARAMETER, item, f"{node.pointer}/parameters/{index}", node.scope)
        if one is None:
            continue
        name = one.text("name")
        known.append(name)
        if one.options.get("defaultValue") is not None:
            found.defaults[name] = one.text("defaultValue")
        elif one.flag("required"):
            needed.append(name)
    found.needed, found.known = tuple(needed), tuple(known)


def values(node: Node) -> dict[str, str]:
    """The parameters of a templatedRoute."""
    found: dict[str, str] = {}
    listed = node.options.get("parameters")
    for index, item in enumerate(listed if isinstance(listed, (list, tuple)) else ()):
        one = Node.of(VALUE, item, f"{node.pointer}/parameters/{index}", node.scope)
        if one is not None:
            found[one.text("name")] = node.scope.fill(one.text("value"), one.pointer)
    return found


def named(node: Node, name: str, option: str) -> Template | None:
    """The template of that name; notes a problem where there is none."""
    templates = node.scope.program.templates
    found = templates.get(name)
    if found is None:
        remedy = did_you_mean(name, templates) if templates else "Add a routeTemplate with this id."
        node.problem(f"/{option}", "template", f"there is no routeTemplate {name}", remedy)
    assert found is None or isinstance(found, Template)
    return found


def complete(node: Node, found: Template, given: Mapping[str, str], option: str) -> bool:
    """Whether a template gets every value it needs; notes what is missing, or unknown."""
    missing = found.missing(given)
    if missing:
        node.problem(f"/{option}", "template-parameter",
                     f"routeTemplate {found.id} needs the parameters {', '.join(missing)}", "Give each a value.")  # fmt: skip
    for name in given:
        if name not in found.known:
            node.problem(f"/{option}", "template-parameter-unknown",
                         f"routeTemplate {found.id} declares no parameter {name}",
                         did_you_mean(name, found.known) if found.known else "Declare it, or leave it out.")  # fmt: skip
    return not missing


def substituted(value: Any, values: Mapping[str, str]) -> Any:
    """The same with the values in the places of their `{{name}}`; others stay for the placeholders of the site."""
    if isinstance(value, Mapping):
        return {key: substituted(item, values) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [substituted(item, values) for item in value]
    if isinstance(value, str) and "{{" in value:
        return _PLACEHOLDER.sub(lambda match: values.get(match[2], match[0]), value)
    return value
