"""What routes keep in the store, sealed: groups of messages of event flows, and keys of idempotent consumers.

Correlation keys and message keys may be personal: they are found by keyed digests, and read nowhere but in
sealed rows. `GroupKeeper` is the engine's `Groups` and `MessageKeys`; what becomes of a complete group is in
`gateway.aggregates`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import orjson

from integrator.engine.groups import GroupName, Growing, KeptGroup, KeptPart, Scope, Work
from integrator.exchange import Context, NotRecorded, Subject
from integrator.gateway.eventbody import EventUnreadable, context_from_plain, context_to_plain
from integrator.security.keyring import Keyring, KeyringError
from integrator.security.limits import Limits
from integrator.store import mediation
from integrator.store.api import Change, Sql
from integrator.store.mediation import GroupRow, KeyName, Mediation
from integrator.store.units import StoreOverloaded, StoreUnavailable, UnitRefused

_GROUP, _PART = b"\ngroup", b"\npart"
_KEY_DOMAIN = b"integrator/correlation-key/v1\n"
_SCOPE_DOMAIN = b"integrator/correlation-scope/v1\n"
_MESSAGE_DOMAIN = b"integrator/message-key/v1\n"
_CLOSED = "closed "
_LEASE_MARGIN_SECONDS = 15


def as_bytes(exchange_id: str) -> bytes:
    """The 16 bytes of an exchange id."""
    return UUID(exchange_id).bytes


@asynccontextmanager
async def recorded() -> AsyncIterator[None]:
    """The store's errors as NotRecorded: the attempt fails and is made again."""
    try:
        yield
    except (StoreUnavailable, StoreOverloaded, UnitRefused) as error:
        raise NotRecorded("what the route keeps could not be read or written: it is tried again") from error


class GroupKeeper:
    """Groups and keys in the store, for every process that shares it."""

    def __init__(self, sql: Sql, keyring: Keyring, limits: Limits, now_us: Callable[[], int]) -> None:
        self._kept, self._keyring, self._limits, self._now_us = Mediation(sql), keyring, limits, now_us
        # The oldest key, not the current one: a key added meanwhile must not begin a group or a key anew.
        self._mac = keyring.oldest("index").mac

    # --- reading groups (engine.groups.Groups) ---

    async def find(self, name: GroupName) -> KeptGroup | None:
        """The group of a key."""
        async with recorded():
            row = await self._kept.group(self._key_mac(name))
        return None if row is None else self.open(row)

    async def all_of(self, step: str, scope: Scope) -> Sequence[KeptGroup]:
        """Every group of a step and scope, oldest first."""
        async with recorded():
            rows = await self._kept.groups_of(self._scope_mac(step, scope))
        return [self.open(row) for row in rows]

    async def count(self, step: str, scope: Scope) -> int:
        """How many those are."""
        async with recorded():
            return await self._kept.count_of(self._scope_mac(step, scope))

    async def parts(self, group: KeptGroup) -> Sequence[KeptPart]:
        """What the messages of a group added, in order."""
        async with recorded():
            rows = await self._kept.parts(as_bytes(group.id))
        found = []
        for row in rows:
            plain = self._unseal(row.body_key, row.sealed, as_bytes(group.id) + b"%d" % row.number + _PART)
            subjects = tuple(Subject(kind, number) for kind, number in plain["subjects"])
            found.append(KeptPart(str(UUID(bytes=row.exchange_id)), plain["value"].encode(), subjects))
        return found

    async def is_closed(self, name: GroupName) -> bool:
        """Whether the key was completed and closed."""
        async with recorded():
            return await self._kept.seen(self._closed_key(name))

    def open(self, row: GroupRow) -> KeptGroup:
        """A row as the engine's group. Raises NotRecorded where it cannot be read."""
        plain = self._unseal(row.body_key, row.head, row.group_id + _GROUP)
        try:
            context = context_from_plain(plain["context"])
        except EventUnreadable as error:
            raise _unreadable() from error
        return KeptGroup(
            GroupName(row.step, tuple(plain["scope"]), plain["key"]), str(UUID(bytes=row.group_id)), row.version,
            row.size, row.total_bytes, plain["head"].encode(), context, plain["strategy"], plain["delimiter"],
            row.due_us, row.due_by, plain["discards"],
        )  # fmt: skip

    # --- writing groups ---

    def changes(self, work: Work) -> list[tuple[Change, int | None]]:
        """What a run did to groups: each statement, and how many rows it has to change."""
        found: list[tuple[bytes, Change, int | None]] = []
        for stored in work.dropped:
            found += [(as_bytes(stored.id), change, rows) for change, rows in drop(stored)]
        for growing in work.open.values():
            found += self._grown(growing)
        # In one order for all processes: two that touch the same groups wait for each other, never in a circle.
        found.sort(key=lambda item: item[0])
        expires = self._now_us() + self._limits.message_key_seconds * 1_000_000
        marks = [
            ((mediation.MARK_KEY, (*key.place, key.owner, expires)), None)
            for key in map(self._closed_key, dict.fromkeys(work.closed))
        ]
        return [*((change, rows) for _, change, rows in found), *marks]

    def _grown(self, growing: Growing) -> list[tuple[bytes, Change, int | None]]:
        group_id, now = as_bytes(growing.id), self._now_us()
        key_id, head = self._sealed_head(growing, group_id)
        state = (growing.size, growing.total_bytes, growing.due_us, growing.due_by, now, key_id, head)
        order = group_id
        if growing.stored is None:
            order = b"\xff" + group_id  # after the row of the same key that this run drops
            name, context = growing.name, growing.context
            place = (group_id, name.step, context.flow, context.party or "",
                     self._scope_mac(name.step, name.scope), self._key_mac(name))  # fmt: skip
            first: Change = (mediation.ADD_GROUP, (*place, *state))
        else:
            first = (mediation.MOVE_GROUP, (*state, group_id, growing.stored.version))
        added: list[tuple[bytes, Change, int | None]] = [(order, first, 1)]
        begins = growing.size - len(growing.parts) + 1
        for number, part in enumerate(growing.parts, begins):
            key_id, sealed = self._seal(
                {"value": part.value.decode(), "subjects": [[one.kind, one.id] for one in part.subjects]},
                group_id + b"%d" % number + _PART,
            )
            row = (group_id, number, as_bytes(part.exchange_id), key_id, sealed)
            added.append((order, (mediation.ADD_PART, row), 1))
        return added

    def _sealed_head(self, growing: Growing, group_id: bytes) -> tuple[str, bytes]:
        plain = {
            "key": growing.name.key,
            "scope": list(growing.name.scope),
            "head": growing.head.decode(),
            "context": context_to_plain(growing.context),
            "strategy": growing.how.name,
            "delimiter": growing.how.delimiter,
            "discards": growing.discards,
        }
        return self._seal(plain, group_id + _GROUP)

    # --- keys (engine.services.MessageKeys) ---

    async def hold(self, context: Context, repository: str, key: str) -> str:
        """`new`, `held` or `seen`."""
        now, limits = self._now_us(), self._limits
        lease = max(limits.delivery_seconds, limits.exchange_seconds) + _LEASE_MARGIN_SECONDS
        async with recorded():
            return await self._kept.hold(
                self._message_key(context, repository, key),
                now,
                now + int(lease * 1e6),
                self._key_expires(now),
            )

    async def confirm(self, context: Context, repository: str, key: str) -> None:
        """The exchange that holds the key ended well."""
        async with recorded():
            await self._kept.confirm(
                self._message_key(context, repository, key), self._key_expires(self._now_us())
            )

    async def release(self, context: Context, repository: str, key: str) -> None:
        """The exchange that holds the key gives it back."""
        async with recorded():
            await self._kept.release(self._message_key(context, repository, key))

    async def expire(self) -> int:
        """Forget keys that are past their time. Raises StoreUnavailable."""
        return await self._kept.expire(self._now_us())

    def _key_expires(self, now_us: int) -> int:
        return now_us + self._limits.message_key_seconds * 1_000_000

    def _message_key(self, context: Context, repository: str, key: str) -> KeyName:
        place = [context.flow, context.party or "", context.on_behalf_of or "", repository, key]
        mac = self._mac(_MESSAGE_DOMAIN + orjson.dumps(place))
        return KeyName(
            context.flow, context.party or "", repository, mac, context.exchange_id, context.attempts
        )

    # --- digests and seals ---

    def _key_mac(self, name: GroupName) -> bytes:
        return self._mac(_KEY_DOMAIN + orjson.dumps([name.step, *name.scope, name.key]))

    def _scope_mac(self, step: str, scope: Scope) -> bytes:
        return self._mac(_SCOPE_DOMAIN + orjson.dumps([step, *scope]))

    def _closed_key(self, name: GroupName) -> KeyName:
        flow, party = (*name.scope, "", "")[:2]
        return KeyName(flow, party, _CLOSED + name.step, self._key_mac(name), "", 0)

    def _seal(self, plain: dict[str, Any], bound_to: bytes) -> tuple[str, bytes]:
        key = self._keyring.current("bodies")
        return key.id, key.seal(orjson.dumps(plain), bound_to)

    def _unseal(self, key_id: str, sealed: bytes, bound_to: bytes) -> dict[str, Any]:
        try:
            plain: dict[str, Any] = orjson.loads(self._keyring.get(key_id).unseal(sealed, bound_to))
        except (KeyringError, orjson.JSONDecodeError) as error:
            raise _unreadable() from error
        return plain


def drop(group: KeptGroup) -> list[tuple[Change, int | None]]:
    """The statements that take a group out of the store, if it is still as it was."""
    group_id = as_bytes(group.id)
    return [
        ((mediation.DROP_GROUP, (group_id, group.version)), 1),
        ((mediation.DROP_PARTS, (group_id,)), None),
    ]


def _unreadable() -> NotRecorded:
    return NotRecorded("a group of messages cannot be opened: was its key taken out of the keyring?")
