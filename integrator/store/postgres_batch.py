"""A batch of units as one PostgreSQL statement: `INSERT … SELECT … FROM unnest(…)` for each table.

The inserts are the branches of one WITH, so that a batch without gates is one statement, one round
trip and one commit.
"""

from __future__ import annotations

from collections.abc import Sequence

from integrator.store import postgres_arrays as arrays
from integrator.store.batching import Trouble, unit_time_us
from integrator.store.units import AcceptRow, DeliveryRow, RecordRow, Unit, UnitRefused

Parameters = dict[str, object]

_JOURNAL = """
WITH records AS (
  INSERT INTO record (record_id, exchange_id, process_id, time_us, type, final, flow, party,
                      outcome, leaf, leaf_hash, purpose)
  SELECT record_id, exchange_id, %(process_id)s, time_us, type, final, flow, party, outcome, leaf, leaf_hash, purpose
  FROM unnest(%(record_ids)s::bytea[], %(exchange_ids)s::bytea[], %(times)s::bigint[], %(types)s::text[],
              %(finals)s::boolean[], %(flows)s::text[], %(parties)s::text[], %(outcomes)s::text[],
              %(leaves)s::bytea[], %(leaf_hashes)s::bytea[], %(record_purposes)s::text[])
    AS b (record_id, exchange_id, time_us, type, final, flow, party, outcome, leaf, leaf_hash, purpose)
), kept_details AS (
  INSERT INTO details (record_id, retention, key_id, sealed)
  SELECT * FROM unnest(%(detail_ids)s::bytea[], %(retentions)s::text[], %(detail_keys)s::text[],
                       %(sealed)s::bytea[])
), tags AS (
  INSERT INTO tag (run, kind, mac, record_id, index_key)
  SELECT 0, b.* FROM unnest(%(kinds)s::smallint[], %(macs)s::bytea[], %(tag_ids)s::bytea[], %(index_keys)s::text[]) b
  ON CONFLICT DO NOTHING
)"""

_PENDING = """
INSERT INTO pending (record_id, leaf_hash)
SELECT * FROM unnest(%(record_ids)s::bytea[], %(leaf_hashes)s::bytea[])
"""

_ACCEPTED = """, accepted AS (
  INSERT INTO delivery (exchange_id, flow, party, state, attempt, accepted_us, due_us, changed_us)
  SELECT exchange_id, flow, party, 'accepted', 0, accepted_us, due_us, accepted_us
  FROM unnest(%(accept_ids)s::bytea[], %(accept_flows)s::text[], %(accept_parties)s::text[],
              %(accepted)s::bigint[], %(due)s::bigint[])
    AS b (exchange_id, flow, party, accepted_us, due_us)
), bodies AS (
  INSERT INTO delivery_body (exchange_id, key_id, body, context)
  SELECT * FROM unnest(%(accept_ids)s::bytea[], %(body_keys)s::text[], %(bodies)s::bytea[],
                       %(contexts)s::bytea[])
)"""

INSERT = _JOURNAL + _PENDING
INSERT_ACCEPTED = _JOURNAL + _ACCEPTED + _PENDING

# An expired claim is replaced; a living one is left, and the row count tells.
CLAIM = """
INSERT INTO idempotency (party, flow, key_mac, digest, exchange_id, claimed_us, expires_us)
SELECT * FROM unnest(%(parties)s::text[], %(flows)s::text[], %(macs)s::bytea[], %(digests)s::bytea[],
                     %(ids)s::bytea[], %(claimed)s::bigint[], %(expires)s::bigint[])
ON CONFLICT (party, flow, key_mac) DO UPDATE
  SET digest = excluded.digest, exchange_id = excluded.exchange_id,
      claimed_us = excluded.claimed_us, expires_us = excluded.expires_us
  WHERE idempotency.expires_us <= excluded.claimed_us
"""

MOVE = """
UPDATE delivery
SET state = b.state, attempt = b.attempt, due_us = b.due_us, lease_until_us = NULL,
    changed_us = b.changed_us, reason = b.reason
FROM unnest(%(ids)s::bytea[], %(expected)s::bigint[], %(states)s::text[], %(attempts)s::bigint[],
            %(due)s::bigint[], %(reasons)s::text[], %(changed)s::bigint[])
  AS b (id, expected, state, attempt, due_us, reason, changed_us)
WHERE delivery.exchange_id = b.id AND delivery.attempt = b.expected
  AND delivery.state IN ('accepted', 'relayed')
"""

DROP_BODIES = "DELETE FROM delivery_body WHERE exchange_id = ANY (%(dropped)s::bytea[])"

SEAL_APPEND = """
INSERT INTO log_entry (leaf_index, record_id, leaf_hash)
SELECT %(start)s::bigint + b.place - 1, b.record_id, b.leaf_hash
FROM unnest(%(ids)s::bytea[], %(hashes)s::bytea[]) WITH ORDINALITY AS b (record_id, leaf_hash, place)
"""
SEAL_TAKE = "DELETE FROM pending WHERE record_id = ANY (%(ids)s::bytea[])"

WRITTEN = "SELECT count(*) FROM record WHERE record_id = ANY (%(ids)s::bytea[])"


def pack(units: Sequence[Unit], process_id: bytes) -> tuple[str, Parameters]:
    """The statement and its parameters for these units. Raises Trouble where a value does not fit."""
    records = [record for unit in units for record in unit.records]
    accepts = [unit.accept for unit in units if unit.accept is not None]
    try:
        parameters = _records(records, process_id)
        if accepts:
            parameters |= _accepts(accepts)
    except (TypeError, AttributeError, OverflowError, ValueError) as error:
        raise Trouble(
            UnitRefused(f"the unit cannot be stored: a value of a wrong type ({type(error).__name__})")
        ) from error
    return (INSERT_ACCEPTED if accepts else INSERT), parameters


def _records(records: Sequence[RecordRow], process_id: bytes) -> Parameters:
    detailed = [record for record in records if record.details is not None]
    tagged = [record for record in records if record.tags]
    return {
        "process_id": process_id,
        "record_ids": arrays.fixed([r.record_id for r in records], 16, "a record id"),
        "exchange_ids": arrays.fixed([r.exchange_id for r in records], 16, "an exchange id"),
        "times": arrays.int8s([r.time_us for r in records]),
        "types": arrays.texts([r.type for r in records]),
        "finals": arrays.bools([r.final for r in records]),
        "flows": arrays.texts([r.flow for r in records]),
        "parties": arrays.texts([r.party for r in records]),
        "outcomes": arrays.texts([r.outcome for r in records]),
        "leaves": arrays.blobs([r.leaf for r in records]),
        "leaf_hashes": arrays.fixed([r.leaf_hash for r in records], 32, "a leaf hash"),
        "record_purposes": arrays.texts([r.purpose for r in records]),
        "detail_ids": arrays.fixed([r.record_id for r in detailed], 16, "a record id"),
        "retentions": arrays.texts([r.retention for r in detailed]),
        "detail_keys": arrays.texts([r.details_key for r in detailed]),
        "sealed": arrays.blobs([r.details for r in detailed if r.details is not None]),
        "kinds": arrays.int2s([kind for r in tagged for kind, _ in r.tags]),
        "macs": arrays.fixed([mac for r in tagged for _, mac in r.tags], 32, "the HMAC of a tag"),
        "tag_ids": arrays.fixed([r.record_id for r in tagged for _ in r.tags], 16, "a record id"),
        "index_keys": arrays.texts([r.index_key for r in tagged for _ in r.tags]),
    }


def _accepts(accepts: Sequence[AcceptRow]) -> Parameters:
    return {
        "accept_ids": arrays.fixed([row.exchange_id for row in accepts], 16, "an exchange id"),
        "accept_flows": arrays.texts([row.flow for row in accepts]),
        "accept_parties": arrays.texts([row.party for row in accepts]),
        "accepted": arrays.int8s([row.accepted_us for row in accepts]),
        "due": arrays.int8s([row.due_us for row in accepts]),
        "body_keys": arrays.texts([row.body_key for row in accepts]),
        "bodies": arrays.blobs([row.body for row in accepts]),
        "contexts": arrays.blobs([row.context for row in accepts]),
    }


def pack_claims(units: Sequence[Unit]) -> Parameters:
    """Parameters of CLAIM for units that all have an idempotency claim."""
    claims = [(unit.idempotency, unit_time_us(unit)) for unit in units if unit.idempotency is not None]
    return {
        "parties": arrays.texts([claim.party for claim, _ in claims]),
        "flows": arrays.texts([claim.flow for claim, _ in claims]),
        "macs": arrays.fixed([claim.key_mac for claim, _ in claims], 32, "the HMAC of an idempotency key"),
        "digests": arrays.fixed([claim.digest for claim, _ in claims], 32, "a digest"),
        "ids": arrays.fixed([claim.exchange_id for claim, _ in claims], 16, "an exchange id"),
        "claimed": arrays.int8s([now_us for _, now_us in claims]),
        "expires": arrays.int8s([claim.expires_us for claim, _ in claims]),
    }


def pack_moves(moves: Sequence[tuple[DeliveryRow, int]]) -> Parameters:
    """Parameters of MOVE and DROP_BODIES for (row, time) pairs."""
    final = ("delivered", "dead-lettered")
    dropped = [row.exchange_id for row, _ in moves if row.state in final and not row.keep_body]
    return {
        "ids": arrays.fixed([row.exchange_id for row, _ in moves], 16, "an exchange id"),
        "expected": arrays.int8s([row.expected_attempt for row, _ in moves]),
        "states": arrays.texts([row.state for row, _ in moves]),
        "attempts": arrays.int8s([row.attempt for row, _ in moves]),
        "due": arrays.int8s([row.due_us for row, _ in moves]),
        "reasons": arrays.texts([row.reason for row, _ in moves]),
        "changed": arrays.int8s([now_us for _, now_us in moves]),
        "dropped": arrays.fixed(dropped, 16, "an exchange id"),
    }


def pack_entries(start: int, entries: Sequence[tuple[bytes, bytes]]) -> Parameters:
    """Parameters of SEAL_APPEND and SEAL_TAKE."""
    return {
        "start": start,
        "ids": arrays.fixed([record_id for record_id, _ in entries], 16, "a record id"),
        "hashes": arrays.fixed([leaf_hash for _, leaf_hash in entries], 32, "a leaf hash"),
    }
