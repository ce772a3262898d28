"""Another bus process, as far as sealing goes: it seals until it is stopped, and writes records meanwhile.

`python -m tests.journal.sealing_process URL DIRECTORY` prints a line when it holds the lock for the first time.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import uuid_utils

from integrator.journal.anchor import Anchor
from integrator.journal.sealer import Pass, Sealer
from integrator.security.limits import DEFAULT
from integrator.store.open import open_store
from tests.journal.conftest import LOG_KEY


def now_us() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1_000


async def main(url: str, directory: str) -> None:
    """Seal until killed."""
    store = open_store(url, limits=DEFAULT, process_id=uuid_utils.uuid7().bytes, data_dir=Path(directory))
    await store.open()
    said = False

    def told(_pass: Pass) -> None:
        nonlocal said
        if not said:
            said = True
            sys.stdout.write("sealing\n")
            sys.stdout.flush()

    await Sealer(
        store, Anchor(Path(directory) / "anchor", LOG_KEY.origin), LOG_KEY, now_us, on_pass=told
    ).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
