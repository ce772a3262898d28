"""The way in: from a URL to a store. SQLAlchemy and Alembic are not imported here."""

from __future__ import annotations

from pathlib import Path

from integrator.store.api import Store
from integrator.store.batching import StoreLimits
from integrator.store.location import locate


def open_store(url: str, *, limits: StoreLimits, process_id: bytes, data_dir: Path) -> Store:
    """The store behind `url`, still closed: the caller awaits `open()`.

    `sqlite:///file` is relative to `data_dir`; `process_id` (16 bytes) is written with every record,
    so that a successor finds what a dead process left open. Raises StoreRefused for another URL.
    """
    location = locate(url, data_dir)
    if location.path is not None:
        from integrator.store.sqlite import SqliteStore

        return SqliteStore(location.path, limits=limits, process_id=process_id)
    from integrator.store.postgres import PostgresStore

    return PostgresStore(str(location.dsn), limits=limits, process_id=process_id)
