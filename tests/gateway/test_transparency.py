"""The log served read-only: to whom, what, and with which headers; receipts for senders alone."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from integrator.gateway.transparency import LogAccess
from integrator.journal import checkpoint as checkpoints
from integrator.journal import proof
from integrator.journal.checkpoint import Checkpoint
from integrator.journal.logkey import LogKey
from integrator.journal.merkle import leaf_hash, root_of
from integrator.journal.tiles import split_entries
from integrator.store.api import CheckpointRow
from integrator.store.units import StoreUnavailable
from tests.gateway.doubles import World

LOG = "bus.example/journal"
AWAY = {"client": "203.0.113.7"}


def credentials(world: World, party: str = "municipal/namur") -> dict[str, str]:
    return {"authorization": world.key(party)}


class Sealed:
    """The tree over what the double stored, as the sealer makes it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.key = LogKey.current(LOG, world.keys)
        self.size = 0
        self.signed: CheckpointRow | None = None
        self._records_of = world.store.records_of
        world.store.last_checkpoint = self.last_checkpoint
        world.store.tile_hashes = self.tile_hashes
        world.store.leaves = self.leaves
        world.store.records_of = self.records_of

    def seal(self) -> None:
        self.size = len(self.world.store.records)
        root = root_of([row.leaf_hash for row in self.world.store.records])
        note = checkpoints.sign(Checkpoint(LOG, self.size, root), self.key)
        self.signed = CheckpointRow(self.size, root, note, 1)

    async def last_checkpoint(self):
        if self.world.store.down:
            raise StoreUnavailable
        return self.signed

    async def tile_hashes(self, level, start, stop):
        return [row.leaf_hash for row in self.world.store.records[start:stop]] if level == 0 else []

    async def leaves(self, start, stop):
        return list(enumerate([row.leaf for row in self.world.store.records[start:stop]], start))

    async def records_of(self, exchange_id):
        ids = [row.record_id for row in self.world.store.records[: self.size]]
        found = await self._records_of(exchange_id)
        return [replace(r, index=ids.index(r.record_id) if r.record_id in ids else None) for r in found]


@pytest.fixture
def sealed(world: World) -> Sealed:
    return Sealed(world)


async def test_before_the_first_sealing_there_is_nothing(world: World, sealed: Sealed):
    answer = await world.ask("GET", "/log/checkpoint")
    assert (answer.status, answer.json["reason"]) == (404, "path-unknown")


async def test_checkpoint_and_tiles_are_for_everybody(world: World, sealed: Sealed):
    await world.consult()
    sealed.seal()
    answer = await world.ask("GET", "/log/checkpoint", **AWAY)
    assert answer.status == 200
    assert answer.body == sealed.signed.note
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=1"
    tile = await world.ask("GET", "/log/tile/0/000.p/2", **AWAY)
    assert tile.body == b"".join(row.leaf_hash for row in world.store.records)
    assert tile.headers["content-type"] == "application/octet-stream"
    assert tile.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert tile.headers["x-content-type-options"] == "nosniff"


async def test_entries_are_for_this_machine_the_token_and_auditors(world: World, sealed: Sealed):

    async def is_auditor(text: str) -> bool:
        return text == "itg_auditor"

    world.options["log_access"] = LogAccess(token="secret", is_auditor=is_auditor)
    world.build()
    await world.consult()
    sealed.seal()
    path = "/log/tile/entries/000.p/2"
    here = await world.ask("GET", path)
    assert [leaf_hash(entry) for entry in split_entries(here.body, 2)] == [
        row.leaf_hash for row in world.store.records
    ]
    assert here.headers["cache-control"].startswith("private, ")
    refused = await world.ask("GET", path, **AWAY)
    assert (refused.status, refused.json["reason"]) == (403, "log-closed")
    assert (await world.ask("GET", path, {"x-forwarded-for": "203.0.113.7"})).status == 403
    assert (await world.ask("GET", path, {"authorization": "Bearer wrong"}, **AWAY)).status == 403
    assert (await world.ask("GET", path, {"authorization": "Bearer secret"}, **AWAY)).status == 200
    assert (await world.ask("GET", path, {"authorization": "Basic itg_auditor"}, **AWAY)).status == 403
    assert (await world.ask("GET", path, {"authorization": "Bearer itg_auditor"}, **AWAY)).status == 200


async def test_hash_tiles_may_be_for_auditors_only(world: World, sealed: Sealed):
    world.options["log_access"] = LogAccess(tiles_public=False)
    world.build()
    await world.consult()
    sealed.seal()
    assert (await world.ask("GET", "/log/tile/0/000.p/2", **AWAY)).status == 403
    assert (await world.ask("GET", "/log/tile/0/000.p/2")).status == 200
    assert (await world.ask("GET", "/log/checkpoint", **AWAY)).status == 200


@pytest.mark.parametrize(
    "path",
    ["/log/", "/log/tile", "/log/tile/0/000", "/log/tile/0/000.p/3", "/log/tile/1/000.p/1", "/log/tile/0/0",
     "/log/tile/0/../000", "/log/tile/entries/001.p/1", "/log/checkpoint/"],
)  # fmt: skip
async def test_other_paths_are_nothing(world: World, sealed: Sealed, path: str):
    await world.consult()
    sealed.seal()
    assert (await world.ask("GET", path)).status == 404


async def test_it_is_read_only(world: World, sealed: Sealed):
    answer = await world.ask("POST", "/log/checkpoint")
    assert (answer.status, answer.headers["allow"]) == (405, "GET")


async def test_a_database_that_is_gone_is_503(world: World, sealed: Sealed):
    world.store.down = True
    answer = await world.ask("GET", "/log/checkpoint")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


async def test_the_sender_gets_a_receipt_that_stands_alone(world: World, sealed: Sealed):
    await world.consult()
    answer = await world.consult()
    exchange = answer.headers["belgov-trace-id"]
    url = f"/v1/exchanges/{exchange}/receipt"
    early = await world.ask("GET", url, credentials(world))
    assert (early.status, early.json["reason"], early.headers["retry-after"]) == (404, "receipt-not-yet", "1")
    sealed.seal()
    found = await world.ask("GET", url, credentials(world))
    assert found.status == 200
    assert found.headers["cache-control"] == "no-store"
    assert f'filename="{exchange}.tlog-proof"' in found.headers["content-disposition"]
    receipt = proof.decode(found.body)
    assert proof.verify(receipt, [sealed.key.verifier], LOG).size == sealed.size
    assert leaf_hash(receipt.entry).hex() == answer.headers["integrator-record"]


async def test_for_others_there_is_no_receipt(world: World, sealed: Sealed):
    exchange = (await world.consult()).headers["belgov-trace-id"]
    sealed.seal()
    url = f"/v1/exchanges/{exchange}/receipt"
    assert (await world.ask("GET", url)).status == 401
    other = await world.ask("GET", url, credentials(world, "municipal/liege"))
    assert (other.status, other.json["reason"]) == (404, "exchange-unknown")
    for unknown in (
        f"/v1/exchanges/{UUID(int=1)}/receipt",
        "/v1/exchanges/x/receipt",
        "/v1/exchanges//receipt",
    ):
        assert (await world.ask("GET", unknown, credentials(world))).status == 404


async def test_an_event_that_goes_on_has_no_receipt_yet(world: World, sealed: Sealed):
    url = (await world.notify()).json["status"]
    sealed.seal()
    answer = await world.ask("GET", f"{url}/receipt", credentials(world))
    assert (answer.status, answer.json["reason"]) == (404, "receipt-not-yet")
