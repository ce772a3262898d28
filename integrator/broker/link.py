"""One connection to a broker, used by one thread: what publisher and consumer ask of it.

Two implementations: `rabbit.RabbitLink` and `memory.MemoryLink`. No method waits for traffic:
`pump` reads what has arrived, and the thread waits on `fileno()` and its own waker. Every method
may raise BrokerUnavailable (the connection is of no more use: close it, open a new one) or
BrokerRefused (the broker does not want what we ask: a person has to act).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class BrokerUnavailable(Exception):
    """No connection to the broker; the bus tries again by itself."""


class BrokerRefused(Exception):
    """The broker answers and refuses; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message handed to us and not yet settled. `redeliveries`: how often it was handed out before."""

    queue: str
    body: bytes
    tag: Any
    redeliveries: int


class Link(Protocol):
    """A connection with one use: either it publishes, or it consumes."""

    @property
    def blocked(self) -> bool:
        """True while the broker takes no messages (its memory or disk alarm)."""
        ...

    def open(self) -> None:
        """Connect."""
        ...

    def close(self, *, broken: bool = False) -> None:
        """Disconnect; what was received and not settled goes back to its queue. Never raises.

        `broken`: do not wait for the peer to say good-bye."""
        ...

    def fileno(self) -> int | None:
        """What becomes readable when something arrives; None where the waker alone tells."""
        ...

    def declare(self, queues: Sequence[str]) -> None:
        """Make the dead-letter queue and these queues, or assert that they are as we need them."""
        ...

    def pump(self) -> bool:
        """Take in what has arrived, without waiting for more; True where some was left for later."""
        ...

    def tick(self) -> None:
        """Send and check heartbeats; call about once a second."""
        ...

    def depth(self, queue: str) -> int:
        """Messages ready in this queue."""
        ...

    # --- publishing ---

    def start_publishing(self) -> None:
        """Ask for confirms."""
        ...

    def publish(self, queue: str, body: bytes, message_id: str) -> int:
        """Send one persistent message without waiting; the number finds it in `outcomes`."""
        ...

    def outcomes(self) -> Sequence[tuple[int, str | None]]:
        """(number, None when confirmed, else a reason token), each once, after `pump`."""
        ...

    # --- consuming ---

    def consume(self, queue: str, prefetch: int) -> None:
        """Ask for messages of this queue, at most `prefetch` not settled at a time."""
        ...

    def cancel(self) -> None:
        """Ask for no more messages; what was received can still be settled."""
        ...

    def received(self) -> Sequence[Received]:
        """What `pump` brought, each once."""
        ...

    def ack(self, message: Received) -> None:
        """It is done: forget it."""
        ...

    def requeue(self, message: Received) -> None:
        """Hand it out again."""
        ...

    def bury(self, message: Received) -> None:
        """Move it to the dead-letter queue."""
        ...


LinkMaker = Callable[[Callable[[], None]], Link]
"""Makes an unopened link; it gets a function that wakes the thread the link belongs to."""
