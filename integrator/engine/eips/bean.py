"""bean: calls a Python function of the site with what it asks for; its result is the body."""

from __future__ import annotations

from integrator.engine.calling import function, invocation, method
from integrator.engine.compiler import Expression, Node
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing
from integrator.exchange import Exchange

SPEC = Spec(
    "eip",
    "bean",
    "Calls a function of the file beside the route, `<route>.beans.py`. Its parameters are filled by name (exchange, "
    "body, headers, properties, variables; a first one of another name gets the body), or by the arguments of "
    "`method`. What it returns is the body; None changes nothing. Only the embedded engine has it.",
    "1.0",
    "bean: {ref: check_digits}",
    options=(
        Option("ref", "The function.", example="check_digits"),
        Option("method", "The function again, with arguments if need be.", example="check_digits(${header.niss})"),
        Option("scope", "Accepted; a function keeps nothing.", choices=("Singleton", "Request", "Prototype")),
        Option("beanType", "Not in the embedded engine: needs a Java class."),
    ),
    text="ref",
)  # fmt: skip


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    if node.options.get("beanType") is not None:
        node.problem(
            "/beanType", "not-yet", "beanType needs a Java class", "Write a function beside the route."
        )
        return nothing
    ref = node.text("ref")
    if not ref:
        node.problem("", "missing-option", "bean names no function", f"For example: {SPEC.example}")
        return nothing
    return calling(node, ref, node.text("method"), "ref", "method")


def calling(node: Node, ref: str, written: str, option: str, method_option: str) -> Run:
    """The call of a function whose result becomes the body."""
    found = function(node, ref, option)
    if found is None:
        return nothing
    name, arguments = method(node, written, method_option) if written else (found.name, None)
    if name and name != found.name:
        node.problem(f"/{method_option}", "bean", f"{found.name} is a function, it has no method {name}",
                     f"Write {found.name} there, or leave it out.")  # fmt: skip
    return into_body(invocation(node, found, arguments, method_option if arguments else option))


def into_body(invoke: Expression) -> Run:
    """The step around a call."""

    def call_bean(exchange: Exchange) -> None:
        result = invoke(exchange)
        if result is not None:
            exchange.message.body = result

    return call_bean
