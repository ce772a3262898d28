"""Brings a database to the schema this code works with (Alembic, without an ini file).

Control plane only. The embedded mode calls `migrate` before it opens the store; elsewhere an
operator runs it once per release.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from integrator.store.api import StoreRefused
from integrator.store.location import Location, locate
from integrator.store.lockfile import LockFile
from integrator.store.schema import SCHEMA_VERSION, version_problem
from integrator.store.tables import metadata

_REVISIONS = Path(__file__).with_name("migrations")
_MIGRATION_LOCK = 0x6974_6D67  # any constant: two starting processes must not both migrate


def current_version(url: str, data_dir: Path) -> str | None:
    """The revision the database is at, None where it has no tables of the bus."""
    location = locate(url, data_dir)
    if location.path is not None and not location.path.exists():
        return None
    with _connect(location) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def migrate(url: str, data_dir: Path) -> bool:
    """Upgrade to `SCHEMA_VERSION`; True where something was done.

    Raises StoreRefused where the database is newer than this code, cannot be reached, or is a
    SQLite file another bus has open.
    """
    found = current_version(url, data_dir)
    if found == SCHEMA_VERSION:
        return False
    if found is not None and found > SCHEMA_VERSION:
        raise StoreRefused(version_problem(found) or "")
    location = locate(url, data_dir)
    lock = None
    if location.path is not None:
        location.path.parent.mkdir(parents=True, exist_ok=True)
        lock = LockFile(location.path)
        lock.take()
        location.path.touch(mode=0o600)  # SQLite gives its other files the same rights
    try:
        with _connect(location) as connection:
            _upgrade(connection)
    finally:
        if lock is not None:
            lock.release()
    return True


def _upgrade(connection: Connection) -> None:
    """Run the revisions between what is there and the head, in one transaction."""
    script = ScriptDirectory(str(_REVISIONS), version_locations=[str(_REVISIONS)])

    def steps(revision: Any, _context: MigrationContext) -> Any:
        return script._upgrade_revs("head", revision)

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection, target_metadata=metadata)
        with environment.begin_transaction():
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
            environment.run_migrations()
    connection.commit()


@contextmanager
def _connect(location: Location) -> Iterator[Connection]:
    """One connection without a pool, closed at the end."""
    engine: Engine = create_engine(location.sqlalchemy_url(), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    except OperationalError as error:
        raise StoreRefused(
            f"the database {location.shown()} cannot be reached: start it, or correct the store URL"
        ) from error
    finally:
        engine.dispose()


def main(arguments: list[str]) -> int:
    """`python -m integrator.store.migrate URL DIRECTORY`: the exit status; the reason on stderr.

    `-` for the URL reads it from standard input, where its password is nobody else's to see.
    """
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m integrator.store.migrate URL DIRECTORY (- reads the URL)\n")
        return 2
    try:
        url = sys.stdin.read().strip() if arguments[0] == "-" else arguments[0]
        migrate(url, Path(arguments[1]))
    except StoreRefused as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
