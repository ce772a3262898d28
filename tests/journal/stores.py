"""Helpers for the journal on real stores of both kinds; the fixtures are in conftest.py."""

from __future__ import annotations

from collections.abc import Callable

from integrator.exchange import Context
from integrator.journal.anchor import Anchor
from integrator.journal.sealer import Sealer
from integrator.journal.writer import Journal
from integrator.store.api import Store
from integrator.store.units import Unit
from tests.journal.conftest import LOG_KEY, NOW

Answered = Callable[[Context, bytes], Context]
Clock = Callable[[], int]
Make = Callable[..., Context]


async def exchange(store: Store, journal: Journal, context: Context, answered: Answered) -> Context:
    first = journal.record("received", context, now_us=NOW, final=False)
    assert await store.commit(Unit(records=[first])) is None
    last = journal.record("completed", answered(context, first.leaf_hash), now_us=NOW + 9, final=True)
    assert await store.commit(Unit(records=[last])) is None
    return context


async def sealed(store: Store, anchor: Anchor, clock: Clock) -> Sealer:
    sealer = Sealer(store, anchor, LOG_KEY, clock, batch=3)
    assert await sealer.prepare()
    await sealer.seal_pending()
    return sealer
