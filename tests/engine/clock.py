"""An event loop whose clock jumps: what waits for a time goes on at once, in the order of the times."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Jumping(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """A selector that never waits for a time: it moves the clock instead."""

    moved = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0 if timeout is None or timeout >= 0 else timeout)
        if not found and len(self.get_map()) > 1:  # besides the loop's own: a peer's answer takes real time
            return super().select(timeout)
        if not found and timeout:
            self.moved += timeout
        return found


class JumpingLoop(asyncio.SelectorEventLoop):
    """The loop; `time()` is real time and what was jumped over."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return super().time() + self._jumping.moved


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end on a loop of its own."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(work)
