"""The REST protocol of adapters: JSON both ways, validated where the operation declares a schema.

An operation's path may take top-level fields of the body: `/permits/{id}`. Writes and deliveries
of events carry the exchange id as `Idempotency-Key`, so that the recipient can tell a duplicate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from integrator.contracts.jsonschema import JsonSchema
from integrator.contracts.problems import ContractViolation
from integrator.exchange import AdapterAnswer, Context, InvalidRequest, NoData, ProviderFault
from integrator.outbound.calls import Prepared, outgoing_headers, returned_headers
from integrator.outbound.errors import (
    broken,
    broken_contract,
    invalid_request,
    media_type,
    parsed,
    refuse_html,
)
from integrator.outbound.transport import HttpResponse
from integrator.security.limits import Limits
from integrator.security.parsers import dump_json, parse_json
from integrator.site.compiled import Adapter, AdapterOperation

_FIELD = re.compile(r"\{([^{}]+)\}")
_WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE"})
_TICKET_CHARS_MAX = 64

Path = Callable[[Mapping[str, Any]], str]


class RestCall:
    """One REST operation; `request` and `answer` are its compiled JSON Schemas or None."""

    def __init__(
        self,
        adapter: Adapter,
        operation: AdapterOperation,
        target: str,
        request: JsonSchema | None,
        answer: JsonSchema | None,
        limits: Limits,
    ) -> None:
        self.method = operation.method.upper()
        self._access = operation.access
        self._path, self._path_fields = _path(target.rstrip("/") + (operation.path or ""))
        self._request = request
        self._answer = answer
        self._limits = limits
        self._declared = outgoing_headers(adapter.send_headers)
        self._returned = returned_headers(adapter.keep_headers)

    def prepare(self, body: Any, headers: Mapping[str, Any], context: Context, now_us: int) -> Prepared:
        """The request of a message, validated. Raises InvalidRequest."""
        if self._request is not None:
            try:
                self._request.validate(body)
            except ContractViolation as violation:
                raise invalid_request(violation) from None
        target = self._path(body if isinstance(body, dict) else {})
        sent = [("Accept", "application/json"), *self._declared(headers)]
        if self._access == "write" or context.kind == "event":
            sent.append(("Idempotency-Key", context.exchange_id))
        if self.method in _WITHOUT_BODY:
            self._refuse_unsent(body)
            return Prepared(target, sent, b"")
        if body is None:
            return Prepared(target, sent, b"")
        sent.append(("Content-Type", "application/json"))
        return Prepared(target, sent, _dumped(body))

    def read(self, response: HttpResponse, context: Context) -> AdapterAnswer:
        """The answer in a response, validated. Raises NoData, ProviderFault, BrokenContract."""
        status = response.status
        if not 200 <= status < 300:
            self._raise_status(response)
        value = self._value(response)
        if self._answer is not None:
            try:
                self._answer.validate(value)
            except ContractViolation as violation:
                raise broken_contract(violation) from None
        return AdapterAnswer(value, str(status), None, _ticket(response), self._returned(response))

    def _value(self, response: HttpResponse) -> Any:
        if not response.body:
            return None
        refuse_html(response)
        media = media_type(response)
        if media != "application/json" and not media.endswith("+json"):
            raise broken("the provider's answer is not JSON", "not-json")
        return parsed(lambda data: parse_json(data, self._limits), response.body)

    def _raise_status(self, response: HttpResponse) -> None:
        status = response.status
        if status == 404 and self._access != "write":
            raise NoData(origin="provider")
        if status < 400:
            raise broken(
                f"the provider answered with HTTP status {status}, which is no answer", "http-status"
            )
        unavailable = status in (502, 503, 504)
        raise ProviderFault(
            f"the provider answered with HTTP status {status}",
            reason="provider-unavailable" if unavailable else "http-status",
            code=str(status),
            origin="provider",
        )

    def _refuse_unsent(self, body: Any) -> None:
        if body is None:
            return
        if not isinstance(body, dict) or not self._path_fields.issuperset(body):
            raise InvalidRequest(
                f"a {self.method} request has no body, and not every field has a place in its path: "
                "leave the others out",
                reason="field-not-sent",
            )


def _path(template: str) -> tuple[Path, frozenset[str]]:
    pieces = _FIELD.split(template)  # text, field, text, field, … text
    fields = frozenset(pieces[1::2])
    if not fields:
        return (lambda _body: template), fields

    def build(body: Mapping[str, Any]) -> str:
        return "".join(
            _segment(piece, body) if position % 2 else piece for position, piece in enumerate(pieces)
        )

    return build, fields


def _segment(field: str, body: Mapping[str, Any]) -> str:
    value = body.get(field)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or str(value) in ("", ".", ".."):
        raise InvalidRequest(
            f"the field {field} is needed in the provider's path: set it to a text or a whole number",
            reason="path-field",
            paths=(f"/{field}",),
        )
    try:
        return quote(str(value), safe="")
    except UnicodeEncodeError:
        raise InvalidRequest(f"the field {field} is not valid text", reason="path-field") from None


def _dumped(body: Any) -> bytes:
    try:
        return dump_json(body)
    except TypeError:
        raise InvalidRequest("the body for the provider is not JSON data", reason="not-json") from None


def _ticket(response: HttpResponse) -> str | None:
    """The provider's own id of the call (Belgif REST guide: BelGov-Trace-Id), if it is one."""
    ticket = response.header(b"belgov-trace-id")
    if ticket is None or len(ticket) > _TICKET_CHARS_MAX or not (ticket.isascii() and ticket.isprintable()):
        return None
    return ticket
