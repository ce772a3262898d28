"""What a bus owes its witnesses: their policy is readable, and their silence stops it where that was asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from integrator.exchange import NotRecorded
from integrator.journal.anchor import Anchor
from integrator.journal.policy import Policy, PolicyError
from integrator.journal.sealer import Sealer
from integrator.journal.witness_client import Reply
from integrator.journal.witness_duty import WitnessDuty, read_policy
from integrator.journal.writer import Journal
from integrator.store.api import Store
from integrator.store.units import Unit
from integrator.store.witnesses import CosignatureRow, Cosignatures
from tests.journal.conftest import LOG_KEY, NOW
from tests.journal.test_witness_client import KNOWN, ORIGIN, POLICY, SIGNERS


class Time:
    def __init__(self) -> None:
        self.now_us = NOW

    def __call__(self) -> int:
        return self.now_us


async def unreachable(_method: str, _address: str, _body: bytes) -> Reply:
    raise OSError("no connection")


def duty(store: Store, clock: Time, max_age: float, policy: Policy = POLICY) -> WitnessDuty:
    return WitnessDuty(
        store, policy, ORIGIN, KNOWN, unreachable, now_us=clock, sealing=lambda: True, max_age_seconds=max_age
    )


async def test_their_silence_stops_it_only_where_an_age_is_set(real: Store) -> None:
    clock = Time()
    strict, lenient = duty(real, clock, 60.0), duty(real, clock, 0.0)
    for one in (strict, lenient):
        await one.prepare()
        one.check()
    clock.now_us += 59_000_000
    strict.check()
    assert strict.age_seconds == 59.0
    clock.now_us += 2_000_000
    lenient.check()
    assert strict.stale
    assert not lenient.stale
    with pytest.raises(NotRecorded, match="silent for too long") as caught:
        strict.check()
    assert caught.value.reason == "witness-silent"


async def test_a_quorum_s_cosignature_makes_it_accept_again(
    real: Store, anchor: Anchor, journal: Journal
) -> None:
    clock = Time()
    made = duty(real, clock, 60.0)
    await made.prepare()
    sealer = Sealer(real, anchor, LOG_KEY, clock)
    assert await sealer.prepare()
    await real.commit(Unit([journal.act("noise", "bus", {"count": 1}, now_us=NOW)]))
    await sealer.seal_pending()
    clock.now_us += 100_000_000
    assert made.stale
    running = asyncio.create_task(made.run())
    kept, row = Cosignatures(real), await real.last_checkpoint()
    assert row is not None
    text = row.note.split(b"\n\n")[0].decode() + "\n"
    for name in ("one", "two"):
        assert made.stale  # one witness of three is no quorum
        cosigner = SIGNERS[name]
        signed = cosigner.cosign(text, clock.now_us // 1_000_000).line().encode()
        await kept.add(CosignatureRow(row.size, cosigner.key.public_key, clock.now_us // 1_000_000, signed))
    async with asyncio.timeout(20):
        while made.stale:  # noqa: ASYNC110 - it looks by itself
            await asyncio.sleep(0.01)
    made.check()
    assert made.age_seconds < 60.0
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_a_policy_is_read_or_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "witnesses.policy"
    with pytest.raises(PolicyError, match="cannot be read"):
        read_policy(path)
    path.write_text(f"witness one {SIGNERS['one'].key} http://one\n")
    with pytest.raises(PolicyError, match=r"witnesses\.policy: the policy has no quorum"):
        read_policy(path)
    path.write_text(f"witness one {SIGNERS['one'].key} http://one\nquorum one\n")
    assert read_policy(path).quorum == "one"
