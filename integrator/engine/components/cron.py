"""cron: and quartz: a message without a body, when a cron expression says so."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from integrator.engine.compiler import Node
from integrator.engine.lifecycle import Offer, Take
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.engine.uris import Uri
from integrator.exchange import Conversions, Message

CONSUMES = True
_ZONE = Option(
    "trigger.timeZone", "The time zone the expression is in.", default="UTC", example="Europe/Brussels"
)
SPECS = (
    Spec(
        "component", "cron",
        "Starts its route when a cron expression says so, with no body. In one process at a time.", "3.1",
        "cron:nightly?schedule=0 2 * * ?",
        (
            Option("schedule", "Five fields (minute, hour, day, month, day of week), or six with seconds before them;"
                   " `+` or a blank between them.", required=True, example="0 2 * * ?"),
            Option("bridgeErrorHandler", "Accepted, without effect.", type="boolean"),
            Option("exchangePattern", "Accepted; nobody waits for an answer.", choices=("InOnly", "InOut")),
            Option("exceptionHandler", "Not in the embedded engine: needs a Java bean."),
        ),
    ),
    Spec(
        "component", "quartz",
        "Starts its route when a cron expression or an interval says so, with no body. In one process at a time.",
        "2.12", "quartz:group/nightly?cron=0 0 2 * * ?",
        (
            Option("cron", "Six or seven fields: second, minute, hour, day, month, day of week, year;"
                   " `+` or a blank between them.", example="0 0 2 * * ?"),
            _ZONE,
            Option("triggerStartDelay", "Accepted, without effect.", type="integer"),
            Option("autoStartScheduler", "Accepted, without effect.", type="boolean"),
            Option("durableJob", "Accepted, without effect.", type="boolean"),
            Option("stateful", "Accepted: a message follows the end of the one before.", type="boolean"),
            Option("deleteJob", "Accepted, without effect.", type="boolean"),
            Option("pauseJob", "Accepted, without effect.", type="boolean"),
            Option("recoverableJob", "Accepted, without effect.", type="boolean"),
            Option("fireNow", "Accepted, without effect.", type="boolean"),
            Option("bridgeErrorHandler", "Accepted, without effect.", type="boolean"),
            Option("trigger.repeatCount", "How often again, with trigger.repeatInterval; -1 is for ever.",
                   type="integer"),
            Option("trigger.repeatInterval", "Milliseconds from one message to the next.", type="integer"),
        ),
    ),
)  # fmt: skip
_DAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}


@dataclass(frozen=True, slots=True)
class Clock:
    """The consumer. `following` gives the next time after one, None where there is none."""

    file: str
    uri: str
    following: Callable[[datetime], datetime | None]
    now_us: Callable[[], int]
    sleep: Callable[[float], Awaitable[None]]
    conversions: Conversions
    count: int = 0
    alone: bool = True

    async def run(self, take: Take) -> None:
        """Send at each time of the expression, until there is none any more."""
        sent = 0
        last = self._now()
        while not self.count or sent < self.count:
            due = self.following(last)
            if due is None:
                return
            wait = (due - self._now()).total_seconds()
            while wait > 0:  # a clock that is set back waits longer, never twice
                await self.sleep(min(wait, 3_600.0))
                wait = (due - self._now()).total_seconds()
            await take(Offer(self.uri, Message(None, conversions=self.conversions)))
            sent += 1
            last = max(due, self._now())

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.now_us() / 1e6, UTC)


def consumer(node: Node, uri: Uri) -> Clock | None:
    """The consumer of a route; notes what is wrong with its options."""
    services, options = node.scope.services, uri.options
    count, following = 0, None
    if uri.scheme == "quartz" and "trigger.repeatInterval" in options:
        step = timedelta(milliseconds=int(options["trigger.repeatInterval"]))
        again = int(options.get("trigger.repeatCount", "-1"))
        count = 0 if again < 0 else again + 1
        if step > timedelta(0):
            following = _every(step)
    else:
        text = options.get("schedule") or options.get("cron") or ""
        following = _expression(text, options.get("trigger.timeZone", "UTC"), quartz=uri.scheme == "quartz")
    if following is None:
        node.problem("/uri", "option-value", f"the schedule of {uri.scheme}: cannot be read",
                     "Write for example cron:nightly?schedule=0 2 * * ?, or quartz:g/n?cron=0 0 2 * * ?.")  # fmt: skip
        return None
    return Clock(
        node.scope.source.file, f"{uri.scheme}:{uri.path}", following, services.now_us, services.sleep,
        services.conversions, count,
    )  # fmt: skip


def _every(step: timedelta) -> Callable[[datetime], datetime | None]:
    return lambda last: last + step


def _expression(text: str, zone: str, *, quartz: bool) -> Callable[[datetime], datetime | None] | None:
    """The times of an expression; None where it or the zone cannot be read."""
    fields = re.split(r"[\s+]+", text.strip())
    years: set[int] | None = None
    if quartz and len(fields) == 7:
        years = _years(fields.pop())
        if years is not None and not years:
            return None
    if len(fields) not in ((6,) if quartz else (5, 6)):
        return None
    if quartz:
        fields[-1] = _quartz_days(fields[-1])
    cron = " ".join("*" if field == "?" else field for field in fields)
    try:
        place = ZoneInfo(zone)
        CronSim(cron, datetime.now(UTC))
    except (CronSimError, ZoneInfoNotFoundError, ValueError):
        return None

    def following(last: datetime) -> datetime | None:
        for due in CronSim(cron, last.astimezone(place)):
            if years is None or due.year in years:
                return due.astimezone(UTC)
            if due.year > max(years):
                return None
        return None

    return following


def _quartz_days(field: str) -> str:
    """Quartz counts its days of the week from Sunday 1; cron from Sunday 0."""
    named = re.sub(r"[A-Za-z]{3}", lambda match: str(_DAYS.get(match[0].upper(), match[0])), field)
    return re.sub(r"(?<![\d#/])\d(?!\d)", lambda match: str(int(match[0]) - 1), named)


def _years(field: str) -> set[int] | None:
    """The years of a seventh field; None is every year, empty is none that can be read."""
    if field in ("*", "?"):
        return None
    found: set[int] = set()
    for part in field.split(","):
        first, _, last = part.partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            return set()
        found.update(range(int(first), int(last or first) + 1))
    return found


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """Nothing is sent to a clock."""
    node.problem("/uri", "producer", f"nothing can be sent to {uri.scheme}:", "Start a route from it.")
    return lambda _exchange: None
