from __future__ import annotations

import pytest

from tests.gateway.doubles import FunctionRoutes, World


def built(**options) -> World:
    return World(FunctionRoutes({}), {}, options=options).build()


async def control(scope, receive, send):
    seen = ",".join(name.decode() for name, _ in scope["headers"])
    await send({"type": "http.response.start", "status": 299, "headers": [(b"x-seen", seen.encode())]})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


@pytest.mark.parametrize("path", ["/", "/api/flows", "/docs", "/openapi.json"])
async def test_the_control_plane_gets_its_prefixes(path):
    world = built(mounted=control)
    answer = await world.ask("GET", path)
    assert (answer.status, answer.body.decode()) == (299, path)
    assert (await built().ask("GET", path)).status == 404


@pytest.mark.parametrize("path", ["/v1/nothing", "/apix", "/documents", "//", "/health/x"])
async def test_and_nothing_else(path):
    assert (await built(mounted=control).ask("GET", path)).status == 404


async def test_certificate_headers_of_strangers_do_not_reach_the_control_plane():
    pairs = {"client-cert": ":YQ==:", "client-cert-chain": ":YQ==:", "accept": "a/b"}
    assert (await built(mounted=control).ask("GET", "/", pairs)).headers["x-seen"] == "accept"
    trusting = built(mounted=control, trusted_proxies=["127.0.0.1"])
    assert "client-cert" in (await trusting.ask("GET", "/", pairs)).headers["x-seen"]


@pytest.mark.parametrize(
    ("parts", "state", "status"),
    [
        ({}, "UP", 200),
        ({"store": "UP"}, "UP", 200),
        ({"store": "UP", "broker": "DEGRADED"}, "DEGRADED", 200),
        ({"store": "DOWN", "broker": "DEGRADED"}, "DOWN", 503),
        ({"store": "odd"}, "DOWN", 503),
    ],
)
async def test_health(parts, state, status):
    world = built(parts=lambda: parts)
    here = await world.ask("GET", "/health")
    assert (here.status, here.json) == (status, {"status": state, "details": parts})
    there = await world.ask("GET", "/health", client="10.1.1.1")
    assert (there.status, there.json) == (status, {"status": state})
    proxied = await world.ask("GET", "/health", {"x-forwarded-for": "1.2.3.4"})
    assert proxied.json == {"status": state}
    assert (await world.ask("POST", "/health")).status == 405


async def test_metrics_are_for_this_machine_and_trusted_proxies(world: World):
    await world.consult()
    answer = await world.ask("GET", "/metrics")
    assert answer.status == 200
    assert b'integrator_exchanges_total{flow="person-consult",outcome="with-data"} 1.0' in answer.body
    for client in ("10.1.1.1", "", "not-an-address"):
        assert (await world.ask("GET", "/metrics", client=client)).status == 404
    assert (await world.ask("GET", "/metrics", {"forwarded": "for=x"})).status == 404
    trusting = built(trusted_proxies=["10.1.1.0/24"])
    assert (await trusting.ask("GET", "/metrics", client="10.1.1.1")).status == 200
    assert (await trusting.ask("GET", "/metrics", client="::ffff:10.1.1.1")).status == 200


async def test_refusals_are_counted_by_reason(world: World):
    await world.consult(**{"integrator-purpose": None})
    await world.ask("GET", "/nowhere")
    text = world.metrics.render().decode()
    assert 'integrator_refusals_total{reason="purpose-missing"} 1.0' in text
    assert 'integrator_refusals_total{reason="path-unknown"} 1.0' in text
    assert 'integrator_exchanges_total{flow="person-consult",outcome="refused"} 1.0' in text


async def test_lifespan_and_websockets():
    world = built()
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = []

    async def receive():
        return events.pop(0)

    async def send(message):
        sent.append(message["type"])

    await world.gateway({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    await world.gateway({"type": "websocket"}, receive, send)
    assert sent[-1] == "websocket.close"


async def test_noise_is_one_record_a_minute_and_reason():
    now = [1_800_000_000_000_000]
    world = World(FunctionRoutes({}), {}, now=lambda: now[0]).build()
    for _ in range(5):
        await world.ask("GET", "/nowhere")
    await world.gateway._upkeep.write()
    assert world.store.records == []
    now[0] += 61_000_000
    world.store.down = True
    await world.gateway._upkeep.write()
    world.store.down = False
    await world.gateway._upkeep.write()
    await world.gateway._upkeep.write()
    (leaf,) = world.store.leaves()
    assert (leaf["facts"]["reason"], leaf["facts"]["count"]) == ("path-unknown", 5)


async def test_the_upkeep_runs_by_itself_and_survives_a_mistake(monkeypatch):
    import asyncio

    world = built()
    upkeep = world.gateway._upkeep
    upkeep._every = 0.0
    ran = asyncio.Event()
    calls = []

    async def write(*, last=False):
        calls.append(last)
        if len(calls) == 1:
            raise RuntimeError
        ran.set()

    monkeypatch.setattr(upkeep, "write", write)
    world.gateway.start()
    await asyncio.wait_for(ran.wait(), 5)
    assert await world.gateway.stop()
    assert calls[-1] is True
