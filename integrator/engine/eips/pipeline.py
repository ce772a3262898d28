"""pipeline and step: several steps as one."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, call
from integrator.exchange import Exchange

_STEPS = (Option("steps", "What is done, one after the other.", type="steps"),)
SPECS = (
    Spec("eip", "pipeline", "Steps that count as one, for example as a branch of multicast.", "1.0",
         "pipeline: {steps: [{setBody: {constant: a}}, {to: direct:next}]}", _STEPS),
    Spec("eip", "step", "Steps under one id, which they see in the exchange property CamelStepId.", "3.0",
         "step: {id: ask, steps: [{to: direct:next}]}", _STEPS),
)  # fmt: skip


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    body = node.steps()
    if node.spec.name == "pipeline":
        return body.run
    name = node.text("id") or f"step{_number(node)}"

    async def run_step(exchange: Exchange) -> None:
        properties = exchange.properties
        before = properties.get("CamelStepId")
        properties["CamelStepId"] = name
        try:
            await call(body.run, body.waits, exchange)
        finally:
            if before is None:
                properties.pop("CamelStepId", None)
            else:
                properties["CamelStepId"] = before

    return run_step


def _number(node: Node) -> int:
    node.scope.program.names += 1
    return node.scope.program.names
