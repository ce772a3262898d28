"""Erasing one subject's details, and nothing else.

Every exchange the subject is found by is taken whole. Where it names nobody else, the details of its
records go, tags and all. Where it names others too, only the subject's own parts go, with what leads to
the subject elsewhere: tickets, and the salt of the payload digests, with which the request could be
guessed from the leaf. The commitment in the leaf still proves every part that stays. Readings of the
journal that looked the subject up lose it too. A legal hold stops the whole erasure before it begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import orjson

from integrator.exchange import InvalidRequest, Refused
from integrator.journal import criteria, details, tags
from integrator.journal.criteria import Criterion
from integrator.journal.details import DetailsBroken, OpenedDetails, Part
from integrator.journal.holds import Holds
from integrator.journal.inspected import Links
from integrator.journal.retention import Advance, deletion, is_first, silent
from integrator.journal.search import Reading
from integrator.journal.tags import Tagged
from integrator.journal.writer import Journal
from integrator.security.keyring import KeyringError
from integrator.store import inspection
from integrator.store import retention as sql
from integrator.store.api import Change, Sql
from integrator.store.retention import DetailsRow, RetentionStore
from integrator.store.units import Unit
from integrator.store.vault import DROP as DROP_PAYLOADS

_SUBJECTS = ("subjects_request", "subjects_response")
_SEPARATORS = str.maketrans("", "", " .-/")
PAGE = 20
"""Exchanges changed in one transaction."""


class HeldError(Refused):
    """A legal hold covers what was to be erased."""


@dataclass(slots=True)
class Erased:
    """What an erasure did: `whole` records without details now, and `parts` taken out of others.

    `open` exchanges have not ended, and were left alone: erase again once they have.
    """

    exchanges: int = 0
    records: int = 0
    whole: int = 0
    parts: int = 0
    open: int = 0

    def add(self, other: Erased) -> None:
        """Count these too."""
        self.exchanges += other.exchanges
        self.records += other.records
        self.whole += other.whole
        self.parts += other.parts
        self.open += other.open


class Erasure:
    """Erases in one journal. `clock`: microseconds since the epoch."""

    def __init__(self, store: Sql, journal: Journal, clock: Callable[[], int]) -> None:
        self._store, self._journal, self._clock = RetentionStore(store), journal, clock
        self._holds = Holds(store, journal, clock)
        self._links = Links(store, journal, clock)

    async def erase(self, reading: Reading, subject: str, *, advance: Advance = silent) -> Erased:
        """Erase a subject's details; who and why are recorded, the subject is not.

        A person's other numbers, where they are linked, are erased with it, and the links at last.

        Raises InvalidRequest for what is no subject or a reason that names it, HeldError where a legal
        hold covers any of it: nothing is erased then.
        """
        first = criteria.parse("subject", subject)
        linked = await self._links.of(first.wanted[0])
        every = [first, *(criteria.parse("subject", number) for _, number in linked)]
        for criterion in every:
            if criterion.wanted[0][1] in _digits(f"{reading.why} {reading.actor}"):
                raise InvalidRequest(
                    "the reason names the number to erase, and would keep it: say why without it",
                    reason="why-names-subject",
                )
            await self._require_free(criterion, await self._found(criterion))
        total = Erased()
        for criterion in every:
            total.add(await self._erase_all(criterion, reading, advance))
        await self._drop_links({criterion.wanted[0][1] for criterion in every})
        return total

    async def _erase_all(self, criterion: Criterion, reading: Reading, advance: Advance) -> Erased:
        number, exchanges, total = criterion.wanted[0][1], await self._found(criterion), Erased()
        await self._drop_lifted_holds(number)
        for start in range(0, len(exchanges), PAGE):
            total.add(await self._erase(exchanges[start : start + PAGE], number, reading))
            advance(min(start + PAGE, len(exchanges)), len(exchanges))
        return total

    async def _drop_links(self, numbers: set[str]) -> None:
        """The register of replaced numbers names them too; it goes last, so that a second try finds all."""
        for link in await self._links.list():
            if not numbers.isdisjoint(link.numbers):
                await self._store.write([(inspection.DROP_LINK, (link.id,))])

    async def _found(self, criterion: Criterion) -> list[bytes]:
        """The exchanges and readings this subject is found by."""
        wanted = [*criterion.wanted, criterion.read_tag]
        found = await self._store.tagged_exchanges(tags.search_tags(self._journal.keyring, wanted))
        return list(dict.fromkeys(exchange_id for exchange_id, _ in found))

    async def _require_free(self, criterion: Criterion, exchanges: list[bytes]) -> None:
        names: dict[str, None] = {}
        holds = await self._holds.list()
        if not holds:
            return
        held = await self._holds.held()
        for hold in holds:
            if hold.kind == "subject" and hold.value == criterion.wanted[0][1]:
                names[hold.id] = None
        for exchange_id in exchanges:
            for row in await self._store.details_of(exchange_id):
                for hold in held.by(exchange_id, row.flow, row.party, row.time_us):
                    names[hold.id] = None
        if names:
            raise HeldError(
                f"a legal hold forbids this: {', '.join(names)}. Nothing was erased; look at it with "
                "`integrator journal hold list`, and erase once it is lifted",
                reason="legal-hold",
            )

    async def _drop_lifted_holds(self, number: str) -> None:
        """A hold that was lifted still names its subject."""
        for hold in await self._holds.list(all_=True):
            if hold.kind == "subject" and hold.value == number and hold.lifted_us is not None:
                await self._store.write([(sql.DROP_HOLD, (hold.id,))])

    async def _erase(self, exchanges: list[bytes], number: str, reading: Reading) -> Erased:
        """These exchanges in one transaction with its record; again where a row had changed meanwhile."""
        while True:
            done, changes = Erased(), list[Change]()
            for exchange_id in exchanges:
                await self._exchange(exchange_id, number, done, changes)
            if not done.records:
                return done
            facts = {name: getattr(done, name) for name in ("exchanges", "records", "whole", "parts")}
            act = self._journal.act(
                "subject-erased",
                reading.actor,
                facts,
                now_us=self._clock(),
                secrets={"why": details.clip(reading.why)},
            )
            counts = await self._store.write(changes, Unit([act]))
            missed = [
                count
                for count, (text, _) in zip(counts, changes, strict=True)
                if text is sql.CHANGE_DETAILS and not count
            ]
            if not missed:
                return done

    async def _exchange(self, exchange_id: bytes, number: str, done: Erased, changes: list[Change]) -> None:
        rows = await self._store.details_of(exchange_id)
        if not rows:
            return
        if not await self._store.ended(exchange_id):
            done.open += 1
            return
        opened = [self._open(row) for row in rows]
        act = orjson.loads(rows[0].leaf).get("kind") == "act"
        others = act or any(_names_others(document, number) for document in opened)
        before = done.records
        for row, document in zip(rows, opened, strict=True):
            if others and document is not None and document.parts:
                self._take_out(row, document, number, act, done, changes)
            else:
                changes += deletion(self._journal.keyring, row)
                done.records += 1
                done.whole += 1
        if done.records > before:
            done.exchanges += 1
            changes += [
                (sql.DROP_BODY, (exchange_id,)),
                (sql.DROP_CLAIM, (exchange_id,)),
                (DROP_PAYLOADS, (exchange_id,)),
            ]

    def _take_out(
        self,
        row: DetailsRow,
        opened: OpenedDetails,
        number: str,
        act: bool,
        done: Erased,
        changes: list[Change],
    ) -> None:
        left = opened.without(lambda part: _goes(part, number, act))
        gone = sum(part.text is None for part in left) - opened.erased
        if not gone:
            return
        key = self._journal.keyring.get(row.key_id)
        sealed = details.seal_parts(key, row.record_id, left)
        changes.append((sql.CHANGE_DETAILS, (row.key_id, sealed, row.record_id, row.sealed)))
        kept = set(_tagged(details.unseal(key, row.record_id, sealed), row))
        lost = [pair for pair in _tagged(opened, row) if pair not in kept]
        for kind, mac in tags.search_tags(self._journal.keyring, lost):
            changes.append((sql.DROP_TAG, (kind, mac, row.record_id)))
        done.records += 1
        done.parts += gone

    def _open(self, row: DetailsRow) -> OpenedDetails | None:
        """None where the details cannot be opened any more: such details go whole."""
        try:
            key = self._journal.keyring.get(row.key_id)
            return details.unseal(key, row.record_id, row.sealed)
        except (KeyringError, DetailsBroken):
            return None


def _names_others(opened: OpenedDetails | None, number: str) -> bool:
    if opened is None:
        return False
    return any(value != number for name in _SUBJECTS for _, value in opened.document.get(name, ()))


def _goes(part: Part, number: str, act: bool) -> bool:
    """Whether a part is the subject's, leads to it elsewhere, or has its number anywhere in it."""
    fields = part.fields()
    if not fields.keys().isdisjoint(("agent", "actor")):
        return False  # who asked, or did it: the one thing an erasure must not hide
    if not act and not fields.keys().isdisjoint(details.LEADS):
        return True
    return number in _digits(part.text.decode("utf-8") if part.text else "")


def _tagged(opened: OpenedDetails, row: DetailsRow) -> list[Tagged]:
    return tags.of_details(opened.document, first=is_first(row))


def _digits(text: str) -> str:
    return text.translate(_SEPARATORS)
