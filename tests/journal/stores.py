"""Helpers for the journal on real stores of both kinds; the fixtures are in conftest.py."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from integrator.exchange import Context
from integrator.journal import checkpoint as checkpoints
from integrator.journal import tiles, verify
from integrator.journal.anchor import Anchor
from integrator.journal.published import Published
from integrator.journal.sealer import Sealer
from integrator.journal.writer import Journal
from integrator.store.api import Store
from integrator.store.units import Unit
from tests.journal.conftest import LOG_KEY, NOW
from tests.journal.log_files import write

Answered = Callable[[Context, bytes], Context]
Clock = Callable[[], int]
Make = Callable[..., Context]


async def exchange(store: Store, journal: Journal, context: Context, answered: Answered) -> Context:
    first = journal.record("received", context, now_us=NOW, final=False)
    assert await store.commit(Unit(records=[first])) is None
    last = journal.record("completed", answered(context, first.leaf_hash), now_us=NOW + 9, final=True)
    assert await store.commit(Unit(records=[last])) is None
    return context


async def sealed(store: Store, anchor: Anchor, clock: Clock) -> Sealer:
    sealer = Sealer(store, anchor, LOG_KEY, clock, batch=3)
    assert await sealer.prepare()
    await sealer.seal_pending()
    return sealer


async def published(store: Store, directory: Path) -> Path:
    """The published log as files, as a web server would give them out."""
    log = Published(store)
    note = await log.checkpoint()
    assert note is not None
    size = checkpoints.unproven(note).size
    write(directory / "checkpoint", note)
    for tile in [*tiles.tiles_of(size), *tiles.of_level(tiles.ENTRIES, size)]:
        data = await log.tile(tile)
        assert data is not None
        write(directory / tile.path(), data)
    return directory


async def proven(store: Store, directory: Path) -> int:
    """The published log checked from outside; its size."""
    log = await published(store, directory)
    return verify.verify(verify.directory(log), [LOG_KEY.verifier], LOG_KEY.origin).size


async def _public(store: Store) -> list[object]:
    """Every leaf, hash, tile and checkpoint there is of what is sealed now."""
    size = (await store.log_state()).size
    return [
        await store.leaves(0, size),
        await store.log_entries(0, size),
        await store.rows("SELECT level, position, hash FROM tile_hash ORDER BY level, position"),
        await store.rows("SELECT size, root, note FROM checkpoint ORDER BY size"),
    ]


@asynccontextmanager
async def unchanged(store: Store) -> AsyncIterator[None]:
    """Whatever happens inside changes no leaf, no hash, no tile and no checkpoint."""
    before = await _public(store)
    yield
    assert await _public(store) == before
