"""SQLite means one bus process: a lock file beside the database says who it is."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from integrator.store.api import StoreRefused


class LockFile:
    """An exclusive `flock` on `<database>.lock`; the kernel releases it when the process dies."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._handle: int | None = None

    def take(self) -> None:
        """Take the lock. Raises StoreRefused, naming the holder, where another bus has it."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(handle, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(handle)
            raise StoreRefused(
                f"another bus (process {holder}) uses {self._path.with_suffix('').name}: stop it, or "
                "use PostgreSQL and RabbitMQ, which serve many processes"
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._handle = handle

    def release(self) -> None:
        """Give the lock back; the file stays, because removing it would race with a newcomer."""
        if self._handle is not None:
            os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = None
