"""Rules about routes: what the engine says, and where a route may come from and go to."""

from __future__ import annotations

from collections.abc import Iterator

from integrator.authoring.check.egress import PROTOCOLS, undeclared
from integrator.authoring.check.rule import Finding, declare, rule
from integrator.authoring.check.view import ADAPTER_URI, View
from integrator.engine import EndpointUse
from integrator.engine.problems import LINTS
from integrator.site.files import Item
from integrator.site.problems import did_you_mean
from integrator.site.read import Place

INSIDE = frozenset({
    "adapter", "bean", "browse", "class", "controlbus", "dataformat", "direct", "dynamic-router",
    "jolt", "jq", "jslt", "json-patch", "json-validator", "jsonata", "kamelet", "language", "log",
    "micrometer", "mock", "mustache", "mvel", "ref", "saga", "seda", "stub", "string-template",
    "validator", "velocity", "xj", "xmlsecurity-sign", "xmlsecurity-verify", "xquery", "xslt", "xslt-saxon",
})  # fmt: skip
"""Components that never leave the process; `adapter` is the one way out, and is checked by itself."""

_ENGINE_SAYS_TOO = {"not-yet", "unknown-component", "consumer", "unknown-endpoint-option", "missing-option"}

_ENGINE = {
    "bean": "A step names a bean that the file has not, or of a class that the engine has not.",
    "completion-missing": "An aggregate says nothing of when a group is complete: its steps would never run.",
    "consumer": "Routes of the embedded engine do not start from this component.",
    "bean-code": "The Python functions beside a route do what they must not do.",
    "data-format": "`marshal` and `unmarshal` name exactly one data format.",
    "direct-cycle": "Routes call each other by `direct:` for ever: nothing decides when they end.",
    "duplicate-consumer": "Two routes consume the same endpoint.",
    "duplicate-route-id": "Two routes have the same id; ids count across all files of a site.",
    "dynamic-uri": "The scheme of a dynamic endpoint, and what an adapter is, must be written out.",
    "element": "A route file is a list of elements with one name each.",
    "expression": "An expression of a route does not compile; the message says where it breaks off.",
    "expression-missing": "A step that needs an expression has none, or more than one.",
    "extra-missing": "A route uses a part that needs an extra of the package; the remedy names it.",
    "flow-producer": "A route sends to `flow:`; only the gateway does, after it asked who and why.",
    "key-reference": "A bean of keys has a key itself, or names one that cannot be used.",
    "misplaced": "An element stands among the steps of a route, usually a matter of indentation.",
    "missing-option": "A step or an endpoint lacks an option it needs.",
    "not-polled": "A step polls an endpoint that gives no messages by itself.",
    "not-yet": "Camel has it, the embedded engine does not run it yet.",
    "option-type": "An option has a value of another type.",
    "option-value": "An option has none of the values it may have.",
    "options": "The options of a step are not what the step takes.",
    "parameters": "The parameters of an endpoint are not a mapping.",
    "pattern": "A pattern of a step does not compile.",
    "placeholder": "A `{{name}}` has no value and no default.",
    "producer": "Nothing can be sent to this endpoint: routes start from it.",
    "protected": "A route may not write what the gateway governs by.",
    "resource": "A file that a route names cannot be used.",
    "route-configuration": "A route names a routeConfiguration that no file has.",
    "result-type": "The engine knows no such result type.",
    "step": "A step has exactly one name.",
    "steps": "Steps are a list.",
    "duplicate-template": "Two routeTemplates have the same id.",
    "kamelet-sink": "`kamelet:source` and `kamelet:sink` stand where no template is.",
    "template": "A route is made from a routeTemplate that no file has.",
    "template-loop": "A routeTemplate calls itself.",
    "template-parameter": "A parameter of a routeTemplate has no value.",
    "type": "The engine knows no such type.",
    "unknown-component": "Camel has no component of this name.",
    "unknown-element": "Camel has no element of this name.",
    "unknown-endpoint-option": "The component has no option of this name.",
    "unknown-exception": "The engine knows no Java exception of this name.",
    "unknown-language": "Camel has no expression language of this name.",
    "unknown-option": "The step has no option of this name.",
    "unknown-step": "Camel has no step of this name.",
    "uri": "An endpoint is written `scheme:name`, with its options after a question mark.",
}
_CAMEL_HAS = frozenset({"not-yet", "consumer", "not-polled"})
declare("camel-k-only", "Camel has it, the embedded engine has not; the flow asks for Camel K.", "warning")
for _id, _doc in _ENGINE.items():
    declare(_id, _doc)
for _lint in sorted(LINTS):
    declare(_lint, "Camel runs the route as well, but hardly as it is meant.", "warning")


@rule("route-not-list")
def route_not_list(view: View) -> Iterator[Finding]:
    """A route file is a list of Camel elements, each beginning with `- route:`."""
    for document in view.site.routes.values():
        readable = not any(problem.severity == "error" for problem in document.problems)
        if readable and (not isinstance(document.data, list) or not document.data):
            yield Finding(
                Place(document.file), "the file is not a list of routes", "begin it with '- route:'"
            )


@rule("route")
def route(view: View) -> Iterator[Finding]:
    """What the engine finds in a route: unknown steps, options, languages, exceptions, expressions.

    Each has its own rule id, listed with this one.
    """
    own = {(place.file, place.line) for place in _own_places(view)}
    elsewhere = _camel_k_files(view)
    for problem in view.route_problems:
        if problem.rule in _ENGINE_SAYS_TOO and (problem.file, problem.line) in own:
            continue  # the rules below say it in the words of the register
        place = view.route_place(problem.file, problem.pointer, problem.line, problem.column)
        if problem.rule in _CAMEL_HAS and problem.file in elsewhere:
            yield Finding(place, problem.message, "nothing: the flow asks for Camel K", "camel-k-only")
            continue
        yield Finding(place, problem.message, problem.remedy, problem.rule)


def _camel_k_files(view: View) -> set[str]:
    """The route files that only flows for Camel K name."""
    engines: dict[str, set[str]] = {}
    for flow in view.flows:
        engines.setdefault(flow.text("route") or "", set()).add(flow.text("engine") or "embedded")
    return {file for file, found in engines.items() if found == {"camel-k"}}


@rule("engine-missing")
def engine_missing(view: View) -> Iterator[Finding]:
    """A flow asks for an engine that this version of the bus cannot start."""
    for flow in view.flows:
        if flow.text("engine") == "camel-k":
            yield Finding(flow.place("engine"), f"this bus cannot start '{flow.id}' on Camel K yet",
                          "run it embedded: leave 'engine' out, and keep to the profile")  # fmt: skip


def _own_places(view: View) -> Iterator[Place]:
    for find in (entry_not_registered, egress_not_registered, dangling_adapter):
        for finding in find(view):
            yield finding.place


def _uses(view: View, *, consumer: bool) -> Iterator[tuple[EndpointUse, Place]]:
    for path in view.site.routes:
        for use in view.endpoints(path):
            if use.consumer is consumer:
                yield use, view.route_place(path, use.pointer, use.line)


@rule("entry-not-registered")
def entry_not_registered(view: View) -> Iterator[Finding]:
    """A route starts from something else than its registered flow, a `direct:` or `seda:` of the site, or
    a consumer that an entry names.

    Whatever comes in comes through the gateway, which knows who asks and why: a route consumes
    `flow:<id>` of a flow that names its file, `direct:` or `seda:`; or it starts from a file, a queue, a
    clock or a query, which then has an entry `consume: {uri: …, as: <party>, purpose: …}` of that flow.
    """
    flows = {flow.id: flow.text("route") for flow in view.flows}
    consumed = {
        (flow.text("route"), entry.text("uri")) for flow in view.flows for entry in view.consume_entries(flow)
    }
    for use, place in _uses(view, consumer=True):
        scheme, _, name = use.uri.partition("?")[0].partition(":")
        if scheme in ("direct", "seda"):
            continue
        if scheme != "flow":
            if (place.file, f"{scheme}:{name}") not in consumed:
                yield Finding(place, f"no entry of the register names the consumer {scheme}:{name}",
                              "give the flow of this file an entry: "
                              f"consume: {{uri: '{scheme}:{name}', as: <party>, purpose: <purpose>}}")  # fmt: skip
        elif name not in flows:
            if view.knows_flows:
                yield Finding(place, f"the register has no flow '{name}'",
                              did_you_mean(name, flows, "register it in routes.yaml"))  # fmt: skip
        elif flows[name] != place.file and view.exists(flows[name] or ""):
            yield Finding(place, f"the flow '{name}' has its route in {flows[name]}",
                          "name this file under 'route' of the flow, or start from another one")  # fmt: skip


@rule("flow-without-route")
def flow_without_route(view: View) -> Iterator[Finding]:
    """The route file of a flow has no route that starts from it."""
    for flow in view.flows:
        source = view.source(flow.text("route"))
        starts = {use.uri.partition("?")[0] for use in view.endpoints(flow.text("route")) if use.consumer}
        consumed = {entry.text("uri") for entry in view.consume_entries(flow)}
        if consumed and not list(view.rest_entries(flow)) and not list(view.soap_entries(flow)):
            continue  # `entry-without-consumer` looks at those
        if source is not None and f"flow:{flow.id}" not in starts:
            yield Finding(flow.place("route"), f"no route of this file starts from flow:{flow.id}",
                          f"begin the route with 'from: {{uri: flow:{flow.id}}}'")  # fmt: skip


@rule("entry-without-consumer")
def entry_without_consumer(view: View) -> Iterator[Finding]:
    """A `consume` entry names a consumer that no route of the flow's file starts from, or another flow's."""
    taken: dict[str, str] = {}
    for flow in view.flows:
        if flow.get("exchange") != "event":
            continue  # `event-entry` says so
        starts = {use.uri.partition("?")[0] for use in view.endpoints(flow.text("route")) if use.consumer}
        for entry in view.consume_entries(flow):
            uri = entry.text("uri") or ""
            if view.source(flow.text("route")) is not None and uri not in starts:
                yield Finding(entry.place("uri"), f"no route of {flow.text('route')} starts from {uri}",
                              did_you_mean(uri, starts, f"begin a route with 'from: {{uri: {uri}}}'"))  # fmt: skip
            elif uri in taken:
                yield Finding(entry.place("uri"), f"the flow '{taken[uri]}' consumes {uri} already",
                              "give each flow a consumer of its own")  # fmt: skip
            taken.setdefault(uri, flow.id)


@rule("egress-not-registered")
def egress_not_registered(view: View) -> Iterator[Finding]:
    """A route reaches a system that no adapter declares. The only way out is an adapter of the site.

    `adapter:` calls soap and rest systems. `http(s):`, `file:`, `sftp:`, `sql:` and `spring-rabbitmq:` reach the
    host, directory, data source or broker that an adapter with that protocol is `reached-as`; every other
    component stays inside, or does not run here. What a message computes is checked when it comes.
    """
    for use, place in _uses(view, consumer=True):
        if use.uri.partition(":")[0] in PROTOCOLS:
            yield from undeclared(view, use, place)
    for use, place in _uses(view, consumer=False):
        scheme = use.uri.partition(":")[0]
        if scheme in PROTOCOLS:
            yield from undeclared(view, use, place)
            continue
        if "${" in scheme or (use.dynamic and ":" not in use.uri.partition("${")[0]):
            yield Finding(place, "where this step leads is known at run time only",
                          "write the scheme out: adapter: or direct:")  # fmt: skip
        elif scheme not in INSIDE and scheme != "flow":
            yield Finding(place, f"{scheme}: leaves the bus without an adapter",
                          "describe the system in adapters/<level>/<system>.yaml and use adapter:")  # fmt: skip


@rule("dangling-adapter")
def dangling_adapter(view: View) -> Iterator[Finding]:
    """A route calls an adapter, or an operation of one, that the site does not have."""
    for use, place in _uses(view, consumer=False):
        if not use.uri.startswith("adapter:") or "${" in use.uri:
            continue
        match = ADAPTER_URI.fullmatch(use.uri)
        if match is None:
            yield Finding(place, "the adapter URI names no operation",
                          "write adapter:<level>/<system>?operation=<name>")  # fmt: skip
            continue
        adapter = view.adapters.get(match["adapter"])
        if adapter is None:
            yield Finding(place, f"there is no adapter '{match['adapter']}'",
                          did_you_mean(match["adapter"], view.adapters, f"write adapters/{match['adapter']}.yaml"))  # fmt: skip
        elif isinstance(adapter.get("operations"), dict) and match["operation"] not in adapter.get(
            "operations"
        ):
            yield Finding(place, f"the adapter '{adapter.id}' has no operation '{match['operation']}'",
                          did_you_mean(match["operation"], adapter.get("operations"), "describe it in the adapter"))  # fmt: skip


@rule("operation-not-allowed")
def operation_not_allowed(view: View) -> Iterator[Finding]:
    """The owner of a system does not allow the flow to use an operation its route calls."""
    for flow in view.flows:
        for adapter, operation, place in view.adapter_calls(flow):
            item = _operation(view, adapter, operation)
            if item is not None and not any(allow.get("flow") == flow.id for allow in item.items("allow")):
                yield Finding(place, f"'{adapter}' does not allow the flow '{flow.id}' to use '{operation}'",
                              f"ask its owner to add '- {{flow: {flow.id}}}' under 'allow' of the operation")  # fmt: skip


@rule("purpose-not-allowed")
def purpose_not_allowed(view: View) -> Iterator[Finding]:
    """A grant has a purpose for which an adapter on the flow's route refuses every call."""
    for flow in view.flows:
        for adapter, operation, _place in view.adapter_calls(flow):
            allowed = _allowed_purposes(_operation(view, adapter, operation), flow.id)
            if allowed is None:
                continue
            for grant in view.site.grants_of(flow):
                for purpose, place in grant.texts("purposes"):
                    if purpose not in allowed and purpose in view.purposes:
                        yield Finding(place, f"'{adapter}' does not allow '{operation}' for purpose '{purpose}'",
                                      "ask its owner to allow it, or remove the purpose here")  # fmt: skip


def _operation(view: View, adapter: str, operation: str) -> Item | None:
    found = view.adapters.get(adapter)
    if found is None:
        return None
    return next((item for item in found.items("operations") if item.id == operation), None)


def _allowed_purposes(operation: Item | None, flow: str) -> set[str] | None:
    """The purposes a flow may have there; None where it may have all, or is not allowed at all."""
    allows = [allow for allow in operation.items("allow") if allow.get("flow") == flow] if operation else []
    if not allows or any(not allow.get("purposes") for allow in allows):
        return None
    return {name for allow in allows for name, _place in allow.texts("purposes")}
