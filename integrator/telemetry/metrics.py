"""Metrics in Prometheus' format: exchanges by flow and outcome, durations, queues, journal lag.

Label values are flow ids, outcomes and reason tokens: bounded sets, never personal data.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """One registry a process. Children are looked up once and kept: labels() is not free."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=True)
        self._ended = Counter(
            "integrator_exchanges_total",
            "Exchanges ended, by flow and outcome",
            ["flow", "outcome"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "integrator_exchange_seconds",
            "Duration of an exchange from first byte to recorded end",
            ["flow"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._refused = Counter(
            "integrator_refusals_total",
            "Requests refused, by reason",
            ["reason"],
            registry=self._registry,
        )
        self._events = Counter(
            "integrator_events_total",
            "What happened inside the bus, by kind",
            ["kind"],
            registry=self._registry,
        )
        self._gauges: dict[str, Gauge] = {}
        self._kept: dict[tuple[str, str], tuple[Callable[[], None], Callable[[float], None]]] = {}
        self._before_render: list[Callable[[], None]] = []

    def ended(self, flow: str, outcome: str, seconds: float) -> None:
        """One exchange reached its final state."""
        kept = self._kept.get((flow, outcome))
        if kept is None:
            kept = (self._ended.labels(flow, outcome).inc, self._seconds.labels(flow).observe)
            self._kept[(flow, outcome)] = kept
        kept[0]()
        kept[1](seconds)

    def refused(self, reason: str) -> None:
        """One request was refused."""
        self._refused.labels(reason).inc()

    def count(self, kind: str, amount: float = 1) -> None:
        """Something countable happened (`delivery-stale`, `unreadable-message`, ...)."""
        self._events.labels(kind).inc(amount)

    def set_gauge(self, name: str, value: float, **labels: str) -> None:
        """Set `integrator_<name>` to a value now."""
        gauge = self._gauges.get(name)
        if gauge is None:
            words = name.replace("_", " ")
            gauge = Gauge(f"integrator_{name}", words.capitalize(), sorted(labels), registry=self._registry)
            self._gauges[name] = gauge
        (gauge.labels(**labels) if labels else gauge).set(value)

    def before_render(self, refresh: Callable[[], None]) -> None:
        """Call `refresh` before each rendering, to set gauges that are cheap to read then."""
        self._before_render.append(refresh)

    def render(self) -> bytes:
        """The text that `/metrics` serves."""
        for refresh in self._before_render:
            refresh()
        return generate_latest(self._registry)
