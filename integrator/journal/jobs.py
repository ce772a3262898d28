"""Long work on the journal: begun, watched and waited for. One of a kind at a time in a process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import uuid_utils

from integrator.exchange import IntegratorError, InvalidRequest, NoData
from integrator.journal.retention import Advance
from integrator.security.keyring import KeyringError
from integrator.store.units import StoreOverloaded, StoreUnavailable
from integrator.telemetry import log

_LOG = log.get("journal")
KEPT = 20

Work = Callable[[Advance], Awaitable[dict[str, Any]]]


@dataclass(slots=True)
class Job:
    """One piece of work: `state` is running, done or failed; `error` says why it failed."""

    id: str
    kind: str
    state: str = "running"
    done: int = 0
    total: int = 0
    result: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    def row(self) -> dict[str, Any]:
        """As plain data."""
        names = ("id", "kind", "state", "done", "total", "result", "error")
        return {name: getattr(self, name) for name in names}


class Jobs:
    """The long work of one process; the last `KEPT` can be asked for."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def begin(self, kind: str, work: Work, *, wait: bool = False) -> Job:
        """Begin work; with `wait`, return once it has ended. Raises InvalidRequest for a second of a kind."""
        running = next(
            (job for job in self._jobs.values() if job.kind == kind and job.state == "running"), None
        )
        if running is not None:
            raise InvalidRequest(
                f"this runs already: wait for {running.id}", reason="work-running", status=409
            )
        job = Job(str(uuid_utils.uuid7()), kind)
        self._jobs[job.id] = job
        while len(self._jobs) > KEPT:
            self._jobs.pop(next(iter(self._jobs)))
        task = asyncio.get_running_loop().create_task(self._run(job, work), name=f"journal-{kind}")
        self._tasks[job.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(job.id, None))
        if wait:
            await task
        return job

    def get(self, job_id: str) -> Job:
        """The work of this id. Raises NoData."""
        try:
            return self._jobs[job_id]
        except KeyError:
            raise NoData("no work of this id in this process", reason="work-unknown") from None

    async def _run(self, job: Job, work: Work) -> None:
        def advance(done: int, total: int) -> None:
            job.done, job.total = done, total

        try:
            job.result = await work(advance)
            job.state = "done"
        except (IntegratorError, KeyringError, StoreUnavailable, StoreOverloaded) as error:
            job.error, job.state = str(error), "failed"
        except Exception as error:
            _LOG.error("work-failed", kind=job.kind, exc_info=error)
            job.error, job.state = f"it failed unexpectedly: {type(error).__name__}", "failed"
