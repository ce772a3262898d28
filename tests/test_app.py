"""The composition root in one process: what a bus does when its parts fail or are changed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from integrator.app import Bus
from integrator.foundations import Options, StartRefusedError, check_options, foundations
from integrator.operations.asgi_call import call
from integrator.security.keyring import Keyring
from integrator.store.units import StoreOverloaded, StoreUnavailable
from tests.services.site import open_site

NOWHERE = {"regional/bced-person": "http://127.0.0.1:9/x", "regional/permit-platform": "http://127.0.0.1:9"}


def options(tmp_path: Path, **more: Any) -> Options:
    var = tmp_path / "var"
    made: dict[str, Any] = {
        "site": open_site(tmp_path),
        "var": var,
        "key_file": var / "keys.json",
        "anchor": var / "journal.anchor",
        "overrides": {**NOWHERE, "municipal/permit-drop": str(tmp_path / "drop")},
    }
    return Options(**{**made, **more})


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    async with foundations(options(tmp_path)) as base:
        bus = Bus(base)
        await bus.prepare()
        await bus.start()
        try:
            yield bus
        finally:
            await bus.stop()


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - what is asked has no event
            await asyncio.sleep(0.02)


def failing(error: Exception) -> Callable[..., Any]:
    async def fail(*_: Any) -> None:
        raise error

    return fail


def missed(bus: Bus) -> bool:
    return b'kind="beat-missed"' in bus.metrics.render()


async def test_a_busy_store_does_not_end_the_bus(bus: Bus, monkeypatch) -> None:
    monkeypatch.setattr(bus.base.store, "beat", failing(StoreOverloaded("too many")))
    await until(lambda: missed(bus))
    await asyncio.sleep(0)
    assert not bus.failure.done()
    assert bus.health()["store"] == "UP"


async def test_without_its_database_the_bus_is_down_and_says_so(bus: Bus, monkeypatch) -> None:
    assert bus.health()["store"] == "UP"
    with monkeypatch.context() as patched:
        patched.setattr(bus.base.store, "beat", failing(StoreUnavailable("gone")))
        await until(lambda: bus.health()["store"] == "DOWN")
    await until(lambda: bus.health()["store"] == "UP")


async def test_a_gauge_of_what_is_gone_is_zero(bus: Bus, monkeypatch) -> None:
    counts = {("permit-notification", "relayed"): 7}

    async def count() -> dict[tuple[str, str], int]:
        return counts

    gauge = b'integrator_deliveries{flow="permit-notification",state="relayed"}'
    monkeypatch.setattr(bus.base.store, "delivery_counts", count)
    await until(lambda: gauge + b" 7.0" in bus.metrics.render())
    counts = {}
    await until(lambda: gauge + b" 0.0" in bus.metrics.render())


async def test_a_revoked_key_stops_at_once(bus: Bus) -> None:
    control = bus.control(lambda: bus.runtime.site)
    text, row = await control.add_key("municipal/namur", "test", 1)
    identity, directory = bus.gateway.plane.identity, bus.runtime.directory

    async def known() -> bool:
        from integrator.exchange import NotAuthenticated
        from integrator.gateway.http import Head

        with contextlib.suppress(NotAuthenticated):
            await identity.caller({}, Head([(b"authorization", f"Bearer {text}".encode())]), directory)
            return True
        return False

    assert await known()
    assert await control.revoke_key(row.key_id)
    assert not await known()


async def test_a_site_another_process_activated_and_this_one_cannot_run_is_not_followed(
    bus: Bus, monkeypatch
) -> None:
    """Exchanges go on under the former site; the refusal is said once."""
    store, before = bus.base.store, bus.runtime
    await store.activate_site("ee" * 32, b'{"not": "a site"}', _act(bus))
    await bus._follow_site()
    await bus._follow_site()
    assert bus.runtime is before
    assert not bus.failure.done()


def _act(bus: Bus) -> Any:
    from integrator.store.units import Unit

    return Unit([bus.base.journal.act("site-activated", "operator", {}, now_us=1)])


async def test_a_worker_that_is_started_again_takes_the_active_site(tmp_path: Path) -> None:
    chosen = options(tmp_path, restarted=True)
    async with foundations(chosen) as base:
        first = await Bus(base)._first_site()
        register = chosen.site / "routes.yaml"
        register.write_text(register.read_text().replace("retention: P10Y", "retention: P12Y", 1))
        assert (await Bus(base)._first_site()).hash == first.hash


async def test_an_activation_while_no_bus_runs_is_for_the_next_start(tmp_path: Path) -> None:
    from integrator.portal.app import create_app

    chosen = options(tmp_path, overrides={})
    async with foundations(chosen) as base:
        bus = Bus(base)
        first = await bus._first_site()
        register = chosen.site / "routes.yaml"
        register.write_text(register.read_text().replace("retention: P10Y", "retention: P12Y", 1))
        control = bus.control(lambda: first)
        status, answer = await call(
            create_app(control), "POST", "/api/site/activate", control.control_token, None
        )
        assert (status, answer["changed"]) == (200, True)
        assert await base.store.active_site() == answer["site"] != first.hash


async def test_a_broker_that_refuses_us_refuses_the_start_with_the_remedy(tmp_path: Path) -> None:
    chosen = options(tmp_path, broker="carrier-pigeon://x")
    Keyring.create(chosen.key_file)
    async with foundations(chosen) as base:
        bus = Bus(base)
        await bus.prepare()
        with pytest.raises(StartRefusedError, match="amqp://"):
            await bus.start()


def test_the_sandbox_is_for_one_process() -> None:
    services = {"database": "postgresql://x/y", "broker": "amqp://x"}
    with pytest.raises(StartRefusedError, match="one process"):
        check_options(Options(workers=2, sandbox=True, **services))


async def test_no_password_of_the_database_is_left_on_the_disk(tmp_path: Path) -> None:
    async with foundations(options(tmp_path)) as base:
        marker = base.options.var / "schema"
        assert base.options.database not in marker.read_text()


# --- the key of the log --------------------------------------------------------------------------


def without_log_key(path: Path) -> None:
    """A key file as the release made it that did not sign the log."""
    Keyring.create(path)
    document = json.loads(path.read_text())
    document["keys"] = [key for key in document["keys"] if key["purpose"] != "log"]
    path.write_text(json.dumps(document))


async def test_the_embedded_mode_adds_the_key_that_signs_the_log(tmp_path: Path) -> None:
    chosen = options(tmp_path)
    without_log_key(chosen.key_file)
    before = {key.id: key.check_value() for key in Keyring.load(chosen.key_file)}
    async with foundations(chosen) as base:
        await Bus(base).prepare()
        found = await base.store.last_checkpoint()
        assert found is not None
        assert before.items() < (await base.store.key_checks()).items()
    async with foundations(chosen) as base:  # and knows it at the next start
        await Bus(base).prepare()


async def test_elsewhere_a_missing_log_key_refuses_the_start_with_the_remedy(tmp_path: Path) -> None:
    chosen = options(tmp_path, broker="amqp://127.0.0.1/x")
    without_log_key(chosen.key_file)
    with pytest.raises(StartRefusedError, match="integrator keyring add KEYFILE --purpose log"):
        async with foundations(chosen) as base:
            Bus(base)
    Keyring.add(chosen.key_file, "log")
    with pytest.raises(StartRefusedError, match="does not know the key log-1: enrol it once"):
        async with foundations(chosen):
            pass
    async with foundations(chosen, enrol=True):
        pass
    async with foundations(chosen) as base:
        await Bus(base).prepare()


async def test_a_database_behind_its_anchor_refuses_the_start(tmp_path: Path) -> None:
    chosen = options(tmp_path)
    async with foundations(chosen) as base:
        bus = Bus(base)
        await bus.prepare()
        await bus.sealer.seal_pending()
    for name in chosen.var.glob("integrator.db*"):
        name.unlink()
    async with foundations(chosen) as base:
        with pytest.raises(StartRefusedError, match="this is an older copy"):
            await Bus(base).prepare()
