from __future__ import annotations

import pytest

from integrator.gateway.eventbody import open_event
from integrator.security.keyring import Key, Keyring
from integrator.store.api import ClaimedDelivery
from integrator.store.units import StoreUnavailable
from tests.gateway.doubles import NISS, World


async def test_an_accepted_event(world: World):
    answer = await world.notify()
    exchange = answer.headers["belgov-trace-id"]
    assert answer.status == 202
    assert answer.json == {"exchange": exchange, "status": f"/v1/exchanges/{exchange}"}
    assert answer.headers["location"] == f"/v1/exchanges/{exchange}"
    assert answer.headers["integrator-record"] == world.store.records[0].leaf_hash.hex()
    assert world.accepted == 1
    (unit,) = world.store.units
    assert [row.type for row in unit.records] == ["received"]
    assert unit.accept is not None
    assert unit.accept.party == "municipal/namur"
    assert unit.idempotency is None
    assert NISS.encode() not in unit.accept.body + unit.accept.context
    assert world.store.leaves()[0]["kind"] == "event"
    assert world.routes.ran == []


async def test_the_sealed_event_can_be_carried_on(world: World):
    await world.notify()
    accept = world.store.units[0].accept
    assert accept is not None
    claimed = ClaimedDelivery(
        accept.exchange_id,
        accept.flow,
        accept.party,
        0,
        accept.accepted_us,
        accept.body,
        accept.context,
        accept.body_key,
    )
    body, context = open_event(world.keys, claimed)
    assert body == b'{"applicant":{"niss":"85073003328"},"permit":"P1"}'
    assert context.previous == world.store.records[0].leaf_hash
    assert (context.purpose, context.party) == ("environmental-permit", "municipal/namur")


async def test_a_duplicate_has_no_second_effect(world: World):
    first = await world.notify({"permit": "P1", "applicant": {"niss": NISS}}, **{"idempotency-key": "k1"})
    again = await world.notify({"applicant": {"niss": NISS}, "permit": "P1"}, **{"idempotency-key": "k1"})
    assert again.status == 202
    assert again.json == first.json
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["belgov-trace-id"] != first.headers["belgov-trace-id"]
    assert world.accepted == 1
    assert len(world.store.deliveries) == 1
    assert world.store.types() == ["received", "completed"]
    leaf = world.store.leaves()[1]
    assert (leaf["outcome"], leaf["duplicate_of"]) == ("duplicate", first.json["exchange"])


async def test_another_body_under_a_used_key(world: World):
    await world.notify(**{"idempotency-key": "k1"})
    answer = await world.notify({"permit": "P2", "applicant": {"niss": NISS}}, **{"idempotency-key": "k1"})
    assert (answer.status, answer.json["reason"]) == (422, "idempotency-body")
    assert world.store.types() == ["received", "refused"]


async def test_a_key_in_progress_elsewhere(world: World):
    world.store.in_progress = True
    answer = await world.notify(**{"idempotency-key": "k1"})
    assert (answer.status, answer.json["reason"]) == (409, "idempotency-in-progress")
    assert world.store.types() == ["refused"]


async def test_neither_key_nor_body_is_kept_in_clear(world: World):
    await world.notify(**{"idempotency-key": "secret-key"})
    claim = world.store.units[0].idempotency
    assert claim is not None
    assert len(claim.key_mac) == len(claim.digest) == 32
    assert b"secret-key" not in repr(world.store.units).encode()


async def test_an_event_without_its_record_is_not_accepted(world: World):
    world.store.fail = lambda _unit: StoreUnavailable()
    answer = await world.notify()
    assert (answer.status, answer.json["reason"]) == (503, "not-recorded")
    assert world.accepted == 0
    assert world.store.deliveries == {}


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"{", 400, "json-malformed"),
        (b"{}", 400, "schema"),
        (b'{"permit": "P", "applicant": {"niss": "85073003329"}}', 400, "subject-invalid"),
        (
            b'{"permit": "P", "applicant": {"niss": "85073003328"}, "n": 1' + b"0" * 40 + b"}",
            400,
            "json-number",
        ),
    ],
)
async def test_an_invalid_event_is_refused_and_recorded(world: World, body, status, reason):
    answer = await world.ask("POST", "/v1/permit-notifications", world.headers(), body)
    assert (answer.status, answer.json["reason"]) == (status, reason)
    assert world.store.types() == ["refused"]
    assert world.store.deliveries == {}


async def test_a_duplicate_that_cannot_be_recorded(world: World):
    await world.notify(**{"idempotency-key": "k1"})
    world.store.fail = lambda unit: StoreUnavailable() if unit.accept is None else None
    answer = await world.notify(**{"idempotency-key": "k1"})
    assert answer.status == 503


async def test_a_repeated_event_is_known_over_a_rotation_of_the_index_key(world: World):
    first = await world.notify(**{"idempotency-key": "k1"})
    rotated = Keyring([*world.keys, Key("index-2", "index", b"n" * 32)])
    assert rotated.current("index").id == "index-2"
    world.gateway.plane.keyring = rotated
    again = await world.notify(**{"idempotency-key": "k1"})
    assert (again.status, again.json["exchange"]) == (202, first.json["exchange"])
    assert len(world.store.deliveries) == 1
