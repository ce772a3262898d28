"""recipientList: copies of the message to the endpoints an expression names."""

from __future__ import annotations

from collections.abc import Iterator

from integrator.engine.branches import OPTIONS, Branch, branching, numbered
from integrator.engine.children import child
from integrator.engine.compiler import Node
from integrator.engine.exceptions import JavaException
from integrator.engine.handled import HandledEndpoints
from integrator.engine.iterating import iterate
from integrator.engine.javatypes import to_text
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.engine.strategies import Latest
from integrator.exchange import Exchange

SPEC = Spec(
    "eip",
    "recipientList",
    "Sends a copy to each endpoint that an expression names: adapters of the site, direct:, seda:, mock:.",
    "1.0",
    "recipientList: {simple: '${header.recipients}'}",
    options=(
        Option("delimiter", "What separates the endpoints.", default=","),
        Option(
            "ignoreInvalidEndpoints", "Leaves out those that name nothing.", type="boolean", default=False
        ),
        Option("cacheSize", "Accepted; compiled endpoints are kept up to a bound.", type="integer"),
        *OPTIONS,
    ),
    expression=True,
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    value, how = node.expression(), branching(node, Latest)
    delimiter, ignores = node.text("delimiter") or ",", node.flag("ignoreInvalidEndpoints")
    endpoints = HandledEndpoints(node)
    uses_any(node, delimiter)

    def branches(exchange: Exchange, found: list[tuple[str, Run, bool]]) -> Iterator[Branch]:
        message, last = exchange.message, len(found) - 1
        for index, (name, run, waits) in enumerate(found):
            made = child(exchange, message.copy())
            numbered(made, "Multicast", index, complete=index == last)
            made.properties["CamelRecipientListEndpoint"] = name
            made.history[0].endpoint = name
            yield Branch(made, run, waits)

    async def recipient_list(exchange: Exchange) -> None:
        found = []
        for item in iterate(value(exchange), delimiter):
            text = (to_text(item) or "").strip()
            if not text:
                continue
            try:
                found.append(endpoints.find(text))
            except JavaException:
                if not ignores:
                    raise
        await how.run(exchange, branches(exchange, found))

    return recipient_list


def uses_any(node: Node, delimiter: str = "") -> None:
    """Note what the step reaches: fixed endpoints as they are; of computed ones, at run time, few may be."""
    source = node.expression_source()
    text = source.text.strip() if source else ""
    fixed = source is not None and (
        source.language == "constant" or (source.language == "simple" and "${" not in text)
    )
    listed = iterate(text, delimiter or "false") if fixed else [_computed(text)]
    for uri in listed:
        node.scope.note_use(str(uri).strip(), node.pointer, dynamic=not fixed)


def _computed(text: str) -> str:
    scheme = text.partition(":")[0]
    return text if scheme.isalnum() and ":" in text else "direct:${…}"
