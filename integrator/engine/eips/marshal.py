"""marshal and unmarshal: the body to and from a data format."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from integrator.engine import known, registry
from integrator.engine.compiler import Node
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing

_FORMATS = (
    *(
        Option(name, "The data format of this name, with its own options.", type="any")
        for name in sorted(known.DATA_FORMATS)
    ),
    Option("allowNullBody", "Lets a null body pass.", type="boolean", default=False),
    Option("variableSend", "Not yet in the embedded engine."),
    Option("variableReceive", "Not yet in the embedded engine."),
)
SPECS = (
    Spec(
        "eip", "marshal", "Turns the body into text of a data format.", "1.0", "marshal: {json: {}}", _FORMATS
    ),
    Spec(
        "eip", "unmarshal", "Turns text of a data format into data.", "1.0", "unmarshal: {json: {}}", _FORMATS
    ),
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    for name in ("variableSend", "variableReceive"):
        if node.options.get(name) is not None:
            node.problem(f"/{name}", "not-yet", f"{name} is not yet in the embedded engine", "Leave it out.")
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
    run: Run = getattr(module, node.spec.name)(options, allow_null=node.flag("allowNullBody"))
    return run
