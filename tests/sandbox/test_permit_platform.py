from __future__ import annotations

import json
from typing import Any

import pytest

from integrator.sandbox.app import Sandbox
from integrator.sandbox.permit_platform import PermitPlatform
from tests.outbound.sites import PERMIT, PERMITS
from tests.sandbox.conftest import Client

HEADERS = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": "k-1"}


async def post(client: Client, value: Any = PERMIT, **headers: str) -> tuple[int, Any]:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    names = {name.replace("_", "-"): text for name, text in headers.items()}
    sent = {name: text for name, text in {**HEADERS, **names}.items() if text}
    response = await client.send(body, target="/permits", headers=sent)
    return response.status, json.loads(response.body)


async def test_a_permit_is_registered_once_per_key(permits: Client, sandbox: Sandbox) -> None:
    status, first = await post(permits)
    assert (status, first["status"]) == (201, "registered")
    assert await post(permits) == (201, first)
    _, other = await post(permits, Idempotency_Key="k-2")
    assert other["id"] != first["id"]
    platform = sandbox.simulators[PERMITS]
    assert isinstance(platform, PermitPlatform)
    assert platform.accepted == 2
    _, received = await permits.control("GET", "received")
    assert [(one["key"], one["duplicate"]) for one in received] == [
        ("k-1", False),
        ("k-1", True),
        ("k-2", False),
    ]
    assert json.loads(received[0]["body"]) == PERMIT


async def test_a_known_key_with_another_body(permits: Client) -> None:
    await post(permits)
    assert (await post(permits, {**PERMIT, "decision": "refused"}))[0] == 422


@pytest.mark.parametrize(
    ("value", "headers", "status"),
    [
        (PERMIT, {"Idempotency_Key": ""}, 400),
        (PERMIT, {"Content_Type": "text/plain"}, 415),
        (PERMIT, {"Content_Type": ""}, 415),
        (b"{", {}, 400),
        (b'{"a": 1, "a": 2}', {}, 400),
        ({**PERMIT, "decision": "maybe"}, {}, 400),
        ({**PERMIT, "unknown": 1}, {}, 400),
        ([], {}, 400),
    ],
)
async def test_permits_that_are_none(
    permits: Client, value: Any, headers: dict[str, str], status: int
) -> None:
    got, problem = await post(permits, value, **headers)
    assert (got, problem["status"]) == (status, status)
    assert (await post(permits))[0] == 201  # the key was not used up


async def test_other_paths_and_methods(permits: Client) -> None:
    assert (await permits.send(b"", method="GET", target="/permits")).status == 405
    assert (await permits.send(b"{}", target="/other")).status == 404


@pytest.mark.parametrize(("fault", "status"), [("unavailable", 503), ("rejected", 400), ("html", 200)])
async def test_faults_keep_nothing(permits: Client, sandbox: Sandbox, fault: str, status: int) -> None:
    await permits.control("POST", "faults", {"fault": fault, "next": 2})
    for _ in range(2):
        response = await permits.send(json.dumps(PERMIT).encode(), target="/permits", headers=HEADERS)
        assert response.status == status
    platform = sandbox.simulators[PERMITS]
    assert isinstance(platform, PermitPlatform)
    assert platform.accepted == 0
    assert (await post(permits))[0] == 201


async def test_an_answer_that_is_not_json(permits: Client) -> None:
    await permits.control("POST", "faults", {"fault": "breaks-contract"})
    response = await permits.send(b"{}", target="/permits", headers=HEADERS)
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(response.body)


async def test_faults_of_the_other_system_are_unknown_here(permits: Client) -> None:
    assert (await permits.control("POST", "faults", {"fault": "soap-fault"}))[0] == 400


async def test_without_a_schema_any_json_is_a_permit() -> None:
    from integrator.sandbox.simulator import Request

    platform = PermitPlatform()
    headers = {"content-type": "application/json", "idempotency-key": "k"}
    assert platform.answer(Request("POST", "/permits", headers, b"[1]")).status == 201
