"""What of the log goes into an archive, and the record that it was exported.

The archive itself is written by whoever asked, from the served files (`archive.write`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from integrator.exchange import InvalidRequest, NoData
from integrator.journal import details
from integrator.journal.archive import Range
from integrator.journal.logkey import verifiers
from integrator.journal.periods import first_id
from integrator.journal.search import Reading
from integrator.journal.writer import Journal
from integrator.store.api import Sql
from integrator.store.retention import LAST, RetentionStore
from integrator.store.units import Unit


@dataclass(frozen=True, slots=True)
class Plan:
    """What to export, and the signed checkpoint it is proven by."""

    range: Range
    checkpoint: bytes


async def plan(
    store: Sql,
    journal: Journal,
    reading: Reading,
    clock: Callable[[], int],
    *,
    start: int = 0,
    stop: int | None = None,
    from_us: int | None = None,
    until_us: int | None = None,
) -> Plan:
    """The range by index, or by the time its records were made; recorded with who and why.

    The checkpoint is the earliest that covers it, so that no more of the tree is needed. Raises
    InvalidRequest for a range that is none, NoData where the published log does not reach so far.
    """
    sql = RetentionStore(store)
    last = await sql.checkpoint_covering(None)
    size = last[0] if last else 0
    if from_us is not None or until_us is not None:
        until = first_id(until_us) if until_us is not None else LAST
        found = await sql.indexes(first_id(from_us or 0), until)
        if found is None:
            raise NoData("no sealed record was made in that time: widen it", reason="export-empty")
        start, stop = found[0], min(found[1] + 1, size)
    stop = size if stop is None else stop
    if not 0 <= start < stop:
        raise InvalidRequest("the range is empty: its start must be below its end", reason="export-range")
    covering = await sql.checkpoint_covering(stop)
    if covering is None:
        raise NoData(f"the published log has {size} entries: end the range there", reason="export-beyond")
    facts = {"start": start, "stop": stop, "size": covering[0]}
    why = {"why": details.clip(reading.why)}
    act = journal.act("journal-exported", reading.actor, facts, now_us=clock(), secrets=why)
    await sql.write([], Unit([act]))
    keys = tuple(str(key) for key in verifiers(journal.origin, journal.keyring))
    return Plan(Range(journal.origin, covering[0], start, stop, keys), covering[1])
