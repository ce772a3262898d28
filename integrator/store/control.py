"""Questions of the control plane, in SQLAlchemy Core over `tables.py`; never on the data plane.

Synchronous, on connections of its own: portal and CLI call it from a worker thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Select, case, create_engine, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from integrator.store.location import locate
from integrator.store.tables import delivery, record
from integrator.store.units import StoreUnavailable

_CLOCKS_APART_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class FlowCount:
    """How the exchanges of one flow ended since a moment. `flow` None: they named no known flow."""

    flow: str | None
    type: str
    outcome: str | None
    exchanges: int
    last_us: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """Events of one flow that are not delivered: open ones, dead letters kept, the oldest of all."""

    flow: str
    open: int
    dead: int
    oldest_us: int


class ControlQueries:
    """Reads for people: counters by flow. Raises StoreUnavailable where the database is not reached."""

    def __init__(self, url: str, data_dir: Path) -> None:
        self._location = locate(url, data_dir)
        self._engine: Engine = create_engine(self._location.sqlalchemy_url(), poolclass=NullPool)

    def flow_counts(self, since_us: int) -> list[FlowCount]:
        """Final records since `since_us` by flow, type and outcome.

        Record ids are UUIDv7 and begin with their time in milliseconds: that bounds what is read.
        """
        first_id = max(since_us // 1_000 - _CLOCKS_APART_MS, 0).to_bytes(6, "big") + bytes(10)
        query = (
            select(
                record.c.flow,
                record.c.type,
                record.c.outcome,
                func.count(),
                func.max(record.c.time_us),
            )
            .where(record.c.final, record.c.record_id >= first_id, record.c.time_us >= since_us)
            .group_by(record.c.flow, record.c.type, record.c.outcome)
            .order_by(record.c.flow, record.c.type, record.c.outcome)
        )
        return [FlowCount(*row) for row in self._all(query)]

    def backlogs(self) -> list[Backlog]:
        """Flows with events that wait or are dead letters."""
        dead = case((delivery.c.state == "dead-lettered", 1), else_=0)
        query = (
            select(delivery.c.flow, func.sum(1 - dead), func.sum(dead), func.min(delivery.c.accepted_us))
            .where(delivery.c.state != "delivered")
            .group_by(delivery.c.flow)
            .order_by(delivery.c.flow)
        )
        return [Backlog(*row) for row in self._all(query)]

    def _all(self, query: Select[Any]) -> list[tuple[Any, ...]]:
        try:
            with self._engine.connect() as connection:
                return [tuple(row) for row in connection.execute(query)]
        except SQLAlchemyError as error:
            raise StoreUnavailable(
                f"the database {self._location.shown()} cannot be read: check that it runs"
            ) from error
