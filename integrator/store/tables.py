"""The tables, as SQLAlchemy metadata: the one definition migrations and statements are tested against.

The data plane never imports this module: it runs the texts of `statements.py`. A change here needs
a new revision in `migrations/` and `SCHEMA_VERSION` in `schema.py`; the test
`tests/store/test_migrate.py` prints what differs. Identifiers are 16 bytes, times microseconds.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

_NAMES = {
    "pk": "%(table_name)s_pk",
    "uq": "%(table_name)s_%(column_0_name)s_unique",
    "ck": "%(table_name)s_%(constraint_name)s",
}
metadata = MetaData(naming_convention=_NAMES)
sqlite_metadata = MetaData(naming_convention=_NAMES)
"""What SQLite alone has besides."""


def _id(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


def _time(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _word(name: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable)


def _blob(name: str, *, nullable: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=nullable)


record = Table(
    "record",
    metadata,
    _id("record_id"),
    _id("exchange_id"),
    _id("process_id"),
    _time("time_us"),
    _word("type"),
    Column("final", Boolean, nullable=False),
    _word("flow", nullable=True),
    _word("party", nullable=True),
    _word("outcome", nullable=True),
    _blob("leaf"),
    _blob("leaf_hash"),
    _word("purpose", nullable=True),
    PrimaryKeyConstraint("record_id"),
    CheckConstraint("length(record_id) = 16", name="record_id_bytes"),
    CheckConstraint("length(exchange_id) = 16", name="exchange_id_bytes"),
    CheckConstraint("length(leaf_hash) = 32", name="leaf_hash_bytes"),
    CheckConstraint("time_us >= 0 AND time_us < 9007199254740992", name="time_us_range"),
)
Index("record_exchange", record.c.exchange_id)
Index(
    "record_final",
    record.c.exchange_id,
    unique=True,
    sqlite_where=text("final"),
    postgresql_where=text("final"),
)
Index(
    "record_received",
    record.c.process_id,
    record.c.time_us,
    sqlite_where=text("type = 'received'"),
    postgresql_where=text("type = 'received'"),
)
Index("record_flow", record.c.flow, record.c.record_id)
Index("record_party", record.c.party, record.c.record_id)
Index(
    "record_purpose",
    record.c.purpose,
    record.c.record_id,
    sqlite_where=text("purpose IS NOT NULL"),
    postgresql_where=text("purpose IS NOT NULL"),
)
# What went wrong is rare, and looked for: the condition is that of `inspection.listed`, word for word.
Index(
    "record_rare",
    record.c.type,
    record.c.record_id,
    sqlite_where=text("type IN ('refused', 'failed', 'unanswered', 'dead-lettered')"),
    postgresql_where=text("type IN ('refused', 'failed', 'unanswered', 'dead-lettered')"),
)

BY_MONTH = "RANGE (record_id)"
"""Details and tags are partitioned on PostgreSQL; `partitions.py` makes and drops the months."""

details = Table(
    "details",
    metadata,
    _id("record_id"),
    _word("retention"),
    _word("key_id"),
    _blob("sealed"),
    PrimaryKeyConstraint("record_id"),
    postgresql_partition_by=BY_MONTH,
)

# A tag's HMAC falls anywhere in the index. SQLite writes whole pages, so there tags are written in runs
# (see sqlite_writer.py); PostgreSQL logs rows and keeps one run, 0.
tag = Table(
    "tag",
    metadata,
    Column("run", BigInteger, nullable=False, autoincrement=False),
    Column("kind", SmallInteger, nullable=False),
    _blob("mac"),
    _id("record_id"),
    _word("index_key"),
    PrimaryKeyConstraint("run", "kind", "mac", "record_id"),
    sqlite_with_rowid=False,
    postgresql_partition_by=BY_MONTH,
)

# The tags of one batch in one row: `kinds` a JSON array of kind + 256 x the place of the tag's key in
# `index_keys`, the HMACs and record ids joined in the same order.
tag_batch = Table(
    "tag_batch",
    sqlite_metadata,
    Column("run", Integer, nullable=False, autoincrement=False),
    _word("kinds"),
    _word("index_keys"),
    _blob("macs"),
    _blob("record_ids"),
    PrimaryKeyConstraint("run"),
)

pending = Table(
    "pending",
    metadata,
    _id("record_id"),
    _blob("leaf_hash"),
    PrimaryKeyConstraint("record_id"),
    sqlite_with_rowid=False,
)

log_entry = Table(
    "log_entry",
    metadata,
    Column("leaf_index", BigInteger().with_variant(Integer, "sqlite"), nullable=False, autoincrement=False),
    _id("record_id"),
    _blob("leaf_hash"),
    PrimaryKeyConstraint("leaf_index"),
    UniqueConstraint("record_id"),
)

log_state = Table(
    "log_state",
    metadata,
    Column("id", SmallInteger, nullable=False, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    _time("sealed_us"),
    PrimaryKeyConstraint("id"),
    CheckConstraint("id = 1", name="one_row"),
)

tile_hash = Table(
    "tile_hash",
    metadata,
    Column("level", SmallInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    _blob("hash"),
    PrimaryKeyConstraint("level", "position"),
    CheckConstraint("level >= 1", name="level_range"),
    CheckConstraint("length(hash) = 32", name="hash_bytes"),
    sqlite_with_rowid=False,
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("size", BigInteger().with_variant(Integer, "sqlite"), nullable=False, autoincrement=False),
    _blob("root"),
    _blob("note"),
    _time("signed_us"),
    PrimaryKeyConstraint("size"),
    CheckConstraint("length(root) = 32", name="root_bytes"),
)

cosignature = Table(
    "cosignature",
    metadata,
    Column("size", BigInteger, nullable=False, autoincrement=False),
    _blob("witness_key"),
    Column("time_s", BigInteger, nullable=False),
    _blob("line"),
    PrimaryKeyConstraint("size", "witness_key"),
    CheckConstraint("length(witness_key) = 32", name="witness_key_bytes"),
    sqlite_with_rowid=False,
)

vault_month = Table(
    "vault_month",
    metadata,
    _word("name"),
    _word("key_id"),
    _blob("wrapped"),
    _time("until_us"),
    PrimaryKeyConstraint("name"),
)

vault_payload = Table(
    "vault_payload",
    metadata,
    Column("exchange_id", LargeBinary, nullable=False),
    _word("part"),
    _word("month"),
    _blob("wrapped"),
    _blob("sealed"),
    _time("kept_us"),
    PrimaryKeyConstraint("exchange_id", "part"),
    CheckConstraint("part IN ('request', 'answer')", name="part_known"),
)
Index("vault_payload_month", vault_payload.c.month)

delivery = Table(
    "delivery",
    metadata,
    _id("exchange_id"),
    _word("flow"),
    _word("party"),
    _word("state"),
    Column("attempt", Integer, nullable=False),
    _time("accepted_us"),
    _time("due_us", nullable=True),
    _time("lease_until_us", nullable=True),
    _time("changed_us"),
    _word("reason", nullable=True),
    PrimaryKeyConstraint("exchange_id"),
    CheckConstraint("length(exchange_id) = 16", name="exchange_id_bytes"),
    CheckConstraint("state IN ('accepted', 'relayed', 'delivered', 'dead-lettered')", name="state_known"),
)
Index(
    "delivery_due",
    delivery.c.due_us,
    sqlite_where=text("state = 'accepted'"),
    postgresql_where=text("state = 'accepted'"),
)
Index(
    "delivery_relayed",
    delivery.c.changed_us,
    sqlite_where=text("state = 'relayed'"),
    postgresql_where=text("state = 'relayed'"),
)
Index(
    "delivery_open",
    delivery.c.flow,
    delivery.c.state,
    sqlite_where=text("state <> 'delivered'"),
    postgresql_where=text("state <> 'delivered'"),
)

delivery_body = Table(
    "delivery_body",
    metadata,
    _id("exchange_id"),
    _word("key_id"),
    _blob("body"),
    _blob("context"),
    PrimaryKeyConstraint("exchange_id"),
)

idempotency = Table(
    "idempotency",
    metadata,
    _word("party"),
    _word("flow"),
    _blob("key_mac"),
    _blob("digest"),
    _id("exchange_id"),
    _time("claimed_us"),
    _time("expires_us"),
    PrimaryKeyConstraint("party", "flow", "key_mac"),
)
Index("idempotency_expires", idempotency.c.expires_us)

# A group of messages that is not complete: `group_id` is the exchange id of the aggregate it becomes, `key_mac`
# keeps step, scope and correlation key apart, `scope_mac` step and scope; `version` counts its changes.
aggregation = Table(
    "aggregation",
    metadata,
    _id("group_id"),
    _word("step"),
    _word("flow"),
    _word("party"),
    _blob("scope_mac"),
    _blob("key_mac"),
    Column("version", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    _time("due_us", nullable=True),
    _word("due_by", nullable=True),
    _time("changed_us"),
    _word("body_key"),
    _blob("head"),
    PrimaryKeyConstraint("group_id"),
    UniqueConstraint("key_mac"),
    CheckConstraint("length(group_id) = 16", name="group_id_bytes"),
)
Index("aggregation_scope", aggregation.c.scope_mac)
Index("aggregation_due", aggregation.c.due_us, sqlite_where=text("due_us IS NOT NULL"),
      postgresql_where=text("due_us IS NOT NULL"))  # fmt: skip

aggregation_part = Table(
    "aggregation_part",
    metadata,
    _id("group_id"),
    Column("number", Integer, nullable=False),
    _id("exchange_id"),
    _word("body_key"),
    _blob("sealed"),
    PrimaryKeyConstraint("group_id", "number"),
    sqlite_with_rowid=False,
)

# A key of an idempotent consumer: held by an exchange's attempt until `held_until_us`, seen where that is NULL.
message_key = Table(
    "message_key",
    metadata,
    _word("flow"),
    _word("party"),
    _word("repository"),
    _blob("key_mac"),
    _word("owner"),
    Column("attempt", Integer, nullable=False),
    _time("held_until_us", nullable=True),
    _time("expires_us"),
    PrimaryKeyConstraint("flow", "party", "repository", "key_mac"),
)
Index("message_key_expires", message_key.c.expires_us)

api_key = Table(
    "api_key",
    metadata,
    _word("key_id"),
    _blob("secret_mac"),
    _word("party"),
    _word("label"),
    _time("created_us"),
    _time("expires_us", nullable=True),
    _time("revoked_us", nullable=True),
    _word("role", nullable=True),
    PrimaryKeyConstraint("key_id"),
)

# Two numbers of one person: either is found by the HMAC of the other; what they are stands sealed.
subject_link = Table(
    "subject_link",
    metadata,
    _word("link_id"),
    _word("key_id"),
    _word("index_key"),
    _blob("mac_one"),
    _blob("mac_other"),
    _blob("sealed"),
    _time("made_us"),
    PrimaryKeyConstraint("link_id"),
)
Index("subject_link_one", subject_link.c.mac_one)
Index("subject_link_other", subject_link.c.mac_other)

# A breach set one person asked for; given out once another released it.
breach_request = Table(
    "breach_request",
    metadata,
    _word("request_id"),
    _word("key_id"),
    _blob("sealed"),
    _time("asked_us"),
    _time("released_us", nullable=True),
    PrimaryKeyConstraint("request_id"),
)

key_check = Table(
    "key_check",
    metadata,
    _word("key_id"),
    _blob("value"),
    PrimaryKeyConstraint("key_id"),
)

site_version = Table(
    "site_version",
    metadata,
    _word("hash"),
    _blob("data"),
    PrimaryKeyConstraint("hash"),
)

site_active = Table(
    "site_active",
    metadata,
    Column("id", SmallInteger, nullable=False, autoincrement=False),
    _word("hash"),
    PrimaryKeyConstraint("id"),
    CheckConstraint("id = 1", name="one_row"),
)

process = Table(
    "process",
    metadata,
    _id("process_id"),
    _time("started_us"),
    _time("beat_us"),
    _time("oldest_open_us"),
    _word("site_hash", nullable=True),
    PrimaryKeyConstraint("process_id"),
)

# Background work that goes through the details in the order of their ids: how far it came. The names
# `retention/<class>` are the classes known; `rekey` is there while keys are being replaced.
upkeep = Table(
    "upkeep",
    metadata,
    _word("name"),
    _word("target"),
    _blob("done"),
    PrimaryKeyConstraint("name"),
)

legal_hold = Table(
    "legal_hold",
    metadata,
    _word("hold_id"),
    _word("kind"),
    _word("key_id"),
    _blob("sealed"),
    _time("from_us"),
    _time("until_us"),
    _time("placed_us"),
    _time("lifted_us", nullable=True),
    PrimaryKeyConstraint("hold_id"),
    CheckConstraint("kind IN ('subject', 'exchange', 'party', 'flow')", name="kind_known"),
)

epoch = Table(
    "epoch",
    metadata,
    Column("number", Integer, nullable=False, autoincrement=False),
    _word("origin"),
    Column("kept_size", BigInteger, nullable=False),
    Column("lost_size", BigInteger, nullable=False),
    _blob("lost_note"),
    _time("begun_us"),
    PrimaryKeyConstraint("number"),
    CheckConstraint("number >= 2", name="number_range"),
    CheckConstraint("kept_size <= lost_size", name="sizes_ordered"),
)
