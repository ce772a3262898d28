from __future__ import annotations

import pytest

from integrator.journal import keycheck
from integrator.security.keyring import PURPOSES, Key, Keyring, KeyringError
from tests.journal.fake_store import FakeStore


def ring(*, secrets: int = 0, suffix: str = "1", extra: tuple[Key, ...] = ()) -> Keyring:
    keys = [Key(f"{p}-{suffix}", p, bytes([secrets + n] * 32)) for n, p in enumerate(PURPOSES)]
    return Keyring([*keys, *extra])


async def test_the_embedded_mode_stores_at_first_use_and_recognises_later(store: FakeStore) -> None:
    await keycheck.verify(store, ring(), embedded=True)
    assert sorted(store.checks) == ["bodies-1", "credentials-1", "details-1", "index-1", "log-1"]
    await keycheck.verify(store, ring(), embedded=True)
    await keycheck.verify(store, ring())


async def test_check_values_reveal_no_key(store: FakeStore) -> None:
    await keycheck.verify(store, ring(), embedded=True)
    assert bytes([0] * 32) not in store.checks.values()
    assert len(set(store.checks.values())) == len(PURPOSES)


@pytest.mark.parametrize("embedded", [True, False])
async def test_a_wrong_key_is_refused_by_its_id(store: FakeStore, embedded: bool) -> None:
    await keycheck.verify(store, ring(), embedded=True)
    with pytest.raises(KeyringError, match="key bodies-1 of the key file is not the one"):
        await keycheck.verify(store, ring(secrets=50), embedded=embedded)


@pytest.mark.parametrize("embedded", [True, False])
async def test_a_missing_key_is_refused_by_its_id(store: FakeStore, embedded: bool) -> None:
    await keycheck.verify(store, ring(), embedded=True)
    with pytest.raises(KeyringError, match="no key bodies-1, with which this database was written"):
        await keycheck.verify(store, ring(suffix="2"), embedded=embedded)
    assert len(store.checks) == len(PURPOSES)


async def test_outside_the_embedded_mode_a_new_key_is_enrolled_first(store: FakeStore) -> None:
    with pytest.raises(KeyringError, match="enrol it once"):
        await keycheck.verify(store, ring())
    assert not store.checks
    assert len(await keycheck.enrol(store, ring())) == len(PURPOSES)
    await keycheck.verify(store, ring())
    assert await keycheck.enrol(store, ring()) == []


async def test_a_rotated_key_stands_beside_the_old_one(store: FakeStore) -> None:
    await keycheck.verify(store, ring(), embedded=True)
    new = Key("details-2", "details", b"n" * 32)
    with pytest.raises(KeyringError, match="details-2"):
        await keycheck.verify(store, ring(extra=(new,)))
    assert await keycheck.enrol(store, ring(extra=(new,))) == ["details-2"]
    await keycheck.verify(store, ring(extra=(new,)))
