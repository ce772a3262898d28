"""A batch of units as one SQLite statement.

The units' columns are packed into a few blobs and JSON arrays and inserted as a single row of the
temporary view `batch`, whose trigger spreads it over the tables with `json_each` and `substr`. The
work is done inside SQLite without Python's lock: one lock hand-over a batch instead of one a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import orjson

from integrator.store.batching import Trouble, unit_time_us
from integrator.store.units import AcceptRow, DeliveryRow, RecordRow, Unit, UnitRefused

_COLUMNS = (
    *("process_id", "records", "record_ids", "exchange_ids", "leaf_hashes", "leaves"),
    *(
        "details",
        "detail_ids",
        "sealed",
        "tag_run",
        "kinds",
        "index_keys",
        "tag_ids",
        "macs",
        "accepts",
        "accept_ids",
        "bodies",
    ),
)

# `->>` picks a value of the row's JSON array, `substr` the row's part of a blob; both count rows by
# `e.key`. Offsets start at 1; a part of no bytes comes out as NULL, hence `coalesce`. ON CONFLICT after a SELECT needs the WHERE to be unambiguous.
_SPREAD = """
CREATE TEMP TRIGGER batch_spread INSTEAD OF INSERT ON batch BEGIN
  INSERT INTO record (record_id, exchange_id, process_id, time_us, type, final, flow, party,
                      outcome, leaf, leaf_hash, purpose)
    SELECT substr(new.record_ids, e.key * 16 + 1, 16), substr(new.exchange_ids, e.key * 16 + 1, 16),
           new.process_id, e.value ->> 0, e.value ->> 1, e.value ->> 2, e.value ->> 3,
           e.value ->> 4, e.value ->> 5, coalesce(substr(new.leaves, e.value ->> 6, e.value ->> 7), x''),
           substr(new.leaf_hashes, e.key * 32 + 1, 32), e.value ->> 8
    FROM json_each(new.records) e;
  INSERT INTO pending (record_id, leaf_hash)
    SELECT substr(new.record_ids, e.key * 16 + 1, 16), substr(new.leaf_hashes, e.key * 32 + 1, 32)
    FROM json_each(new.records) e;
  INSERT INTO details (record_id, retention, key_id, sealed)
    SELECT substr(new.detail_ids, e.key * 16 + 1, 16), e.value ->> 0, e.value ->> 1,
           coalesce(substr(new.sealed, e.value ->> 2, e.value ->> 3), x'')
    FROM json_each(new.details) e;
  INSERT INTO tag_batch (run, kinds, index_keys, macs, record_ids)
    SELECT new.tag_run, new.kinds, new.index_keys, new.macs, new.tag_ids WHERE new.kinds <> '[]';
  INSERT INTO delivery (exchange_id, flow, party, state, attempt, accepted_us, due_us, changed_us)
    SELECT substr(new.accept_ids, e.key * 16 + 1, 16), e.value ->> 0, e.value ->> 1, 'accepted', 0,
           e.value ->> 2, e.value ->> 3, e.value ->> 2
    FROM json_each(new.accepts) e;
  INSERT INTO delivery_body (exchange_id, key_id, body, context)
    SELECT substr(new.accept_ids, e.key * 16 + 1, 16), e.value ->> 4,
           coalesce(substr(new.bodies, e.value ->> 5, e.value ->> 6), x''),
           coalesce(substr(new.bodies, (e.value ->> 5) + (e.value ->> 6), e.value ->> 7), x'')
    FROM json_each(new.accepts) e;
END
"""

PREPARE = (
    f"CREATE TEMP VIEW batch AS SELECT {', '.join(f'NULL AS {name}' for name in _COLUMNS)}",
    _SPREAD,
)
"""Run once on the writer's connection: nothing of it is in the database file."""

INSERT = f"INSERT INTO batch ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608

# A B-tree fed with HMACs has every tag on another page, and SQLite writes and later copies whole
# pages: that would cost more than all other rows together, and grow. So each batch writes its tags in
# one row. Many of them are joined, sorted, into a lasting run of `tag`; what reads tags before that has
# them spread, each batch as a small run at the end of the tree.
SMALL_RUNS = 2**40
"""Runs numbered from here on are those of batches; lasting ones are numbered below."""

_BATCHED = """
  SELECT b.run AS run, e.value % 256 AS kind, substr(b.macs, e.key * 32 + 1, 32) AS mac,
         substr(b.record_ids, e.key * 16 + 1, 16) AS record_id, b.index_keys ->> (e.value / 256) AS index_key
  FROM tag_batch b, json_each(b.kinds) e
"""
RUN_STATE = f"""
SELECT max(run), sum(tags) FROM (
  SELECT max(run) AS run, count(*) AS tags FROM tag WHERE run >= {SMALL_RUNS}
  UNION ALL SELECT max(run), coalesce(sum(json_array_length(kinds)), 0) FROM tag_batch)
"""  # noqa: S608
SPREAD_BATCHES = (
    f"INSERT INTO tag (run, kind, mac, record_id, index_key) {_BATCHED} WHERE true ON CONFLICT DO NOTHING"
)
DROP_BATCHES = "DELETE FROM tag_batch"
JOIN_RUNS = f"""
INSERT INTO tag (run, kind, mac, record_id, index_key)
  SELECT (SELECT coalesce(max(run), 0) + 1 FROM tag WHERE run < {SMALL_RUNS}),
         kind, mac, record_id, index_key
  FROM (SELECT run, kind, mac, record_id, index_key FROM tag WHERE run >= {SMALL_RUNS}
        UNION ALL {_BATCHED})
  ORDER BY kind, mac, record_id
  ON CONFLICT DO NOTHING
"""  # noqa: S608
DROP_RUNS = f"DELETE FROM tag WHERE run >= {SMALL_RUNS}"  # noqa: S608

# An expired claim is replaced; a living one is left, and the row count tells.
CLAIM = """
INSERT INTO idempotency (party, flow, key_mac, digest, exchange_id, claimed_us, expires_us)
  SELECT e.value ->> 0, e.value ->> 1, substr(:macs, e.key * 32 + 1, 32),
         substr(:digests, e.key * 32 + 1, 32), substr(:ids, e.key * 16 + 1, 16),
         e.value ->> 2, e.value ->> 3
  FROM json_each(:claims) e WHERE true
  ON CONFLICT (party, flow, key_mac) DO UPDATE
    SET digest = excluded.digest, exchange_id = excluded.exchange_id,
        claimed_us = excluded.claimed_us, expires_us = excluded.expires_us
    WHERE idempotency.expires_us <= excluded.claimed_us
"""

MOVE = """
UPDATE delivery
SET state = b.state, attempt = b.attempt, due_us = b.due_us, lease_until_us = NULL,
    changed_us = b.changed_us, reason = b.reason
FROM (SELECT substr(:ids, e.key * 16 + 1, 16) AS id, e.value ->> 0 AS expected,
             e.value ->> 1 AS state, e.value ->> 2 AS attempt, e.value ->> 3 AS due_us,
             e.value ->> 4 AS reason, e.value ->> 5 AS changed_us
      FROM json_each(:moves) e) AS b
WHERE delivery.exchange_id = b.id AND delivery.attempt = b.expected
  AND delivery.state IN ('accepted', 'relayed')
"""

DROP_BODIES = """
DELETE FROM delivery_body WHERE exchange_id IN (
  SELECT substr(:ids, e.key * 16 + 1, 16) FROM json_each(:moves) e WHERE e.value ->> 6
)
"""

SEAL_APPEND = """
INSERT INTO log_entry (leaf_index, record_id, leaf_hash)
  SELECT :start + e.key, substr(:ids, e.key * 16 + 1, 16), substr(:hashes, e.key * 32 + 1, 32)
  FROM json_each(:rows) e
"""
SEAL_TAKE = """
DELETE FROM pending WHERE record_id IN (
  SELECT substr(:ids, e.key * 16 + 1, 16) FROM json_each(:rows) e
)
"""


def _refused(rule: str) -> Trouble:
    return Trouble(UnitRefused(f"the unit cannot be stored: {rule}"))


def _json(rows: object) -> str:
    """JSON text. Raises Trouble for what both databases would not keep as it is."""
    try:
        packed = orjson.dumps(rows)
    except (TypeError, ValueError) as error:
        raise _refused("a text or number no database can keep (surrogate, beyond 64 bits)") from error
    if b"\\u0000" in packed:
        raise _refused("a text with the character U+0000")
    return packed.decode()


def fixed(parts: Sequence[bytes], size: int, what: str) -> bytes:
    """Join parts that must all have this size. Raises Trouble where one has not."""
    if any([len(part) != size for part in parts]):  # noqa: C419 - a list is twice as fast here
        raise _refused(f"{what} must be {size} bytes")
    return b"".join(parts)


def _starts(sizes: list[int]) -> Sequence[int]:
    """Where each part begins in the joined blob, counted from 1 as `substr` does."""
    return list(accumulate(sizes, initial=1))


def pack(units: Sequence[Unit], process_id: bytes, tag_run: int) -> tuple[object, ...]:
    """The one row of view `batch` for these units. Raises Trouble where a value does not fit."""
    records = [record for unit in units for record in unit.records]
    accepts = [unit.accept for unit in units if unit.accept is not None]
    try:
        journal = (*_records(records), *_details(records), tag_run, *_tags(records))
        return (process_id, *journal, *_accepts(accepts))
    except (TypeError, AttributeError) as error:
        raise _refused("a value of a wrong type") from error


def _records(records: Sequence[RecordRow]) -> tuple[object, ...]:
    leaves = [record.leaf for record in records]
    sizes = [len(leaf) for leaf in leaves]
    rows = [
        (r.time_us, r.type, r.final, r.flow, r.party, r.outcome, start, size, r.purpose)
        for r, start, size in zip(records, _starts(sizes), sizes, strict=False)
    ]
    return (
        _json(rows),
        fixed([record.record_id for record in records], 16, "a record id"),
        fixed([record.exchange_id for record in records], 16, "an exchange id"),
        fixed([record.leaf_hash for record in records], 32, "a leaf hash"),
        b"".join(leaves),
    )


def _details(records: Sequence[RecordRow]) -> tuple[object, ...]:
    kept = [(r.record_id, r.retention, r.details_key, r.details) for r in records if r.details is not None]
    sizes = [len(sealed) for _, _, _, sealed in kept]
    rows = [
        (retention, key_id, start, size)
        for (_, retention, key_id, _), start, size in zip(kept, _starts(sizes), sizes, strict=False)
    ]
    return _json(rows), b"".join([row[0] for row in kept]), b"".join([row[3] for row in kept])


def _tags(records: Sequence[RecordRow]) -> tuple[object, ...]:
    tagged = [record for record in records if record.tags]
    keys = {record.index_key: 0 for record in tagged}
    for place, key in enumerate(keys):
        keys[key] = 256 * place
    return (
        _json([kind + keys[record.index_key] for record in tagged for kind, _ in record.tags]),
        _json(list(keys)),
        b"".join([record.record_id for record in tagged for _ in record.tags]),
        fixed([mac for record in tagged for _, mac in record.tags], 32, "the HMAC of a tag"),
    )


def _accepts(accepts: Sequence[AcceptRow]) -> tuple[object, ...]:
    if not accepts:
        return "[]", b"", b""
    sizes = [len(row.body) + len(row.context) for row in accepts]
    rows = [
        (row.flow, row.party, row.accepted_us, row.due_us, row.body_key, start, *_lengths(row))
        for row, start in zip(accepts, _starts(sizes), strict=False)
    ]
    bodies = b"".join([part for row in accepts for part in (row.body, row.context)])
    return _json(rows), fixed([row.exchange_id for row in accepts], 16, "an exchange id"), bodies


def _lengths(row: AcceptRow) -> tuple[int, int]:
    return len(row.body), len(row.context)


def pack_claims(units: Sequence[Unit]) -> dict[str, object]:
    """Parameters of CLAIM for units that all have an idempotency claim."""
    claims = [(unit.idempotency, unit_time_us(unit)) for unit in units if unit.idempotency is not None]
    return {
        "claims": _json([(claim.party, claim.flow, now_us, claim.expires_us) for claim, now_us in claims]),
        "macs": fixed([claim.key_mac for claim, _ in claims], 32, "the HMAC of an idempotency key"),
        "digests": fixed([claim.digest for claim, _ in claims], 32, "a digest"),
        "ids": fixed([claim.exchange_id for claim, _ in claims], 16, "an exchange id"),
    }


def pack_moves(moves: Sequence[tuple[DeliveryRow, int]]) -> dict[str, object]:
    """Parameters of MOVE and DROP_BODIES for (row, time) pairs."""
    rows = [
        (
            row.expected_attempt,
            row.state,
            row.attempt,
            row.due_us,
            row.reason,
            now_us,
            row.state in ("delivered", "dead-lettered") and not row.keep_body,
        )
        for row, now_us in moves
    ]
    return {
        "moves": _json(rows),
        "ids": fixed([row.exchange_id for row, _ in moves], 16, "an exchange id"),
    }


def pack_entries(start: int, entries: Sequence[tuple[bytes, bytes]]) -> dict[str, object]:
    """Parameters of SEAL_APPEND and SEAL_TAKE."""
    return {
        "start": start,
        "rows": _json([0] * len(entries)),
        "ids": fixed([record_id for record_id, _ in entries], 16, "a record id"),
        "hashes": fixed([leaf_hash for _, leaf_hash in entries], 32, "a leaf hash"),
    }
