"""The tree over the log: hashes of tiles above the leaves, and the checkpoints signed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The sealer derives the hashes of entries sealed before this revision at its next start.
    op.create_table(
        "tile_hash",
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "position", name="tile_hash_pk"),
        sa.CheckConstraint("level >= 1", name=op.f("tile_hash_level_range")),
        sa.CheckConstraint("length(hash) = 32", name=op.f("tile_hash_hash_bytes")),
        sqlite_with_rowid=False,
    )
    size_type = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "checkpoint",
        sa.Column("size", size_type, autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("signed_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("size", name="checkpoint_pk"),
        sa.CheckConstraint("length(root) = 32", name=op.f("checkpoint_root_bytes")),
    )


def downgrade() -> None:
    raise NotImplementedError("a journal is never taken back: restore a backup with the older release")
