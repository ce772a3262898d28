"""Asks the witnesses of the policy to cosign what the log published, off the path of exchanges.

Each witness is asked alone, at its own pace: a slow or dead one holds up nobody. What it has seen is
learnt from its answers (409 tells its size), so that nothing about it has to be kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from integrator.journal import checkpoint as checkpoints
from integrator.journal import note, tree, witnessing
from integrator.journal.anchor import AnchorRefused
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.cosignature import Cosigned, read_lines
from integrator.journal.note import NoteError, Verifier
from integrator.journal.policy import Policy, Witness
from integrator.journal.tree import TreeBroken
from integrator.journal.witnessing import AddCheckpoint
from integrator.store import failpoints
from integrator.store.api import CheckpointRow, Store
from integrator.store.units import StoreUnavailable
from integrator.store.witnesses import CosignatureRow, Cosignatures
from integrator.telemetry import log

_LOG = log.get("witnesses")
AGAIN_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
RENEW_SECONDS = 60.0
"""How old a cosignature gets before the same checkpoint is cosigned anew: a log that rests is watched, too."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer of a witness."""

    status: int
    kind: str
    body: bytes


Fetch = Callable[[str, str, bytes], Awaitable[Reply]]
"""(method, address, body) → the answer. Raises OSError or TimeoutError where there is none."""


class WitnessClient:
    """The witnesses of one log. `run` asks those with an address as long as this process seals."""

    def __init__(
        self,
        store: Store,
        policy: Policy,
        origin: str,
        fetch: Fetch,
        *,
        sealing: Callable[[], bool],
        pause_seconds: float = 0.25,
        renew_seconds: float = RENEW_SECONDS,
    ) -> None:
        self._store, self._policy, self._origin, self._fetch = store, policy, origin, fetch
        self._kept = Cosignatures(store)
        self._sealing, self._pause = sealing, pause_seconds
        self._renew = renew_seconds

    # --- at start ---

    async def require_nothing_lost(self, size: int, known: list[Verifier]) -> None:
        """Refuse a log smaller than a witness has cosigned of it, or rewritten since. Raises AnchorRefused.

        A witness that cannot be reached, or has nothing, says nothing.
        """
        for witness in self._asked():
            try:
                reply = await self._fetch(
                    "GET", f"{witness.url}/{witnessing.log_name(self._origin)}/checkpoint", b""
                )
                if reply.status != 200:
                    continue
                seen = checkpoints.verify(reply.body, known, self._origin)
            except (OSError, TimeoutError, NoteError):
                _LOG.warning("witness-silent", witness=witness.name)
                continue
            if seen.size > size:
                raise AnchorRefused(
                    f"the witness {witness.name} has cosigned {seen.size} records of this log, the database has "
                    f"{size}: it was restored from an older backup. Recover the records with `integrator journal "
                    "recover`, or open a new log with `integrator journal new-epoch`"
                )
            await self._require_same(witness, seen)

    async def _require_same(self, witness: Witness, seen: Checkpoint) -> None:
        """Refuse a log that was rewritten since the witness has seen it. Raises AnchorRefused."""
        try:
            root = await tree.root_at(self._store, seen.size)
        except TreeBroken:
            return  # a log older than its tree: the sealer makes the tree, or refuses the log itself
        if root != seen.root:
            raise AnchorRefused(
                f"the witness {witness.name} has cosigned another log of this name at {seen.size} records: this "
                "database was altered, or is another one. Run `integrator journal check`, and restore the right one"
            )

    # --- while it runs ---

    async def run(self) -> None:
        """Ask every witness that has an address, each in a task of its own, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for witness in self._asked():
                tasks.create_task(self._keep_asking(witness), name=f"witness {witness.name}")

    def _asked(self) -> list[Witness]:
        return [witness for witness in self._policy.witnesses.values() if witness.url]

    async def _keep_asking(self, witness: Witness) -> None:
        clock = asyncio.get_running_loop().time
        seen, done, asked, wait = 0, -1, 0.0, AGAIN_SECONDS
        while True:
            await asyncio.sleep(self._pause)
            try:
                row = await self._store.last_checkpoint() if self._sealing() else None
                if row is None or (row.size == done and clock() < asked + self._renew):
                    continue
                seen = await self.ask(witness, row, seen)
                done, asked, wait = row.size, clock(), AGAIN_SECONDS
            except (StoreUnavailable, TreeBroken):
                continue  # the next checkpoint will do
            except (OSError, TimeoutError, NoteError) as error:
                _LOG.warning("witness-failed", witness=witness.name, reason=_said(error), again_seconds=wait)
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    async def ask(self, witness: Witness, row: CheckpointRow, seen: int) -> int:
        """Have one checkpoint cosigned by a witness believed to have seen `seen` entries; its size now.

        Raises OSError, TimeoutError, NoteError (also for what it refuses), StoreUnavailable, TreeBroken.
        """
        for _ in range(3):
            if seen > row.size:
                raise NoteError(f"it has seen {seen} entries, more than the {row.size} there are")
            proof = await tree.consistency(self._store, seen, row.size) if 0 < seen < row.size else []
            body = AddCheckpoint(seen, proof, row.note).encode()
            reply = await self._fetch("POST", f"{witness.url}/add-checkpoint", body)
            if reply.status == 409 and reply.kind.startswith(witnessing.SIZE_TYPE):
                seen = _size(reply.body)
                continue
            if reply.status != 200:
                raise NoteError(f"it answered {reply.status}")
            await self._keep(witness, row, reply.body)
            return row.size
        raise NoteError("its size changes at every request: somebody else sends it checkpoints of this log")

    async def _keep(self, witness: Witness, row: CheckpointRow, answer: bytes) -> None:
        found: Cosigned | None = read_lines(note.split(row.note).text, answer, witness.key)
        if found is None:
            raise NoteError("its answer has no cosignature of its key")
        line = found.signature.line().encode()
        failpoints.hit("cosigned-before")
        await self._kept.add(CosignatureRow(row.size, witness.key.public_key, found.time_s, line))


def _size(body: bytes) -> int:
    text = body.decode("ascii", "replace").strip()
    if not text.isdigit() or len(text) > 19:
        raise NoteError("its answer has no size")
    return int(text)


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
