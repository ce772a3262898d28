"""What routes keep: aggregations under way, keys seen, who leads a consumer."""

from __future__ import annotations

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    raise NotImplementedError("a journal is never taken back: restore a backup with the older release")
