"""The run file: what a running bus created, for the commands and people of this machine.

`var/run.json`, mode 0600, written when the bus answers and removed when it stops: addresses, process
ids, the control token, and in the sandbox the demo parties with their keys.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

NAME = "run.json"


class NotRunningError(Exception):
    """No bus runs from this directory."""


@dataclass(slots=True)
class RunFile:
    """Addresses are URLs; `keys` has the demo key of each demo party, `adapters` the simulators."""

    address: str
    portal: str
    control_token: str
    site: str
    pids: dict[str, int] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    adapters: dict[str, str] = field(default_factory=dict)

    def write(self, directory: Path) -> Path:
        """Write it, readable by this user alone; a reader sees the old file or the whole new one."""
        path = directory / NAME
        part = directory / f".{NAME}.{os.getpid()}"
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file, indent=1)
        part.replace(path)
        return path


def read(directory: Path) -> RunFile:
    """The run file of a directory. Raises NotRunningError with what to do."""
    path = directory / NAME
    try:
        run = RunFile(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        raise NotRunningError(f"no bus runs from {directory}: start it with `integrator run`") from None
    except (OSError, ValueError, TypeError):
        raise NotRunningError(f"{path} cannot be read: stop the bus and start it again") from None
    if not _alive(run.pids.get("bus", 0)):
        raise NotRunningError(f"the bus that wrote {path} has ended: start it with `integrator run`")
    return run


def remove(directory: Path) -> None:
    """Forget a bus that stopped."""
    (directory / NAME).unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0
