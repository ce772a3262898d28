"""Where the database is: one reading of the URL for data plane, migrations and control plane."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from integrator.store.api import StoreRefused

DEFAULT_FILE = "integrator.sqlite"


@dataclass(frozen=True, slots=True)
class Location:
    """A database: `path` for SQLite, `dsn` (a libpq URL) for PostgreSQL."""

    path: Path | None = None
    dsn: str | None = None

    def sqlalchemy_url(self) -> str:
        """The same database for SQLAlchemy (psycopg driver)."""
        if self.path is not None:
            return f"sqlite:///{self.path}"
        return "postgresql+psycopg://" + str(self.dsn).split("://", 1)[1]

    def shown(self) -> str:
        """For messages: without user and password."""
        if self.path is not None:
            return str(self.path)
        parts = urlsplit(str(self.dsn))
        return f"{parts.hostname or 'local socket'}:{parts.port or 5432}{parts.path}"


def locate(url: str, data_dir: Path) -> Location:
    """Read `sqlite:`, `sqlite:///file` (relative to `data_dir`), `sqlite:////abs/file`, `postgresql://…`.

    Raises StoreRefused for any other scheme.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite":
        name = unquote(rest.removeprefix("//").removeprefix("/")) or DEFAULT_FILE
        return Location(path=data_dir.absolute() / name)
    if scheme in ("postgresql", "postgres") and rest.startswith("//"):
        return Location(dsn="postgresql:" + rest)
    raise StoreRefused(
        "the store URL is neither `sqlite:///FILE` nor `postgresql://USER@HOST/DATABASE`: correct the setting"
    )
