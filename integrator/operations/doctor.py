"""`integrator doctor`: every prerequisite checked, each failure with what to do about it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from integrator.operations import runfile

FREE_BYTES_MIN = 1_073_741_824
_NEEDED = (
    "lxml",
    "orjson",
    "uvloop",
    "httptools",
    "uvicorn",
    "kombu",
    "zeep",
    "jq",
    "cryptography",
    "psycopg",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: `state` is ok, advice (works without) or failed; `remedy` is empty when ok."""

    name: str
    state: str
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is checked: where the bus would run, with which services."""

    var: Path
    host: str
    port: int
    database: str
    broker: str
    keys: Path


def examine(at: Surroundings) -> Iterator[Finding]:
    """Run every check, one after the other."""
    checks: tuple[Callable[[Surroundings], Finding], ...] = (
        _python, _packages, _directory, _space, _keys, _port, _database, _broker,
    )  # fmt: skip
    for check in checks:
        yield check(at)
    for program, purpose, remedy in (
        ("initdb", "tests on PostgreSQL", "apt-get install postgresql"),
        ("rabbitmq-server", "tests on RabbitMQ", "apt-get install rabbitmq-server"),
        ("chromium", "tests of the portal's pages", "apt-get install chromium"),
        ("wrk", "make bench", "apt-get install wrk"),
    ):
        yield _program(program, purpose, remedy)


def _python(_at: Surroundings) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= (3, 11):  # noqa: UP036 - the point of this check
        return Finding("python", "ok", version)
    return Finding("python", "failed", version, "install Python 3.11 or newer")


def _packages(_at: Surroundings) -> Finding:
    # A module that is loaded already is there; some (kombu) then have no spec to find.
    absent = [n for n in _NEEDED if n not in sys.modules and importlib.util.find_spec(n) is None]
    if not absent:
        return Finding("packages", "ok", "all installed")
    return Finding("packages", "failed", f"missing: {', '.join(absent)}", "python3 tools/environment.py run")


def _directory(at: Surroundings) -> Finding:
    place = at.var if at.var.exists() else at.var.absolute().parent
    if os.access(place, os.W_OK | os.X_OK):
        return Finding("directory", "ok", f"{at.var} can be written")
    return Finding(
        "directory", "failed", f"{at.var} cannot be written", "chown it, or choose another with --var"
    )


def _space(at: Surroundings) -> Finding:
    place = at.var if at.var.exists() else at.var.absolute().parent
    free = shutil.disk_usage(place).free
    detail = f"{free / 2**30:.1f} GiB free"
    if free >= FREE_BYTES_MIN:
        return Finding("disk", "ok", detail)
    return Finding(
        "disk", "failed", detail, "the journal stops the bus when the disk is full: free at least 1 GiB"
    )


def _keys(at: Surroundings) -> Finding:
    if not at.keys.exists():
        return Finding("keys", "advice", f"no {at.keys} yet", "the embedded mode makes it at the first start")
    if at.keys.stat().st_mode & 0o077:
        return Finding("keys", "failed", f"{at.keys} is readable by others", f"chmod 600 {at.keys}")
    return Finding("keys", "ok", f"{at.keys} is private")


def _port(at: Surroundings) -> Finding:
    try:
        run = runfile.read(at.var)
    except runfile.NotRunningError:
        run = None
    if run is not None and urlsplit(run.address).port == at.port:
        return Finding("port", "ok", f"the bus answers at {run.address}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((at.host, at.port))
        except OSError as error:
            detail = f"{at.host}:{at.port}: {os.strerror(error.errno or 0)}"
            return Finding("port", "failed", detail, "stop what uses it, or choose another with --port")
    return Finding("port", "ok", f"{at.host}:{at.port} is free")


def _database(at: Surroundings) -> Finding:
    parts = urlsplit(at.database)
    if parts.scheme.startswith("sqlite"):
        if sqlite3.sqlite_version_info < (3, 35):
            detail = f"SQLite {sqlite3.sqlite_version}"
            return Finding("database", "failed", detail, "SQLite 3.35 or newer is needed (RETURNING)")
        return Finding("database", "ok", f"SQLite {sqlite3.sqlite_version}, one bus process")
    return _reach("database", parts.hostname, parts.port or 5432, "start PostgreSQL, or correct --database")


def _broker(at: Surroundings) -> Finding:
    parts = urlsplit(at.broker)
    if parts.scheme == "memory":
        return Finding("broker", "ok", "in memory; events wait in the database")
    return _reach("broker", parts.hostname, parts.port or 5672, "start RabbitMQ, or correct --broker")


def _reach(name: str, host: str | None, port: int, remedy: str) -> Finding:
    try:
        socket.create_connection((host or "127.0.0.1", port), timeout=3).close()
    except OSError as error:
        return Finding(name, "failed", f"{host}:{port} does not answer ({type(error).__name__})", remedy)
    return Finding(name, "ok", f"{host}:{port} answers")


def _program(program: str, purpose: str, remedy: str) -> Finding:
    extra = [
        *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin"))),
        "/usr/lib/rabbitmq/bin",
        "/usr/sbin",
    ]
    found = shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), *extra]))
    if found:
        return Finding(program, "ok", found)
    return Finding(program, "advice", f"not installed: needed for {purpose} only", remedy)
