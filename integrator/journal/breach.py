"""Breach sets: the distinct subjects that a key, an agent, a party or a flow reached in a period.

One person asks for a set, another releases it: another name with another credential. Only then it is
computed, from the journal as it is; each reading of it is journalled like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import uuid_utils

from integrator.exchange import IntegratorError, InvalidRequest, NoData, Refused
from integrator.journal import details, inspected, reasons
from integrator.journal.commands import Row, iso
from integrator.journal.inspection import Inspector
from integrator.journal.query import Query
from integrator.journal.report import Seen
from integrator.journal.viewers import DPO, Viewer
from integrator.journal.writer import Journal
from integrator.store import inspection as sql
from integrator.store.api import Sql
from integrator.store.inspection import BreachRow, InspectionStore
from integrator.store.units import Stale, Unit

BY = ("key", "agent", "party", "flow")
SUBJECTS_MAX = 1_000_000
_LISTED = 200


class Breaches:
    """The breach sets of one journal. `clock`: microseconds since the epoch."""

    def __init__(self, store: Sql, journal: Journal, inspector: Inspector, clock: Callable[[], int]) -> None:
        self._store, self._journal = InspectionStore(store), journal
        self._inspector, self._clock = inspector, clock

    async def ask(self, viewer: Viewer, why: str, given: Mapping[str, Any]) -> Row:
        """Ask for a set; it waits for its release. A data-protection officer asks about the own party.

        Raises InvalidRequest without one of `BY` and a period, Refused for what the role may not.
        """
        wanted = {name: str(value).strip() for name, value in given.items() if value not in (None, "")}
        if viewer.role == DPO and wanted.setdefault("party", viewer.party or "") != viewer.party:
            error: IntegratorError = Refused("ask about your own party", reason="role-criterion")
            raise await self._inspector.refused(viewer, why, Query(), error)
        key = wanted.pop("key", None)
        why, parsed = await self._inspector.prepared(viewer, "breach", why, wanted)
        if not (key or set(parsed.names) & set(BY)) or not parsed.from_us or parsed.until_us is None:
            error = InvalidRequest(
                f"say whose doing it was, one or more of {', '.join(BY)}, and the period: from, until",
                reason="breach-unbounded",
            )
            raise await self._inspector.refused(viewer, why, parsed, error)
        now, request_id, sealing = (
            self._clock(),
            str(uuid_utils.uuid7()),
            self._journal.keyring.current("details"),
        )
        document = {
            "given": {**wanted, **({"key": key} if key else {})},
            "why": details.clip(why), "asked_by": viewer.who, "asked_with": viewer.credential,
            "party": viewer.party if viewer.role == DPO else None,
        }  # fmt: skip
        row = (request_id, sealing.id, inspected.sealed(sealing, request_id, document), now)
        unit = self._act("breach-asked", viewer, why, request_id, document)
        await self._store.write([(sql.ADD_BREACH, row)], unit)
        return self._row(BreachRow(*row, released_us=None))

    async def list(self, viewer: Viewer) -> list[Row]:
        """The sets asked for, newest first: who, why, what for, released or not. Never subjects."""
        viewer.require("breach")
        rows = [self._row(row) for row in await self._store.breaches(_LISTED)]
        return [row for row in rows if viewer.role != DPO or row["party"] == viewer.party]

    async def release(self, viewer: Viewer, why: str, request_id: str) -> Row:
        """Release a set that somebody else asked for. Raises Refused for the one who asked, NoData."""
        why, _ = await self._inspector.prepared(viewer, "breach-release", why, {})
        found = await self._found(request_id)
        document = self._document(found)
        if found.released_us is not None:
            raise InvalidRequest("this breach set is released already", reason="breach-released")
        same = _name(viewer.who) == _name(document["asked_by"])
        if same or viewer.credential == document["asked_with"]:
            error = Refused(
                "who asked for a breach set does not release it: another person does, with another key "
                "(`integrator key add PARTY --role auditor`)",
                reason="four-eyes",
            )
            raise await self._inspector.refused(viewer, why, Query(), error)
        now, sealing = self._clock(), self._journal.keyring.current("details")
        document |= {
            "released_by": viewer.who,
            "released_with": viewer.credential,
            "released_why": details.clip(why),
        }
        sealed = inspected.sealed(sealing, found.request_id, document)
        changes = [(sql.RELEASE_BREACH, (sealing.id, sealed, now, found.request_id))]
        unit = self._act("breach-released", viewer, why, found.request_id, document)
        try:
            await self._store.write(changes, unit, expected=[1])
        except Stale:
            raise InvalidRequest("this breach set is released already", reason="breach-released") from None
        return self._row(BreachRow(found.request_id, sealing.id, sealed, found.asked_us, now))

    async def subjects(
        self, viewer: Viewer, why: str, request_id: str, *, seen: Seen = lambda _: None
    ) -> dict[str, Any]:
        """The set itself, once released: each subject with how often, first and last when.

        Raises Refused before the release and for another party's officer, NoData.
        """
        viewer.require("breach")
        found = await self._found(request_id)
        document = self._document(found)
        given = dict(document["given"])
        key = given.pop("key", None)
        why, wanted = await self._inspector.prepared(viewer, "breach", why, given)
        if found.released_us is None or (viewer.role == DPO and document["party"] != viewer.party):
            error = Refused(
                "this breach set is not released to you: another person releases it first",
                reason="not-released",
            )
            raise await self._inspector.refused(viewer, why, wanted, error)
        reached: dict[tuple[str, str], Row] = {}
        exchanges, complete = 0, True
        async for records, _ in self._inspector.walk(viewer, wanted, seen):
            if key and not any((record.details or {}).get("key_id") == key for record in records):
                continue
            exchanges += 1
            time = iso(records[0].stored.time_us)
            for kind, value in _subjects([record.details or {} for record in records]):
                row = reached.setdefault(
                    (kind, value), {"kind": kind, "subject": value, "times": 0, "last": time}
                )
                row["times"], row["first"] = row["times"] + 1, time
            if len(reached) > SUBJECTS_MAX:
                complete = False
                break
        await self._inspector.record(viewer, why, wanted, len(reached), kind="breach")
        return {
            **self._row(found), "exchanges": exchanges, "complete": complete,
            "subjects": [reached[pair] for pair in sorted(reached)],
        }  # fmt: skip

    async def _found(self, request_id: str) -> BreachRow:
        found = await self._store.breach(request_id.strip())
        if found is None:
            raise NoData("no breach set of this id: `integrator journal breach list` shows them",
                         reason="breach-unknown")  # fmt: skip
        return found

    def _document(self, row: BreachRow) -> dict[str, Any]:
        return inspected.unsealed(self._journal.keyring, row.key_id, row.request_id, row.sealed)

    def _row(self, row: BreachRow) -> Row:
        document = self._document(row)
        return {
            "breach": row.request_id,
            "asked": iso(row.asked_us),
            "asked_by": document["asked_by"],
            "why": document["why"],
            "what": document["given"],
            "party": document["party"],
            "released": iso(row.released_us) if row.released_us is not None else None,
            "released_by": document.get("released_by"),
        }

    def _act(self, name: str, viewer: Viewer, why: str, request_id: str, document: Mapping[str, Any]) -> Unit:
        facts = {"breach": request_id, "criterion": "-".join(sorted(document["given"]))}
        act = self._journal.act(
            name, viewer.actor, facts, now_us=self._clock(),
            secrets={"why": details.clip(why), "facts": {"what": dict(document["given"])}},
        )  # fmt: skip
        return Unit(records=[act])


def _name(who: str) -> str:
    """A name as two spellings of one person are compared."""
    return reasons.plain(who)


def _subjects(documents: list[dict[str, Any]]) -> list[tuple[str, str]]:
    found = {
        (str(kind), str(value)): None
        for document in documents
        for name in ("subjects_request", "subjects_response")
        for kind, value in document.get(name, ())
    }
    return list(found)
