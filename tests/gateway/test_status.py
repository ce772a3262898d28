from __future__ import annotations

from uuid import UUID

import pytest

from integrator.exchange import ProviderFault
from tests.gateway.doubles import World


def credentials(world: World, party: str = "municipal/namur") -> dict[str, str]:
    return {"authorization": world.key(party)}


async def test_where_an_event_stands(world: World):
    url = (await world.notify()).json["status"]
    exchange = UUID(url.rpartition("/")[2]).bytes

    async def state():
        answer = await world.ask("GET", url, credentials(world))
        assert answer.status == 200
        return answer.json

    first = await state()
    assert (first["state"], first["flow"], "attempt" in first) == ("accepted", "permit-notification", False)
    world.store.move(exchange, state="relayed")
    assert (await state())["state"] == "in-delivery"
    world.store.move(
        exchange, state="accepted", attempt=2, due_us=1_800_000_000_000_000, reason="provider-timeout"
    )
    waiting = await state()
    assert (waiting["state"], waiting["attempt"], waiting["reason"]) == ("in-delivery", 2, "provider-timeout")
    assert waiting["nextAttempt"] == "2027-01-15T08:00:00.000+00:00"
    world.store.move(exchange, state="delivered", due_us=None)
    done = await state()
    assert (done["state"], "reason" in done, "nextAttempt" in done) == ("delivered", False, False)
    world.store.move(exchange, state="dead-lettered", reason="provider-fault")
    assert (await state())["reason"] == "provider-fault"


async def test_the_end_of_a_request_reply_exchange(world: World):
    answer = await world.consult()
    status = await world.ask("GET", f"/v1/exchanges/{answer.headers['belgov-trace-id']}", credentials(world))
    assert (status.json["state"], status.json["outcome"]) == ("completed", "with-data")

    def fault(_exchange):
        raise ProviderFault("words of the provider", code="SOA5100000")

    world.routes.handlers = {"flow:person-consult": fault}
    answer = await world.consult()
    status = await world.ask("GET", f"/v1/exchanges/{answer.headers['belgov-trace-id']}", credentials(world))
    assert (status.json["state"], status.json["reason"]) == ("failed", "provider-fault")
    assert "words" not in status.body.decode()


async def test_an_exchange_that_goes_on(world: World):
    seen = {}

    async def look(exchange):
        seen.update((await world.ask("GET", f"/v1/exchanges/{exchange.id}", credentials(world))).json)

    world.routes.handlers = {"flow:person-consult": look}
    await world.consult()
    assert seen["state"] == "in-progress"


async def test_for_others_the_exchange_does_not_exist(world: World):
    url = (await world.notify()).json["status"]
    other = await world.ask("GET", url, credentials(world, "municipal/liege"))
    never = await world.ask("GET", "/v1/exchanges/0191e5a0-1111-7222-8333-444455556666", credentials(world))
    assert other.status == never.status == 404
    assert other.body == never.body


@pytest.mark.parametrize("text", ["", "x", "%00", "0191e5a0-1111-7222-8333-44445555666", "../health"])
async def test_what_is_no_exchange_id(world: World, text):
    assert (await world.ask("GET", f"/v1/exchanges/{text}", credentials(world))).status == 404


async def test_status_without_credentials_and_without_database(world: World):
    url = (await world.notify()).json["status"]
    assert (await world.ask("GET", url)).status == 401
    assert (await world.ask("POST", url, credentials(world))).status == 405
    await world.ask("GET", url, credentials(world))
    world.store.down = True
    assert (await world.ask("GET", url, credentials(world))).status == 503
