"""The circuit breaker of an adapter: stops asking a provider that is down, and probes it again."""

from __future__ import annotations

from collections.abc import Callable

from integrator.exchange import ProviderUnreachable


class Breaker:
    """Opens after `failures` in a row, lets one probe through after `open_seconds`.

    Every `admit` is followed by exactly one of `succeeded`, `failed` or `abandoned` (nothing was
    learned about the provider). `clock` gives seconds and only goes forward.
    """

    __slots__ = ("_clock", "_failures", "_in_a_row", "_open_seconds", "_opened_at", "_probing")

    def __init__(self, failures: int, open_seconds: float, clock: Callable[[], float]) -> None:
        self._failures = failures
        self._open_seconds = open_seconds
        self._clock = clock
        self._in_a_row = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def state(self) -> str:
        """`closed`, `open`, or `half-open` (the next call is, or a running one is, the probe)."""
        if self._opened_at is None:
            return "closed"
        rested = self._clock() - self._opened_at >= self._open_seconds
        return "half-open" if rested or self._probing else "open"

    def admit(self) -> None:
        """Let a call through. Raises ProviderUnreachable (`circuit-open`) while the provider rests."""
        if self._opened_at is None:
            return
        if self._probing or self._clock() - self._opened_at < self._open_seconds:
            raise ProviderUnreachable(
                "the provider failed several times in a row and is left alone for a while: try again later",
                reason="circuit-open",
                origin="provider",
            )
        self._probing = True

    def succeeded(self) -> None:
        """The provider answered, whatever it said about the request."""
        self._in_a_row = 0
        self._opened_at = None
        self._probing = False

    def failed(self) -> None:
        """The provider is down, too slow, or answers with its maintenance page."""
        self._in_a_row += 1
        if self._probing or self._in_a_row >= self._failures:
            self._opened_at = self._clock()
        self._probing = False

    def abandoned(self) -> None:
        """The call ended without telling anything about the provider."""
        self._probing = False
