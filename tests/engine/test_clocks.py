"""timer:, cron: and quartz: when they send, and what of their options is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from integrator.engine import Mocks, Services, compile_routes
from integrator.engine.lifecycle import Offer
from integrator.engine.problems import RouteErrors
from integrator.engine.registry import COMPONENTS
from integrator.site.compiled import RouteSource
from tests.engine import clock

MIDNIGHT = int(datetime(2026, 12, 31, 22, tzinfo=UTC).timestamp() * 1e6)


def routes(uri: str, **services: Any) -> Any:
    document = {"route": {"id": "r", "from": {"uri": uri, "steps": [{"to": "mock:a"}]}}}
    return compile_routes([RouteSource("r.yaml", (document,))], Services(mocks=Mocks(), **services))


def sent(uri: str, count: int) -> list[datetime]:
    """When the first messages of a consumer come, in jumped time."""
    now_us, times = MIDNIGHT, []

    async def sleep(seconds: float) -> None:
        nonlocal now_us
        now_us += round(seconds * 1e6)

    made = routes(uri, now_us=lambda: now_us, sleep=sleep)

    class EnoughError(Exception):
        pass

    async def take(_offer: Offer) -> None:
        times.append(datetime.fromtimestamp(now_us / 1e6, UTC))
        if len(times) == count:
            raise EnoughError

    (consumer,) = made._program.waiting
    with pytest.raises(EnoughError):
        clock.run(consumer.run(take))
    return times


def hours(times: list[datetime]) -> list[str]:
    return [f"{time:%m-%d %H:%M:%S}" for time in times]


def test_cron_with_five_fields_and_with_seconds() -> None:
    assert hours(sent("cron:n?schedule=30 2 * * ?", 2)) == ["01-01 02:30:00", "01-02 02:30:00"]
    assert hours(sent("cron:n?schedule=15/30 * * * * ?", 3)) == [
        "12-31 22:00:15",
        "12-31 22:00:45",
        "12-31 22:01:15",
    ]


def test_quartz_counts_its_days_from_sunday_and_knows_zones_and_years() -> None:
    assert hours(sent("quartz:n?cron=0 0 2 ? * 2", 1)) == ["01-04 02:00:00"]  # a Monday
    assert hours(sent("quartz:n?cron=0 0 2 ? * MON-TUE", 2)) == ["01-04 02:00:00", "01-05 02:00:00"]
    assert hours(sent("quartz:n?cron=0+0+2+*+*+?&trigger.timeZone=Europe/Brussels", 1)) == ["01-01 01:00:00"]
    assert hours(sent("quartz:n?cron=0 0 0 1 1 ? 2028", 1)) == ["01-01 00:00:00"]


def test_quartz_with_an_interval() -> None:
    uri = "quartz:n?trigger.repeatInterval=1500&trigger.repeatCount=5"
    assert hours(sent(uri, 2)) == ["12-31 22:00:01", "12-31 22:00:03"]


def test_a_timer_waits_for_its_time() -> None:
    found = sent("timer:n?time=2027-01-01T06:00:00&period=1h", 2)
    wanted = datetime(2027, 1, 1, 6).astimezone()
    assert found[0] == wanted


@pytest.mark.parametrize(
    "uri",
    ["timer:n?period=soon", "timer:n?period=0", "timer:n?delay=-1", "timer:n?time=tomorrow", "timer:n?repeatCount=x",
     "cron:n?schedule=61 * * * *", "cron:n?schedule=* *", "cron:n", "quartz:n?cron=* * * * *",
     "quartz:n?cron=0 0 2 * * ?&trigger.timeZone=Europe/Namur", "quartz:n?cron=0 0 2 * * ? soon",
     "timer:n?periode=1s"],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(uri: str) -> None:
    with pytest.raises(RouteErrors) as caught:
        routes(uri)
    problem = caught.value.problems[0]
    assert problem.remedy
    assert uri.partition(":")[0] in problem.message


def test_nothing_is_sent_to_a_clock() -> None:
    document = {"route": {"id": "r", "from": {"uri": "direct:a", "steps": [{"to": "timer:t"}]}}}
    with pytest.raises(RouteErrors, match="nothing can be sent to timer"):
        compile_routes([RouteSource("r.yaml", (document,))], Services())


def test_every_component_that_consumes_by_itself_says_so() -> None:
    alone = {name for name in COMPONENTS.names() if hasattr(COMPONENTS.find(name), "consumer")}
    assert {"timer", "cron", "quartz"} <= alone
