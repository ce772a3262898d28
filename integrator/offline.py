"""Work on the journal while no bus runs: exporting it, and making good what a restore lost.

Each function opens the database, takes its lock, and gives it back. They raise StartRefusedError with
what to do.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from integrator.exchange import IntegratorError, now_us
from integrator.foundations import Foundations, Options, StartRefusedError, foundations
from integrator.journal import archive, epochs, export, restore, tiles, verify
from integrator.journal.anchor import Anchor, AnchorRefused
from integrator.journal.epochs import Begun, EpochRefused
from integrator.journal.logkey import verifiers
from integrator.journal.note import NoteError
from integrator.journal.published import Published
from integrator.journal.restore import Found, Restored, RestoreRefused
from integrator.journal.retention import Advance
from integrator.journal.sealer import SealerStopped
from integrator.journal.search import Reading
from integrator.journal.tree import TreeBroken
from integrator.security.keyring import KeyringError
from integrator.store.units import StoreUnavailable, UnitRefused
from integrator.telemetry import log

T = TypeVar("T")
_REFUSED = (
    AnchorRefused, EpochRefused, IntegratorError, KeyringError, NoteError, RestoreRefused, SealerStopped,
    StoreUnavailable, TreeBroken, UnitRefused, verify.LogRefused, archive.ArchiveBroken,
)  # fmt: skip


def export_offline(options: Options, wanted: Mapping[str, Any], target: Path, advance: Advance) -> int:
    """Write the archive `journal export` asked for; the number of its files. Raises OSError too."""

    async def run(base: Foundations) -> int:
        reading = Reading(str(wanted["who"]), str(wanted["why"]))
        plan = await export.plan(
            base.store, base.journal, reading, now_us, start=wanted.get("start", 0), stop=wanted.get("stop"),
            from_us=_us(wanted.get("since")), until_us=_us(wanted.get("until")),
        )  # fmt: skip
        log_, loop = Published(base.store), asyncio.get_running_loop()

        def read(name: str) -> bytes:
            if name == "checkpoint":
                return plan.checkpoint
            data = asyncio.run_coroutine_threadsafe(log_.tile(tiles.parse(name)), loop).result()
            if data is None:
                raise TreeBroken(f"{name} is not in the published log: run `integrator journal check`")
            return data

        return await asyncio.to_thread(archive.write, target, plan.range, read, advance)

    return _do(options, run)


def recover_offline(
    options: Options, sources: Sequence[str], token: str | None, reading: Reading, advance: Advance
) -> Restored:
    """Get the entries back that a restored database lacks, from copies of the log and receipts."""

    async def run(base: Foundations) -> Restored:
        origin = base.options.origin
        known, found = verifiers(origin, base.keyring), Found()
        size = (await base.store.log_state()).size

        def take() -> None:
            for source in sources:
                path = Path(source)
                if "://" not in source and path.is_file() and path.suffix != ".tar":
                    found.take_receipt(path.read_bytes(), known, origin)
                else:
                    found.take_log(_reader(source, token), known, origin, size)

        await asyncio.to_thread(take)
        anchor = Anchor(options.anchor, origin)
        return await restore.restore(
            base.store, base.journal, anchor, found, reading, now_us, advance=advance
        )

    return _do(options, run)


def new_epoch_offline(options: Options, published: Path | None, reading: Reading) -> Begun:
    """Let the log go on under a new name, where what it lost cannot be had again."""

    note = published.read_bytes() if published is not None else None

    async def run(base: Foundations) -> Begun:
        anchor = Anchor(options.anchor, base.options.origin)
        return await epochs.begin(
            base.store, base.journal, anchor, options.origin, reading, now_us, published=note
        )

    return _do(options, run)


def _do(options: Options, work: Callable[[Foundations], Awaitable[T]]) -> T:
    async def run() -> T:
        async with _opened(options) as base:
            return await work(base)

    log.configure("warning")
    return uvloop.run(run())


@contextlib.asynccontextmanager
async def _opened(options: Options) -> AsyncIterator[Foundations]:
    async with foundations(options) as base:
        try:
            yield base
        except _REFUSED as error:
            raise StartRefusedError(str(error)) from error


def _reader(source: str, token: str | None) -> verify.Read:
    if "://" in source:
        return verify.address(source, token)
    return archive.reader(Path(source)) if source.endswith(".tar") else verify.directory(Path(source))


def _us(text: str | None) -> int | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1e6)
