"""Epochs: how a log goes on after a restore that lost what outsiders have seen.

A log of a name never signs two histories. Where the database is behind a checkpoint that was signed, and
the missing entries cannot be had again, the log goes on under another name: `<origin>/epoch-2`. The new
log begins with every entry that is left, so that indexes, proofs and searches span the epochs; the first
record it adds names the old log's checkpoint, and which entries were lost. Old receipts stay provable
with the old name and key, those of lost entries too.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass

from integrator.journal import anchor as anchors
from integrator.journal import checkpoint as checkpoints
from integrator.journal import details
from integrator.journal.anchor import Anchor, AnchorRefused
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.logkey import LogKey, verifiers
from integrator.journal.note import NoteError
from integrator.journal.sealer import Sealer
from integrator.journal.search import Reading
from integrator.journal.writer import Journal
from integrator.store import retention as sql
from integrator.store.api import Sql, Store
from integrator.store.retention import EpochRow, RetentionStore
from integrator.store.units import Unit


class EpochRefused(Exception):
    """No new epoch may begin as things are; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A new epoch: its log's name, the entries it keeps, and how many the old log had."""

    number: int
    origin: str
    kept_size: int
    lost_size: int


async def origin_now(store: Sql, configured: str) -> str:
    """The name the log has now: the configured one, or that of its last epoch."""
    rows = await RetentionStore(store).epochs()
    return rows[-1].origin if rows else configured


async def begin(
    store: Store,
    journal: Journal,
    path_of_anchor: Anchor,
    configured: str,
    reading: Reading,
    clock: Callable[[], int],
    *,
    published: bytes | None = None,
) -> Begun:
    """Begin a new epoch and sign its first checkpoint; the bus must be stopped.

    `published` is the newest checkpoint an outsider kept, where the anchor is older or lost. A second
    call finishes one that was interrupted. Raises EpochRefused, AnchorRefused, KeyringError.
    """
    sql_ = RetentionStore(store)
    if not await store.take_sealer_lock():
        raise EpochRefused("another bus seals this database: stop it first")
    rows = await sql_.epochs()
    old = rows[-1].origin if rows else configured
    unfinished = _unfinished(rows, path_of_anchor, configured)
    if unfinished is None:
        lost = _lost(journal, path_of_anchor, old, published)
        kept = (await store.log_state()).size
        if lost.size <= kept:
            raise EpochRefused(
                f"the database holds {kept} sealed records, its checkpoint {lost.size}: nothing is missing, "
                "so the log goes on as it is"
            )
        number = rows[-1].number + 1 if rows else 2
        unfinished = EpochRow(
            number, f"{configured}/epoch-{number}", kept, lost.size, checkpoint_text(lost), clock()
        )
        facts = {
            "number": number,
            "kept_size": kept,
            "old_origin": old,
            "old_size": lost.size,
            "old_root": lost.root.hex(),
        }
        act = journal.act(
            "epoch-begun", reading.actor, facts, now_us=clock(), secrets={"why": details.clip(reading.why)}
        )
        values = (
            unfinished.number, unfinished.origin, kept, lost.size, unfinished.lost_note, unfinished.begun_us
        )  # fmt: skip
        await sql_.write([(sql.ADD_EPOCH, values), (sql.DROP_CHECKPOINTS, ()), (sql.DROP_COSIGNATURES, ())],
                         Unit([act]))  # fmt: skip
    await _sign(store, journal, path_of_anchor, unfinished, clock)
    return Begun(unfinished.number, unfinished.origin, unfinished.kept_size, unfinished.lost_size)


def checkpoint_text(checkpoint: Checkpoint) -> bytes:
    """What a checkpoint says, as bytes."""
    return checkpoint.text().encode()


def _unfinished(rows: list[EpochRow], anchor: Anchor, configured: str) -> EpochRow | None:
    """The last epoch, where the anchor still belongs to the one before it."""
    if not rows:
        return None
    before = rows[-2].origin if len(rows) > 1 else configured
    try:
        return rows[-1] if Anchor(anchor.path, before).load() is not None else None
    except AnchorRefused:
        return None


def _lost(journal: Journal, anchor: Anchor, origin: str, published: bytes | None) -> Checkpoint:
    """The largest checkpoint of the old log that was signed: the anchor's, or the one given."""
    known = verifiers(origin, journal.keyring)
    state = Anchor(anchor.path, origin).load()
    notes = [note for note in (published, state.checkpoint.encode() if state else b"") if note]
    try:
        found = [checkpoints.verify(note, known, origin) for note in notes]
    except NoteError as error:
        raise EpochRefused(f"the old log's checkpoint is not to be believed: {error}") from error
    if not found:
        raise EpochRefused(
            "there is no checkpoint of the old log: give the newest one an outsider kept with --checkpoint FILE"
        )
    return max(found, key=lambda checkpoint: checkpoint.size)


async def _sign(
    store: Store, journal: Journal, anchor: Anchor, epoch: EpochRow, clock: Callable[[], int]
) -> None:
    """Keep the old anchor beside, make the new one, seal the first record and sign."""
    new = Anchor(anchor.path, epoch.origin)
    if anchor.path.exists():
        aside = anchor.path.with_name(f"{anchor.path.name}.before-epoch-{epoch.number}")
        await asyncio.to_thread(shutil.copy2, anchor.path, aside)
    await anchors.adopt(store, new, clock())
    sealer = Sealer(store, new, LogKey.current(epoch.origin, journal.keyring), clock)
    if not await sealer.prepare():
        raise EpochRefused("another bus seals this database: stop it, then run this again")
    await sealer.seal_pending()
