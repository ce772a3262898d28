"""The API for keeping the journal, over a real database: who may, what is asked, what comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from integrator.journal.anchor import Anchor
from integrator.journal.logkey import LogKey
from integrator.journal.sealer import Sealer
from integrator.journal.stewardship import Stewardship
from integrator.journal.writer import Journal
from integrator.portal.app import create_app
from integrator.security.keyring import PURPOSES, Key, Keyring
from integrator.security.limits import DEFAULT
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from integrator.store.units import Unit

NISS = "17073003384"
NOW = 1_790_000_000_000_000
EXPLAINED = {"who": "dpo", "why": "order 2026/17"}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The control plane over a journal with three sealed records."""
    ring = Keyring([Key(f"{p}-1", p, bytes([n] * 32)) for n, p in enumerate(PURPOSES, 1)])
    journal = Journal(ring, "bus.example/journal")
    migrate("sqlite:", tmp_path)
    store = open_store("sqlite:", limits=DEFAULT, process_id=bytes(16), data_dir=tmp_path)
    await store.open()
    acts = [journal.act("noise", "bus", {"count": n}, now_us=NOW) for n in range(3)]
    await store.commit(Unit(acts))
    key = LogKey(journal.origin, ring.current("log"))
    sealer = Sealer(store, Anchor(tmp_path / "anchor", journal.origin), key, lambda: NOW)
    await sealer.prepare()
    await sealer.seal_pending()
    stewardship = Stewardship(store, journal, lambda: NOW + 1, waits=True)

    async def key(_text: str) -> None:
        """No key is known here: tests/portal/test_journal_api.py asks with keys."""

    bus: Any = SimpleNamespace(control_token="token", stewardship=stewardship, key=key)
    transport = httpx.ASGITransport(create_app(bus), client=("127.0.0.1", 5000))
    headers = {"Authorization": "Bearer token"}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
        yield client
    await store.close()


async def post(client: httpx.AsyncClient, path: str, status: int = 200, **more: Any) -> Any:
    answer = await client.post(f"/api/{path}", json={**EXPLAINED, **more})
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


@pytest.mark.parametrize(
    "path",
    [
        "journal/holds", "journal/holds/list", "journal/holds/x/lift", "journal/erase", "journal/retain",
        "journal/rekey", "journal/export", "keyring/retire",
    ],
)  # fmt: skip
async def test_nothing_without_the_token_and_nothing_without_a_reason(
    client: httpx.AsyncClient, path: str
) -> None:
    full = {**EXPLAINED, "kind": "flow", "value": "x", "subject": NISS, "key_id": "x"}
    stranger = await client.post(f"/api/{path}", json=full, headers={"Authorization": "Bearer other"})
    assert stranger.status_code == 401
    for missing in ("who", "why"):
        given = {name: value for name, value in full.items() if name != missing}
        assert (await client.post(f"/api/{path}", json=given)).status_code == 422


async def test_holds(client: httpx.AsyncClient) -> None:
    made = await post(
        client,
        "journal/holds",
        201,
        kind="subject",
        value=NISS,
        since="2026-01-01T00:00:00",
        until="2026-12-31",
    )
    assert (made["value"], made["since"], made["until"]) == (
        NISS,
        "2026-01-01T00:00:00Z",
        "2026-12-31T00:00:00Z",
    )
    assert await post(client, "journal/holds/list") == [made]
    refused = await post(client, "journal/erase", 202, subject=NISS)
    assert refused["state"] == "failed"
    assert made["hold"] in refused["error"]
    assert NISS not in refused["error"]
    await post(client, f"journal/holds/{made['hold']}/lift")
    assert await post(client, "journal/holds/list") == []
    assert len(await post(client, "journal/holds/list", all=True)) == 1
    await post(client, f"journal/holds/{made['hold']}/lift", 404)
    await post(client, "journal/holds", 400, kind="purpose", value="x")
    await post(client, "journal/holds", 400, kind="flow", value="x", since="1960-01-01")
    await post(client, "journal/holds", 422, kind="flow", value="x", since="soon")


async def test_long_work_says_how_far_it_is(client: httpx.AsyncClient) -> None:
    done = await post(client, "journal/erase", 202, subject=NISS)
    assert done["state"] == "done"
    assert done["result"] == {"exchanges": 0, "records": 0, "whole": 0, "parts": 0, "open": 0}
    assert (await client.get(f"/api/journal/jobs/{done['id']}")).json() == done
    assert (await client.get("/api/journal/jobs/x")).status_code == 404
    retained = await post(client, "journal/retain", 202, dry=True)
    assert retained["result"] == {"dry": True, "classes": []}
    rekeyed = await post(client, "journal/rekey", 202)
    assert rekeyed["result"]["left"] == []
    assert rekeyed["kind"] == "rekey"


async def test_export_plans_and_refuses(client: httpx.AsyncClient) -> None:
    plan = await post(client, "journal/export", start=1, stop=3)
    assert (plan["origin"], plan["start"], plan["stop"], plan["size"]) == ("bus.example/journal", 1, 3, 3)
    assert plan["checkpoint"].startswith("bus.example/journal\n3\n")
    await post(client, "journal/export", 400, start=2, stop=2)
    await post(client, "journal/export", 404, stop=9)
    await post(client, "journal/export", 422, start=-1)


async def test_keys_are_retired_or_the_reason_is_said(client: httpx.AsyncClient) -> None:
    in_use = await post(client, "keyring/retire", 400, key_id="details-1")
    assert "new data is written with it" in in_use["detail"]
    unknown = await post(client, "keyring/retire", 400, key_id="details-9")
    assert "no key details-9" in unknown["detail"]
