"""Ports for servers of the tests: outside the range the system hands out, apart by test process."""

from __future__ import annotations

import itertools
import os
import socket

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw9").removeprefix("gw")) % 10
_FIRST, _COUNT = 20_000 + 1_200 * _WORKER, 1_200
# Two runs on one machine start at different places; within a run no port is given twice in a row.
_next = itertools.count(os.getppid() % _COUNT)


def free_port() -> int:
    """A loopback port that nobody listens on, and that no client's connection can take meanwhile."""
    for _ in range(_COUNT):
        port = _FIRST + next(_next) % _COUNT
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port in the range of the tests")
