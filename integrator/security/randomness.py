"""Random bytes for salts and nonces, taken from the kernel some kilobytes at a time.

Each byte is handed out once. A system call for every salt would give up the interpreter's lock each
time, which costs more than the bytes where another thread is busy. A forked child draws anew.
"""

from __future__ import annotations

import os
import threading

_DRAWN_BYTES = 8_192


class _Supply(threading.local):
    """One supply a thread: taking needs no lock."""

    def __init__(self) -> None:
        self.drawn = b""
        self.taken = 0


_supply = _Supply()


def _forget() -> None:
    global _supply
    _supply = _Supply()


os.register_at_fork(after_in_child=_forget)


def random_bytes(count: int) -> bytes:
    """So many bytes from the kernel's generator, never handed out before."""
    supply = _supply
    start = supply.taken
    end = start + count
    if end > len(supply.drawn):
        supply.drawn = os.urandom(max(_DRAWN_BYTES, count))
        start, end = 0, count
    supply.taken = end
    return supply.drawn[start:end]
