"""Tags as batches wrote them, on SQLite: spread over `tag` when they are read or many."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    op.create_table(
        "tag_batch",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.Column("index_keys", sa.Text(), nullable=False),
        sa.Column("macs", sa.LargeBinary(), nullable=False),
        sa.Column("record_ids", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run", name="tag_batch_pk"),
    )


def downgrade() -> None:
    raise NotImplementedError("a journal is never taken back: restore a backup with the older release")
