"""Checking the journal from inside: every entry, hash, link and final state, tree and checkpoint.

Reads the sealed log page by page. Memory: the links of exchanges not yet ended, and 16 bytes with
their set entry for each exchange that ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from integrator.journal.anchor import Anchor, AnchorRefused, AnchorState, Point, beginning
from integrator.journal.canonical import NotCanonical, canonical
from integrator.journal.logkey import verifiers
from integrator.journal.merkle import leaf_hash
from integrator.journal.search import open_record
from integrator.journal.treecheck import Found, TreeCheck, known_checkpoints
from integrator.security.keyring import Keyring
from integrator.store.api import Store, StoredRecord

PAGE = 1_000
PROBLEMS_MAX = 1_000
PENDING_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the index (None: not sealed yet), the record, a rule and a sentence."""

    index: int | None
    record_id: str | None
    rule: str
    message: str


@dataclass(slots=True)
class Report:
    """What a check saw. `problems` holds the first `PROBLEMS_MAX`, `problems_total` counts all."""

    size: int = 0
    unsealed: int = 0
    exchanges_ended: int = 0
    exchanges_open: int = 0
    details_checked: int = 0
    details_deleted: int = 0
    running_hash: str = ""
    root: str = ""
    problems: list[Problem] = field(default_factory=list)
    problems_total: int = 0

    @property
    def sound(self) -> bool:
        """True where nothing is wrong."""
        return not self.problems_total

    def add(
        self, rule: str, message: str, record: StoredRecord | None = None, index: int | None = None
    ) -> None:
        """Note a problem."""
        self.problems_total += 1
        if len(self.problems) < PROBLEMS_MAX:
            record_id = str(UUID(bytes=record.record_id)) if record else None
            self.problems.append(Problem(record.index if record else index, record_id, rule, message))

    def add_all(self, found: Found) -> None:
        """Note problems that belong to no single record."""
        for rule, message in found:
            self.add(rule, message)


async def check_log(
    store: Store, keyring: Keyring, *, origin: str, anchor: Anchor | None = None, page: int = PAGE
) -> Report:
    """Check the whole log, then the records not sealed yet. Raises StoreUnavailable.

    The bus may go on writing meanwhile: what waits, the anchor and the checkpoints are noted first,
    so that whatever is looked at has what it builds on among what is looked at too.
    """
    report, chain = Report(), _Exchanges()
    waiting = await store.pending(PENDING_MAX)
    state = _anchored(anchor, report)
    anchored = state.head if state is not None else None
    known, found = await known_checkpoints(
        store, state.checkpoint if state is not None else "", verifiers(origin, keyring), origin
    )
    report.add_all(found)
    tree = TreeCheck(known)
    point = beginning(origin)
    report.size = (await store.log_state()).size
    for start in range(0, report.size, page):
        stop = min(start + page, report.size)
        entries = {
            index: (record_id, hash_) for index, record_id, hash_ in await store.log_entries(start, stop)
        }
        records = {record.index: record for record in await store.sealed_records(start, stop)}
        for index in range(start, stop):
            entry = entries.get(index)
            point = _check_entry(index, entry, records.get(index), point, report)
            tree.take(entry[1] if entry is not None else None)
            record = records.get(index)
            if record is not None:
                _check_record(record, keyring, report)
                chain.take(record, report)
            if anchored is not None and point.size == anchored.size and point != anchored:
                report.add("anchor", f"the log differs from its anchor at size {anchored.size}", index=index)
        report.add_all(await tree.compare_tiles(store))
    if anchored is not None and anchored.size > report.size:
        report.add("anchor", f"the log has {report.size} entries, its anchor {anchored.size}")
    report.add_all(tree.compare_checkpoints())
    report.root = tree.root.hex()
    report.running_hash = point.running_hash.hex()
    await _check_unsealed(store, keyring, waiting, chain, report)
    chain.finish(report)
    return report


def _anchored(anchor: Anchor | None, report: Report) -> AnchorState | None:
    if anchor is None:
        return None
    try:
        state = anchor.load()
    except AnchorRefused as error:
        report.add("anchor", str(error))
        return None
    if state is None:
        report.add("anchor", f"there is no anchor at {anchor.path}")
        return None
    return state


def _check_entry(
    index: int,
    entry: tuple[bytes, bytes] | None,
    record: StoredRecord | None,
    point: Point,
    report: Report,
) -> Point:
    if entry is None:
        report.add("gap", f"the log has no entry {index}", index=index)
        return Point(point.size + 1, point.running_hash)
    if record is None:
        report.add("record-missing", f"the record of entry {index} is gone", index=index)
    elif record.record_id != entry[0] or record.leaf_hash != entry[1]:
        report.add("entry", "the entry names another record or leaf hash", record)
    return point.extended([entry[1]])


async def _check_unsealed(
    store: Store,
    keyring: Keyring,
    waiting: Sequence[tuple[bytes, bytes]],
    chain: _Exchanges,
    report: Report,
) -> None:
    for record_id, hash_ in waiting:
        record = await store.record(record_id)
        if record is None:
            report.add("record-missing", "a record waits to be sealed but is gone")
            continue
        if record.index is not None and record.index < report.size:
            continue  # sealed while the log was read: it was checked there
        report.unsealed += 1
        if record.leaf_hash != hash_:
            report.add("entry", "what waits to be sealed has another leaf hash", record)
        _check_record(record, keyring, report)
        chain.take(record, report)


# --- one record ---------------------------------------------------------------------------------


def _check_record(record: StoredRecord, keyring: Keyring, report: Report) -> None:
    if leaf_hash(record.leaf) != record.leaf_hash:
        report.add("leaf-hash", "the leaf is not the one that was hashed", record)
        return
    try:
        leaf = orjson.loads(record.leaf)
        plain = canonical(leaf) == record.leaf
    except (orjson.JSONDecodeError, NotCanonical):
        plain = False
    if not plain:
        report.add("canonical", "the leaf is not canonical JSON", record)
        return
    wrong = [name for name, (said, kept) in _columns(record, leaf).items() if said != kept]
    if wrong:
        report.add("columns", f"the row says otherwise than its leaf: {', '.join(wrong)}", record)
    if record.details is None:
        report.details_deleted += 1
        return
    problem = open_record(keyring, record).problem
    if problem is None:
        report.details_checked += 1
    else:
        report.add("details", problem, record)


def _columns(record: StoredRecord, leaf: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {
        "record_id": (leaf.get("id"), str(UUID(bytes=record.record_id))),
        "exchange_id": (leaf.get("exchange"), str(UUID(bytes=record.exchange_id))),
        "time": (leaf.get("time"), record.time_us),
        "type": (leaf.get("type"), record.type),
        "flow": (leaf.get("flow"), record.flow),
        "party": (leaf.get("consumer", {}).get("party"), record.party),
        "outcome": (leaf.get("outcome"), record.outcome),
    }


# --- the records of one exchange ----------------------------------------------------------------


@dataclass(slots=True)
class _Links:
    """The records of one exchange seen so far: leaf hash → (previous, record)."""

    records: dict[bytes, tuple[bytes | None, StoredRecord]] = field(default_factory=dict)
    finals: int = 0

    def whole(self) -> bool:
        """One beginning, one end, and every other link leads to a record of this exchange."""
        beginnings = sum(previous is None for previous, _ in self.records.values())
        linked = all(
            previous is None or (previous in self.records and previous != own)
            for own, (previous, _) in self.records.items()
        )
        return self.finals == 1 and beginnings == 1 and linked


class _Exchanges:
    """Follows the links of all exchanges; forgets an exchange once it is whole."""

    def __init__(self) -> None:
        self._open: dict[bytes, _Links] = {}
        self._ended: set[bytes] = set()

    def take(self, record: StoredRecord, report: Report) -> None:
        """One more record, in any order."""
        exchange = record.exchange_id
        if exchange in self._ended:
            rule = "final-twice" if record.final else "after-end"
            report.add(rule, "the exchange had ended already", record)
            return
        links = self._open.setdefault(exchange, _Links())
        links.records[record.leaf_hash] = (_previous(record), record)
        links.finals += record.final
        if links.whole():
            del self._open[exchange]
            self._ended.add(exchange)

    def finish(self, report: Report) -> None:
        """Judge what is not whole: without an end it is open, anything else is a problem."""
        report.exchanges_ended = len(self._ended)
        for links in self._open.values():
            report.exchanges_open += links.finals == 0
            _judge(links, report)


def _judge(links: _Links, report: Report) -> None:
    last = next(reversed(links.records.values()))[1]
    if links.finals > 1:
        report.add("final-twice", "the exchange has more than one final state", last)
    beginnings = 0
    for previous, record in links.records.values():
        if previous is None:
            beginnings += 1
        elif previous not in links.records:
            report.add("previous", "the previous record of the exchange is missing", record)
    if beginnings != 1:
        report.add("previous", f"the exchange has {beginnings} first records instead of one", last)


def _previous(record: StoredRecord) -> bytes | None:
    try:
        value = orjson.loads(record.leaf).get("previous")
        return None if value is None else bytes.fromhex(value)
    except (orjson.JSONDecodeError, AttributeError, TypeError, ValueError):
        return b""  # an altered leaf: the hash check has reported it; this leads nowhere
