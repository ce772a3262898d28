"""What routes keep: groups of messages that are not complete, keys of idempotent consumers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _groups()
    op.create_table(
        "message_key",
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("key_mac", sa.LargeBinary(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("held_until_us", sa.BigInteger(), nullable=True),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("flow", "party", "repository", "key_mac", name="message_key_pk"),
    )
    op.create_index("message_key_expires", "message_key", ["expires_us"])


def _groups() -> None:
    op.create_table(
        "aggregation",
        sa.Column("group_id", sa.LargeBinary(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("scope_mac", sa.LargeBinary(), nullable=False),
        sa.Column("key_mac", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("due_us", sa.BigInteger(), nullable=True),
        sa.Column("due_by", sa.Text(), nullable=True),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.Column("body_key", sa.Text(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("group_id", name="aggregation_pk"),
        sa.UniqueConstraint("key_mac", name="aggregation_key_mac_unique"),
        sa.CheckConstraint("length(group_id) = 16", name=op.f("aggregation_group_id_bytes")),
    )
    op.create_index("aggregation_scope", "aggregation", ["scope_mac"])
    op.create_index(
        "aggregation_due", "aggregation", ["due_us"],
        sqlite_where=sa.text("due_us IS NOT NULL"), postgresql_where=sa.text("due_us IS NOT NULL"),
    )  # fmt: skip
    op.create_table(
        "aggregation_part",
        sa.Column("group_id", sa.LargeBinary(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("exchange_id", sa.LargeBinary(), nullable=False),
        sa.Column("body_key", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("group_id", "number", name="aggregation_part_pk"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    raise NotImplementedError("a journal is never taken back: restore a backup with the older release")
