"""Closing what a dead process left open: request-reply exchanges end as `unanswered` (design, I1).

Accepted events are not touched: their delivery goes on in this process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson

from integrator.exchange import Context, ErrorInfo
from integrator.journal.guard import WITHHELD
from integrator.journal.writer import Journal
from integrator.store.api import Store, StoredRecord
from integrator.store.units import Unit

PAGE = 500
PROCESS_ENDED = ErrorInfo(category="internal", code="process-ended", origin="bus")


class RecoveryStuck(Exception):
    """The store keeps returning exchanges that were just closed: check the database."""


async def close_orphans(
    store: Store, journal: Journal, *, own: bytes, now_us: int, dead_before_us: int, page: int = PAGE
) -> int:
    """End the open request-reply exchanges of dead processes; the number ended by this call.

    `own` is this process's id, `dead_before_us` the time of a last beat that counts as dead. Two
    successors at once do no harm: the second end of an exchange is the store's conflict `ended`.
    Raises StoreUnavailable, RecoveryStuck.
    """
    ended = 0
    seen: set[bytes] = set()
    while True:
        orphans = await store.orphans(dead_before_us, own, page)
        if not orphans:
            break
        if all(orphan.exchange_id in seen for orphan in orphans):
            raise RecoveryStuck(RecoveryStuck.__doc__)
        seen.update(orphan.exchange_id for orphan in orphans)
        ended += await _end_all(store, journal, orphans, now_us)
    await store.bury(dead_before_us, own)
    return ended


async def _end_all(store: Store, journal: Journal, orphans: Sequence[StoredRecord], now_us: int) -> int:
    units = [
        Unit(records=[journal.record("unanswered", context_of(orphan), now_us=now_us, final=True)])
        for orphan in orphans
    ]
    conflicts = await asyncio.gather(*(store.commit(unit) for unit in units))
    return sum(conflict is None for conflict in conflicts)


def context_of(record: StoredRecord) -> Context:
    """What a first record still says about its exchange, linked to that record.

    A leaf that cannot be read does not keep its exchange open for ever: what the row says is used,
    and the check of the journal reports the leaf.
    """
    leaf = _readable(record.leaf)
    consumer = leaf.get("consumer", {})

    def known(document: dict[str, Any], name: str) -> str | None:
        value = document.get(name)
        return None if value == WITHHELD else value

    return Context(
        exchange_id=str(UUID(bytes=record.exchange_id)),
        flow=known(leaf, "flow") or record.flow or "",
        site=leaf.get("site", "unknown"),
        kind=leaf.get("kind", "request-reply"),
        entry=leaf.get("entry", "unknown"),
        party=known(consumer, "party"),
        organisation=known(consumer, "organisation"),
        on_behalf_of=known(consumer, "on_behalf_of"),
        purpose=known(leaf, "purpose"),
        legal_basis=known(leaf, "legal_basis"),
        authorisation=known(leaf, "authorisation"),
        received_us=leaf.get("received", 0),
        previous=record.leaf_hash,
        error=PROCESS_ENDED,
    )


def _readable(leaf: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(leaf)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}
