"""What routes keep in the database: groups of messages that are not complete, keys of idempotent consumers.

Rows are changed optimistically: each change says which version of a group it is based on, and `Sql.together`
raises Stale where another process was faster. Contents are sealed by the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from integrator.store.api import Change, Sql

_GROUP = """
SELECT group_id, step, flow, party, version, size, bytes, due_us, due_by, body_key, head FROM aggregation
"""
GROUP = _GROUP + "WHERE key_mac = %s"
GROUPS_OF = _GROUP + "WHERE scope_mac = %s ORDER BY group_id"
GROUPS_DUE = _GROUP + "WHERE due_us <= %s ORDER BY due_us LIMIT %s"
STEPS = "SELECT DISTINCT flow, step FROM aggregation"
GROUPS_LEFT = _GROUP + "WHERE flow = %s AND step = %s AND changed_us <= %s ORDER BY changed_us LIMIT %s"
GROUP_COUNT = "SELECT count(*) FROM aggregation WHERE scope_mac = %s"
PARTS = """
SELECT exchange_id, body_key, sealed, number FROM aggregation_part WHERE group_id = %s ORDER BY number
"""
ADD_GROUP = """
INSERT INTO aggregation (group_id, step, flow, party, scope_mac, key_mac, version, size, bytes, due_us, due_by,
                         changed_us, body_key, head)
VALUES (%s, %s, %s, %s, %s, %s, 1, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (key_mac) DO NOTHING
"""
MOVE_GROUP = """
UPDATE aggregation SET version = version + 1, size = %s, bytes = %s, due_us = %s, due_by = %s, changed_us = %s,
                       body_key = %s, head = %s
WHERE group_id = %s AND version = %s
"""
DROP_GROUP = "DELETE FROM aggregation WHERE group_id = %s AND version = %s"
ADD_PART = """
INSERT INTO aggregation_part (group_id, number, exchange_id, body_key, sealed) VALUES (%s, %s, %s, %s, %s)
"""
DROP_PARTS = "DELETE FROM aggregation_part WHERE group_id = %s"
ADD_EVENT = """
INSERT INTO delivery (exchange_id, flow, party, state, attempt, accepted_us, due_us, changed_us)
VALUES (%s, %s, %s, 'accepted', 0, %s, %s, %s)
"""
ADD_EVENT_BODY = "INSERT INTO delivery_body (exchange_id, key_id, body, context) VALUES (%s, %s, %s, %s)"

# A later attempt of the same exchange takes its key again; so does anybody once the time is over.
HOLD_KEY = """
INSERT INTO message_key (flow, party, repository, key_mac, owner, attempt, held_until_us, expires_us)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (flow, party, repository, key_mac) DO UPDATE
  SET owner = excluded.owner, attempt = excluded.attempt, held_until_us = excluded.held_until_us,
      expires_us = excluded.expires_us
  WHERE (message_key.owner = excluded.owner AND message_key.attempt <> excluded.attempt)
     OR message_key.held_until_us <= %s OR message_key.expires_us <= %s
"""
KEY_HELD = """
SELECT held_until_us FROM message_key WHERE flow = %s AND party = %s AND repository = %s AND key_mac = %s
"""
CONFIRM_KEY = """
UPDATE message_key SET held_until_us = NULL, expires_us = %s
WHERE flow = %s AND party = %s AND repository = %s AND key_mac = %s AND owner = %s AND attempt = %s
"""
RELEASE_KEY = """
DELETE FROM message_key
WHERE flow = %s AND party = %s AND repository = %s AND key_mac = %s AND owner = %s AND attempt = %s
"""
MARK_KEY = """
INSERT INTO message_key (flow, party, repository, key_mac, owner, attempt, held_until_us, expires_us)
VALUES (%s, %s, %s, %s, %s, 0, NULL, %s) ON CONFLICT (flow, party, repository, key_mac) DO NOTHING
"""
EXPIRE_KEYS = "DELETE FROM message_key WHERE expires_us <= %s"

ALL: dict[str, str] = {
    name: text
    for name, text in list(globals().items())
    if name.isupper() and name[0] != "_" and isinstance(text, str)
}
"""Every text by name, for the tests that have the databases prepare them."""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group as kept; `head` is sealed with the key `body_key`. `due_by` says what completes it at `due_us`."""

    group_id: bytes
    step: str
    flow: str
    party: str
    version: int
    size: int
    total_bytes: int
    due_us: int | None
    due_by: str | None
    body_key: str
    head: bytes


@dataclass(frozen=True, slots=True)
class PartRow:
    """What one message added to a group; `exchange_id` is the event it came with."""

    exchange_id: bytes
    body_key: str
    sealed: bytes
    number: int


@dataclass(frozen=True, slots=True)
class KeyName:
    """A key of an idempotent consumer, and the exchange and attempt that ask for it."""

    flow: str
    party: str
    repository: str
    key_mac: bytes
    owner: str
    attempt: int

    @property
    def place(self) -> tuple[object, ...]:
        """The columns it is found by."""
        return (self.flow, self.party, self.repository, self.key_mac)


class Mediation:
    """The statements, over any store."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    # --- groups ---

    async def group(self, key_mac: bytes) -> GroupRow | None:
        """The group of a correlation key."""
        rows = await self._sql.rows(GROUP, (key_mac,))
        return GroupRow(*rows[0]) if rows else None

    async def groups_of(self, scope_mac: bytes) -> list[GroupRow]:
        """Every group of one step and scope, oldest first."""
        return [GroupRow(*row) for row in await self._sql.rows(GROUPS_OF, (scope_mac,))]

    async def count_of(self, scope_mac: bytes) -> int:
        """How many those are."""
        count: int = (await self._sql.rows(GROUP_COUNT, (scope_mac,)))[0][0]
        return count

    async def due(self, now_us: int, limit: int) -> list[GroupRow]:
        """Groups whose time is over, those first that are longest so."""
        return [GroupRow(*row) for row in await self._sql.rows(GROUPS_DUE, (now_us, limit))]

    async def steps(self) -> list[tuple[str, str]]:
        """(flow, step) of all groups there are."""
        return [(flow, step) for flow, step in await self._sql.rows(STEPS)]

    async def untouched(self, flow: str, step: str, before_us: int, limit: int) -> list[GroupRow]:
        """Groups of a step no message came into since then, oldest first."""
        return [GroupRow(*row) for row in await self._sql.rows(GROUPS_LEFT, (flow, step, before_us, limit))]

    async def parts(self, group_id: bytes) -> list[PartRow]:
        """What the messages of a group added, in order."""
        return [PartRow(*row) for row in await self._sql.rows(PARTS, (group_id,))]

    # --- keys ---

    async def hold(self, key: KeyName, now_us: int, until_us: int, expires_us: int) -> str:
        """`new` where the key is now held by its owner, `held` or `seen` where it is another's."""
        values = (*key.place, key.owner, key.attempt, until_us, expires_us, now_us, now_us)
        if await self._sql.change(HOLD_KEY, values) == 1:
            return "new"
        rows = await self._sql.rows(KEY_HELD, key.place)
        # Released between the two statements: whoever asks again gets it.
        return "seen" if rows and rows[0][0] is None else "held"

    async def confirm(self, key: KeyName, expires_us: int) -> None:
        """The key is seen from now on."""
        await self._sql.change(CONFIRM_KEY, (expires_us, *key.place, key.owner, key.attempt))

    async def release(self, key: KeyName) -> None:
        """Give a key back."""
        await self._sql.change(RELEASE_KEY, (*key.place, key.owner, key.attempt))

    async def seen(self, key: KeyName) -> bool:
        """Whether the key is there."""
        return bool(await self._sql.rows(KEY_HELD, key.place))

    async def expire(self, now_us: int) -> int:
        """Forget keys that are past their time."""
        return await self._sql.change(EXPIRE_KEYS, (now_us,))


def add_event(row: Sequence[object], key_id: str, body: bytes, context: bytes) -> list[Change]:
    """A new event; `row` is exchange id, flow, party, accepted, due, changed."""
    return [(ADD_EVENT, row), (ADD_EVENT_BODY, (row[0], key_id, body, context))]
