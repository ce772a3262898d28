"""The gateway with the real store, journal, engine and Walloon site; only the providers are doubles."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from integrator.contracts.binder import Binder
from integrator.contracts.contract import Contract
from integrator.contracts.jsonschema import JsonSchema
from integrator.engine import Services, compile_routes
from integrator.engine.languages.jq import compile_jq, first_or_null
from integrator.exchange import AdapterAnswer, Context, Leg, now_us
from integrator.gateway.app import Gateway
from integrator.gateway.runtime import Runtime, Tools
from integrator.journal.writer import Journal
from integrator.security.limits import DEFAULT
from integrator.site.compile import compile_site
from integrator.site.compiled import CompiledSite
from integrator.store.api import KeyRow
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from integrator.telemetry.metrics import Metrics
from tests.engine.open_ways import OpenWays
from tests.gateway.doubles import NISS, FunctionRoutes, World, keyring

ROOT = Path(__file__).parents[2]
PERSON = {
    "person": {
        "personNumber": NISS,
        "name": {"firstName": ["Alix"], "lastName": ["Modèle"]},
        "birth": {"officialBirthDate": "1985-07-30"},
        "income": 1,
    }
}


class Providers:
    """The sender's contract: one answer for every operation, kept calls."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.answer = AdapterAnswer(PERSON, "PROCESSED", "SOA0000000", "T-1")

    async def call(
        self, adapter: str, operation: str, body: Any, _headers: Any, context: Context | None
    ) -> AdapterAnswer:
        self.bodies.append(body)
        assert context is not None
        context.legs.append(Leg(adapter, operation, "read", now_us(), now_us()))
        return self.answer


class Real(World):
    providers: Providers


@pytest.fixture(scope="module")
def walloon() -> CompiledSite:
    return CompiledSite.from_plain(compile_site(ROOT))


@pytest.fixture(params=["sqlite", "postgres"])
async def real(request: pytest.FixtureRequest, walloon: CompiledSite, tmp_path: Path) -> AsyncIterator[Real]:
    url = "sqlite:///bus.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    await asyncio.to_thread(migrate, url, tmp_path)
    store = open_store(url, limits=DEFAULT, process_id=b"p" * 16, data_dir=tmp_path)
    await store.open()
    providers = Providers()
    services = Services(sender=providers, adapters=frozenset(walloon.adapters), ways=OpenWays(tmp_path))
    tools = Tools(
        routes=lambda sources, _personal: compile_routes(sources, services),
        schema=JsonSchema,
        jq=lambda text: first_or_null(compile_jq(text)),
        contracts={name: Contract(plain) for name, plain in walloon.contracts.items()},
        binders={name: Binder(plain) for name, plain in walloon.binders.items()},
    )
    keys = keyring()
    world = Real(FunctionRoutes({}), {}, keys=keys)
    world.providers = providers
    world.gateway = Gateway(
        Runtime.build(walloon, tools), store, Journal(keys, "bus.example/journal"), keys, Metrics(),
    )  # fmt: skip
    world.key("municipal/namur")
    world.key("municipal/liege")
    for row in world.store.keys.values():
        await store.add_key(KeyRow(row.key_id, row.secret_mac, row.party, row.label, row.created_us))
    try:
        yield world
        assert await world.gateway.stop()
    finally:
        await store.close()


async def records(world: World, exchange: str) -> list[str]:
    found = await world.gateway.plane.store.records_of(UUID(exchange).bytes)
    return [record.type for record in sorted(found, key=lambda record: record.time_us)]


async def test_flow_a(real: Real):
    answer = await real.consult()
    assert answer.status == 200, answer.body
    assert set(answer.json) <= {"niss", "name", "birthDate", "address"}
    assert answer.json["niss"] == NISS
    assert real.providers.bodies == [{"request": {"personNumber": NISS}}]
    assert await records(real, answer.headers["belgov-trace-id"]) == ["received", "completed"]
    status = await real.ask(
        "GET",
        f"/v1/exchanges/{answer.headers['belgov-trace-id']}",
        {"authorization": real.key("municipal/namur")},
    )
    assert (status.json["state"], status.json["outcome"]) == ("completed", "with-data")
    other = await real.consult(party="municipal/liege")
    assert "address" not in other.json


async def test_no_data_is_the_route_s_finding(real: Real):
    real.providers.answer = AdapterAnswer({}, "PROCESSED", "SOA0000001", "T-1")
    answer = await real.consult()
    assert (answer.status, answer.json["reason"]) == (404, "no-data")
    assert await records(real, answer.headers["belgov-trace-id"]) == ["received", "completed"]


async def test_many_at_once(real: Real):
    answers = await asyncio.gather(*(real.consult() for _ in range(50)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.headers["integrator-record"] for answer in answers}) == 50


async def test_refused(real: Real):
    answer = await real.consult(**{"integrator-dossier": "imio-urban:0"})
    assert (answer.status, answer.json["reason"]) == (403, "dossier-void")
    assert await records(real, answer.headers["belgov-trace-id"]) == ["refused"]
    assert real.providers.bodies == []


async def test_flow_b_and_its_duplicates(real: Real):
    schema = real.gateway.runtime.site.schemas["schemas/permit-notification.schema.json"]
    body = json.dumps(example(schema)).encode()
    key = {"idempotency-key": "k-1"}
    first = await real.ask("POST", "/v1/permit-notifications", real.headers(**key), body)
    assert first.status == 202, first.body
    again = await asyncio.gather(
        *(real.ask("POST", "/v1/permit-notifications", real.headers(**key), body) for _ in range(5))
    )
    assert {answer.status for answer in again} == {202}
    assert {answer.json["exchange"] for answer in again} == {first.json["exchange"]}
    status = await real.ask("GET", first.json["status"], {"authorization": real.key("municipal/namur")})
    assert status.json["state"] == "accepted"
    assert (
        await real.ask("GET", first.json["status"], {"authorization": real.key("municipal/liege")})
    ).status == 404
    assert await records(real, again[0].headers["belgov-trace-id"]) == ["completed"]


async def test_one_key_many_times_at_once_is_one_event(real: Real):
    schema = real.gateway.runtime.site.schemas["schemas/permit-notification.schema.json"]
    headers, body = real.headers(**{"idempotency-key": "k-2"}), json.dumps(example(schema)).encode()
    answers = await asyncio.gather(
        *(real.ask("POST", "/v1/permit-notifications", headers, body) for _ in range(10))
    )
    assert {answer.status for answer in answers} <= {202, 409}
    assert len({answer.json["exchange"] for answer in answers if answer.status == 202}) == 1
    counts = await real.gateway.plane.store.delivery_counts()
    assert sum(counts.values()) == 1


def example(schema: Any) -> Any:
    """A value from the schema's own examples."""
    made = {}
    for name, part in schema["properties"].items():
        if "$ref" in part:
            part = schema["$defs"][part["$ref"].rpartition("/")[2]]
        if part.get("type") == "object":
            made[name] = example({**part, "$defs": schema.get("$defs", {})})
        elif "enum" in part:
            made[name] = part["enum"][0]
        elif part.get("examples"):
            made[name] = part["examples"][0]
    return made
