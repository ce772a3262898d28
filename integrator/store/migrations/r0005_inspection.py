"""Inspection: releases by two people, links between national numbers."""

from __future__ import annotations

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    raise NotImplementedError("a journal is never taken back: restore a backup with the older release")
