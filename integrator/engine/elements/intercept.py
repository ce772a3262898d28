"""intercept, interceptFrom, interceptSendToEndpoint: steps before each step, a route, or sending."""

from __future__ import annotations

from integrator.engine.compiler import Intercept, Node
from integrator.engine.elements.on_exception import predicate
from integrator.engine.sending import endpoint, received
from integrator.engine.spec import Option, Spec

_STEPS = Option("steps", "What is done.", type="steps")
_WHEN = Option("onWhen", "A predicate that must hold.", type="object")
SPECS = (
    Spec("element", "intercept", "Steps that run before every step of the routes, nested ones included.", "1.0",
         "intercept: {onWhen: {simple: \"${header.trace} == 'y'\"}, steps: []}", (_WHEN, _STEPS)),
    Spec("element", "interceptFrom", "Steps that run before a route.", "2.0",
         "interceptFrom: {uri: 'direct:s*', steps: []}",
         (Option("uri", "Which consumers: exact, a*, or a regular expression."), _WHEN, _STEPS), text="uri"),
    Spec("element", "interceptSendToEndpoint", "Steps that run before sending to an endpoint.", "2.0",
         "interceptSendToEndpoint: {uri: 'adapter:*', steps: []}",
         (
             Option("uri", "Which endpoints: exact, a*, or a regular expression.", required=True, example="mock:b"),
             Option("skipSendToOriginalEndpoint", "Whether nothing is sent.", type="boolean", default=False),
             Option("afterUri", "Where the message goes afterwards, if it was sent.", example="mock:after"),
             _WHEN, _STEPS,
         ), text="uri"),
)  # fmt: skip


def compile_intercept(node: Node) -> Intercept:
    """The compiled element; its steps are not intercepted themselves."""
    after = None
    with node.scope.handled_by(node.scope.handler, plain=True):
        body = node.steps()
        text = node.text("afterUri")
        uri = node.scope.uri(text, None, f"{node.pointer}/afterUri") if text else None
        send = endpoint(node, uri, "afterUri") if uri else None
        if uri and send:
            after = received(node, send, uri.name)
    pattern = node.scope.fill(node.text("uri"), f"{node.pointer}/uri")
    skip = node.spec.option("skipSendToOriginalEndpoint") is not None and node.flag(
        "skipSendToOriginalEndpoint"
    )
    known = {
        "CamelInterceptedParentEndpointUri": node.scope.start,
        "CamelInterceptedRouteId": node.scope.route,
    }
    if node.spec.name == "interceptSendToEndpoint":
        node.scope.program.names += 1
        known["CamelInterceptedNodeId"] = node.text("id") or f"{node.spec.name}{node.scope.program.names}"
    return Intercept(body, predicate(node, "onWhen"), pattern, skip, after, known)
