"""Token buckets: how often a party may use a grant, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Hashable


class Quotas:
    """One bucket per grant and party; a bucket nobody knows is full.

    Beyond `kept` buckets the one that is longest unused is dropped; it had time to fill up.
    The clock is monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float], kept: int = 100_000) -> None:
        self._clock, self._kept = clock, kept
        self._buckets: dict[Hashable, tuple[float, float]] = {}  # key → (tokens, at)

    def take(self, key: Hashable, count: int, seconds: int) -> float:
        """Take one token of `count` per `seconds`; 0.0, or the seconds until there is one."""
        now = self._clock()
        rate = count / seconds
        bucket = self._buckets.pop(key, None)
        tokens = float(count) if bucket is None else min(count, bucket[0] + (now - bucket[1]) * rate)
        wait = 0.0 if tokens > 1.0 - 1e-9 else (1.0 - tokens) / rate
        if len(self._buckets) >= self._kept:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[key] = (tokens - 1.0 if not wait else tokens, now)
        return wait
