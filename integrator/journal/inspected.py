"""Links between replaced national numbers, and the sealed rows of breach sets.

A person's number can be replaced (a correction of the birth date, a bis number that becomes a national
one). The register of links knows each pair by two HMACs, the same as the records' tags; who linked them,
why, and the numbers themselves stand sealed. A search by either number is a search by both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import uuid_utils

from integrator.exchange import InvalidRequest, NoData
from integrator.journal import criteria, details, tags
from integrator.journal.tags import Tagged
from integrator.journal.writer import Journal
from integrator.security.keyring import Key, Keyring
from integrator.store import inspection as sql
from integrator.store.api import Change, Sql
from integrator.store.inspection import InspectionStore, LinkRow
from integrator.store.units import Unit

_LINKED_MAX = 16


@dataclass(frozen=True, slots=True)
class Link:
    """Two numbers of one person, opened."""

    id: str
    numbers: tuple[str, str]
    why: str
    who: str
    made_us: int


class Links:
    """The register of links of one journal. `clock`: microseconds since the epoch."""

    def __init__(self, store: Sql, journal: Journal, clock: Callable[[], int]) -> None:
        self._store, self._journal, self._clock = InspectionStore(store), journal, clock

    async def add(self, actor: str, why: str, old: str, new: str) -> Link:
        """Link two numbers. Raises InvalidRequest where they are no two national numbers, or linked already."""
        numbers = _number(old), _number(new)
        if numbers[0] == numbers[1]:
            raise InvalidRequest(
                "these are one number: link the replaced one to the new one", reason="link-self"
            )
        if (tags.NISS, numbers[1]) in await self.of((tags.NISS, numbers[0])):
            raise InvalidRequest("these two numbers are linked already", reason="link-known")
        key, index = self._journal.keyring.current("details"), self._journal.keyring.current("index")
        link = Link(str(uuid_utils.uuid7()), numbers, details.clip(why), details.clip(actor), self._clock())
        row = (link.id, key.id, index.id, *_macs(index, numbers), _sealed(key, link), link.made_us)
        await self._store.write([(sql.ADD_LINK, row)], self._act("numbers-linked", actor, why, link))
        return link

    async def remove(self, actor: str, why: str, link_id: str) -> None:
        """Forget a link that was a mistake. Raises NoData."""
        link = next((link for link in await self.list() if link.id == link_id.strip()), None)
        if link is None:
            raise NoData("no link of this id: list the links to see them", reason="link-unknown")
        unit = self._act("numbers-unlinked", actor, why, link)
        await self._store.write([(sql.DROP_LINK, (link.id,))], unit, expected=[1])

    async def list(self) -> list[Link]:
        """Every link, newest first. Raises KeyringError."""
        return [self._opened(row) for row in await self._store.links()]

    async def of(self, subject: Tagged) -> tuple[Tagged, ...]:
        """The other numbers of a person, through any chain of links. Only national numbers are linked."""
        if subject[0] != tags.NISS:
            return ()
        found: dict[str, None] = {subject[1]: None}
        waiting = [subject[1]]
        while waiting and len(found) < _LINKED_MAX:
            macs = [mac for _, mac in tags.search_tags(self._journal.keyring, [(tags.NISS, waiting.pop())])]
            for row in await self._store.links_of(macs):
                for number in self._opened(row).numbers:
                    if number not in found:
                        found[number] = None
                        waiting.append(number)
        return tuple((tags.NISS, number) for number in found if number != subject[1])

    def _opened(self, row: LinkRow) -> Link:
        document = unsealed(self._journal.keyring, row.key_id, row.link_id, row.sealed)
        old, new = document["numbers"]
        return Link(row.link_id, (old, new), document["why"], document["who"], row.made_us)

    def _act(self, name: str, actor: str, why: str, link: Link) -> Unit:
        tagged = [(tags.READ_SUBJECT, f"subject\n{number}") for number in link.numbers]
        act = self._journal.act(
            name,
            actor,
            {"link": link.id},
            now_us=self._clock(),
            secrets={"why": details.clip(why)},
            tagged=tagged,
        )
        return Unit(records=[act])


def _number(text: str) -> str:
    kind, value = criteria.parse("subject", text).wanted[0]
    if kind != tags.NISS:
        raise InvalidRequest("only national numbers are replaced: link two of them", reason="link-kind")
    return value


def _macs(index: Key, numbers: tuple[str, str]) -> tuple[bytes, bytes]:
    one, other = (tags.tag(index, tags.NISS, number)[1] for number in numbers)
    return one, other


def _sealed(key: Key, link: Link) -> bytes:
    return sealed(key, link.id, {"numbers": list(link.numbers), "why": link.why, "who": link.who})


def sealed(key: Key, name: str, document: dict[str, Any]) -> bytes:
    """A document sealed under the name of its row."""
    return key.seal(details.encode(document), name.encode())


def unsealed(keyring: Keyring, key_id: str, name: str, row: bytes) -> dict[str, Any]:
    """The document of a sealed row. Raises KeyringError."""
    document: dict[str, Any] = orjson.loads(keyring.get(key_id).unseal(row, name.encode()))
    return document


async def renewed(store: InspectionStore, keyring: Keyring) -> list[Change]:
    """The changes that move links and breach sets under the current keys. Raises KeyringError."""
    key, index = keyring.current("details"), keyring.current("index")
    changes: list[Change] = []
    for row in await store.links():
        if (row.key_id, row.index_key) != (key.id, index.id):
            document = unsealed(keyring, row.key_id, row.link_id, row.sealed)
            macs = _macs(index, (document["numbers"][0], document["numbers"][1]))
            again = sealed(key, row.link_id, document)
            changes.append((sql.CHANGE_LINK, (key.id, index.id, *macs, again, row.link_id)))
    for breach in await store.breaches():
        if breach.key_id != key.id:
            again = sealed(
                key, breach.request_id, unsealed(keyring, breach.key_id, breach.request_id, breach.sealed)
            )
            changes.append((sql.CHANGE_BREACH, (key.id, again, breach.request_id, breach.sealed)))
    return changes
