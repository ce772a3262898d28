"""Several bus processes on one port: started, watched, stopped. Needs PostgreSQL and RabbitMQ.

Each worker binds the port with SO_REUSEPORT, so that the kernel spreads connections; there is no
process between a client and its worker. A worker that dies is started again, with back-off.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

WORKER = "INTEGRATOR_WORKER"
CONTROL_TOKEN = "INTEGRATOR_CONTROL_TOKEN"  # noqa: S105 - the variable's name
RESTARTED = "INTEGRATOR_RESTARTED"
_STEADY_SECONDS = 10.0
_DELAY_SECONDS_MAX = 10.0
_STOP_SECONDS = 30.0


def bind(host: str, port: int, *, shared: bool) -> socket.socket:
    """A listening TCP socket. Raises OSError where the address is in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
        listener.listen(2048)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


class Supervisor:
    """Keeps `count` workers running until SIGINT or SIGTERM, then stops them in good order."""

    def __init__(self, command: Sequence[str], count: int, say: Callable[[str], None]) -> None:
        self._command, self._count, self._say = list(command), count, say
        self._children: dict[int, tuple[subprocess.Popen[bytes], float]] = {}
        self._delay = 0.5
        self._stopping = False
        # One for all: a call of the control plane may reach any worker.
        self._shared = {CONTROL_TOKEN: secrets.token_urlsafe(32)}

    def run(self) -> int:
        """Run until told to stop; 0 where every worker ended well."""
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGTERM, self._stop)
        for slot in range(self._count):
            self._start(slot)
        while not self._stopping:
            time.sleep(0.2)
            self._watch()
        return self._end()

    def _start(self, slot: int, *, again: bool = False) -> None:
        environment = {**os.environ, **self._shared, WORKER: str(slot + 1)}
        if again:
            environment[RESTARTED] = "1"
        child = subprocess.Popen([sys.executable, *self._command], env=environment, start_new_session=True)
        self._children[slot] = (child, time.monotonic())

    def _watch(self) -> None:
        for slot, (child, started) in list(self._children.items()):
            status = child.poll()
            if status is None:
                continue
            lived = time.monotonic() - started
            self._say(f"worker {slot + 1} ended with status {status} after {lived:.0f} s; starting another")
            self._delay = 0.5 if lived > _STEADY_SECONDS else min(self._delay * 2, _DELAY_SECONDS_MAX)
            time.sleep(self._delay)
            if not self._stopping:
                self._start(slot, again=True)

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _end(self) -> int:
        for child, _ in self._children.values():
            child.terminate()
        end = time.monotonic() + _STOP_SECONDS
        worst = 0
        for child, _ in self._children.values():
            try:
                status = child.wait(max(0.1, end - time.monotonic()))
                # One that had only begun to start has no handler yet, and nothing to finish.
                worst = max(worst, 0 if status == -signal.SIGTERM else abs(status))
            except subprocess.TimeoutExpired:
                child.kill()
                worst = max(worst, child.wait())
        return min(worst, 1)
