"""Faults on demand: by a reserved number in the request, or by the control endpoint for the next ones."""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import NamedTuple

from integrator.sandbox.numbers import national_number

SLOW_SECONDS = 1.5
REFUSED_SECONDS = 2.0
FAULTS_MAX = 1_000


class Fault(StrEnum):
    """What can go wrong with a provider."""

    TIMEOUT = "timeout"
    SLOW = "slow"
    HTML = "html"
    BREAKS_CONTRACT = "breaks-contract"
    SOAP_FAULT = "soap-fault"
    STATUS_ERROR = "status-error"
    REFUSED = "refused"
    NO_DATA = "no-data"
    NO_SUBJECT = "no-subject"
    UNAVAILABLE = "unavailable"
    REJECTED = "rejected"


class Planned(NamedTuple):
    """A fault to come; `seconds` is how long it lasts, for those that last."""

    fault: Fault
    seconds: float | None = None


# Numbers of nobody: the last serial numbers of the first days of January 1940. docs/sandbox.md has
# the same table, and a test compares them.
RESERVED: dict[str, Fault] = {
    national_number(1940, 1, day, 991): fault
    for day, fault in enumerate(
        (
            Fault.TIMEOUT,
            Fault.SLOW,
            Fault.HTML,
            Fault.BREAKS_CONTRACT,
            Fault.SOAP_FAULT,
            Fault.STATUS_ERROR,
            Fault.REFUSED,
            Fault.NO_DATA,
            Fault.NO_SUBJECT,
            Fault.UNAVAILABLE,
        ),
        start=1,
    )
}


class FaultQueue:
    """The faults of the next requests, in order."""

    def __init__(self) -> None:
        self._planned: deque[Planned] = deque()

    def add(self, planned: Planned, times: int) -> None:
        """Plan a fault for so many requests. Raises ValueError beyond the limit."""
        if not 1 <= times <= FAULTS_MAX - len(self._planned):
            raise ValueError(f"`next` is not between 1 and {FAULTS_MAX} planned faults in all")
        self._planned.extend([planned] * times)

    def take(self) -> Planned | None:
        """The fault of this request, if one is planned."""
        return self._planned.popleft() if self._planned else None

    def clear(self) -> None:
        """Plan nothing."""
        self._planned.clear()

    def __len__(self) -> int:
        return len(self._planned)
