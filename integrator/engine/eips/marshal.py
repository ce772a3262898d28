"""marshal and unmarshal: the body to and from a data format."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from integrator.engine import known, registry
from integrator.engine.compiler import Node
from integrator.engine.names import variables_of
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing
from integrator.exchange import Exchange

_FORMATS = (
    *(
        Option(name, "The data format of this name, with its own options.", type="any")
        for name in sorted(known.DATA_FORMATS)
    ),
    Option("variableSend", "The variable that is taken instead of the body.", example="found"),
    Option(
        "variableReceive", "The variable that gets the result; the body stays as it was.", example="found"
    ),
)
_NULL = Option("allowNullBody", "Lets a null body pass.", type="boolean", default=False)
SPECS = (
    Spec(
        "eip", "marshal", "Turns the body into text of a data format.", "1.0", "marshal: {json: {}}", _FORMATS
    ),
    Spec(
        "eip", "unmarshal", "Turns text of a data format into data.", "1.0", "unmarshal: {json: {}}",
        (*_FORMATS, _NULL),
    ),
)  # fmt: skip


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    formats = [name for name in node.options if name in registry.DATA_FORMATS.all_names()]
    if len(formats) != 1:
        node.problem(
            "", "data-format", f"{node.spec.name} names no data format", f"For example: {node.spec.example}"
        )
        return nothing
    name = formats[0]
    module: ModuleType | None = registry.DATA_FORMATS.find(name)
    if module is None:
        node.problem(
            f"/{name}",
            "not-yet",
            f"the data format {name} {known.why(name)}",
            "Use one of: " + ", ".join(sorted(registry.DATA_FORMATS.names())) + ".",
        )
        return nothing
    value = node.options[name]
    options = Node.of(
        registry.DATA_FORMATS.spec(name),
        value if isinstance(value, Mapping) else {},
        f"{node.pointer}/{name}",
        node.scope,
    )
    if options is None:
        return nothing
    allow_null = "allowNullBody" in node.spec.known and node.flag("allowNullBody")
    run: Run = getattr(module, node.spec.name)(options, allow_null=allow_null)
    return _on_variables(run, node.text("variableSend"), node.text("variableReceive"))


def _on_variables(run: Run, send: str, receive: str) -> Run:
    """The step on a variable instead of the body, or with a variable for its result."""
    if not send and not receive:
        return run

    def on_variables(exchange: Exchange) -> None:
        message = exchange.message
        body = message.body
        if send:
            message.body = variables_of(exchange, send).get(send)
        try:
            run(exchange)
        except BaseException:
            message.body = body
            raise
        if receive:
            variables_of(exchange, receive)[receive], message.body = message.body, body

    return on_variables
