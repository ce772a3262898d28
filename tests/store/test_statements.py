"""Both databases prepare every text of the data plane, so each names only what `tables.py` has."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from integrator.store import (
    inspection,
    mediation,
    postgres_batch,
    retention,
    sqlite_batch,
    statements,
    vault,
    witnesses,
)
from integrator.store.location import locate
from integrator.store.tables import metadata, sqlite_metadata

EVERY = statements.ALL | retention.ALL | mediation.ALL | witnesses.ALL | inspection.ALL | vault.ALL
"""The texts both databases run, of all modules."""


def texts(module: object) -> dict[str, str]:
    return {
        name: text
        for name, text in vars(module).items()
        if name.isupper() and name[0] != "_" and isinstance(text, str)
    }


def test_the_shared_texts_are_all_there() -> None:
    assert set(texts(statements)) <= set(statements.ALL)
    assert len(statements.ALL) > 35


def test_sqlite_prepares_every_text(tmp_path: Path) -> None:
    connection = migrated_sqlite(tmp_path)
    for statement in sqlite_batch.PREPARE:
        connection.execute(statement)
    for text in EVERY.values():
        plain = text.replace("%s", "?")
        connection.execute(f"EXPLAIN {plain}", [None] * plain.count("?"))
    for text in texts(sqlite_batch).values():
        names = set(re.findall(r":(\w+)", text))
        connection.execute(f"EXPLAIN {text}", dict.fromkeys(names) if names else [None] * text.count("?"))
    connection.close()


def migrated_sqlite(tmp_path: Path) -> sqlite3.Connection:
    from integrator.store.migrate import migrate

    migrate("sqlite:", tmp_path)
    return sqlite3.connect(str(locate("sqlite:", tmp_path).path))


def test_postgres_prepares_every_text(postgres_url: str, tmp_path: Path) -> None:
    from integrator.store.migrate import migrate

    migrate(postgres_url, tmp_path)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for number, text in enumerate([*EVERY.values(), *texts(postgres_batch).values()]):
            places: dict[str, int] = {}

            def place(match: re.Match[str], places: dict[str, int] = places) -> str:
                name = match[1] or f"#{len(places)}"
                return f"${places.setdefault(name, len(places) + 1)}"

            numbered = re.sub(r"%(?:\((\w+)\))?s", place, text)
            connection.execute(f"PREPARE check_{number} AS {numbered}".encode())


def test_no_table_is_without_a_statement() -> None:
    everything = " ".join([*EVERY.values(), sqlite_batch.PREPARE[1], *texts(sqlite_batch).values()])
    tables = [*metadata.tables, *sqlite_metadata.tables]
    unused = [name for name in tables if not re.search(rf"\b{name}\b", everything)]
    assert unused == []


@pytest.mark.parametrize("url", ["sqlite:", "postgresql://127.0.0.1/x"])
def test_the_data_plane_imports_neither_sqlalchemy_nor_alembic(url: str) -> None:
    code = (
        "import sys; from pathlib import Path; from integrator.store.open import open_store; "
        "from integrator.security.limits import DEFAULT; "
        f"open_store({url!r}, limits=DEFAULT, process_id=bytes(16), data_dir=Path()); "
        "found = {name.partition('.')[0] for name in sys.modules} & {'sqlalchemy', 'alembic', 'pydantic'}; "
        "sys.exit(str(found) if found else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
