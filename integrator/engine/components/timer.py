"""timer: a message without a body, again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from integrator.engine import durations
from integrator.engine.compiler import Node
from integrator.engine.lifecycle import Offer, Take
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.engine.uris import Uri
from integrator.exchange import Conversions, Message

CONSUMES = True
SPEC = Spec(
    "component",
    "timer",
    "Starts its route again and again, with no body. In one process at a time; an entry of the register names it.",
    "1.0",
    "timer:nightly?period=24h",
    options=(
        Option("period", "From one message to the next; milliseconds, or a duration such as 5m. At least 1 ms.",
               default="1000", example="1h"),
        Option("delay", "Until the first message; -1 sends them all at once, without waiting.", default="1000"),
        Option("repeatCount", "How many messages; 0 is for ever.", type="integer", default=0),
        Option("fixedRate", "Keeps to the clock instead of the end of the message before.", type="boolean",
               default=False),
        Option("time", "When the first message comes, instead of a delay.", example="2027-01-04 02:00:00"),
        Option("pattern", "The form of time.", example="yyyy-MM-dd HH:mm:ss"),
        Option("includeMetadata", "Sets CamelTimerCounter, CamelTimerName, CamelTimerPeriod and CamelTimerFiredTime.",
               type="boolean", default=False),
        Option("daemon", "Accepted, without effect.", type="boolean"),
        Option("synchronous", "Accepted, without effect.", type="boolean"),
        Option("bridgeErrorHandler", "Accepted, without effect.", type="boolean"),
        Option("exchangePattern", "Accepted; nobody waits for an answer.", choices=("InOnly", "InOut")),
        Option("timer", "Not in the embedded engine: needs a Java bean."),
        Option("exceptionHandler", "Not in the embedded engine: needs a Java bean."),
    ),
)  # fmt: skip
_TIMES = {
    "yyyy-MM-dd HH:mm:ss": "%Y-%m-%d %H:%M:%S",
    "yyyy-MM-dd'T'HH:mm:ss": "%Y-%m-%dT%H:%M:%S",
    "yyyy-MM-dd": "%Y-%m-%d",
}


@dataclass(frozen=True, slots=True)
class Timer:
    """The consumer; times in seconds."""

    file: str
    uri: str
    name: str
    period: float
    delay: float
    count: int
    fixed: bool
    tells: bool
    at_us: int | None
    now_us: Callable[[], int]
    sleep: Callable[[float], Awaitable[None]]
    conversions: Conversions
    alone: bool = True

    async def run(self, take: Take) -> None:
        """Send until cancelled, or until `count` is reached."""
        loop = asyncio.get_running_loop()
        if self.at_us is not None:
            await self.sleep(max(self.at_us - self.now_us(), 0) / 1e6)
        elif self.delay > 0:
            await self.sleep(self.delay)
        number, due = 0, loop.time()
        while True:
            number += 1
            await take(self._offer(number))
            if number == self.count:
                return
            if self.delay < 0:
                await asyncio.sleep(0)
                continue
            # A message that took longer than the period is not caught up with: the clock goes on from now.
            due = max(due + self.period, loop.time()) if self.fixed else loop.time() + self.period
            await self.sleep(due - loop.time())

    def _offer(self, number: int) -> Offer:
        message = Message(None, conversions=self.conversions)
        fired = datetime.fromtimestamp(self.now_us() / 1e6, UTC)
        properties: dict[str, object] = {}
        if self.tells:
            message.headers["CamelTimerFiredTime"] = fired
            message.headers["CamelMessageTimestamp"] = self.now_us() // 1_000
            properties = {"CamelTimerCounter": number, "CamelTimerName": self.name,
                          "CamelTimerPeriod": int(self.period * 1_000), "CamelTimerFiredTime": fired}  # fmt: skip
        return Offer(self.uri, message, None, properties)


def consumer(node: Node, uri: Uri) -> Timer | None:
    """The consumer of a route; notes what is wrong with its options."""
    given = {"period": "1000", "delay": "1000", **uri.options}
    period, delay = durations.seconds(given["period"]), durations.seconds(given["delay"])
    count = given.get("repeatCount", "0")
    if period is None or period <= 0 or delay is None or not count.lstrip("-").isdigit():
        node.problem("/uri", "option-value", "period, delay or repeatCount of timer: is no duration or number",
                     "Write for example timer:nightly?period=1h&delay=5s.")  # fmt: skip
        return None
    if delay < 0 and int(count) <= 0:
        node.problem("/uri", "option-value", "timer: with delay=-1 would send without end",
                     "Give it a repeatCount.")  # fmt: skip
        return None
    at_us = None
    if "time" in given:
        at_us = _moment(given["time"], given.get("pattern"))
        if at_us is None:
            node.problem("/uri", "option-value", "time of timer: does not have the form of its pattern",
                         f"Write one of {', '.join(_TIMES)}.")  # fmt: skip
            return None
    services = node.scope.services
    return Timer(
        node.scope.source.file, f"timer:{uri.path}", uri.path, max(period, 0.001), delay, max(int(count), 0),
        given.get("fixedRate") == "true", given.get("includeMetadata") == "true", at_us, services.now_us,
        services.sleep, services.conversions,
    )  # fmt: skip


def _moment(text: str, pattern: str | None) -> int | None:
    """Microseconds since the epoch; a time without a zone is the process's."""
    if pattern is None:
        pattern = "yyyy-MM-dd'T'HH:mm:ss" if "T" in text else "yyyy-MM-dd HH:mm:ss"
    form = _TIMES.get(pattern)
    try:
        return None if form is None else int(datetime.strptime(text, form).astimezone().timestamp() * 1e6)
    except ValueError:
        return None


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """Nothing is sent to a clock."""
    node.problem("/uri", "producer", f"nothing can be sent to {uri.scheme}:", "Start a route from it.")
    return lambda _exchange: None
