"""Migrations and metadata say the same, on both databases; what cannot be migrated is refused."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text

from integrator.store.api import StoreRefused
from integrator.store.location import locate
from integrator.store.lockfile import LockFile
from integrator.store.migrate import current_version, migrate
from integrator.store.schema import SCHEMA_VERSION
from integrator.store.tables import metadata, sqlite_metadata

PARTITIONS = "SELECT inhrelid FROM pg_inherits"  # made and dropped by the bus, not by migrations


def is_partition(name: str | None) -> bool:
    return bool(name) and re.fullmatch(r"(details|tag)_(old|rest|\d{4}_\d{2})", str(name)) is not None


def made_by(connection: Connection) -> set[tuple[object, ...]]:
    """Constraints and indexes as the database keeps them, which autogenerate does not compare."""
    if connection.dialect.name == "sqlite":
        query = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%'"
    else:
        query = (
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE connamespace = 'public'::regnamespace AND conname NOT LIKE 'alembic%' "
            f"AND conrelid NOT IN ({PARTITIONS}) "
            "UNION ALL SELECT tablename, indexname, indexdef FROM pg_indexes "
            "WHERE schemaname = 'public' AND tablename NOT LIKE 'alembic%' "
            f"AND (schemaname || '.' || tablename)::regclass NOT IN ({PARTITIONS})"
        )
    rows = connection.execute(text(query)).fetchall()
    return {(*row[:2], " ".join(str(row[2]).replace('"', "").split())) for row in rows}


def test_migrations_and_metadata_are_the_same(url: str, tmp_path: Path) -> None:
    engine = create_engine(locate(url, tmp_path).sqlalchemy_url())
    with engine.begin() as connection:
        migrated = made_by(connection)
        seen = {"include_name": lambda name, kind, _: kind != "table" or not is_partition(name)}
        tables = [metadata, sqlite_metadata] if connection.dialect.name == "sqlite" else [metadata]
        assert compare_metadata(MigrationContext.configure(connection, opts=seen), tables) == []
        for one in tables:
            one.drop_all(connection)
            one.create_all(connection)
        created = made_by(connection)
    engine.dispose()
    assert migrated == created


def test_a_migrated_database_is_left_alone(url: str, tmp_path: Path) -> None:
    assert current_version(url, tmp_path) == SCHEMA_VERSION
    assert migrate(url, tmp_path) is False


def test_a_newer_database_is_refused(url: str, tmp_path: Path) -> None:
    engine = create_engine(locate(url, tmp_path).sqlalchemy_url())
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StoreRefused, match="9999, which this bus"):
        migrate(url, tmp_path)


def test_an_absent_sqlite_file_has_no_version_and_is_not_created(tmp_path: Path) -> None:
    assert current_version("sqlite:///absent.sqlite", tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_the_database_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    migrate("sqlite:", tmp_path)
    assert (tmp_path / "integrator.sqlite").stat().st_mode & 0o077 == 0


def test_a_database_another_bus_has_open_is_not_migrated(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "integrator.sqlite").close()
    lock = LockFile(tmp_path / "integrator.sqlite")
    lock.take()
    with pytest.raises(StoreRefused, match="another bus"):
        migrate("sqlite:", tmp_path)
    lock.release()
    assert migrate("sqlite:", tmp_path) is True


def test_a_server_that_is_not_there_is_named_without_its_password(free_port, tmp_path: Path) -> None:
    url = f"postgresql://bus:secret@127.0.0.1:{free_port()}/journal"
    with pytest.raises(StoreRefused, match="/journal cannot be reached") as caught:
        migrate(url, tmp_path)
    assert "secret" not in str(caught.value)
