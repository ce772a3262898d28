from dataclasses import replace

import httpx
import pytest

from integrator.exchange import InvalidRequest
from integrator.portal.app import create_app
from integrator.portal.services import Activation, ExchangeLine
from integrator.portal.texts import LANGUAGES, TEXTS, choose
from integrator.site.compiled import CompiledSite, Entry, Flow, Grant, Party, RouteSource
from integrator.store.api import KeyRow

FLOW = Flow(
    id="person-consult",
    title={"fr": "Consulter une personne", "nl": "Een persoon raadplegen", "en": "<Look up> a person"},
    owner="regional/spw-digital",
    exchange="request-reply",
    route=RouteSource("x.yaml", ()),
    request=None,
    answer=None,
    entries=(Entry("rest", "/v1/persons/consult"), Entry("soap", "/soap/person/v3")),
    grants=(Grant(("municipal/namur",), ("environmental-permit",), ("identity",)),),
)
SITE = CompiledSite(
    hash="ab" * 32,
    organisation="0316381138",
    languages=("fr",),
    purposes={},
    parties={"regional/spw-digital": Party("regional/spw-digital", "0316381138", {"fr": "SPW Digital"})},
    flows={FLOW.id: FLOW},
    adapters={},
)
LINE = ExchangeLine(
    "0193-id", 1_732_431_600_000_000, FLOW.id, "municipal/namur", "completed", "with-data", None
)
ROW = KeyRow("k1", b"mac", "municipal/namur", "test", 1_732_431_600_000_000)


class Bus:
    control_token = "token-of-the-run-file"

    def __init__(self):
        self.lines = [LINE, replace(LINE, state="refused", outcome=None, index=7)]
        self.read = []

    def site(self):
        return SITE

    async def latest(self, limit):
        return self.lines[:limit]

    async def activate(self):
        return Activation("cd" * 32, False, [{"file": "routes.yaml", "line": 3, "rule": "unknown-key"}])

    async def add_key(self, party, label, days, role=None):
        if party != "municipal/namur":
            raise InvalidRequest("no party of that name in the active site", reason="unknown-party")
        return "itg_k1_secret", ROW

    async def revoke_key(self, key_id):
        return key_id == "k1"

    async def keys(self):
        return [ROW]

    async def journal(self, command, arguments, who, why):
        self.read.append((command, arguments, who, why))
        return {"records": []}


@pytest.fixture
def bus():
    return Bus()


@pytest.fixture
async def client(bus):
    transport = httpx.ASGITransport(create_app(bus), client=("127.0.0.1", 5000))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        yield client


TOKEN = {"Authorization": f"Bearer {Bus.control_token}"}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_page_speaks_four_languages_and_escapes(client, language):
    page = await client.get("/", headers={"Accept-Language": language})
    assert page.status_code == 200
    assert f'<html lang="{language}">' in page.text
    assert TEXTS[language]["flows"] in page.text
    assert TEXTS[language]["refused"] in page.text
    assert "0193-id" in page.text
    assert "<Look up>" not in page.text
    assert "script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_an_empty_bus_says_what_to_do(client, bus):
    bus.lines = []
    assert TEXTS["nl"]["none"] in (await client.get("/?lang=nl")).text


@pytest.mark.parametrize(
    ("wanted", "accepted", "expected"),
    [
        ("de", "fr", "de"),
        ("xx", "nl-BE,fr;q=0.8", "nl"),
        (None, "it, en;q=0.5, de;q=0.9", "de"),
        (None, "", "fr"),
        (None, "de;q=0, nl;q=x", "fr"),
    ],
)
def test_language_is_negotiated(wanted, accepted, expected):
    assert choose(wanted, accepted) == expected


def test_every_language_has_every_text():
    assert all(set(texts) == set(TEXTS["en"]) for texts in TEXTS.values())
    assert all(text for texts in TEXTS.values() for text in texts.values())


async def test_the_register_and_the_exchanges_are_read(client):
    assert [flow["id"] for flow in (await client.get("/api/flows")).json()] == ["person-consult"]
    one = (await client.get("/api/flows/person-consult")).json()
    assert one["purposes"] == ["environmental-permit"]
    assert (await client.get("/api/flows/none")).status_code == 404
    lines = (await client.get("/api/exchanges?limit=1")).json()
    assert lines[0]["state"] == "completed"
    assert lines[0]["time"] == "2024-11-24T07:00:00Z"
    assert (await client.get("/api/exchanges?limit=0")).status_code == 422
    assert (await client.get("/api/site")).json()["flows"] == 1


async def test_changes_need_the_control_token(client):
    for method, path in [("POST", "/api/site/activate"), ("GET", "/api/keys"), ("DELETE", "/api/keys/k1")]:
        assert (await client.request(method, path)).status_code == 401
        assert (
            await client.request(method, path, headers={"Authorization": "Bearer wrong"})
        ).status_code == 401
    assert (await client.post("/api/keys", json={"party": "municipal/namur"})).status_code == 401
    assert (await client.post("/api/journal/list", json={"who": "me", "why": "audit"})).status_code == 401


async def test_keys_are_made_shown_once_and_ended(client):
    made = await client.post("/api/keys", json={"party": "municipal/namur"}, headers=TOKEN)
    assert made.status_code == 201
    assert made.json()["key"] == "itg_k1_secret"
    listed = (await client.get("/api/keys", headers=TOKEN)).text
    assert "secret" not in listed
    assert (await client.delete("/api/keys/k1", headers=TOKEN)).status_code == 204
    assert (await client.delete("/api/keys/k2", headers=TOKEN)).status_code == 404


async def test_errors_of_the_bus_are_problems(client):
    refused = await client.post("/api/keys", json={"party": "municipal/nowhere"}, headers=TOKEN)
    assert refused.status_code == 400
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"].endswith("unknown-party")


async def test_reading_the_journal_says_who_and_why(client, bus):
    wanted = {"arguments": {"limit": 5}, "who": "an auditor", "why": "case 12"}
    assert (await client.post("/api/journal/list", json=wanted, headers=TOKEN)).json() == {"records": []}
    assert bus.read == [("list", {"limit": 5}, "an auditor", "case 12")]
    assert (
        await client.post("/api/journal/list", json={"who": "x", "why": ""}, headers=TOKEN)
    ).status_code == 422
    assert (await client.post("/api/journal/erase", json=wanted, headers=TOKEN)).status_code == 422


async def test_a_refused_activation_lists_its_problems(client):
    done = (await client.post("/api/site/activate", headers=TOKEN)).json()
    assert done["changed"] is False
    assert done["problems"][0]["line"] == 3


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("192.0.2.7", {}),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.7"}),
        ("127.0.0.1", {"Host": "evil.example"}),
        ("127.0.0.1", {"Host": "evil.example:8080"}),
    ],
)
async def test_only_this_machine_gets_in(bus, address, headers):
    transport = httpx.ASGITransport(create_app(bus), client=(address, 5000))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        answer = await client.get("/", headers=headers)
    assert answer.status_code == 403
    assert "ssh -L" in answer.json()["detail"]


async def test_the_interface_documents_itself(client):
    document = (await client.get("/api/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert "/api/exchanges" in document["paths"]
