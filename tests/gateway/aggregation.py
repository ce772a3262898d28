"""Event flows with an aggregate, on a real store and the real engine: what the tests of groups share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from integrator.engine import Mocks, Services, compile_routes
from integrator.gateway.aggregates import Aggregates, Sweeper
from integrator.gateway.delivery import DeliveryHandler
from integrator.gateway.groups import GroupKeeper
from integrator.security.parsers import CONVERSIONS
from integrator.store.mediation import Mediation
from tests.engine.helpers import source
from tests.gateway.deliveries import EVENT_FLOW, FLOW, KEYS, PARTY, SITE, T0, Bench, KnownFlow, Site

GROUPED = "#class:org.apache.camel.processor.aggregate.GroupedBodyAggregationStrategy"
JOINED = "#class:org.apache.camel.processor.aggregate.StringAggregationStrategy"


def flow_route(options: str, steps: str = "{to: mock:agg}", before: str = "", strategy: str = GROUPED) -> str:
    """A route of the event flow: a step before, if any, the aggregate, one after."""
    first = f"        - {before}\n" if before else ""
    return (
        f"- route:\n    id: r\n    from:\n      uri: flow:{FLOW}\n      steps:\n{first}"
        f"        - aggregate:\n            id: agg\n            aggregationStrategy: '{strategy}'\n"
        f"            correlationExpression: {{jq: .key}}\n            {options}\n            steps: [{steps}]\n"
        "        - to: mock:after\n"
    )


class Groups(Bench):
    """One process: a handler of events, a sweeper of groups. Several may share a store."""

    def __init__(self, store: Any, route: str, **limits: Any) -> None:
        super().__init__(store)
        self.mocks = Mocks()
        self.keeper = GroupKeeper(store, KEYS, self.limits, lambda: self.now)
        self.use(route, **limits)
        self.aggregates = Aggregates(
            self.store, self.journal, KEYS, self.keeper, lambda: self.now, self._on_due
        )
        self.sweeper = Sweeper(
            Mediation(store),
            self.keeper,
            self.aggregates,
            lambda: self.runtime,
            CONVERSIONS,
            lambda: self.now,
        )
        self.handler = DeliveryHandler(
            self.store, self.journal, KEYS, lambda: self.runtime, metrics=self.metrics, on_due=self._on_due,
            limits=self.limits, now_us=lambda: self.now, aggregates=self.aggregates,
        )  # fmt: skip

    def use(self, route: str, **limits: Any) -> None:
        """Activate a site with this route."""
        services = Services(
            mocks=self.mocks,
            now_us=lambda: self.now,
            keys=self.keeper,
            groups=self.keeper,
            personal=False,
            **limits,
        )
        self.runtime = Site({FLOW: KnownFlow(EVENT_FLOW, compile_routes([source(route)], services))})

    async def send(self, key: str, value: Any = None, **changes: Any) -> bytes:
        """Accept an event."""
        return await self.accept(json.dumps({"key": key, "value": value}).encode(), **changes)

    async def deliver(self) -> int:
        """Make every attempt that is due, what comes of them included; how many those were."""
        done = 0
        while due := await self.store.due_deliveries(self.now, 0, 100):
            for one in due:
                await self.handler(one.exchange_id, one.flow, one.attempt)
                done += 1
        return done

    async def all_leaves(self) -> list[Mapping[str, Any]]:
        """Every leaf, oldest first."""
        records = await self.store.latest_records(10_000)
        return [json.loads(record.leaf) for record in reversed(records)]

    async def aggregates_of(self, kind: str = "received") -> list[Mapping[str, Any]]:
        """The first records of aggregates."""
        return [
            leaf for leaf in await self.all_leaves() if leaf["entry"] == "aggregate" and leaf["type"] == kind
        ]

    def received(self, name: str = "agg") -> list[Any]:
        """The bodies a mock got."""
        return [one.message.body for one in self.mocks.received.get(f"mock:{name}", [])]


__all__ = ["GROUPED", "JOINED", "PARTY", "SITE", "T0", "Groups", "flow_route"]
