"""New keys for what is there already: details sealed anew, tags made anew, in the background.

After a rotation the old key still opens and finds everything; this moves it all under the current keys,
a bounded page at a time, and goes on where it stopped. A search asks for the tags of every index key, so
it finds a record before, while and after. No leaf, no commitment and no proof changes. A key that no row
uses any more can be retired.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from integrator.exchange import InvalidRequest
from integrator.journal import details, holds, inspected, tags
from integrator.journal.details import DetailsBroken
from integrator.journal.retention import PAGE, Advance, is_first, silent
from integrator.journal.search import Reading
from integrator.journal.writer import Journal
from integrator.security.keyring import Key, KeyringError
from integrator.store import retention as sql
from integrator.store.api import Change, Sql
from integrator.store.inspection import InspectionStore
from integrator.store.retention import FIRST, LAST, DetailsRow, RetentionStore
from integrator.store.units import Unit
from integrator.store.vault import VaultStore

NAME = "rekey"


@dataclass(slots=True)
class Rekeyed:
    """What a run did; `unreadable` details could not be opened, `left` are old keys still in use."""

    records: int = 0
    tags: int = 0
    unreadable: int = 0
    left: list[str] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "records": self.records,
            "tags": self.tags,
            "unreadable": self.unreadable,
            "left": self.left,
        }


class Rekey:
    """Replaces keys in one journal. `clock`: microseconds since the epoch."""

    def __init__(self, store: Sql, journal: Journal, clock: Callable[[], int]) -> None:
        self._store, self._journal, self._clock = RetentionStore(store), journal, clock
        self._links, self._vault = InspectionStore(store), VaultStore(store)
        keyring = journal.keyring
        self._details, self._index = keyring.current("details"), keyring.current("index")
        self._old_index = [key for key in keyring if key.purpose == "index" and key is not self._index]
        self._target = f"{self._details.id} {self._index.id}"

    async def waiting(self) -> bool:
        """Whether a run was begun and did not come to its end."""
        return NAME in await self._store.progress()

    async def run(self, reading: Reading, *, advance: Advance = silent) -> Rekeyed:
        """Move everything under the current keys, from where a former run stopped.

        A run towards other keys begins anew. Raises StoreUnavailable; KeyringError where a hold
        cannot be opened.
        """
        done = await self._begin()
        await self._small_tables()
        total, seen, result = await self._store.count(done, LAST), 0, Rekeyed()
        while rows := await self._store.details_after(done, LAST, PAGE):
            done = rows[-1].record_id
            changes: list[Change] = []
            for row in rows:
                self._renew(row, changes, result)
            counts = await self._store.write([*changes, (sql.MOVE_UPKEEP, (done, NAME))])
            for count, (text, _) in zip(counts, changes, strict=False):
                result.records += count if text is sql.CHANGE_DETAILS else 0
                result.tags += count if text is sql.DROP_TAG else 0
            seen += len(rows)
            advance(seen, max(seen, total))
            await asyncio.sleep(0)
        await self._finish(reading, result)
        return result

    async def _begin(self) -> bytes:
        known = (await self._store.progress()).get(NAME)
        if known is not None and known.target == self._target:
            return known.done
        await self._store.write([(sql.END_UPKEEP, (NAME,)), (sql.START_UPKEEP, (NAME, self._target, FIRST))])
        return FIRST

    async def _small_tables(self) -> None:
        """Holds, links of numbers, breach sets, the vault's months: few rows, in one step."""
        keyring = self._journal.keyring
        changes: list[Change] = [
            (sql.CHANGE_HOLD, (self._details.id, holds.resealed(keyring, row), row.hold_id))
            for row in await self._store.holds()
            if row.key_id != self._details.id
        ]
        changes += await inspected.renewed(self._links, keyring)
        bodies = keyring.current("bodies")
        for month in await self._vault.months():
            if month.key_id != bodies.id:
                name = month.name.encode()
                wrapped = bodies.seal(keyring.get(month.key_id).unseal(month.wrapped, name), name)
                changes.append((sql.CHANGE_VAULT_MONTH, (bodies.id, wrapped, month.name)))
        if changes:
            await self._store.write(changes)

    def _renew(self, row: DetailsRow, changes: list[Change], result: Rekeyed) -> None:
        keyring, record_id = self._journal.keyring, row.record_id
        try:
            old = keyring.get(row.key_id)
            opened = details.unseal(old, record_id, row.sealed)
            if old is not self._details:
                sealed = details.reseal(old, self._details, record_id, row.sealed)
                changes.append((sql.CHANGE_DETAILS, (self._details.id, sealed, record_id, row.sealed)))
        except (KeyringError, DetailsBroken):
            result.unreadable += 1
            return
        if self._old_index:
            for kind, value in tags.of_details(opened.document, first=is_first(row)):
                changes += self._tag_anew(kind, value, record_id)

    def _tag_anew(self, kind: int, value: str, record_id: bytes) -> list[Change]:
        _, mac = tags.tag(self._index, kind, value)
        changes: list[Change] = []
        for key in self._old_index:
            _, old = tags.tag(key, kind, value)
            changes.append((sql.COPY_TAG, (mac, self._index.id, kind, old, record_id)))
            changes.append((sql.DROP_TAG, (kind, old, record_id)))
        return changes

    async def _finish(self, reading: Reading, result: Rekeyed) -> None:
        old = [
            key
            for key in self._journal.keyring
            if key.purpose in ("details", "index") and key not in (self._details, self._index)
        ]
        result.left = [key.id for key in old if await self._store.uses(key.id)]
        facts = {
            "details_key": self._details.id,
            "index_key": self._index.id,
            "records": result.records,
            "tags": result.tags,
            "left": len(result.left),
        }
        act = self._journal.act(
            "keys-replaced",
            reading.actor,
            facts,
            now_us=self._clock(),
            secrets={"why": details.clip(reading.why)},
        )
        await self._store.write([(sql.END_UPKEEP, (NAME,))], Unit([act]))


async def retire(
    store: Sql, journal: Journal, key_id: str, reading: Reading, clock: Callable[[], int]
) -> None:
    """Forget a key that nothing needs any more; the caller takes it out of the key file afterwards.

    Raises InvalidRequest where it is the current one, or something was written with it; KeyringError
    where the key file has none of this id.
    """
    key = journal.keyring.get(key_id)
    needed = await _needed(RetentionStore(store), journal, key)
    if needed:
        raise InvalidRequest(f"the key {key_id} is still needed: {needed}", reason="key-in-use")
    act = journal.act(
        "key-retired",
        reading.actor,
        {"key_id": key_id},
        now_us=clock(),
        secrets={"why": details.clip(reading.why)},
    )
    await RetentionStore(store).write([(sql.FORGET_KEY, (key_id,))], Unit([act]))


async def _needed(store: RetentionStore, journal: Journal, key: Key) -> str:
    """Why a key cannot go, with what to do; "" where it can."""
    keyring = journal.keyring
    if key is keyring.current(key.purpose):
        return (
            f"new data is written with it. Add another with `integrator keyring rotate {key.purpose}`, "
            "restart the bus, then `integrator journal rekey`"
        )
    if key.purpose == "log":
        return "checkpoints signed with it are verified with it for ever"
    if key.purpose == "credentials" and (count := await store.api_keys()):
        return f"{count} API keys may have been made with it. Make new ones, revoke the old"
    if key is keyring.oldest("index") and (count := await store.claims()):
        return f"{count} idempotency claims are named with it. Wait until they have expired"
    used = await store.uses(key.id)
    if not used:
        return ""
    remedy = "Run `integrator journal rekey`"
    if key.purpose == "bodies":
        remedy = "Wait until the events accepted with it have ended, or discard its dead letters"
    return f"rows of {', '.join(used)} were written with it. {remedy}"
