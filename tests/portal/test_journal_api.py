"""`/api/journal/…` and the journal's pages by role, over a real store: what each may, and what it must not see."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import uuid_utils

from integrator.exchange import Context
from integrator.gateway.credentials import new_key, secret_fits, split_key
from integrator.journal.anchor import Anchor
from integrator.journal.desk import Desk
from integrator.journal.logkey import LogKey
from integrator.journal.sealer import Sealer
from integrator.journal.stewardship import Stewardship
from integrator.journal.writer import Journal
from integrator.portal.app import create_app
from integrator.portal.journal_texts import JOURNAL_TEXTS
from integrator.portal.texts import LANGUAGES
from integrator.security.keyring import PURPOSES, Key, Keyring
from integrator.security.limits import DEFAULT
from integrator.store.api import KeyRow, Store
from integrator.store.migrate import migrate
from integrator.store.open import open_store
from tests.journal.conftest import AGENT_NISS, NISS, make_context
from tests.journal.inspecting import SITE, World

FIXTURES = (make_context,)  # used by name
WHO = {"who": "A. Peeters", "why": "complaint 2026/17"}
ROLES = ("operator", "auditor", "dpo", "source-owner", "exchange", "nobody")


class Control:
    """The bus as the portal sees it, on a real store."""

    control_token = "token-of-the-run-file"

    def __init__(self, store: Store, keyring: Keyring, anchor: Path) -> None:
        self.store, self.keyring, self.anchor = store, keyring, anchor
        self.rows: dict[str, KeyRow] = {}
        self.journalled = Journal(keyring, "bus.example/journal")
        self.desk: Desk
        self.stewardship: Stewardship

    def site(self) -> Any:
        return SITE

    async def key(self, text: str) -> KeyRow | None:
        parts = split_key(text)
        row = self.rows.get(parts[0]) if parts else None
        return row if parts and secret_fits(self.keyring, parts[1], row) else None

    async def valid_key(self, key_id: str) -> KeyRow | None:
        return self.rows.get(key_id)

    def sealed(self, plain: bytes) -> bytes:
        return self.keyring.current("credentials").seal(plain)

    def unsealed(self, sealed: bytes) -> bytes:
        return self.keyring.current("credentials").unseal(sealed)

    async def steward(self) -> None:
        """What keeps the journal, over what was sealed so far."""
        now = time.time_ns() // 1_000
        key = LogKey(self.journalled.origin, self.keyring.current("log"))
        sealer = Sealer(self.store, Anchor(self.anchor, self.journalled.origin), key, lambda: now)
        await sealer.prepare()
        await sealer.seal_pending()
        self.stewardship = Stewardship(self.store, self.journalled, lambda: now + 1, waits=True)

    def make(self, party: str, role: str | None) -> str:
        text, row = new_key(party, "test", self.keyring, 1, role=role)
        self.rows[row.key_id] = row
        return text


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Control]:
    migrate("sqlite:", tmp_path)
    store = open_store("sqlite:", limits=DEFAULT, process_id=uuid_utils.uuid7().bytes, data_dir=tmp_path)
    await store.open()
    keyring = Keyring([Key(f"{p}-1", p, bytes([n] * 32)) for n, p in enumerate(PURPOSES, 1)])
    yield Control(store, keyring, tmp_path / "anchor")
    await store.close()


@pytest.fixture
async def world(bus: Control, make_context: Callable[..., Context]) -> World:
    world = World(bus.store, bus.journalled, make_context)
    bus.desk = world.desk
    await world.add(consumer_ticket="ours-1", ticket="theirs-1")
    await world.add(
        party="municipal/liege", organisation="0207343933", consumer_ticket="l-1", ticket="theirs-2"
    )
    return world


def browser(bus: Control, address: str = "127.0.0.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(bus), client=(address, 5000))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080")


@pytest.fixture
async def client(bus: Control) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(bus) as client:
        yield client


@pytest.fixture
def keys(bus: Control) -> dict[str, str]:
    return {
        "operator": bus.control_token,
        "auditor": bus.make("regional/spw-digital", "auditor"),
        "dpo": bus.make("municipal/namur", "dpo"),
        "source-owner": bus.make("regional/bced", "source-owner"),
        "exchange": bus.make("municipal/namur", None),
        "nobody": "itg_0123_wrong",
    }


async def ask(
    client: httpx.AsyncClient, key: str, path: str, arguments: dict[str, Any] | None = None, **more: Any
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return await client.post(
        f"/api/journal/{path}", json={**WHO, "arguments": arguments or {}, **more}, headers=headers
    )


# path, arguments, the status for each of ROLES
MATRIX = [
    ("search", {"flow": "person-consult"}, (200, 200, 200, 200, 403, 401)),
    ("search", {"subject": NISS}, (200, 200, 200, 403, 403, 401)),
    ("show", {"exchange": "first"}, (200, 200, 200, 200, 403, 401)),
    ("show", {"exchange": "second"}, (200, 200, 404, 200, 403, 401)),
    ("readings", {}, (200, 200, 403, 403, 403, 401)),
    ("report", {"subject": NISS}, (200, 200, 200, 403, 403, 401)),
    ("recipients", {"subject": NISS}, (200, 200, 200, 403, 403, 401)),
    ("breach", {"flow": "person-consult", "from": "2020-01-01", "until": "2099-01-01"}, (201, 201, 201, 403, 403, 401)),
    ("breach/list", {}, (200, 200, 200, 403, 403, 401)),
    ("breach/0193/release", {}, (404, 404, 403, 403, 403, 401)),
    ("breach/0193/subjects", {}, (404, 404, 404, 403, 403, 401)),
    ("links", {}, (200, 403, 403, 403, 403, 401)),
    ("links/add", {"old": NISS, "new": "66091495277"}, (201, 403, 403, 403, 403, 401)),
    ("links/remove", {"link": "0193"}, (404, 403, 403, 403, 403, 401)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "arguments", "statuses"), MATRIX, ids=lambda v: v if isinstance(v, str) else ""
)
async def test_every_endpoint_by_role(
    client: httpx.AsyncClient, world: World, keys: dict[str, str], path: str, arguments: dict[str, Any], statuses: tuple[int, ...]
) -> None:  # fmt: skip
    named = dict(zip(("first", "second"), world.exchanges, strict=True))
    given = {name: named.get(value, value) for name, value in arguments.items()}
    found = [(await ask(client, keys[role], path, given)).status_code for role in ROLES]
    assert dict(zip(ROLES, found, strict=True)) == dict(zip(ROLES, statuses, strict=True))


async def test_every_route_is_in_the_matrix(bus: Control) -> None:
    from integrator.portal import journal_api

    routes = {
        route.path.removeprefix("/api/journal/").replace("{breach}", "0193")
        for route in journal_api.router.routes
    }
    assert routes == {path for path, _, _ in MATRIX}


@pytest.mark.parametrize("path", ["list", "check", "receipt", "key"])
async def test_what_was_the_operators_stays_so(
    client: httpx.AsyncClient, world: World, keys: dict[str, str], path: str
) -> None:
    for role in ROLES[1:]:
        assert (await ask(client, keys[role], path)).status_code == 401


KEEPING = [
    ("holds", {"kind": "flow", "value": "person-consult"}, (201, 201, 403, 403, 403, 401)),
    ("holds/list", {}, (200, 200, 403, 403, 403, 401)),
    ("holds/0193/lift", {}, (404, 404, 403, 403, 403, 401)),
    ("export", {}, (200, 200, 403, 403, 403, 401)),
    ("erase", {"subject": NISS}, (202, 401, 401, 401, 401, 401)),
    ("retain", {}, (202, 401, 401, 401, 401, 401)),
    ("rekey", {}, (202, 401, 401, 401, 401, 401)),
]


@pytest.mark.parametrize(
    ("path", "given", "statuses"), KEEPING, ids=lambda v: v if isinstance(v, str) else ""
)
async def test_auditors_hold_and_export_and_only_the_operator_deletes(
    client: httpx.AsyncClient, bus: Control, world: World, keys: dict[str, str], path: str, given: dict[str, Any], statuses: tuple[int, ...]
) -> None:  # fmt: skip
    await bus.steward()
    found = [(await ask(client, keys[role], path, **given)).status_code for role in ROLES]
    assert dict(zip(ROLES, found, strict=True)) == dict(zip(ROLES, statuses, strict=True))


async def test_an_auditors_hold_names_the_auditor(
    client: httpx.AsyncClient, bus: Control, world: World, keys: dict[str, str]
) -> None:
    await bus.steward()
    made = await ask(client, keys["auditor"], "holds", kind="flow", value="person-consult")
    assert made.json()["who"].startswith("A. Peeters (auditor, key:")
    junk = await client.post(
        "/api/journal/export", json={"who": "A. Peeters", "why": "valeur sans importance"},
        headers={"Authorization": f"Bearer {keys['auditor']}"},
    )  # fmt: skip
    assert junk.status_code == 400
    assert (await ask(client, keys["operator"], "readings")).json()["records"][0]["refused"]


async def test_what_a_role_must_not_see_is_not_in_the_answer(
    client: httpx.AsyncClient, world: World, keys: dict[str, str]
) -> None:
    everything = (await ask(client, keys["auditor"], "search", {"flow": "person-consult"})).json()["records"]
    assert [row["exchange"] for row in everything] == world.exchanges[::-1]
    officer = await ask(client, keys["dpo"], "search", {"flow": "person-consult"})
    assert "municipal/liege" not in officer.text
    source = await ask(client, keys["source-owner"], "search", {"flow": "person-consult"})
    assert {row["party"] for row in source.json()["records"]} == {"municipal/namur", "municipal/liege"}
    shown = await ask(client, keys["source-owner"], "show", {"exchange": world.exchanges[0]})
    for secret in (NISS, AGENT_NISS, "ours-1", "PE/2026/118"):
        assert secret not in source.text + shown.text
    report = await ask(client, keys["dpo"], "report", {"subject": NISS})
    assert AGENT_NISS not in report.text
    assert len(report.json()["entries"]) == 1


async def test_a_key_without_a_role_is_recorded(
    client: httpx.AsyncClient, world: World, keys: dict[str, str]
) -> None:
    assert (
        (await ask(client, keys["exchange"], "search", {"subject": NISS}))
        .json()["type"]
        .endswith("role-missing")
    )
    rows = (await ask(client, keys["operator"], "readings")).json()["records"]
    assert rows[0]["refused"] == "role-missing"


@pytest.mark.parametrize(
    "wanted", [{"who": "", "why": "complaint 2026/17"}, {"who": "A. P.", "why": "test"}, {}]
)
async def test_who_and_why_are_required(
    client: httpx.AsyncClient, world: World, keys: dict[str, str], wanted: dict[str, str]
) -> None:
    headers = {"Authorization": f"Bearer {keys['auditor']}"}
    answer = await client.post(
        "/api/journal/search", json={**wanted, "arguments": {"subject": NISS}}, headers=headers
    )
    assert answer.status_code == 400


async def test_from_elsewhere_only_keys_reach_the_journal(
    bus: Control, world: World, keys: dict[str, str]
) -> None:
    async with browser(bus, "192.0.2.7") as far:
        assert (await ask(far, keys["auditor"], "search", {"subject": NISS})).status_code == 200
        assert (await ask(far, keys["operator"], "search", {"subject": NISS})).status_code == 403
        assert (await far.get("/journal")).status_code == 403
        assert (
            await far.get("/api/keys", headers={"Authorization": f"Bearer {keys['auditor']}"})
        ).status_code == 403
        assert (await ask(far, keys["auditor"], "search", {"flow": "x" * 70_000})).status_code == 403


async def test_pages_by_cursor(client: httpx.AsyncClient, world: World, keys: dict[str, str]) -> None:
    first = (await ask(client, keys["auditor"], "search", {"subject": NISS}, limit=1)).json()
    second = (
        await ask(client, keys["auditor"], "search", {"subject": NISS}, limit=1, cursor=first["cursor"])
    ).json()
    assert [page["records"][0]["exchange"] for page in (first, second)] == world.exchanges[::-1]


# --- documents -----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_report_on_paper_in_each_language(
    client: httpx.AsyncClient, world: World, keys: dict[str, str], language: str
) -> None:
    page = await ask(client, keys["auditor"], "report", {"subject": NISS}, format="html", language=language)
    assert page.headers["content-type"].startswith("text/html")
    assert f'<html lang="{language}">' in page.text
    assert JOURNAL_TEXTS[language]["report-title"] in page.text
    assert "protocol SPW-2026-014" in page.text
    assert "<script" not in page.text
    assert NISS not in page.text
    assert AGENT_NISS not in page.text
    table = await ask(client, keys["auditor"], "report", {"subject": NISS}, format="csv", language=language)
    assert table.text.count("\r\n") == 3
    assert JOURNAL_TEXTS[language]["report-purpose"] in table.text


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "|cmd", "＝1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    from integrator.portal.documents import csv_text

    assert f"\"'{cell}" in csv_text(["a"], [[cell]])


def test_other_cells_stay_as_they_are() -> None:
    from integrator.portal.documents import csv_text

    assert csv_text(["a", "b"], [["x=1", None], [3, 'say "no"']]) == (
        '\ufeff"a","b"\r\n"x=1",""\r\n"3","say ""no"""\r\n'
    )


# --- pages ---------------------------------------------------------------------------------------


async def sign_in(client: httpx.AsyncClient, key: str, who: str = "A. Peeters") -> httpx.Response:
    return await client.post("/journal/login?lang=en", data={"key": key, "who": who})


async def test_pages_ask_who_it_is(client: httpx.AsyncClient, world: World, keys: dict[str, str]) -> None:
    for path in ("/journal", "/journal/report", "/journal/breach"):
        assert 'type="password"' in (await client.get(path)).text
    for path in (
        "/journal",
        "/journal/record",
        "/journal/report",
        "/journal/breach/ask",
        "/journal/breach/subjects",
    ):
        answer = await client.post(path, data={"subject": NISS, "why": "complaint 2026/17"})
        assert 'type="password"' in answer.text
    for key in (keys["nobody"], keys["exchange"], ""):
        assert (await sign_in(client, key)).status_code == 401
    assert not client.cookies


async def test_an_auditor_searches_opens_and_reports(
    client: httpx.AsyncClient, world: World, keys: dict[str, str]
) -> None:
    signed = await sign_in(client, keys["auditor"])
    assert signed.status_code == 303
    cookie = signed.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert keys["auditor"] not in cookie
    form = {"subject": NISS, "why": "complaint 2026/17"}
    found = await client.post("/journal?lang=en", data=form)
    assert found.text.count("/journal/record") == 2
    assert "form-action 'self'" in found.headers["content-security-policy"]
    record = await client.post(
        "/journal/record?lang=en", data={"exchange": world.exchanges[0], "why": form["why"]}
    )
    assert "Call to regional/bced-person" in record.text
    assert AGENT_NISS in record.text
    report = await client.post("/journal/report?lang=en", data={**form, "language": "nl", "format": "html"})
    assert '<html lang="nl">' in report.text
    refused = await client.post("/journal?lang=en", data={"subject": NISS, "why": "test"})
    assert refused.status_code == 400
    assert 'role="alert"' in refused.text
    rows = await world.readings()
    assert [row["criterion"] for row in rows[:4]] == ["subject", "report", "exchange", "subject"]
    assert rows[0]["refused"] == "why-short"
    assert "<script" not in found.text + record.text + report.text


async def test_a_breach_set_needs_a_second_person_on_the_pages_too(
    client: httpx.AsyncClient, bus: Control, world: World, keys: dict[str, str]
) -> None:
    await sign_in(client, keys["auditor"])
    form = {"flow": "person-consult", "from": "2020-01-01", "until": "2099-01-01", "why": "incident 2026/4"}
    assert (await client.post("/journal/breach/ask", data=form)).status_code == 303
    (row,) = await world.desk.breaches.list(await _auditor(bus, keys["auditor"]))
    own = await client.post(
        "/journal/breach/release", data={"breach": row["breach"], "why": "incident 2026/4"}
    )
    assert own.status_code == 403
    await sign_in(client, bus.make("regional/spw-digital", "auditor"), "L. Janssens")
    form = {"breach": row["breach"], "why": "incident 2026/4"}
    assert (await client.post("/journal/breach/release", data=form)).status_code == 303
    table = await client.post("/journal/breach/subjects", data=form)
    assert table.headers["content-type"].startswith("text/csv")
    assert NISS in table.text


async def _auditor(bus: Control, key: str) -> Any:
    from integrator.portal.access import of_key

    row = await bus.key(key)
    assert row is not None
    return await of_key(bus, row, "A. Peeters")


async def test_sessions_end_with_their_key_and_are_not_forged(
    client: httpx.AsyncClient, bus: Control, world: World, keys: dict[str, str]
) -> None:
    await sign_in(client, keys["auditor"])
    assert 'type="password"' not in (await client.get("/journal")).text
    bus.rows.clear()
    assert 'type="password"' in (await client.get("/journal")).text
    client.cookies.clear()
    for value in ("x", "eyJrZXkiOiAiIn0=", ""):
        page = await client.get("/journal", headers={"Cookie": f"integrator_journal={value}"})
        assert 'type="password"' in page.text


async def test_a_form_of_another_page_is_refused(
    client: httpx.AsyncClient, world: World, keys: dict[str, str]
) -> None:
    await sign_in(client, keys["auditor"])
    answer = await client.post(
        "/journal",
        data={"subject": NISS, "why": "complaint 2026/17"},
        headers={"Origin": "http://evil.example"},
    )
    assert answer.status_code == 400
    assert await world.readings() == []
    large = await client.post("/journal", data={"why": "x" * 20_000})
    assert large.status_code == 400


async def test_a_source_owners_page_has_nobody_in_it(
    client: httpx.AsyncClient, world: World, keys: dict[str, str]
) -> None:
    await sign_in(client, keys["source-owner"])
    found = await client.post("/journal", data={"flow": "person-consult", "why": "quarterly use 2026/1"})
    record = await client.post(
        "/journal/record", data={"exchange": world.exchanges[0], "why": "quarterly use 2026/1"}
    )
    for secret in (NISS, AGENT_NISS, "ours-1", "PE/2026/118"):
        assert secret not in found.text + record.text


def test_every_language_has_every_text() -> None:
    assert all(set(texts) == set(JOURNAL_TEXTS["en"]) for texts in JOURNAL_TEXTS.values())
    assert all(text for texts in JOURNAL_TEXTS.values() for text in texts.values())
