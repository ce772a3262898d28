"""A store of each kind, migrated and open; and rows to put into it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uuid_utils

from integrator.security.limits import DEFAULT, Limits
from integrator.store.api import Store
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from integrator.store.units import AcceptRow, RecordRow, Unit

NOW = 1_800_000_000_000_000
PROCESS = b"p" * 16


def new_id() -> bytes:
    return uuid_utils.uuid7().bytes


def record(exchange_id: bytes | None = None, **changes: Any) -> RecordRow:
    """A record as the journal makes it: leaf, details and two tags."""
    row = RecordRow(
        record_id=new_id(),
        exchange_id=exchange_id or new_id(),
        time_us=NOW,
        type="received",
        final=False,
        leaf=b'{"type":"received"}',
        leaf_hash=os.urandom(32),
        flow="person-consult",
        party="municipal/namur",
        details=os.urandom(40),
        details_key="details-1",
        tags=((1, os.urandom(32)), (2, os.urandom(32))),
        index_key="index-1",
    )
    return replace(row, **changes)


def end(exchange_id: bytes, **changes: Any) -> RecordRow:
    return record(exchange_id, **({"type": "completed", "final": True, "outcome": "with-data"} | changes))


def accept(exchange_id: bytes, **changes: Any) -> AcceptRow:
    row = AcceptRow(
        exchange_id=exchange_id,
        flow="permit-notification",
        party="municipal/namur",
        accepted_us=NOW,
        due_us=NOW,
        body=b"sealed body",
        context=b"sealed context",
        body_key="bodies-1",
    )
    return replace(row, **changes)


def event(exchange_id: bytes, **changes: Any) -> Unit:
    return Unit(
        records=[record(exchange_id, flow="permit-notification")], accept=accept(exchange_id, **changes)
    )


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty database of each kind."""
    found = "sqlite:" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    migrate(found, request.getfixturevalue("tmp_path"))
    return found


@pytest.fixture
def opened(url: str, tmp_path: Path) -> Callable[..., Any]:
    """`async with opened(process_id=…) as store`: a store on this test's database."""

    @asynccontextmanager
    async def open_it(limits: Limits = DEFAULT, process_id: bytes = PROCESS) -> AsyncIterator[Store]:
        store = open_store(url, limits=limits, process_id=process_id, data_dir=tmp_path)
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    return open_it


@pytest.fixture
async def store(opened: Callable[..., Any]) -> AsyncIterator[Store]:
    async with opened() as it:
        yield it
