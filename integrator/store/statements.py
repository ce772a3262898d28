"""The data plane's SQL, the same text on both databases (`%s` becomes `?` on SQLite).

Nothing here is built from values. `tests/store/test_statements.py` has both databases prepare every
text, so a column that `tables.py` does not have fails there. What a batch of units writes stands in
`sqlite_batch.py` and `postgres_batch.py`.
"""

from __future__ import annotations

# --- records ---

_RECORD = """
SELECT r.record_id, r.exchange_id, r.time_us, r.type, r.final, r.flow, r.party, r.outcome,
       r.leaf, r.leaf_hash, e.leaf_index, d.sealed, d.key_id
FROM record r
LEFT JOIN log_entry e ON e.record_id = r.record_id
LEFT JOIN details d ON d.record_id = r.record_id
"""

RECORDS_OF = _RECORD + "WHERE r.exchange_id = %s ORDER BY r.record_id"
RECORD = _RECORD + "WHERE r.record_id = %s"
SEALED_RECORDS = """
SELECT r.record_id, r.exchange_id, r.time_us, r.type, r.final, r.flow, r.party, r.outcome,
       r.leaf, r.leaf_hash, e.leaf_index, d.sealed, d.key_id
FROM log_entry e
JOIN record r ON r.record_id = e.record_id
LEFT JOIN details d ON d.record_id = r.record_id
WHERE e.leaf_index >= %s AND e.leaf_index < %s ORDER BY e.leaf_index
"""


def latest(*, flow: bool, party: bool, final_only: bool) -> str:
    """The newest records; parameters: flow if asked, party if asked, limit."""
    terms = [
        text
        for asked, text in (
            (flow, "r.flow = %s"),
            (party, "r.party = %s"),
            (final_only, "r.final"),
        )
        if asked
    ]
    where = f"WHERE {' AND '.join(terms)} " if terms else ""
    return f"{_RECORD}{where}ORDER BY r.record_id DESC LIMIT %s"


# The runs of `tag` are found by leaping from one to the next, then each is asked for each tag.
_RUNS = """
WITH RECURSIVE runs (run) AS (
  SELECT min(t.run) FROM tag t
  UNION ALL
  SELECT (SELECT min(t.run) FROM tag t WHERE t.run > runs.run) FROM runs WHERE runs.run IS NOT NULL
)
"""


def tagged(count: int) -> str:
    """Records with any of `count` tags, newest first; parameters: kind and HMAC of each, limit."""
    one = (
        "SELECT t.record_id FROM runs CROSS JOIN tag t WHERE t.run = runs.run AND t.kind = %s AND t.mac = %s"
    )
    any_of = " UNION ALL ".join([one] * count)
    return f"{_RUNS}{_RECORD}WHERE r.record_id IN ({any_of}) ORDER BY r.record_id DESC LIMIT %s"


# --- credentials ---

_KEY = "SELECT key_id, secret_mac, party, label, created_us, expires_us, revoked_us, role FROM api_key "
FIND_KEY = _KEY + "WHERE key_id = %s"
LIST_KEYS = _KEY + "ORDER BY created_us DESC, key_id DESC"
ADD_KEY = """
INSERT INTO api_key (key_id, secret_mac, party, label, created_us, expires_us, revoked_us, role)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
REVOKE_KEY = "UPDATE api_key SET revoked_us = %s WHERE key_id = %s AND revoked_us IS NULL"

KEY_CHECKS = "SELECT key_id, value FROM key_check"
ADD_KEY_CHECK = "INSERT INTO key_check (key_id, value) VALUES (%s, %s) ON CONFLICT (key_id) DO NOTHING"

# --- events ---

DUE = """
SELECT exchange_id, flow, attempt FROM (
  SELECT exchange_id, flow, attempt, due_us AS since FROM delivery
  WHERE state = 'accepted' AND due_us <= %s
  UNION ALL
  SELECT exchange_id, flow, attempt, changed_us AS since FROM delivery
  WHERE state = 'relayed' AND changed_us <= %s AND (lease_until_us IS NULL OR lease_until_us <= %s)
) AS due ORDER BY since LIMIT %s
"""
NEXT_DUE = "SELECT min(due_us) FROM delivery WHERE state = 'accepted'"
# Of a row relayed before too: published again, it gets its time anew before it counts as lost.
MARK_RELAYED = """
UPDATE delivery SET state = 'relayed', changed_us = %s
WHERE exchange_id = %s AND attempt = %s AND state IN ('accepted', 'relayed')
"""
# A claimed event was evidently relayed: setting the state keeps the relay from publishing it again.
CLAIM = """
UPDATE delivery SET state = 'relayed', lease_until_us = %s, changed_us = %s
WHERE exchange_id = %s AND attempt = %s AND state IN ('accepted', 'relayed')
  AND (lease_until_us IS NULL OR lease_until_us <= %s)
RETURNING flow, party, attempt, accepted_us,
  (SELECT b.body FROM delivery_body b WHERE b.exchange_id = delivery.exchange_id),
  (SELECT b.context FROM delivery_body b WHERE b.exchange_id = delivery.exchange_id),
  (SELECT b.key_id FROM delivery_body b WHERE b.exchange_id = delivery.exchange_id)
"""
RELEASE = """
UPDATE delivery SET state = 'accepted', due_us = %s, lease_until_us = NULL, changed_us = %s
WHERE state = 'relayed'
"""
DELIVERY = """
SELECT exchange_id, flow, party, state, attempt, accepted_us, due_us, changed_us, reason
FROM delivery WHERE exchange_id = %s
"""
DELIVERY_COUNTS = """
SELECT flow, state, count(*) FROM delivery WHERE state <> 'delivered' GROUP BY flow, state
"""
EXPIRE_CLAIMS = "DELETE FROM idempotency WHERE expires_us <= %s"
EXPIRE_BODIES = """
DELETE FROM delivery_body WHERE exchange_id IN (
  SELECT exchange_id FROM delivery WHERE state = 'dead-lettered' AND changed_us < %s
)
"""
CLAIMED_BY = "SELECT exchange_id, digest FROM idempotency WHERE party = %s AND flow = %s AND key_mac = %s"

# --- sealing ---

LOG_STATE = "SELECT size, sealed_us FROM log_state WHERE id = 1"
PENDING = "SELECT record_id, leaf_hash FROM pending ORDER BY record_id LIMIT %s"
MOVE_LOG = "UPDATE log_state SET size = %s, sealed_us = %s WHERE id = 1 AND size = %s"
LOG_ENTRIES = """
SELECT leaf_index, record_id, leaf_hash FROM log_entry
WHERE leaf_index >= %s AND leaf_index < %s ORDER BY leaf_index
"""

LEAVES = """
SELECT e.leaf_index, r.leaf FROM log_entry e JOIN record r ON r.record_id = e.record_id
WHERE e.leaf_index >= %s AND e.leaf_index < %s ORDER BY e.leaf_index
"""
LEAF_HASHES = """
SELECT leaf_hash FROM log_entry WHERE leaf_index >= %s AND leaf_index < %s ORDER BY leaf_index
"""
TILE_HASHES = """
SELECT hash FROM tile_hash WHERE level = %s AND position >= %s AND position < %s ORDER BY position
"""
TILE_LEVELS = "SELECT level, count(*), max(position) FROM tile_hash GROUP BY level"
ADD_TILE_HASH = """
INSERT INTO tile_hash (level, position, hash) VALUES (%s, %s, %s) ON CONFLICT (level, position) DO NOTHING
"""
LAST_CHECKPOINT = "SELECT size, root, note, signed_us FROM checkpoint ORDER BY size DESC LIMIT 1"
ADD_CHECKPOINT = """
INSERT INTO checkpoint (size, root, note, signed_us) VALUES (%s, %s, %s, %s)
ON CONFLICT (size) DO UPDATE SET note = excluded.note, signed_us = excluded.signed_us
  WHERE checkpoint.root = excluded.root AND checkpoint.note <> excluded.note
"""
CHECKPOINT_ROOT = "SELECT root FROM checkpoint WHERE size = %s"

# --- sites ---

ACTIVE_SITE = "SELECT hash FROM site_active WHERE id = 1"
LOAD_SITE = "SELECT data FROM site_version WHERE hash = %s"
ADD_SITE = "INSERT INTO site_version (hash, data) VALUES (%s, %s) ON CONFLICT (hash) DO NOTHING"
SET_ACTIVE = """
INSERT INTO site_active (id, hash) VALUES (1, %s) ON CONFLICT (id) DO UPDATE SET hash = excluded.hash
"""

# --- processes ---

START_PROCESS = """
INSERT INTO process (process_id, started_us, beat_us, oldest_open_us) VALUES (%s, %s, %s, %s)
ON CONFLICT (process_id) DO UPDATE SET beat_us = excluded.beat_us
"""
BEAT = "UPDATE process SET beat_us = %s, oldest_open_us = %s, site_hash = %s WHERE process_id = %s"
END_PROCESS = "DELETE FROM process WHERE process_id = %s"
_ORPHANED = """
  r.process_id = p.process_id AND r.type = 'received' AND r.time_us >= p.oldest_open_us
  AND NOT EXISTS (SELECT 1 FROM record f WHERE f.exchange_id = r.exchange_id AND f.final)
  AND NOT EXISTS (SELECT 1 FROM delivery y WHERE y.exchange_id = r.exchange_id)
"""
ORPHANS = (
    _RECORD
    + "JOIN process p ON "
    + _ORPHANED
    + "WHERE p.beat_us < %s AND p.process_id <> %s ORDER BY r.time_us, r.record_id LIMIT %s"
)
BURY = (
    "DELETE FROM process AS p WHERE p.beat_us < %s AND p.process_id <> %s "  # noqa: S608
    f"AND NOT EXISTS (SELECT 1 FROM record r WHERE {_ORPHANED})"
)

ALL: dict[str, str] = (
    {
        name: text
        for name, text in list(globals().items())
        if name.isupper() and name[0] != "_" and isinstance(text, str)
    }
    | {
        f"LATEST_{flow:d}{party:d}{final:d}": latest(flow=flow, party=party, final_only=final)
        for flow in (False, True)
        for party in (False, True)
        for final in (False, True)
    }
    | {"TAGGED": tagged(2)}
)
"""Every text by name, for the tests that have the databases prepare them."""
