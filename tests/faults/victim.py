"""A process that writes, seals and has its log witnessed until it is killed; one child a round.

`python -m tests.faults.victim` reads a round as a line of JSON, forks a child that dies at the round's
point (or, without one, some milliseconds after its first durable record), and answers with a line: how
the child ended. What was acknowledged stands in the round's file, one record id a line in hex.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

import uuid_utils

from integrator.journal.anchor import Anchor
from integrator.journal.sealer import Sealer
from integrator.journal.writer import Journal
from integrator.security.limits import DEFAULT
from integrator.store import failpoints, statements
from integrator.store.open import open_store
from integrator.store.units import Unit
from tests.faults.crashing_log import KEYS, LOG_KEY, now_us, witnessed

CLIENTS, RECORDS_A_UNIT, SEALED_AT_ONCE = 6, 3, 40
START_SECONDS = 20.0


@dataclass(frozen=True)
class Round:
    """One life: its database, directory, file of acknowledged ids, and where or when (seconds) it ends."""

    url: str
    directory: str
    acknowledged: str
    point: str | None
    kill_seconds: float


async def live(round_: Round) -> None:
    """Write and seal without end."""
    directory = Path(round_.directory)
    store = open_store(
        round_.url, limits=DEFAULT, process_id=uuid_utils.uuid7().bytes, data_dir=directory / "data"
    )
    await store.open()
    journal = Journal(KEYS, LOG_KEY.origin)
    sealer = Sealer(
        store, Anchor(directory / "anchor", LOG_KEY.origin), LOG_KEY, now_us, batch=SEALED_AT_ONCE
    )
    async with asyncio.timeout(20):  # the server notices the end of the last session a moment later
        while not await sealer.prepare():  # noqa: ASYNC110
            await asyncio.sleep(0)
    _, ask = witnessed(store, directory)
    out = os.open(round_.acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    async def client(number: int) -> None:
        while True:
            rows = [journal.act("noise", "bus", {"count": 1}, now_us=now_us()) for _ in range(RECORDS_A_UNIT)]
            if number == 0:  # a change that must be there if and only if its record is
                change = (statements.ADD_SITE, (rows[0].record_id.hex(), b"{}"))
                await store.together([change], Unit(rows))
            else:
                await store.commit(Unit(rows))
            os.write(out, "".join(f"{row.record_id.hex()}\n" for row in rows).encode())

    async def watched(size: int = 0) -> None:
        while True:
            size = await ask(size)
            await asyncio.sleep(0.002)

    async def in_the_log() -> None:
        while True:
            await sealer.seal_pending()
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        for number in range(CLIENTS):
            tasks.create_task(client(number))
        tasks.create_task(watched())
        tasks.create_task(in_the_log())


def _child(round_: Round) -> None:
    failpoints.arm(round_.point)
    try:
        asyncio.run(live(round_))
    except BaseException:  # whatever it is, the parent must see it and this child must not go on
        traceback.print_exc()
    os._exit(1)


def _kill(pid: int, round_: Round) -> None:
    """Kill at random: so many seconds after the first record was acknowledged."""
    end = time.monotonic() + START_SECONDS
    while not Path(round_.acknowledged).exists() and time.monotonic() < end:
        time.sleep(0.001)
    time.sleep(round_.kill_seconds)
    os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Fork a child for each round."""
    for line in sys.stdin:
        round_ = Round(**json.loads(line))
        pid = os.fork()
        if pid == 0:
            _child(round_)
        if round_.point is None:
            _kill(pid, round_)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def line(round_: Round) -> str:
    """The round as `main` reads it."""
    return json.dumps(asdict(round_)) + "\n"


if __name__ == "__main__":
    main()
