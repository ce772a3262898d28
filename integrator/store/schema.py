"""The schema version this code works with; the data plane checks it with plain SQL."""

from __future__ import annotations

SCHEMA_VERSION = "0008"
VERSION_QUERY = "SELECT version_num FROM alembic_version"


def version_problem(found: str | None) -> str | None:
    """What is wrong with the schema version found, with the remedy; None where it fits."""
    if found == SCHEMA_VERSION:
        return None
    if found is None:
        return "the database has no tables of the bus: run `python -m integrator.store.migrate URL DIRECTORY` once"
    if found < SCHEMA_VERSION:
        return f"the database has schema {found}, this bus needs {SCHEMA_VERSION}: run `python -m integrator.store.migrate URL DIRECTORY`"
    return (
        f"the database has schema {found}, which this bus ({SCHEMA_VERSION}) does not know: "
        "run the release that made it, or a newer one"
    )
