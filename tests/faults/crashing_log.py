"""The log that the sweep of kills ill-treats: its keys, its witness, and what must hold after each death."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import uuid_utils

from integrator.journal import checkpoint as checkpoints
from integrator.journal import verify, witnessing
from integrator.journal.anchor import Anchor
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.cosignature import Cosigner
from integrator.journal.policy import Policy, parse
from integrator.journal.sealer import Sealer
from integrator.journal.witness_client import Reply, WitnessClient
from integrator.journal.witness_server import Witness
from integrator.journal.witnessing import Refusal
from integrator.security.keyring import PURPOSES, Key, Keyring
from integrator.security.limits import DEFAULT
from integrator.store.api import Store
from integrator.store.open import open_store
from tests.journal.conftest import LOG_KEY
from tests.journal.stores import published

ORIGIN = LOG_KEY.origin
KEYS = Keyring([Key(f"{purpose}-1", purpose, bytes([n] * 32)) for n, purpose in enumerate(PURPOSES, 1)])
COSIGNER = Cosigner.of_seed("witness.example/w1", b"w" * 32)
POLICY: Policy = parse(f"witness w1 {COSIGNER.key} http://witness.example\nquorum w1\n".encode())
TAKEOVER_SECONDS = 20.0
EARLIER_KEPT = 8


def now_us() -> int:
    """Microseconds since the epoch: the log outlives its processes, so its clock is the real one."""
    return time.time_ns() // 1_000


def witnessed(store: Store, directory: Path) -> tuple[Witness, Callable[[int], Awaitable[int]]]:
    """A witness with its own database, and `ask(size it is believed to have)` → its size."""
    witness = Witness(directory / "witness.db", COSIGNER, {ORIGIN: [LOG_KEY.verifier]})

    async def fetch(_method: str, _address: str, body: bytes) -> Reply:
        try:
            return Reply(200, "text/plain", witness.add_checkpoint(body))
        except Refusal as refusal:
            kind = witnessing.SIZE_TYPE if refusal.size is not None else "text/plain"
            return Reply(refusal.status, kind, str(refusal).encode())

    client = WitnessClient(store, POLICY, ORIGIN, fetch, sealing=lambda: True)

    async def ask(seen: int) -> int:
        row = await store.last_checkpoint()
        return await client.ask(POLICY.witnesses["w1"], row, seen) if row else seen

    return witness, ask


@dataclass
class CrashingLog:
    """One log over all rounds: `earlier` are checkpoints that were public, each a beginning of all later ones."""

    url: str
    directory: Path
    acknowledged: set[bytes] = field(default_factory=set)
    earlier: list[Checkpoint] = field(default_factory=list)
    rounds: int = 0

    async def examine(self) -> int:
        """Prove what the dead left, go on with it, prove what came of it; the log's size."""
        store = open_store(
            self.url,
            limits=DEFAULT,
            process_id=uuid_utils.uuid7().bytes,
            data_dir=self.directory / "data",
        )
        await store.open()
        try:
            if await store.last_checkpoint() is not None:
                await self._prove(store)
            sealer = Sealer(store, Anchor(self.directory / "anchor", ORIGIN), LOG_KEY, now_us)
            async with asyncio.timeout(TAKEOVER_SECONDS):
                while not await sealer.prepare():  # noqa: ASYNC110 - the server notices the death itself
                    await asyncio.sleep(0)
            await sealer.seal_pending()
            size = await self._prove(store)
            assert size == sealer.size == (await store.log_state()).size
            await self._nothing_is_lost(store, size)
            await self._witness_agrees(store)
            return size
        finally:
            await store.close()

    async def _prove(self, store: Store) -> int:
        """As an outsider: every entry, every tile, and that it continues what was public before."""
        log = await published(store, self.directory / "log")
        done = verify.verify(verify.directory(log), [LOG_KEY.verifier], ORIGIN, earlier=self.earlier)
        self.earlier = [*self.earlier[-EARLIER_KEPT:], Checkpoint(ORIGIN, done.size, done.root)]
        return done.size

    async def _nothing_is_lost(self, store: Store, size: int) -> None:
        entries = await store.log_entries(0, size + 1)
        assert [index for index, _, _ in entries] == list(range(size))
        sealed = {record_id for _, record_id, _ in entries}
        assert len(sealed) == size
        assert self.acknowledged <= sealed
        together = await store.rows("SELECT s.hash FROM site_version s")
        assert {bytes.fromhex(name) for (name,) in together} <= sealed

    async def _witness_agrees(self, store: Store) -> None:
        """It has seen a beginning of the log, goes on from there, and its cosignature fits the policy."""
        witness, ask = witnessed(store, self.directory)
        try:
            kept = witness.last(witnessing.log_name(ORIGIN))
            if kept is not None:
                seen = checkpoints.verify(kept, [LOG_KEY.verifier], ORIGIN)
                log = verify.directory(self.directory / "log")
                verify.verify(log, [LOG_KEY.verifier], ORIGIN, earlier=[seen])
                assert POLICY.satisfied(POLICY.names_of(kept))
            assert await ask(0) == (await store.log_state()).size
        finally:
            witness.close()
