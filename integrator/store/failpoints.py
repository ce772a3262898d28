"""Named points where a test may kill the process, to prove what a crash leaves behind.

`INTEGRATOR_FAILPOINT=commit-before` kills at the first hit of that name, `commit-before:7` at the
seventh. Unset, a hit is one comparison. Names: `POINTS`.
"""

from __future__ import annotations

import os
import signal

POINTS = (
    "commit-before",
    "commit-after",
    "together-before",  # changes and records in one transaction
    "together-after",
    "seal-before",
    "seal-after",
    "anchor-before",  # the new anchor is on the disk under another name
    "anchor-after",  # the checkpoint is signed and anchored, not yet published
    "publish-before",
    "publish-after",  # published, nobody has been told
    "witness-before",  # of a witness: what it has seen now is not committed
    "witness-after",  # committed, not answered
    "cosigned-before",  # the witness has answered, its cosignature is not kept
)
"""In the order in which a record meets them."""

_armed: str | None = None
_left = 1


def arm(text: str | None) -> None:
    """Arm (or with None disarm) a point given as `name` or `name:count`."""
    global _armed, _left
    if not text:
        _armed = None
        return
    name, _, count = text.partition(":")
    _armed, _left = name, int(count or "1")


def armed() -> bool:
    """True where some point is armed: writers then take the path with separate steps."""
    return _armed is not None


def hit(name: str) -> None:
    """Die here, as by `kill -9`, where this point is armed and its count is reached."""
    global _left
    if _armed is None or _armed != name:
        return
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)


arm(os.environ.get("INTEGRATOR_FAILPOINT"))
