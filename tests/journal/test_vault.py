"""The payload vault: what is kept, who can open it, and what cannot be opened any more."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import uuid_utils
from hypothesis import given
from hypothesis import strategies as st

from integrator.exchange import InvalidRequest, NoData
from integrator.journal.periods import before_us
from integrator.journal.search import Reading
from integrator.journal.vault import ANSWER, REQUEST, Vault, after_us
from integrator.journal.writer import Journal
from integrator.security.keyring import Keyring, KeyringError
from integrator.store.api import Store

READING = Reading("auditor", "complaint 2026/17")
CANARY = b'{"niss": "85073003328"}'


def us(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp() * 1e6)


class Clock:
    def __init__(self, now_us: int) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        return self.now_us


@pytest.fixture
def clock() -> Clock:
    return Clock(us(2026, 3, 15))


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring.create(tmp_path / "keys.json")


@pytest.fixture
def journal(keyring: Keyring) -> Journal:
    return Journal(keyring, "test.example/journal")


@pytest.fixture
def vault(real: Store, keyring: Keyring, clock: Clock) -> Vault:
    return Vault(real, keyring, clock)


async def keep(real: Store, vault: Vault, payload: bytes = CANARY, part: str = REQUEST, period: str = "P1Y",
               exchange: str | None = None) -> str:  # fmt: skip
    exchange = exchange or str(uuid_utils.uuid7())
    await real.together([await vault.keep(exchange, part, payload, period)])
    return exchange


async def test_what_is_kept_can_be_opened_with_a_reason_and_the_look_is_recorded(
    real: Store, vault: Vault, journal: Journal
) -> None:
    exchange = await keep(real, vault)
    await keep(real, vault, b'{"name": "x"}', ANSWER, exchange=exchange)
    assert await vault.open(journal, READING, exchange) == {REQUEST: CANARY, ANSWER: b'{"name": "x"}'}
    (act,) = [record for record in await real.latest_records(10) if record.type == "vault-opened"]
    assert exchange.encode() in act.leaf
    assert b"auditor" not in act.leaf


async def test_nothing_of_it_stands_in_the_database_in_the_clear(real: Store, vault: Vault) -> None:
    await keep(real, vault)
    rows = await real.rows("SELECT wrapped, sealed FROM vault_payload")
    rows += await real.rows("SELECT wrapped, wrapped FROM vault_month")
    assert len(rows) == 2
    assert not any(b"85073003328" in bytes(cell) for row in rows for cell in row)


async def test_each_exchange_is_forgotten_alone(real: Store, vault: Vault, journal: Journal) -> None:
    one, two = await keep(real, vault), await keep(real, vault)
    assert await vault.forget(journal, READING, one) == 1
    with pytest.raises(NoData):
        await vault.open(journal, READING, one)
    assert await vault.open(journal, READING, two) == {REQUEST: CANARY}


async def test_a_month_is_forgotten_by_its_key_alone(
    real: Store, vault: Vault, journal: Journal, keyring: Keyring, clock: Clock
) -> None:
    exchange = await keep(real, vault)
    copied = await real.rows("SELECT month, wrapped, sealed FROM vault_payload")
    clock.now_us = us(2027, 3, 31)
    assert await vault.expire(journal) == []
    clock.now_us = us(2027, 4, 2)
    assert await vault.expire(journal) == ["2026-03 P1Y"]
    assert await real.rows("SELECT name FROM vault_month") == []
    # Whoever kept a copy of the payloads, and has all the bus's keys, cannot read them.
    month, wrapped, sealed = copied[0]
    add = "INSERT INTO vault_payload (exchange_id, part, month, wrapped, sealed, kept_us) VALUES (%s, %s, %s, %s, %s, 0)"
    await real.change(add, (uuid_utils.UUID(exchange).bytes, REQUEST, month, wrapped, sealed))
    with pytest.raises(NoData):
        await vault.open(journal, READING, exchange)
    assert all(CANARY not in _tried(key, bytes(wrapped)) for key in keyring)


def _tried(key: object, sealed: bytes) -> bytes:
    try:
        return key.unseal(sealed, b"")  # type: ignore[attr-defined, no-any-return]
    except KeyringError:
        return b""


async def test_each_period_and_month_has_its_own_key(real: Store, vault: Vault, clock: Clock) -> None:
    await keep(real, vault)
    await keep(real, vault, period="P6M")
    clock.now_us = us(2026, 4, 1)
    await keep(real, vault)
    names = [row[0] for row in await real.rows("SELECT name FROM vault_month ORDER BY name")]
    assert names == ["2026-03 P1Y", "2026-03 P6M", "2026-04 P1Y"]


async def test_two_processes_use_one_key_a_month(
    real: Store, keyring: Keyring, clock: Clock, journal: Journal
) -> None:
    one, two = Vault(real, keyring, clock), Vault(real, keyring, clock)
    first, second = await keep(real, one), await keep(real, two)
    assert await two.open(journal, READING, first) == await one.open(journal, READING, second)


async def test_a_payload_in_another_s_place_is_refused(real: Store, vault: Vault, journal: Journal) -> None:
    one, two = await keep(real, vault), await keep(real, vault, b"other")
    first, second = (uuid_utils.UUID(text).bytes for text in (one, two))
    await real.change("DELETE FROM vault_payload WHERE exchange_id = %s", (second,))
    await real.change("UPDATE vault_payload SET exchange_id = %s WHERE exchange_id = %s", (second, first))
    with pytest.raises(KeyringError):
        await vault.open(journal, READING, two)


async def test_what_is_no_exchange_is_told(vault: Vault, journal: Journal) -> None:
    with pytest.raises(InvalidRequest, match="UUID"):
        await vault.open(journal, READING, "x")


@given(st.integers(us(2020, 1, 1), us(2060, 1, 1)), st.sampled_from(["P1Y", "P10Y", "P6M", "P30D", "P1Y6M"]))
def test_after_is_the_reverse_of_before(from_us: int, period: str) -> None:
    then = after_us(from_us, period)
    assert before_us(then, period) >= from_us
    assert before_us(then - 2 * 86_400_000_000, period) < from_us
