"""Witnesses: cosignatures of checkpoints."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cosignature",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("witness_key", sa.LargeBinary(), nullable=False),
        sa.Column("time_s", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("size", "witness_key", name="cosignature_pk"),
        sa.CheckConstraint("length(witness_key) = 32", name=op.f("cosignature_witness_key_bytes")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    raise NotImplementedError("a journal is never taken back: restore a backup with the older release")
