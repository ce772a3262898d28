"""Keys, contexts and an in-memory store for the journal's tests. The persons are synthetic."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import uuid_utils

from integrator.exchange import Agent, Context, Dossier, ErrorInfo, Leg, Subject
from integrator.journal.anchor import Anchor
from integrator.journal.logkey import LogKey
from integrator.journal.writer import Journal
from integrator.security.keyring import PURPOSES, Key, Keyring
from integrator.security.limits import DEFAULT
from integrator.store.api import Store
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from tests.journal.fake_store import FakeStore

NOW = 1_790_000_000_000_000
LOG_KEY = LogKey("bus.example/journal", Key("log-1", "log", bytes([5] * 32)))
NISS = "17073003384"
AGENT_NISS = "85073003328"


@pytest.fixture
def keyring() -> Keyring:
    return Keyring([Key(f"{p}-1", p, bytes([n] * 32)) for n, p in enumerate(PURPOSES, 1)])


@pytest.fixture
def journal(keyring: Keyring) -> Journal:
    return Journal(keyring, "bus.example/journal")


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def clock() -> Callable[[], int]:
    ticks = itertools.count(NOW, 1_000)
    return lambda: next(ticks)


@pytest.fixture
def make_context() -> Callable[..., Context]:
    def make(**changes: Any) -> Context:
        values: dict[str, Any] = {
            "exchange_id": str(uuid_utils.uuid7()),
            "flow": "person-consult",
            "site": "5f" * 32,
            "party": "municipal/namur",
            "organisation": "0207362739",
            "on_behalf_of": "0316381138",
            "certificate": "sha256:" + "ab" * 32,
            "key_id": "itg-0001",
            "application": "urban",
            "agent": Agent("RN/RBis", AGENT_NISS),
            "purpose": "environmental-permit",
            "legal_basis": "Décret du 11 mars 1999 relatif au permis d'environnement",
            "authorisation": "protocol SPW-2026-014",
            "dossier": Dossier("imio-urban", "PE/2026/118", "single"),
            "inscription": "0b9e1a52-5d3c-4b2f-9a70-6f0f4c1f2a22",
            "consumer_ticket": "0b9e1a52-5d3c-4b2f-9a70-6f0f4c1f2a11",
            "subjects_request": (Subject("niss", NISS),),
            "fields": ("identity", "address"),
            "request_bytes": 24,
            "request_digest": bytes(32),
            "sent_us": NOW - 5,
            "received_us": NOW,
        }
        return Context(**{**values, **changes})

    return make


@pytest.fixture
def answered() -> Callable[[Context, bytes], Context]:
    """The context as it is when the provider has answered."""

    def fill(context: Context, previous: bytes) -> Context:
        context.previous = previous
        context.outcome = "with-data"
        context.subjects_response = (Subject("niss", NISS), Subject("bce", "0316381138"))
        context.response_bytes, context.response_digest = 412, bytes(range(32))
        context.replied_us = NOW + 9
        context.legs = [
            Leg(
                "regional/bced-person",
                "getPerson",
                "read",
                NOW,
                NOW + 8,
                "PROCESSED",
                "SOA0000000",
                "ticket-of-provider",
                1200,
                2900,
            )
        ]
        return context

    return fill


@pytest.fixture
def failed() -> ErrorInfo:
    return ErrorInfo("provider-fault", "SOA5100000", "provider")


# --- real stores ---------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    found = "sqlite:///bus.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    migrate(found, tmp_path)
    return found


@pytest.fixture
async def opening(url: str, tmp_path: Path) -> AsyncIterator[Callable[[], Any]]:
    """Open another store on this test's database, as a process of its own; closed at the end."""
    async with AsyncExitStack() as stack:

        async def open_it() -> tuple[Store, bytes]:
            process_id = uuid_utils.uuid7().bytes
            store = open_store(url, limits=DEFAULT, process_id=process_id, data_dir=tmp_path)
            await store.open()
            stack.push_async_callback(store.close)
            return store, process_id

        yield open_it


@pytest.fixture
async def real(opening: Callable[[], Any]) -> Store:
    store: Store = (await opening())[0]
    return store


@pytest.fixture
def anchor(tmp_path: Path) -> Anchor:
    return Anchor(tmp_path / "other-volume" / "journal.anchor", LOG_KEY.origin)
