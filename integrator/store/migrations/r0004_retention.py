"""Retention and erasure: work in the background, legal holds, epochs of the log."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "upkeep",
        _word("name"),
        _word("target"),
        _blob("done"),
        sa.PrimaryKeyConstraint("name", name="upkeep_pk"),
    )
    _classes()
    _holds()
    _epochs()
    if op.get_bind().dialect.name == "postgresql":
        for table, key in (("details", "record_id"), ("tag", "run, kind, mac, record_id")):
            _partition(table, key)


def downgrade() -> None:
    raise NotImplementedError("a journal is never taken back: restore a backup with the older release")


def _word(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _blob(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def _time(name: str, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _classes() -> None:
    """Know the retention classes of the details that are there already."""
    upkeep = sa.table("upkeep", sa.column("name"), sa.column("target"), sa.column("done", sa.LargeBinary()))
    details = sa.table("details", sa.column("retention", sa.Text()))
    bind = op.get_bind()
    for (kept,) in bind.execute(sa.select(details.c.retention).distinct()).fetchall():
        bind.execute(upkeep.insert().values(name=f"retention/{kept}", target="", done=b""))


def _partition(table: str, key: str) -> None:
    """Make a table partitioned by record id; what it holds becomes its first partition, as it is.

    That one ends with this month: the bus makes the months to come.
    """
    now = datetime.now(UTC)
    year, month = divmod(now.year * 12 + now.month, 12)
    end = int(datetime(year, month + 1, 1, tzinfo=UTC).timestamp()) * 1_000
    bound = (end.to_bytes(6, "big") + bytes(10)).hex()
    op.execute(f"ALTER TABLE {table} RENAME TO {table}_old")
    op.execute(f"ALTER INDEX {table}_pk RENAME TO {table}_old_pk")
    op.execute(
        f"CREATE TABLE {table} (LIKE {table}_old INCLUDING DEFAULTS INCLUDING CONSTRAINTS) "
        "PARTITION BY RANGE (record_id)"
    )
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_pk PRIMARY KEY ({key})")
    op.execute(
        f"ALTER TABLE {table} ATTACH PARTITION {table}_old FOR VALUES FROM (MINVALUE) TO ('\\x{bound}')"
    )
    op.execute(f"CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT")


def _holds() -> None:
    op.create_table(
        "legal_hold",
        _word("hold_id"),
        _word("kind"),
        _word("key_id"),
        _blob("sealed"),
        _time("from_us"),
        _time("until_us"),
        _time("placed_us"),
        _time("lifted_us", nullable=True),
        sa.PrimaryKeyConstraint("hold_id", name="legal_hold_pk"),
        sa.CheckConstraint(
            "kind IN ('subject', 'exchange', 'party', 'flow')", name=op.f("legal_hold_kind_known")
        ),
    )


def _epochs() -> None:
    op.create_table(
        "epoch",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        _word("origin"),
        sa.Column("kept_size", sa.BigInteger(), nullable=False),
        sa.Column("lost_size", sa.BigInteger(), nullable=False),
        _blob("lost_note"),
        _time("begun_us"),
        sa.PrimaryKeyConstraint("number", name="epoch_pk"),
        sa.CheckConstraint("number >= 2", name=op.f("epoch_number_range")),
        sa.CheckConstraint("kept_size <= lost_size", name=op.f("epoch_sizes_ordered")),
    )
