"""Building records: pure functions of a Context and the keys, fast enough for two an exchange."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import uuid_utils

from integrator.exchange import Context, Subject
from integrator.journal import details as sealed_details
from integrator.journal import guard, tags
from integrator.journal.acts import ACTS
from integrator.journal.canonical import (
    NotCanonical,
    canonical,
    canonical_trusted,
    leaf_hash,
    require_canonical,
)
from integrator.journal.details import SALT_BYTES
from integrator.journal.leaf import FINALS, LEAF_BYTES_MAX, RECEIVED, VERSION, exchange_leaf
from integrator.journal.tags import Tag
from integrator.security.keyring import Keyring
from integrator.security.limits import DEFAULT, Limits
from integrator.security.randomness import random_bytes
from integrator.store.units import RecordRow

_ORIGIN = re.compile(r"[A-Za-z0-9.-]+(/[A-Za-z0-9._~-]+)*", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


class Journal:
    """Makes the rows of the journal. It writes nothing: the caller commits them in its unit of work.

    `origin` names this log, as in the first line of a checkpoint: a URL without its scheme, no
    spaces, no "+" (C2SP tlog-checkpoint).
    """

    def __init__(self, keyring: Keyring, origin: str, *, limits: Limits = DEFAULT) -> None:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError('the journal\'s origin must look like "bus.example.gov/journal"')
        self.origin = origin
        self.keyring = keyring
        self._details_key = keyring.current("details")
        self._index_key = keyring.current("index")
        self._tag = tags.maker(self._index_key)
        self._subjects_max = limits.subjects_per_exchange

    def record(
        self, type_: str, context: Context, *, now_us: int, final: bool, retention: str = "P10Y"
    ) -> RecordRow:
        """One record of an exchange, at `now_us` (microseconds since the epoch).

        The caller keeps `leaf_hash` in `context.previous` once the row is durable, so that the next
        record of the exchange is linked to this one. Raises ValueError for a type that does not
        fit `final`, or an exchange id that is not a UUID; NotCanonical for values no leaf can hold.
        """
        if final != (type_ in FINALS) or not (final or type_ == RECEIVED):
            raise ValueError(f"{type_} is not a record type with final={final}: see journal.leaf")
        exchange_id = context.exchange_id
        if not _UUID.fullmatch(exchange_id):
            raise ValueError("the exchange id must be a UUID in lower case")
        record_id = uuid_utils.uuid7()
        record_bytes = record_id.bytes
        salt = random_bytes(SALT_BYTES)
        withheld: dict[str, str] = {}
        leaf = exchange_leaf(type_, context, str(record_id), now_us, salt, withheld)
        row, leaf["details"] = sealed_details.seal(
            self._details_key,
            record_bytes,
            sealed_details.exchange_details(context, salt, self._subjects_max, withheld),
        )
        leaf_bytes = _leaf_bytes(leaf)
        return RecordRow(
            record_id=record_bytes,
            exchange_id=bytes.fromhex(exchange_id.replace("-", "")),
            time_us=now_us,
            type=type_,
            final=final,
            leaf=leaf_bytes,
            leaf_hash=leaf_hash(leaf_bytes),
            flow=leaf.get("flow"),
            party=leaf["consumer"].get("party"),
            outcome=leaf.get("outcome"),
            retention=retention,
            details=row,
            details_key=self._details_key.id,
            tags=self._tags(context),
            index_key=self._index_key.id,
            purpose=leaf.get("purpose"),
        )

    def act(
        self,
        type_: str,
        actor: str,
        facts: Mapping[str, Any],
        *,
        now_us: int,
        secrets: Mapping[str, Any] | None = None,
        tagged: Sequence[tuple[int, str]] = (),
        retention: str = "P10Y",
    ) -> RecordRow:
        """A record of something the bus or its operators did: its own exchange, ended at once.

        Facts named in `acts.ACTS` for this type and harmless stand in the leaf; all others, the
        actor and `secrets` in the details. `tagged` (kind, value) are what it is found by. Raises
        NotCanonical for facts no leaf can hold (floats, keys that are not ASCII).
        """
        record_id = uuid_utils.uuid7()
        public, private = _split(ACTS.get(type_, ()), facts)
        document: dict[str, Any] = {"actor": sealed_details.clip(actor), **dict(secrets or {})}
        if private:
            document["facts"] = private
        if tagged:  # kept, so that a new index key can tag it anew
            document["tagged"] = [[tags.KINDS[kind][0], value] for kind, value in dict.fromkeys(tagged)]
        require_canonical(document)
        leaf: dict[str, Any] = {
            "v": VERSION,
            "id": str(record_id),
            "exchange": str(record_id),
            "time": now_us,
            "type": type_,
            "kind": "act",
        }
        if public:
            leaf["facts"] = public
        row, leaf["details"] = sealed_details.seal(self._details_key, record_id.bytes, document)
        leaf_bytes = canonical(leaf)
        return RecordRow(
            record_id=record_id.bytes,
            exchange_id=record_id.bytes,
            time_us=now_us,
            type=type_,
            final=True,
            leaf=leaf_bytes,
            leaf_hash=leaf_hash(leaf_bytes),
            retention=retention,
            details=row,
            details_key=self._details_key.id,
            tags=tuple(self._tag(kind, value) for kind, value in dict.fromkeys(tagged)),
            index_key=self._index_key.id if tagged else None,
        )

    def _tags(self, context: Context) -> tuple[Tag, ...]:
        # A search finds the exchange by any of its records, so each value is tagged once: what the
        # request named in the first record, what the answer added in the later ones.
        make = self._tag
        first = context.previous is None
        found = _asker_tags(context, make) if first else []
        # `tags.of_details` finds the same values in the details: change both together.
        subjects: Sequence[Subject] = context.subjects_request[: self._subjects_max]
        if context.subjects_response:
            known = () if first else set(subjects)
            added = (s for s in context.subjects_response[: self._subjects_max] if s not in known)
            subjects = (*subjects, *added) if first else tuple(added)
        elif not first:
            subjects = ()
        kinds = tags.SUBJECT_KINDS
        for subject in dict.fromkeys(subjects):
            kind = kinds.get(subject.kind)
            if kind is not None:
                found.append(make(kind, subject.id))
        for ticket in sealed_details.provider_tickets(context):
            found.append(make(tags.PROVIDER_TICKET, ticket))
        return tuple(found)


def _asker_tags(context: Context, make: Any) -> list[Tag]:
    found: list[Tag] = []
    if context.agent is not None:
        found.append(make(tags.AGENT, tags.agent_value(context.agent.manager, context.agent.identifier)))
    if context.dossier is not None:
        found.append(make(tags.DOSSIER, tags.dossier_value(context.dossier.source, context.dossier.id)))
    if context.consumer_ticket:
        found.append(make(tags.CONSUMER_TICKET, context.consumer_ticket))
    if context.inscription:
        found.append(make(tags.INSCRIPTION, context.inscription))
    return found


def _leaf_bytes(leaf: dict[str, Any]) -> bytes:
    # Floats are the one type orjson accepts and the leaf does not.
    for part in (leaf, *leaf["legs"]) if "legs" in leaf else (leaf,):
        if float in map(type, part.values()):
            raise NotCanonical("a leaf holds no floats: give times and sizes as whole numbers")
    leaf_bytes = canonical_trusted(leaf)
    if len(leaf_bytes) > LEAF_BYTES_MAX:
        raise NotCanonical(f"a leaf has at most {LEAF_BYTES_MAX} bytes")
    return leaf_bytes


def _split(allowed: Sequence[str], facts: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    public: dict[str, Any] = {}
    private: dict[str, Any] = {}
    for name, value in facts.items():
        guarded = guard.fact(value) if name in allowed and isinstance(value, str | int | None) else None
        if guarded is None or guarded is guard.WITHHELD:
            private[name] = value
        else:
            public[name] = guarded
    return public, private
