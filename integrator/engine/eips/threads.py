"""threads: the rest of the route takes turns with other exchanges."""

from __future__ import annotations

import asyncio

from integrator.engine.compiler import Node
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange

SPEC = Spec(
    "eip",
    "threads",
    "Lets other exchanges go first, then goes on. There are no thread pools here: every step that waits lets others "
    "work, and the engine's limits bound what waits.",
    "1.0",
    "threads: {poolSize: 5}",
    options=(
        Option("poolSize", "Accepted; nothing is reserved.", type="integer"),
        Option("maxPoolSize", "Accepted; nothing is reserved.", type="integer"),
        Option("keepAliveTime", "Accepted, without effect.", type="integer"),
        Option("timeUnit", "Accepted, without effect.", choices=(
            "NANOSECONDS", "MICROSECONDS", "MILLISECONDS", "SECONDS", "MINUTES", "HOURS", "DAYS")),
        Option("maxQueueSize", "Accepted; the engine's own limit holds.", type="integer"),
        Option("allowCoreThreadTimeOut", "Accepted, without effect.", type="boolean"),
        Option("threadName", "Accepted, without effect."),
        Option("rejectedPolicy", "Accepted; nothing is rejected here.", choices=("Abort", "CallerRuns")),
        Option("callerRunsWhenRejected", "Accepted, without effect.", type="boolean"),
        Option("executorService", "Not in the embedded engine: needs a Java bean."),
    ),
)  # fmt: skip


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step."""
    if node.options.get("executorService") is not None:
        node.problem("/executorService", "not-yet", "executorService needs a Java bean", "Leave it out.")

    async def take_turns(_exchange: Exchange) -> None:
        await asyncio.sleep(0)

    return take_turns
