"""Noise: requests that name neither a flow nor a known party, counted in one record a minute and reason.

A counter without clock or store: the caller hands in the time, commits what is due and confirms it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from integrator.journal.writer import Journal
from integrator.store.units import RecordRow

MINUTE_US = 60_000_000
REASONS_MAX = 64
BUCKETS_MAX = 4_096
OTHER = "other"


@dataclass(frozen=True, slots=True)
class NoiseCount:
    """How many requests of one reason came in one minute (microseconds at its start)."""

    minute_us: int
    reason: str
    count: int


class Noise:
    """Counts by minute and reason, bounded: beyond `REASONS_MAX` reasons all count as `other`.

    Where more than `BUCKETS_MAX` counts wait, because the journal cannot be written, further
    minutes are added to the newest count, so that no request is lost from the total.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[int, str], int] = {}
        self._reasons: set[str] = set()

    def add(self, reason: str, now_us: int) -> None:
        """One more request of this reason (a stable token, never text from outside)."""
        if reason not in self._reasons:
            if len(self._reasons) >= REASONS_MAX:
                reason = OTHER
            else:
                self._reasons.add(reason)
        key = (now_us - now_us % MINUTE_US, reason)
        if key not in self._counts and len(self._counts) >= BUCKETS_MAX:
            key = next(reversed(self._counts))
        self._counts[key] = self._counts.get(key, 0) + 1

    def due(self, now_us: int) -> list[NoiseCount]:
        """The counts of minutes that are over; they stay until confirmed."""
        return self._waiting(now_us - now_us % MINUTE_US)

    def rest(self) -> list[NoiseCount]:
        """All counts, the running minute's too: for a clean end."""
        return self._waiting(None)

    def _waiting(self, before_us: int | None) -> list[NoiseCount]:
        return [
            NoiseCount(minute, reason, count)
            for (minute, reason), count in self._counts.items()
            if before_us is None or minute < before_us
        ]

    def confirm(self, written: Iterable[NoiseCount]) -> None:
        """Forget what is durable now; requests counted meanwhile are kept."""
        for noise in written:
            key = (noise.minute_us, noise.reason)
            left = self._counts.get(key, 0) - noise.count
            if left > 0:
                self._counts[key] = left
            else:
                self._counts.pop(key, None)


def records(journal: Journal, counts: Iterable[NoiseCount], now_us: int) -> list[RecordRow]:
    """The records of these counts, for one unit of work."""
    return [
        journal.act(
            "noise",
            "bus",
            {"reason": noise.reason, "count": noise.count, "minute": noise.minute_us},
            now_us=now_us,
        )
        for noise in counts
    ]
