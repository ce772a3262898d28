"""`integrator …` with a journal that keeps nothing: the control of `journal_cost.py`, never of a product.

Records are not built, and units that hold nothing but records are not written; everything else is the bus.
"""

from __future__ import annotations

from typing import Any

from integrator.cli import app
from integrator.journal.writer import Journal
from integrator.store.sqlite import SqliteStore
from integrator.store.units import Conflict, RecordRow, Unit

_NOTHING = RecordRow(
    record_id=bytes(16), exchange_id=bytes(16), time_us=0, type="received", final=False,
    leaf=b"{}", leaf_hash=bytes(32),
)  # fmt: skip
_commit = SqliteStore.commit


def _record(*_: Any, **__: Any) -> RecordRow:
    return _NOTHING


async def _no_commit(self: SqliteStore, unit: Unit) -> Conflict | None:
    if unit.records and all(row is _NOTHING for row in unit.records):
        return None
    return await _commit(self, unit)


def main() -> None:
    """The command line with the doubles in place."""
    Journal.record = _record  # type: ignore[method-assign]
    SqliteStore.commit = _no_commit  # type: ignore[method-assign]
    app()


if __name__ == "__main__":
    main()
