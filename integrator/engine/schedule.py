"""How often a consumer that polls looks again: Camel's scheduler options."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from integrator.engine import durations
from integrator.engine.compiler import Node
from integrator.engine.spec import Option
from integrator.engine.uris import Uri

_UNITS = {"NANOSECONDS": 1e-9, "MICROSECONDS": 1e-6, "MILLISECONDS": 1e-3, "SECONDS": 1.0, "MINUTES": 60.0,
          "HOURS": 3_600.0, "DAYS": 86_400.0}  # fmt: skip
OPTIONS = (
    Option("initialDelay", "Until the first look; milliseconds, or a duration such as 5s.", default="1000"),
    Option("delay", "From one look to the next.", default="500"),
    Option("timeUnit", "Unit of plain numbers in the two.", default="MILLISECONDS", choices=tuple(_UNITS)),
    Option("useFixedDelay", "Counts from the end of a look, not from its start.", type="boolean", default=True),
    Option("repeatCount", "How many looks; 0 is for ever.", type="integer", default=0),
    Option("greedy", "Looks again at once where something came.", type="boolean", default=False),
    Option("backoffMultiplier", "How many looks are left out once a threshold is reached.", type="integer"),
    Option("backoffIdleThreshold", "After so many looks without a message.", type="integer"),
    Option("backoffErrorThreshold", "After so many looks that failed.", type="integer"),
    Option("startScheduler", "Whether it looks at all.", type="boolean", default=True),
    Option("runLoggingLevel", "Accepted, without effect.", choices=("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "OFF")),
    Option("scheduler", "`none`: another scheduler is not in the embedded engine.", default="none", choices=("none",)),
    Option("schedulerProperties", "Not in the embedded engine: needs another scheduler."),
    Option("scheduledExecutorService", "Not in the embedded engine: needs a Java bean."),
)  # fmt: skip
_SHORTEST = 0.001


@dataclass(frozen=True, slots=True)
class Schedule:
    """Seconds, and how often."""

    initial: float
    delay: float
    fixed_delay: bool
    count: int
    greedy: bool
    skips: int
    idle: int
    errors: int
    starts: bool
    sleep: Callable[[float], Awaitable[None]]

    async def run(self, look: Callable[[], Awaitable[int]]) -> None:
        """Look again and again; `look` says how many messages came, -1 where it failed."""
        if not self.starts:
            return
        await self.sleep(self.initial)
        loop = asyncio.get_running_loop()
        looks = empty = failed = skipped = 0
        due = loop.time()
        while True:
            if skipped:
                skipped -= 1
                came = 0
            else:
                came = await look()
                looks += 1
                empty = empty + 1 if came == 0 else 0
                failed = failed + 1 if came < 0 else 0
                if (self.idle and empty >= self.idle) or (self.errors and failed >= self.errors):
                    skipped, empty, failed = self.skips, 0, 0
            if self.count and looks >= self.count:
                return
            if self.greedy and came > 0:
                await asyncio.sleep(0)
                continue
            due = loop.time() + self.delay if self.fixed_delay else max(due + self.delay, loop.time())
            await self.sleep(max(due - loop.time(), 0.0))


def schedule(node: Node, uri: Uri) -> Schedule | None:
    """The schedule of an endpoint; notes what is wrong with its options."""
    given = uri.options
    unit = _UNITS[given.get("timeUnit", "MILLISECONDS")]
    times = [
        _time(given.get(name, default), unit)
        for name, default in (("initialDelay", "1000"), ("delay", "500"))
    ]
    numbers = [given.get(name, "0") for name in
               ("repeatCount", "backoffMultiplier", "backoffIdleThreshold", "backoffErrorThreshold")]  # fmt: skip
    if None in times or not all(number.isdigit() for number in numbers):
        node.problem("/uri", "option-value", f"the schedule of {uri.scheme}: has an option that is no duration or number",
                     "Write for example delay=5s&initialDelay=0.")  # fmt: skip
        return None
    count, skips, idle, errors = map(int, numbers)
    return Schedule(
        times[0] or 0.0, max(times[1] or 0.0, _SHORTEST), given.get("useFixedDelay") != "false", count,
        given.get("greedy") == "true", skips, idle if skips else 0, errors if skips else 0,
        given.get("startScheduler") != "false", node.scope.services.sleep,
    )  # fmt: skip


def _time(text: str, unit: float) -> float | None:
    return int(text) * unit if text.isdigit() else durations.seconds(text)
