"""sample: lets some messages pass; the route of the others ends."""

from __future__ import annotations

import asyncio

from integrator.engine import durations
from integrator.engine.compiler import Node
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import RouteStop, Run
from integrator.exchange import Exchange

SPEC = Spec(
    "eip",
    "sample",
    "Lets every so manieth message pass, or one in a period; the route of the others ends.",
    "2.1",
    "sample: {messageFrequency: 10}",
    options=(
        Option("samplePeriod", "The period in which one message passes.", default="1000", example="5s"),
        Option("messageFrequency", "Lets every so manieth message pass.", type="integer", example=10),
    ),
    text="samplePeriod",
)


def compile(node: Node) -> Run:  # noqa: A001 - every part has this function
    """The step. What has passed is counted for the compiled route, in this process."""
    frequency = node.number("messageFrequency")
    period = durations.option(node, "samplePeriod", 1.0)
    seen = 0
    opens = 0.0

    def passes() -> bool:
        nonlocal seen, opens
        if frequency > 0:
            seen = (seen + 1) % frequency
            return seen == 0
        now = asyncio.get_running_loop().time()
        if opens and now < opens:
            return False
        opens = now + period
        return True

    def sample(exchange: Exchange) -> None:
        if not passes():
            exchange.route_stop = True
            raise RouteStop

    return sample
