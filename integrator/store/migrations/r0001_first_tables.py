"""The first tables: journal, events, register."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _journal()
    _log()
    _events()
    _register()


def downgrade() -> None:
    raise NotImplementedError("a journal is never taken back: restore a backup with the older release")


def _id(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def _blob(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def _word(name: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _time(name: str, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _partial(name: str, table: str, columns: list[str], where: str, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def _journal() -> None:
    op.create_table(
        "record",
        _id("record_id"),
        _id("exchange_id"),
        _id("process_id"),
        _time("time_us"),
        _word("type"),
        sa.Column("final", sa.Boolean(), nullable=False),
        _word("flow", nullable=True),
        _word("party", nullable=True),
        _word("outcome", nullable=True),
        _blob("leaf"),
        _blob("leaf_hash"),
        sa.PrimaryKeyConstraint("record_id", name="record_pk"),
        sa.CheckConstraint("length(record_id) = 16", name=op.f("record_record_id_bytes")),
        sa.CheckConstraint("length(exchange_id) = 16", name=op.f("record_exchange_id_bytes")),
        sa.CheckConstraint("length(leaf_hash) = 32", name=op.f("record_leaf_hash_bytes")),
        sa.CheckConstraint("time_us >= 0 AND time_us < 9007199254740992", name=op.f("record_time_us_range")),
    )
    op.create_index("record_exchange", "record", ["exchange_id"])
    _partial("record_final", "record", ["exchange_id"], "final", unique=True)
    _partial("record_received", "record", ["process_id", "time_us"], "type = 'received'")
    op.create_index("record_flow", "record", ["flow", "record_id"])
    op.create_index("record_party", "record", ["party", "record_id"])
    op.create_table(
        "details",
        _id("record_id"),
        _word("retention"),
        _word("key_id"),
        _blob("sealed"),
        sa.PrimaryKeyConstraint("record_id", name="details_pk"),
    )
    op.create_table(
        "tag",
        sa.Column("run", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        _blob("mac"),
        _id("record_id"),
        _word("index_key"),
        sa.PrimaryKeyConstraint("run", "kind", "mac", "record_id", name="tag_pk"),
        sqlite_with_rowid=False,
    )


def _log() -> None:
    op.create_table(
        "pending",
        _id("record_id"),
        _blob("leaf_hash"),
        sa.PrimaryKeyConstraint("record_id", name="pending_pk"),
        sqlite_with_rowid=False,
    )
    index_type = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "log_entry",
        sa.Column("leaf_index", index_type, autoincrement=False, nullable=False),
        _id("record_id"),
        _blob("leaf_hash"),
        sa.PrimaryKeyConstraint("leaf_index", name="log_entry_pk"),
        sa.UniqueConstraint("record_id", name="log_entry_record_id_unique"),
    )
    op.create_table(
        "log_state",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        _time("sealed_us"),
        sa.PrimaryKeyConstraint("id", name="log_state_pk"),
        sa.CheckConstraint("id = 1", name=op.f("log_state_one_row")),
    )
    op.execute("INSERT INTO log_state (id, size, sealed_us) VALUES (1, 0, 0)")


def _events() -> None:
    op.create_table(
        "delivery",
        _id("exchange_id"),
        _word("flow"),
        _word("party"),
        _word("state"),
        sa.Column("attempt", sa.Integer(), nullable=False),
        _time("accepted_us"),
        _time("due_us", nullable=True),
        _time("lease_until_us", nullable=True),
        _time("changed_us"),
        _word("reason", nullable=True),
        sa.PrimaryKeyConstraint("exchange_id", name="delivery_pk"),
        sa.CheckConstraint("length(exchange_id) = 16", name=op.f("delivery_exchange_id_bytes")),
        sa.CheckConstraint(
            "state IN ('accepted', 'relayed', 'delivered', 'dead-lettered')",
            name=op.f("delivery_state_known"),
        ),
    )
    _partial("delivery_due", "delivery", ["due_us"], "state = 'accepted'")
    _partial("delivery_relayed", "delivery", ["changed_us"], "state = 'relayed'")
    _partial("delivery_open", "delivery", ["flow", "state"], "state <> 'delivered'")
    op.create_table(
        "delivery_body",
        _id("exchange_id"),
        _word("key_id"),
        _blob("body"),
        _blob("context"),
        sa.PrimaryKeyConstraint("exchange_id", name="delivery_body_pk"),
    )
    op.create_table(
        "idempotency",
        _word("party"),
        _word("flow"),
        _blob("key_mac"),
        _blob("digest"),
        _id("exchange_id"),
        _time("claimed_us"),
        _time("expires_us"),
        sa.PrimaryKeyConstraint("party", "flow", "key_mac", name="idempotency_pk"),
    )
    op.create_index("idempotency_expires", "idempotency", ["expires_us"])


def _register() -> None:
    op.create_table(
        "api_key",
        _word("key_id"),
        _blob("secret_mac"),
        _word("party"),
        _word("label"),
        _time("created_us"),
        _time("expires_us", nullable=True),
        _time("revoked_us", nullable=True),
        sa.PrimaryKeyConstraint("key_id", name="api_key_pk"),
    )
    op.create_table(
        "key_check",
        _word("key_id"),
        _blob("value"),
        sa.PrimaryKeyConstraint("key_id", name="key_check_pk"),
    )
    op.create_table(
        "site_version",
        _word("hash"),
        _blob("data"),
        sa.PrimaryKeyConstraint("hash", name="site_version_pk"),
    )
    op.create_table(
        "site_active",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        _word("hash"),
        sa.PrimaryKeyConstraint("id", name="site_active_pk"),
        sa.CheckConstraint("id = 1", name=op.f("site_active_one_row")),
    )
    op.create_table(
        "process",
        _id("process_id"),
        _time("started_us"),
        _time("beat_us"),
        _time("oldest_open_us"),
        _word("site_hash", nullable=True),
        sa.PrimaryKeyConstraint("process_id", name="process_pk"),
    )
