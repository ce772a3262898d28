"""The payload vault: keys of months, and sealed payloads."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vault_month",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="vault_month_pk"),
    )
    op.create_table(
        "vault_payload",
        sa.Column("exchange_id", sa.LargeBinary(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("kept_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("exchange_id", "part", name="vault_payload_pk"),
        sa.CheckConstraint("part IN ('request', 'answer')", name=op.f("vault_payload_part_known")),
    )
    op.create_index("vault_payload_month", "vault_payload", ["month"])


def downgrade() -> None:
    raise NotImplementedError("a journal is never taken back: restore a backup with the older release")
