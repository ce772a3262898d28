"""Inspection: purposes and what went wrong are indexed; roles of keys; links of numbers; breach sets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_RARE = sa.text("type IN ('refused', 'failed', 'unanswered', 'dead-lettered')")
_PURPOSE = sa.text("purpose IS NOT NULL")


def upgrade() -> None:
    op.add_column("record", sa.Column("purpose", sa.Text(), nullable=True))
    op.create_index(
        "record_purpose", "record", ["purpose", "record_id"], sqlite_where=_PURPOSE, postgresql_where=_PURPOSE
    )
    op.create_index(
        "record_rare", "record", ["type", "record_id"], sqlite_where=_RARE, postgresql_where=_RARE
    )
    op.add_column("api_key", sa.Column("role", sa.Text(), nullable=True))
    _links()
    op.create_table(
        "breach_request",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("asked_us", sa.BigInteger(), nullable=False),
        sa.Column("released_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("request_id", name="breach_request_pk"),
    )


def downgrade() -> None:
    raise NotImplementedError("a journal is never taken back: restore a backup with the older release")


def _links() -> None:
    op.create_table(
        "subject_link",
        sa.Column("link_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("index_key", sa.Text(), nullable=False),
        sa.Column("mac_one", sa.LargeBinary(), nullable=False),
        sa.Column("mac_other", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("link_id", name="subject_link_pk"),
    )
    op.create_index("subject_link_one", "subject_link", ["mac_one"])
    op.create_index("subject_link_other", "subject_link", ["mac_other"])
