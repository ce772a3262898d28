"""Retention and erasure: what was deleted, what is held, epochs of the log, keys being replaced."""

from __future__ import annotations

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    raise NotImplementedError("a journal is never taken back: restore a backup with the older release")
