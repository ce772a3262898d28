"""After a restore: the entries the database lost, got back from where the log was published or kept.

Sources are copies of the log (a directory, an exported .tar, an address) and receipts. Every entry is
proven before anything is written: together with what the database still has, they must hash to the root
of a checkpoint the log signed. Leaves come back whole; their details do not, for nobody else had them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from integrator.journal import checkpoint as checkpoints
from integrator.journal import details, proof, tiles, tree
from integrator.journal.anchor import Anchor
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.leaf import FINALS
from integrator.journal.logkey import verifiers
from integrator.journal.merkle import ProofError, leaf_hash
from integrator.journal.note import NoteError, Verifier
from integrator.journal.retention import Advance, silent
from integrator.journal.search import Reading
from integrator.journal.tiles import ENTRIES, TileError
from integrator.journal.verify import LogRefused, Read
from integrator.journal.writer import Journal
from integrator.store.api import Store
from integrator.store.units import RecordRow, Unit

BATCH = 256


class RestoreRefused(Exception):
    """The missing entries cannot be recovered from this; the message says what is missing."""


@dataclass(slots=True)
class Found:
    """What the sources give: entries by index, and checkpoints whose signatures are proven."""

    entries: dict[int, bytes] = field(default_factory=dict)
    checkpoints: list[Checkpoint] = field(default_factory=list)

    def take_log(self, read: Read, known: Sequence[Verifier], origin: str, start: int) -> None:
        """The entries from `start` on of a copy of the log. Raises RestoreRefused."""
        try:
            signed = checkpoints.verify(read("checkpoint"), known, origin)
            self.checkpoints.append(signed)
            for tile in tiles.of_level(ENTRIES, signed.size):
                if tile.stop > start:
                    bundle = tiles.split_entries(read(tile.path()), tile.width)
                    self.entries.update(enumerate(bundle, tile.start))
        except (NoteError, LogRefused, TileError) as error:
            raise RestoreRefused(f"this copy of the log cannot be used: {error}") from error

    def take_receipt(self, data: bytes, known: Sequence[Verifier], origin: str) -> None:
        """The entry of a receipt. Raises RestoreRefused."""
        try:
            receipt = proof.decode(data)
            self.checkpoints.append(proof.verify(receipt, known, origin))
        except (NoteError, ProofError) as error:
            raise RestoreRefused(f"this receipt cannot be used: {error}") from error
        if receipt.entry is not None:
            self.entries[receipt.index] = receipt.entry


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back: the entries [start, stop)."""

    start: int
    stop: int


async def restore(
    store: Store,
    journal: Journal,
    anchor: Anchor,
    found: Found,
    reading: Reading,
    clock: Callable[[], int],
    *,
    advance: Advance = silent,
) -> Restored:
    """Write the missing entries back and seal them where they were; the bus must be stopped.

    Raises RestoreRefused where they are not all there or do not hash to a signed root, AnchorRefused,
    StoreUnavailable.
    """
    if not await store.take_sealer_lock():
        raise RestoreRefused("another bus seals this database: stop it first")
    start = (await store.log_state()).size
    state = anchor.load()
    if state is not None and state.checkpoint:
        note = state.checkpoint.encode()
        found.checkpoints.append(
            checkpoints.verify(note, verifiers(anchor.origin, journal.keyring), anchor.origin)
        )
    target = await _proven(store, found, start)
    for first in range(start, target.size, BATCH):
        stop = min(first + BATCH, target.size)
        await _write(store, [found.entries[index] for index in range(first, stop)], first, clock())
        advance(stop - start, target.size - start)
    facts = {"start": start, "stop": target.size, "source": "copy"}
    why = {"why": details.clip(reading.why)}
    act = journal.act("journal-recovered", reading.actor, facts, now_us=clock(), secrets=why)
    await store.commit(Unit([act]))
    return Restored(start, target.size)


async def _proven(store: Store, found: Found, start: int) -> Checkpoint:
    """The largest signed checkpoint that the database and the entries found together hash to."""
    ahead = sorted({one for one in found.checkpoints if one.size > start}, key=lambda one: -one.size)
    if not ahead:
        raise RestoreRefused(f"the database holds {start} sealed records, and nothing here says it had more")
    for checkpoint in ahead:
        if all(index in found.entries for index in range(start, checkpoint.size)):
            grown = await tree.load(store, start)
            grown.extend([leaf_hash(found.entries[index]) for index in range(start, checkpoint.size)])
            if grown.root() != checkpoint.root:
                raise RestoreRefused(
                    f"the database and these entries are not the log that was signed at {checkpoint.size}: "
                    "restore the right database"
                )
            return checkpoint
    missing = [index for index in range(start, ahead[-1].size) if index not in found.entries]
    raise RestoreRefused(
        f"{len(missing)} of the {ahead[-1].size - start} entries missing up to {ahead[-1].size} were not found, "
        f"the first is {missing[0]}: name more copies or receipts, or go on with `integrator journal new-epoch`"
    )


async def _write(store: Store, entries: Sequence[bytes], first: int, now_us: int) -> None:
    rows = [record_of(entry) for entry in entries]
    new = [row for row in rows if await store.record(row.record_id) is None]
    conflicts = await asyncio.gather(*(store.commit(Unit([row])) for row in new))
    if any(conflicts):
        raise RestoreRefused(
            "the database ended an exchange otherwise since it was restored: restore it again, and "
            "recover before a bus is started on it"
        )
    before = await tree.load(store, first)
    completed = before.extend([row.leaf_hash for row in rows])
    sealed = [(row.record_id, row.leaf_hash) for row in rows]
    if not await store.seal(first, sealed, now_us, tree.tile_hashes(completed)):
        raise RestoreRefused("the log grew meanwhile: stop every bus on this database, then run this again")


def record_of(entry: bytes) -> RecordRow:
    """The row of a record whose leaf is all that is left. Raises RestoreRefused for what is no leaf."""
    try:
        leaf: dict[str, Any] = orjson.loads(entry)
        return RecordRow(
            record_id=UUID(leaf["id"]).bytes,
            exchange_id=UUID(leaf["exchange"]).bytes,
            time_us=leaf["time"],
            type=leaf["type"],
            final=leaf["type"] in FINALS or leaf["kind"] == "act",
            leaf=entry,
            leaf_hash=leaf_hash(entry),
            flow=leaf.get("flow"),
            party=leaf.get("consumer", {}).get("party"),
            outcome=leaf.get("outcome"),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RestoreRefused("an entry is no leaf of this journal: is this the right log?") from error
