"""One reading of the store URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrator.store.api import StoreRefused
from integrator.store.location import locate


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:", "/var/bus/integrator.sqlite"),
        ("sqlite://", "/var/bus/integrator.sqlite"),
        ("sqlite:///journal.db", "/var/bus/journal.db"),
        ("sqlite:////srv/a%20b.db", "/srv/a b.db"),
    ],
)
def test_sqlite(url: str, path: str) -> None:
    found = locate(url, Path("/var/bus"))
    assert found.path == Path(path)
    assert found.sqlalchemy_url() == f"sqlite:///{path}"
    assert found.shown() == path


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_postgres(scheme: str) -> None:
    found = locate(f"{scheme}://bus:secret@db.example:5433/journal?sslmode=verify-full", Path())
    assert found.path is None
    assert found.dsn == "postgresql://bus:secret@db.example:5433/journal?sslmode=verify-full"
    assert found.sqlalchemy_url().startswith("postgresql+psycopg://bus:secret@")
    assert found.shown() == "db.example:5433/journal"


@pytest.mark.parametrize("url", ["", "mysql://x", "postgresql:journal", "/var/journal.db", "SQLITE:x"])
def test_anything_else_is_refused_with_the_remedy(url: str) -> None:
    with pytest.raises(StoreRefused, match="correct the setting"):
        locate(url, Path())
