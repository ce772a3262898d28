from __future__ import annotations

from typing import Any

import pytest

from integrator.contracts.jsonschema import JsonSchema
from integrator.exchange import BrokenContract, Headers, InvalidRequest, NoData, ProviderFault
from integrator.outbound.rest import RestCall
from integrator.outbound.transport import HttpResponse
from integrator.security.limits import DEFAULT
from tests.outbound.sites import EXCHANGE, context, operation, permit_adapter

ANSWER = JsonSchema({"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}})
REQUEST = JsonSchema({"type": "object", "properties": {"niss": {"type": "string"}}})


def call(
    path: str = "/permits",
    method: str = "POST",
    access: str = "write",
    target: str = "/",
    request: JsonSchema | None = None,
    answer: JsonSchema | None = None,
    **adapter: Any,
) -> RestCall:
    declared = operation("x", access, "f", method=method, path=path)
    return RestCall(permit_adapter(**adapter), declared, target, request, answer, DEFAULT)


def response(
    status: int = 200, body: bytes = b'{"id": "1"}', media: str = "application/json"
) -> HttpResponse:
    headers = [(b"content-type", media.encode())] if media else []
    return HttpResponse(status, headers, body)


def prepare(made: RestCall, body: Any, headers: dict[str, Any] | None = None, **changes: Any) -> Any:
    return made.prepare(body, Headers(headers or {}), context(**changes), 0)


# --- requests


def test_a_write_carries_the_exchange_id_and_json() -> None:
    prepared = prepare(call(), {"a": "é"})
    assert prepared.target == "/permits"
    assert prepared.body == '{"a":"é"}'.encode()
    assert dict(prepared.headers) == {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "Idempotency-Key": EXCHANGE,
    }


def test_a_read_has_no_key_unless_it_delivers_an_event() -> None:
    made = call(access="read")
    assert "Idempotency-Key" not in dict(prepare(made, {}).headers)
    assert dict(prepare(made, {}, kind="event").headers)["Idempotency-Key"] == EXCHANGE


@pytest.mark.parametrize(
    ("target", "path", "body", "wanted"),
    [
        ("/", "/permits/{id}", {"id": "PE/2026/1"}, "/permits/PE%2F2026%2F1"),
        ("/api/", "/permits/{id}", {"id": 7}, "/api/permits/7"),
        ("/api", "/permits?of={id}", {"id": "é &=?#"}, "/api/permits?of=%C3%A9%20%26%3D%3F%23"),
        ("/", "/a/{x}/b/{y}", {"x": "1", "y": "2"}, "/a/1/b/2"),
    ],
)  # fmt: skip
def test_path_fields_are_encoded(target: str, path: str, body: dict[str, Any], wanted: str) -> None:
    prepared = prepare(call(path, "GET", "read", target), body)
    assert prepared.target == wanted
    assert prepared.body == b""


@pytest.mark.parametrize("value", ["", ".", "..", None, True, 1.5, [], {}, "\ud800"])
def test_path_fields_that_have_no_place_in_a_path(value: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        prepare(call("/permits/{id}", "GET", "read"), {"id": value})
    assert caught.value.reason == "path-field"


@pytest.mark.parametrize("body", [None, [], "text", {}])
def test_a_missing_path_field(body: Any) -> None:
    with pytest.raises(InvalidRequest):
        prepare(call("/permits/{id}", "GET", "read"), body)


@pytest.mark.parametrize("body", [{"other": 1}, [1], "text"])
def test_what_a_get_cannot_carry_is_refused_not_dropped(body: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        prepare(call("/permits", "GET", "read"), body)
    assert caught.value.reason == "field-not-sent"


def test_a_request_that_breaks_its_schema() -> None:
    with pytest.raises(InvalidRequest) as caught:
        prepare(call(request=REQUEST), {"niss": 85073003328})
    assert caught.value.paths == ("$.niss",)
    assert "85073003328" not in str(caught.value)


def test_a_body_that_is_not_json() -> None:
    with pytest.raises(InvalidRequest):
        prepare(call(), {"x": object()})


def test_only_declared_headers_leave() -> None:
    made = call(send_headers=("X-Case", "X-Number", "X-Flag", "X-Missing"))
    sent = prepare(made, {}, {"x-case": "a", "x-number": 7, "x-flag": True, "x-other": "canary"}).headers
    assert ("X-Case", "a") in sent
    assert ("X-Number", "7") in sent
    assert ("X-Flag", "true") in sent
    assert not any("canary" in value or name == "X-Missing" for name, value in sent)


@pytest.mark.parametrize("value", ["a\r\nb", "a\nb", "a\0b", " a", "a\tb", "€", None, ["a"], {"a": 1}, b"a"])
def test_header_values_that_are_not_one_line_of_text(value: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        prepare(call(send_headers=("X-Case",)), {}, {"X-Case": value})
    assert caught.value.reason == "header-value"


# --- answers


def read(made: RestCall, answer: HttpResponse) -> Any:
    return made.read(answer, context())


def test_an_answer_with_status_ticket_and_declared_headers() -> None:
    made = call(answer=ANSWER, keep_headers=("X-Kept",))
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"x-kept", b"yes"),
        (b"x-other", b"no"),
        (b"belgov-trace-id", b"abc"),
    ]
    answer = read(made, HttpResponse(201, headers, b'{"id": "1"}'))
    assert (answer.body, answer.status, answer.code, answer.ticket) == ({"id": "1"}, "201", None, "abc")
    assert answer.headers == {"X-Kept": "yes"}


@pytest.mark.parametrize("ticket", [b"x" * 65, b"a\xe9", b"a\tb"])
def test_a_ticket_that_is_none(ticket: bytes) -> None:
    assert read(call(), HttpResponse(204, [(b"belgov-trace-id", ticket)], b"")).ticket is None


@pytest.mark.parametrize("media", ["application/json", "application/problem+json", "Application/JSON ; x=y"])
def test_kinds_of_json(media: str) -> None:
    assert read(call(), response(media=media)).body == {"id": "1"}


def test_no_content() -> None:
    assert read(call(), response(204, b"", "")).body is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (response(body=b"<html>", media="text/html"), "html-answer"),
        (response(body=b" <!DOCTYPE html>"), "html-answer"),
        (response(media="text/plain"), "not-json"),
        (response(media=""), "not-json"),
        (response(body=b"{"), "json-malformed"),
        (response(body=b'{"a": NaN}'), "json-number"),
        (response(body=b'{"a": 1, "a": 2}'), "json-duplicate-key"),
        (response(body=b"[" * 100 + b"]" * 100), "too-complex"),
        (response(body=b'{"id": 85073003328}'), "contract"),
        (response(204, b"", ""), "contract"),
        (response(301, b""), "http-status"),
        (response(304, b""), "http-status"),
    ],
)  # fmt: skip
def test_answers_that_break_the_contract(answer: HttpResponse, reason: str) -> None:
    with pytest.raises(BrokenContract) as caught:
        read(call(answer=ANSWER), answer)
    assert (caught.value.reason, caught.value.origin) == (reason, "provider")
    assert "85073003328" not in str(caught.value)


def test_404_is_no_data_on_a_read_and_a_fault_on_a_write() -> None:
    for access in ("read", "search"):
        with pytest.raises(NoData):
            read(call(access=access), response(404))
    with pytest.raises(ProviderFault):
        read(call(access="write"), response(404))


@pytest.mark.parametrize("status", [400, 401, 403, 409, 422, 429, 500, 502, 503, 504])
def test_statuses_of_failure_carry_their_code_and_no_text_of_the_provider(status: int) -> None:
    with pytest.raises(ProviderFault) as caught:
        read(call(), response(status, b'{"detail": "canary"}'))
    assert caught.value.code == str(status)
    assert "canary" not in str(caught.value)
