"""What a bus owes its witnesses: to ask them, to refuse a log they know better, and to stop where they are silent.

With an age set, the bus accepts nothing once the quorum's last cosignature is older: a log nobody watches
any more could be rewritten by whoever holds its key.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from integrator.exchange import NotRecorded
from integrator.journal.cosigned import CosignedLog
from integrator.journal.note import Verifier
from integrator.journal.policy import Policy, PolicyError, parse
from integrator.journal.witness_client import RENEW_SECONDS, Fetch, WitnessClient
from integrator.store.api import Store
from integrator.store.units import StoreUnavailable

REFRESH_SECONDS = 1.0


def read_policy(path: Path) -> Policy:
    """The policy of a file. Raises PolicyError."""
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise PolicyError(f"the policy {path} cannot be read ({error.strerror})") from error
    except PolicyError as error:
        raise PolicyError(f"{path}: {error}") from None


class WitnessDuty:
    """Of one bus process. `max_age_seconds` 0 never stops accepting."""

    def __init__(
        self,
        store: Store,
        policy: Policy,
        origin: str,
        known: list[Verifier],
        fetch: Fetch,
        *,
        now_us: Callable[[], int],
        sealing: Callable[[], bool],
        max_age_seconds: float = 0.0,
    ) -> None:
        self.policy, self._known, self._now_us = policy, known, now_us
        self._store, self._max_age_us = store, int(max_age_seconds * 1e6)
        self._cosigned = CosignedLog(store, policy)
        renew = min(RENEW_SECONDS, max_age_seconds / 4) if max_age_seconds else RENEW_SECONDS
        self._client = WitnessClient(store, policy, origin, fetch, sealing=sealing, renew_seconds=renew)
        self._last_us: int | None = None

    async def prepare(self) -> None:
        """Refuse a log smaller than a witness has seen it. Raises AnchorRefused, StoreUnavailable."""
        size = (await self._store.log_state()).size
        await self._client.require_nothing_lost(size, self._known)
        self._last_us = self._now_us()  # a fresh start has the same time to be cosigned as a running one

    async def run(self) -> None:
        """Ask the witnesses until cancelled; look how old the last cosignature is."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._client.run())
            tasks.create_task(self._look())

    async def _look(self) -> None:
        while True:
            with contextlib.suppress(StoreUnavailable):
                newest = await self._cosigned.newest()
                if newest is not None:
                    self._last_us = max(newest.time_us, self._last_us or 0)
            await asyncio.sleep(REFRESH_SECONDS)

    @property
    def age_seconds(self) -> float:
        """How old the last cosignature of the quorum is, or the start of this process."""
        return max(self._now_us() - (self._last_us or 0), 0) / 1e6

    @property
    def stale(self) -> bool:
        """Whether the bus must not accept anything now."""
        return bool(self._max_age_us) and self.age_seconds * 1e6 > self._max_age_us

    def check(self) -> None:
        """Raise NotRecorded where the witnesses have been silent for too long."""
        if self.stale:
            raise NotRecorded(
                "the journal's witnesses have been silent for too long: try again later",
                reason="witness-silent",
            )
