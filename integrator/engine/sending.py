"""How steps send to endpoints: fixed ones compiled once, dynamic ones checked against what may be reached."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from integrator.engine import durations, known, option_types, registry
from integrator.engine.compiler import Expression, Intercept, Node
from integrator.engine.exceptions import CAMEL, JavaException, failure
from integrator.engine.javatypes import to_text
from integrator.engine.names import endpoint_pattern, variables_of
from integrator.engine.problems import did_you_mean
from integrator.engine.spec import Spec
from integrator.engine.steps import Run, call, is_waiting
from integrator.engine.uris import Uri, parse
from integrator.exchange import Exchange

DYNAMIC = frozenset({
    "adapter", "direct", "mock", "seda", "stub", "log", "file", "sftp", "http", "https", "spring-rabbitmq",
})  # fmt: skip
"""Schemes that a computed URI may have: nothing else is compiled at run time. Those that leave the process
find their adapter then; a statement of sql: is never computed, its values are bound."""
_DYNAMIC_KEPT = 256


def endpoint(node: Node, uri: Uri, option: str = "uri") -> Run | None:
    """The function that sends to an endpoint; notes what is wrong with it."""
    scope, pointer = node.scope, f"{node.pointer}/{option}"
    scope.note_use(address(uri), pointer)
    module = registry.COMPONENTS.find(uri.scheme)
    if module is None:
        if registry.COMPONENTS.not_yet(uri.scheme):
            node.problem(
                "/uri", "not-yet", f"the component {uri.scheme}: {known.why(uri.scheme)}",
                "Systems outside are reached by adapter:; other components run on Camel K.",
            )  # fmt: skip
        else:
            node.problem(
                "/uri", "unknown-component", f"there is no component {uri.scheme}:",
                did_you_mean(uri.scheme, registry.COMPONENTS.names()),
            )  # fmt: skip
        return None
    return _compiled(node, uri)


def address(uri: Uri) -> str:
    """The endpoint as check and the rules about the way out see it."""
    query = "&".join(f"{name}={value}" for name, value in uri.options.items())
    return f"{uri.scheme}:{uri.path}" + (f"?{query}" if query else "")


def _compiled(node: Node, uri: Uri) -> Run | None:
    spec = registry.COMPONENTS.spec(uri.scheme)
    module = registry.COMPONENTS.find(uri.scheme)
    good = check_options(node, uri, spec)
    if module is None or not good:
        return None
    run: Run = module.compile(node, uri)
    return run


def check_options(node: Node, uri: Uri, spec: Spec) -> bool:
    """Whether the options of an endpoint are those of its component; notes what is wrong."""
    names = [option.name for option in spec.options]
    good = True
    for name, value in uri.options.items():
        option = spec.option(name)
        if option is None and spec.open:
            continue
        if option is None:
            remedy = did_you_mean(name, names) if names else f"{uri.scheme}: takes no options."
            node.problem("/uri", "unknown-endpoint-option", f"{uri.scheme}: has no option {name}", remedy)
            good = False
        elif option.choices and value not in option.choices:
            node.problem("/uri", "option-value", f"{name} of {uri.scheme}: has no such value",
                         did_you_mean(value, option.choices))  # fmt: skip
            good = False
        elif option.type in option_types.PLAIN and not _fits(option.type, value):
            node.problem("/uri", "option-type", f"{name} of {uri.scheme}: is no {option.type}",
                         f"{option.doc} For example: {option.default if option.example is None else option.example}")  # fmt: skip
            good = False
    for option in spec.options:
        if option.required and option.name not in uri.options:
            node.problem("/uri", "missing-option", f"{uri.scheme}: needs the option {option.name}",
                         f"For example: {spec.example}")  # fmt: skip
            good = False
    return good


def _fits(kind: str, value: str) -> bool:
    """Whether a text is of a type; durations are numbers of milliseconds, too."""
    return option_types.TYPES[kind](value) or (kind != "boolean" and durations.seconds(value) is not None)


def received(node: Node, send: Run, name: str | None) -> Run:
    """The sending step around an endpoint: it remembers where the exchange went, and takes the answer.

    `name` is the endpoint's normal form, None where the endpoint sets it itself.
    """
    taken, given = node.text("variableReceive"), node.text("variableSend")
    if name is not None:
        send = intercepted(node.scope.sends, name, send)
    waits = is_waiting(send)
    if taken or given:
        return _with_variables(send, waits, name, taken, given)

    async def send_waiting(exchange: Exchange) -> None:
        if name is not None:
            exchange.history[0].endpoint = name
        await send(exchange)

    def send_plain(exchange: Exchange) -> None:
        exchange.history[0].endpoint = name
        send(exchange)

    return send_waiting if waits else send_plain


def intercepted(sends: tuple[Intercept, ...], name: str, send: Run) -> Run:
    """Sending with the interceptSendToEndpoint elements that fit the endpoint around it."""
    for intercept in sends:
        if endpoint_pattern(intercept.uri)(name):
            send = _around(intercept, name, send)
    return send


def _around(intercept: Intercept, name: str, send: Run) -> Run:
    waits, body, after = is_waiting(send), intercept.body, intercept.after

    async def send_intercepted(exchange: Exchange) -> None:
        properties = exchange.properties
        properties["CamelInterceptedEndpoint"] = name
        matched = intercept.applies(exchange)
        if intercept.when is not None:
            properties["CamelInterceptSendToEndpointWhenMatched"] = matched
        if matched:
            properties.update(intercept.known)
            await call(body.run, body.waits, exchange)
            if intercept.skip:
                return
        await call(send, waits, exchange)
        exchange.properties.pop("CamelInterceptSendToEndpointWhenMatched", None)
        if after is not None:
            await call(after, is_waiting(after), exchange)

    return send_intercepted


def _with_variables(send: Run, waits: bool, name: str | None, taken: str, given: str) -> Run:
    async def send_with_variables(exchange: Exchange) -> None:
        if name is not None:
            exchange.history[0].endpoint = name
        original = exchange.message
        if given or taken:
            exchange.message = original.copy()
        if given:
            exchange.message.body = variables_of(exchange, given).get(given)
        if waits:
            await send(exchange)
        else:
            send(exchange)
        if taken:
            answer, exchange.message = exchange.message, original
            _receive(exchange, taken, answer.body, dict(answer.headers))

    return send_with_variables


def _receive(exchange: Exchange, name: str, body: Any, headers: dict[str, Any]) -> None:
    variables_of(exchange, name)[name] = body
    for header, value in headers.items():
        exchange.variables[f"header:{name}.{header}"] = value


class Endpoints:
    """Endpoints that messages name: each is checked, compiled once and kept, up to a bound."""

    def __init__(self, node: Node) -> None:
        self._node, self._parameters = node, node.options.get("parameters")
        self._fixed = "constant" in node.options  # what stands in the route is no computed endpoint
        self._sends = node.scope.sends
        self._compiled: dict[str, tuple[str, Run, bool]] = {}

    def find(self, text: str) -> tuple[str, Run, bool]:
        """Normal form, sending function, whether it waits. Raises JavaException for one that is not allowed."""
        found = self._compiled.get(text)
        if found is not None:
            return found
        try:
            name, send, waits = _resolve(self._node, text, self._parameters, fixed=self._fixed)
        except ValueError:
            scheme = text.partition(":")[0]
            if (
                scheme.isalnum()
                and registry.COMPONENTS.find(scheme) is None
                and not registry.COMPONENTS.not_yet(scheme)
            ):
                address = text if "://" in text else text.replace(":", "://", 1)
                raise named_failure(self._node, address) from None
            raise failure(
                CAMEL + "ResolveEndpointFailedException",
                f"the computed endpoint of {self._node.spec.name} is none this route may reach",
            ) from None
        if self._sends:
            send = intercepted(self._sends, name, send)
            waits = is_waiting(send)
        if len(self._compiled) >= _DYNAMIC_KEPT:
            self._compiled.clear()
        self._compiled[text] = found = (name, send, waits)
        return found


def named_failure(node: Node, address: str) -> JavaException:
    """Camel's exception for a scheme it does not know; the address stays in the exchange."""
    return JavaException(
        CAMEL + "NoSuchEndpointException",
        f"{node.spec.name} computed an endpoint of a component that does not exist",
        text=f"No endpoint could be found for: {address}, please check your classpath contains the needed"
        " Camel component jar.",
    )


def dynamic(node: Node, uri: Expression) -> Run:
    """Send to the endpoint an expression names. What it may be is checked for every message."""
    ignore = node.flag("ignoreInvalidEndpoint")
    endpoints = Endpoints(node)

    async def send_dynamic(exchange: Exchange) -> None:
        value = to_text(uri(exchange))
        if value is None:
            return  # Camel sends to nobody then
        try:
            name, send, waits = endpoints.find(value.strip())
        except JavaException:
            if ignore:
                return
            raise
        exchange.history[0].endpoint = name
        if waits:
            await send(exchange)
        else:
            send(exchange)

    return send_dynamic


def _resolve(node: Node, text: str, parameters: Any, *, fixed: bool) -> tuple[str, Run, bool]:
    uri = replace(parse(text, parameters), computed=not fixed)
    known = registry.COMPONENTS.names() if fixed else DYNAMIC
    if uri.scheme not in known or not uri.path:
        raise ValueError("not an endpoint that may be computed")
    services = node.scope.services
    if uri.scheme == "adapter" and services.adapters is not None and uri.path not in services.adapters:
        raise ValueError("not an adapter of the site")
    # Problems of a computed URI belong to the message, not to the route's compilation.
    before = len(node.scope.problems)
    send = _compiled(node, uri)
    failed = len(node.scope.problems) > before
    del node.scope.problems[before:]
    if send is None or failed:
        raise ValueError("not a valid endpoint")
    return uri.name, send, is_waiting(send)
