"""Legal holds: what must not be deleted, because a court, an inquiry or an auditor needs it.

A hold is on a subject, an exchange, a party or a flow, and on the exchanges of a period. Retention
passes over what is held, and an erasure is refused. Value, reason and who placed it are sealed with
the details key: a hold on a citizen is personal data too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import uuid_utils

from integrator.exchange import InvalidRequest, NoData
from integrator.journal import criteria, details, tags
from integrator.journal.canonical import INTEGER_MAX
from integrator.journal.search import Reading
from integrator.journal.writer import Journal
from integrator.security.keyring import Key, Keyring
from integrator.store import retention as sql
from integrator.store.api import Sql
from integrator.store.retention import FIRST, HoldRow, RetentionStore
from integrator.store.units import Unit

KINDS = ("subject", "exchange", "party", "flow")
ALWAYS_US = INTEGER_MAX


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold, opened. The period [from_us, until_us) is of exchanges; `lifted_us` None while it holds."""

    id: str
    kind: str
    value: str
    why: str
    actor: str
    from_us: int
    until_us: int
    placed_us: int
    lifted_us: int | None

    def row(self) -> dict[str, Any]:
        """The hold as plain data; an open end of the period is None."""
        return {
            "hold": self.id,
            "kind": self.kind,
            "value": self.value,
            "why": self.why,
            "who": self.actor,
            "from": self.from_us or None,
            "until": self.until_us if self.until_us < ALWAYS_US else None,
            "placed": self.placed_us,
            "lifted": self.lifted_us,
        }


class Held:
    """What is held at one moment, for asking quickly."""

    def __init__(self) -> None:
        self._exchanges: dict[bytes, list[Hold]] = {}
        self._named: dict[tuple[str, str], list[Hold]] = {}

    def add(self, hold: Hold, exchanges: list[bytes]) -> None:
        """One more hold; `exchanges` are those of its subject, or the exchange itself."""
        for exchange_id in exchanges:
            self._exchanges.setdefault(exchange_id, []).append(hold)
        if hold.kind in ("party", "flow"):
            self._named.setdefault((hold.kind, hold.value), []).append(hold)

    @property
    def empty(self) -> bool:
        """Whether nothing at all is held."""
        return not (self._exchanges or self._named)

    def by(self, exchange_id: bytes, flow: str | None, party: str | None, time_us: int) -> list[Hold]:
        """The holds on a record of this exchange, flow and party, made at this time."""
        found = [
            *self._exchanges.get(exchange_id, ()),
            *(self._named.get(("flow", flow), ()) if flow else ()),
            *(self._named.get(("party", party), ()) if party else ()),
        ]
        return [hold for hold in found if hold.from_us <= time_us < hold.until_us]


class Holds:
    """The holds of one journal. `clock`: microseconds since the epoch."""

    def __init__(self, store: Sql, journal: Journal, clock: Callable[[], int]) -> None:
        self._store, self._journal, self._clock = RetentionStore(store), journal, clock

    async def add(
        self, reading: Reading, kind: str, value: str, *, from_us: int = 0, until_us: int = ALWAYS_US
    ) -> Hold:
        """Place a hold, at once in force. Raises InvalidRequest for a value that is not of its kind."""
        if from_us >= until_us:
            raise InvalidRequest("the period ends before it begins: correct --from and --until",
                                 reason="period-empty")  # fmt: skip
        now_us, key = self._clock(), self._journal.keyring.current("details")
        hold = Hold(
            str(uuid_utils.uuid7()), kind, _normal(kind, value), reading.why, reading.actor,
            from_us, until_us, now_us, None,
        )  # fmt: skip
        row = (hold.id, kind, key.id, _sealed(key, hold), from_us, until_us, now_us)
        await self._store.write([(sql.ADD_HOLD, row)], self._act("hold-placed", reading, hold))
        return hold

    async def list(self, *, all_: bool = False) -> list[Hold]:
        """The holds in force, newest first; lifted ones too where asked. Raises KeyringError."""
        rows = await self._store.holds()
        return [opened(self._journal.keyring, row) for row in rows if all_ or row.lifted_us is None]

    async def lift(self, reading: Reading, hold_id: str) -> Hold:
        """End a hold: what has expired meanwhile goes with the next retention. Raises NoData."""
        hold = next((hold for hold in await self.list() if hold.id == hold_id.strip()), None)
        if hold is None:
            raise NoData("no hold of this id is in force: `integrator journal hold list` shows them",
                         reason="hold-unknown")  # fmt: skip
        changes = [
            (sql.LIFT_HOLD, (self._clock(), hold.id)),
            (sql.RESET_UPKEEP, (FIRST,)),  # what was passed over is looked at again
        ]
        await self._store.write(changes, self._act("hold-lifted", reading, hold))
        return hold

    async def held(self) -> Held:
        """What is held now. Raises KeyringError where a hold cannot be opened: then nothing may go."""
        held = Held()
        for hold in await self.list():
            exchanges: list[bytes] = []
            if hold.kind == "exchange":
                exchanges = [UUID(hold.value).bytes]
            elif hold.kind == "subject":
                wanted = criteria.parse("subject", hold.value).wanted
                found = await self._store.tagged_exchanges(tags.search_tags(self._journal.keyring, wanted))
                exchanges = list(dict.fromkeys(exchange_id for exchange_id, _ in found))
            held.add(hold, exchanges)
        return held

    def _act(self, name: str, reading: Reading, hold: Hold) -> Unit:
        facts = {"hold": hold.id, "kind": hold.kind}
        act = self._journal.act(
            name, reading.actor, facts, now_us=self._clock(), secrets={"why": details.clip(reading.why)}
        )
        return Unit(records=[act])


def opened(keyring: Keyring, row: HoldRow) -> Hold:
    """A hold's row opened. Raises KeyringError."""
    document = orjson.loads(keyring.get(row.key_id).unseal(row.sealed, row.hold_id.encode()))
    return Hold(
        row.hold_id, row.kind, document["value"], document["why"], document["who"],
        row.from_us, row.until_us, row.placed_us, row.lifted_us,
    )  # fmt: skip


def resealed(keyring: Keyring, row: HoldRow) -> bytes:
    """The same hold under the current details key. Raises KeyringError."""
    name = row.hold_id.encode()
    return keyring.current("details").seal(keyring.get(row.key_id).unseal(row.sealed, name), name)


def _sealed(key: Key, hold: Hold) -> bytes:
    document = {"value": hold.value, "why": details.clip(hold.why), "who": details.clip(hold.actor)}
    return key.seal(details.encode(document), hold.id.encode())


def _normal(kind: str, value: str) -> str:
    value = value.strip()
    if kind == "subject":
        return criteria.parse(kind, value).wanted[0][1]
    if kind == "exchange":
        try:
            return str(UUID(value))
        except ValueError:
            raise InvalidRequest("an exchange id is a UUID", reason="id-invalid") from None
    if kind not in KINDS:
        raise InvalidRequest(f"a hold is on one of: {', '.join(KINDS)}", reason="hold-kind")
    if not value:
        raise InvalidRequest(f"name the {kind} to hold", reason="hold-empty")
    return value
