"""The REST door: JSON in, canonical request out; the minimised answer back as JSON."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from integrator.exchange import Context, IntegratorError, InvalidRequest, Message, RouteFailed
from integrator.gateway import events, headers
from integrator.gateway.entries import RestEntry
from integrator.gateway.errors import error_headers, problem
from integrator.gateway.http import JSON, PROBLEM, Head, RawHeaders, Receive, Scope, Send, answer, read_body
from integrator.gateway.http import check_body_type as check_type
from integrator.gateway.pipeline import Ended, refuse, run
from integrator.gateway.plane import Plane, name_caller
from integrator.gateway.policy import Granted
from integrator.gateway.runtime import Runtime
from integrator.gateway.texts import best_language
from integrator.security.parsers import dump_json
from integrator.telemetry import log

_LOG = log.get("gateway")
_JSON_TYPES = (JSON,)
STATUS_PATH = "/v1/exchanges/"


async def exchange(
    plane: Plane,
    runtime: Runtime,
    entry: RestEntry,
    in_path: dict[str, str],
    scope: Scope,
    receive: Receive,
    send: Send,
    head: Head,
) -> None:
    """Serve one request to a REST entry, from its head to the sent answer."""
    context = plane.begin(runtime, entry.flow, "rest")
    try:
        ended = await _serve(plane, runtime, entry, in_path, scope, receive, head, context)
    except IntegratorError as error:
        ended = await refuse(plane, entry.flow, context, error)
    except Exception:
        _LOG.error("request-broke", exchange=context.exchange_id, flow=entry.flow.id, exc_info=True)
        ended = await refuse(plane, entry.flow, context, RouteFailed())
    if ended.error is not None:
        await send_problem(plane, runtime, send, head, ended, context.exchange_id)
    elif entry.flow.flow.exchange == "event":
        await answer(send, 202, JSON, ended.body, _traced(context, ended, events.location(ended)))
    else:
        await answer(send, 200, JSON, ended.body, _traced(context, ended))


async def _serve(
    plane: Plane,
    runtime: Runtime,
    entry: RestEntry,
    in_path: dict[str, str],
    scope: Scope,
    receive: Receive,
    head: Head,
    context: Context,
) -> Ended:
    flow = entry.flow
    plane.check_load()
    caller = await plane.identity.caller(scope, head, runtime.directory)
    name_caller(context, caller)
    asked = headers.read(head)
    if asked.idempotency_key is not None and flow.flow.exchange != "event":
        raise InvalidRequest("this flow takes no Idempotency-Key: remove it", reason="idempotency-not-here")
    granted = plane.admit(runtime, flow, context, caller, asked)
    message = await _message(plane, entry, in_path, scope, receive, head, context)
    value = message.as_json()
    flow.check_request(value)
    context.subjects_request = flow.request_subjects(value)
    if flow.flow.exchange == "event":
        return await events.accept(plane, flow, context, value, asked.idempotency_key)
    return await _run(plane, entry, granted, context, message)


async def _run(plane: Plane, entry: RestEntry, granted: Granted, context: Context, message: Message) -> Ended:
    return await run(plane, entry.flow, granted, context, message, dump_json)


async def _message(
    plane: Plane,
    entry: RestEntry,
    in_path: dict[str, str],
    scope: Scope,
    receive: Receive,
    head: Head,
    context: Context,
) -> Message:
    """The canonical request: the JSON body, with the declared path and query parameters in it."""
    given: dict[str, Any] = {}
    if in_path or scope.get("query_string"):
        given = _parameters(entry, in_path, scope.get("query_string", b""))
    declared = {name: head.text(key, plane.limits.header_value_chars) for name, key in entry.headers}
    message = Message(
        None,
        {name: text for name, text in declared.items() if text is not None} if declared else None,
        conversions=plane.conversions,
    )
    if not entry.takes_body:
        message.body = given
        return message
    check_type(head, _JSON_TYPES)
    body = await read_body(receive, head, plane.limits)
    note_body(context, body)
    message.body = body
    value = message.as_json()
    _check_numbers(value)
    if not given:
        message.set_json(value, body)
        return message
    if not isinstance(value, dict):
        raise InvalidRequest("with parameters the body must be a JSON object", reason="parameter")
    if not given.keys().isdisjoint(value):
        raise InvalidRequest("a parameter stands in the body as well: send it once", reason="parameter")
    message.body = {**value, **given}
    return message


def _check_numbers(value: Any) -> None:
    """Raises InvalidRequest for a whole number of more than 64 bits, which no answer could repeat."""
    try:
        dump_json(value)
    except TypeError:
        raise InvalidRequest("a JSON number is larger than 64 bits", reason="json-number") from None


def note_body(context: Context, body: bytes) -> None:
    """Size and digest of what came in, for the journal (which salts the digest)."""
    context.request_bytes = len(body)
    context.request_digest = events.digest(body)


def _parameters(entry: RestEntry, in_path: dict[str, str], query: bytes) -> dict[str, Any]:
    given: dict[str, str] = dict(in_path)
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, strict_parsing=bool(query), errors="strict"
        )
    except ValueError:
        raise InvalidRequest("the query string cannot be read", reason="parameter") from None
    for name, text in pairs:
        if name not in entry.entry.parameters:
            raise InvalidRequest("this address has no such query parameter", reason="parameter")
        if name in given:
            raise InvalidRequest("a query parameter stands there twice", reason="parameter")
        given[name] = text
    return {name: entry.coercions[name](text) for name, text in given.items()}


def _traced(context: Context, ended: Ended, more: RawHeaders | None = None) -> RawHeaders:
    traced = [(b"belgov-trace-id", context.exchange_id.encode())]
    if ended.record is not None:
        traced.append((b"integrator-record", ended.record.hex().encode()))
    return traced + more if more else traced


async def send_problem(
    plane: Plane,
    runtime: Runtime,
    send: Send,
    head: Head,
    ended: Ended,
    exchange_id: str | None,
    more: RawHeaders | None = None,
) -> None:
    """Answer with problem details, in the language the caller likes best."""
    error = ended.error or RouteFailed()
    accepted = head.values.get(b"accept-language")
    language = best_language(accepted.decode("latin-1") if accepted else None, runtime.site.languages[0])
    url = f"{STATUS_PATH}{exchange_id}" if error.reason == "outcome-unknown" else None
    extra = error_headers(error) + (more or [])
    if exchange_id is not None:
        extra.append((b"belgov-trace-id", exchange_id.encode()))
    if ended.record is not None:
        extra.append((b"integrator-record", ended.record.hex().encode()))
    await answer(send, error.http_status, PROBLEM, problem(error, language, exchange_id, url), extra)
