"""A PostgreSQL cluster for one test run: own data directory, own port, loopback only."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from tests.services.ports import free_port


def find() -> Path | None:
    """The directory with initdb and pg_ctl, or None."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    if on_path:
        candidates.insert(0, Path(on_path).resolve().parent)
    return next((path for path in candidates if (path / "pg_ctl").exists()), None)


class Server:
    """A running cluster; `stop` and `start` may be called in a test of lost connections."""

    def __init__(self, binaries: Path, directory: Path) -> None:
        self._binaries, self._data, self._log = binaries, directory / "data", directory / "log"
        self._counter = itertools.count(1)
        self.port = free_port()
        directory.mkdir(exist_ok=True)
        self._user = _unprivileged_user(directory)
        self._run("initdb", "-D", self._data, "-U", "integrator", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self._binaries / program), *map(str, arguments)]
        if self._user:
            command = [
                "setpriv",
                f"--reuid={self._user}",
                f"--regid={self._user}",
                "--clear-groups",
                *command,
            ]
        subprocess.run(command, check=True, capture_output=True, timeout=60, cwd="/")

    def start(self) -> None:
        """Start the cluster and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        self._run("pg_ctl", "-D", self._data, "-l", self._log, "-w", "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop the cluster; mode `immediate` is a crash."""
        self._run("pg_ctl", "-D", self._data, "-w", "-m", mode, "stop")

    def url(self, database: str) -> str:
        """The URL of a database of this cluster."""
        return f"postgresql://integrator@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> tuple[str, str]:
        """A new, empty database: its name and URL."""
        import psycopg

        name = f"test_{os.getpid()}_{next(self._counter)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return name, self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database and whoever is still connected to it."""
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


def _unprivileged_user(directory: Path) -> int | None:
    # PostgreSQL refuses to run as root: a container's root lends the directory to another user.
    if os.getuid() != 0:
        return None
    try:
        user = pwd.getpwnam("postgres").pw_uid
    except KeyError:
        user = pwd.getpwnam("nobody").pw_uid
    for path in (directory, *directory.parents):
        if path.owner() == "root" and path != Path("/") and path.stat().st_mode & 0o001 == 0:
            path.chmod(path.stat().st_mode | 0o011)
    os.chown(directory, user, -1)
    return user
