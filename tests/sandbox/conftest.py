"""Simulators with a client: raw HTTP by the pool, SOAP by the contract's own codec."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from lxml import etree

from integrator.contracts import envelope
from integrator.contracts.envelope import Fault
from integrator.outbound.pool import Pool
from integrator.outbound.transport import HttpRequest, HttpResponse, parse_endpoint
from integrator.sandbox.app import Sandbox
from tests.outbound.sites import EXCHANGE, contract, site

MESSAGES = "{http://soa.spw.wallonie.be/services/person/messages/v3}"
HEADER: dict[str, Any] = {
    "customerInformations": {
        "ticket": EXCHANGE,
        "timestampSent": "2026-01-01T00:00:00Z",
        "customerIdentification": {"organisationId": "0207362739", "applicationName": "urban"},
    },
    "privacyLog": {
        "context": "ENVIRONMENTAL_OR_SINGLE_PERMIT",
        "dossier": {"dossierId": {"@source": "imio-urban", "#text": "PE/2026/118"}},
    },
}


class Client:
    """Talks to one simulator."""

    def __init__(self, endpoint: str) -> None:
        self.origin, self.target = parse_endpoint(endpoint)
        self.pool = Pool(idle_seconds=5)

    async def send(
        self,
        body: bytes,
        *,
        method: str = "POST",
        target: str | None = None,
        headers: dict[str, str] | None = None,
        seconds: float = 5.0,
    ) -> HttpResponse:
        deadline = asyncio.get_running_loop().time() + seconds
        path = self.target if target is None else target
        sent = tuple((headers or {}).items())
        return await self.pool.send(HttpRequest(self.origin, method, path, sent, body, deadline))

    async def control(self, method: str, what: str, value: Any = None) -> tuple[int, Any]:
        body = b"" if value is None else json.dumps(value).encode()
        response = await self.send(body, method=method, target=f"/_sandbox/{what}")
        return response.status, json.loads(response.body) if response.body else None

    async def soap(self, name: str, request: Any, **options: Any) -> dict[str, Any]:
        """The validated, decoded answer of an operation."""
        element = contract().encode(MESSAGES + name, {**HEADER, "request": request})
        response = await self.send(envelope.wrap(element), headers={"Content-Type": "text/xml"}, **options)
        assert response.status == 200, response.body
        body = envelope.read(etree.fromstring(response.body)).body
        assert body is not None
        contract().validate(body)
        value: dict[str, Any] = contract().decode(body)
        return value

    async def fault(self, body: bytes) -> Fault:
        """The fault that a message gets, its detail validated."""
        response = await self.send(body, headers={"Content-Type": "text/xml"})
        assert response.status == 500
        found = envelope.read_fault(envelope.read(etree.fromstring(response.body)).body)
        assert found is not None
        assert found.detail is not None
        contract().validate(found.detail)
        return found


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(site()) as started:
        yield started


@pytest.fixture
async def person(sandbox: Sandbox) -> AsyncIterator[Client]:
    client = Client(sandbox.endpoints()["regional/bced-person"])
    yield client
    await client.pool.close()


@pytest.fixture
async def permits(sandbox: Sandbox) -> AsyncIterator[Client]:
    client = Client(sandbox.endpoints()["regional/permit-platform"])
    yield client
    await client.pool.close()
