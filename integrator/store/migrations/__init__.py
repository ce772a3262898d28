"""Alembic revisions, oldest first: one file a schema version."""
