"""The states of a circuit breaker, as resilience4j 2 has them: closed, open, half open.

No clock and no exchange: `now` is handed in, in seconds, and every call that was permitted ends in exactly
one of `succeeded`, `failed` and `released`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

CLOSED, OPEN, HALF_OPEN = "CLOSED", "OPEN", "HALF_OPEN"


@dataclass(frozen=True, slots=True)
class Settings:
    """When a breaker opens and closes. Rates in percent, times in seconds.

    `by_time`: the window holds the calls of the last `window` seconds, else the last `window` calls.
    """

    failure_rate: float = 50.0
    slow_rate: float = 100.0
    slow_after: float = 60.0
    window: int = 100
    by_time: bool = False
    minimum: int = 100
    trials: int = 10
    wait: float = 60.0
    automatic: bool = False


@dataclass(slots=True)
class _Window:
    """The outcomes that count: (when, failed, slow), the oldest first."""

    size: int
    by_time: bool
    minimum: int
    outcomes: deque[tuple[float, bool, bool]] = field(default_factory=deque)
    failed: int = 0
    slow: int = 0

    def add(self, now: float, failed: bool, slow: bool) -> None:
        """Count one; what is too old, or too much, leaves."""
        self.outcomes.append((now, failed, slow))
        self.failed += failed
        self.slow += slow
        while self.outcomes and (
            int(self.outcomes[0][0]) <= int(now) - self.size
            if self.by_time
            else len(self.outcomes) > self.size
        ):
            _, was_failed, was_slow = self.outcomes.popleft()
            self.failed -= was_failed
            self.slow -= was_slow

    def judged(self, settings: Settings) -> bool | None:
        """Whether too much fails or is slow; None while there are too few calls to say."""
        count = len(self.outcomes)
        if count < self.minimum or count == 0:
            return None
        return (
            self.failed * 100 / count >= settings.failure_rate
            or self.slow * 100 / count >= settings.slow_rate
        )


class Breaker:
    """One breaker. Its state belongs to one process, and to the version of the route it stands in."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.state = CLOSED
        self._window = self._closed_window()
        self._trials = 0
        self._opened = 0.0

    def _closed_window(self) -> _Window:
        settings = self.settings
        least = settings.minimum if settings.by_time else min(settings.minimum, settings.window)
        return _Window(settings.window, settings.by_time, least)

    def current(self, now: float) -> str:
        """The state; an automatic breaker leaves OPEN by itself when its time is over."""
        if self.state == OPEN and self.settings.automatic and now >= self._opened + self.settings.wait:
            self._half_open()
        return self.state

    def permits(self, now: float) -> bool:
        """Whether a call may be made; it then has to be ended."""
        if self.state == CLOSED:
            return True
        if self.state == OPEN:
            if now < self._opened + self.settings.wait:
                return False
            self._half_open()
        if self._trials <= 0:
            return False
        self._trials -= 1
        return True

    def succeeded(self, now: float, took: float) -> None:
        """End a call that did well."""
        self._ended(now, took, failed=False)

    def failed(self, now: float, took: float) -> None:
        """End a call that failed."""
        self._ended(now, took, failed=True)

    def released(self) -> None:
        """End a call that does not count."""
        if self.state == HALF_OPEN:
            self._trials += 1

    def _ended(self, now: float, took: float, *, failed: bool) -> None:
        if self.state == OPEN:
            return  # began before it opened
        self._window.add(now, failed, took > self.settings.slow_after)
        bad = self._window.judged(self.settings)
        if bad:
            self.state, self._opened = OPEN, now
        elif bad is False and self.state == HALF_OPEN:
            self.state, self._window = CLOSED, self._closed_window()

    def _half_open(self) -> None:
        trials = self.settings.trials
        self.state, self._trials = HALF_OPEN, trials
        self._window = _Window(trials, by_time=False, minimum=trials)
