"""The SOAP protocol of adapters: JSON data to a validated envelope, and its answer back.

The header family's parts are filled in from the Context and taken off the answer by the binder
(design, section 3: `adapter:` carries the message without them). Requests and answers are
validated against the XSD; WS-I Basic Profile 1.1 rules on envelopes are the envelope module's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lxml import etree

from integrator.contracts import envelope
from integrator.contracts.binder import Binder
from integrator.contracts.contract import Contract, Operation
from integrator.contracts.faults import Faults
from integrator.contracts.problems import ContractViolation
from integrator.exchange import (
    AdapterAnswer,
    BrokenContract,
    Context,
    IntegratorError,
    InvalidRequest,
    ProviderFault,
    Refused,
)
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
from integrator.security.parsers import parse_xml
from integrator.site.compiled import Adapter

_SOAP_TYPES = frozenset({"", "text/xml", "application/soap+xml", "application/xml"})
_FAULT_CODES = frozenset({"Client", "Server", "VersionMismatch", "MustUnderstand"})
_DETAIL_CODE = re.compile(r"[0-9A-Za-z._/-]{1,32}", re.ASCII)


class SoapCall:
    """One SOAP operation. `organisation` is the bus's number where the adapter identifies as the
    bus, None where it identifies as the consumer."""

    method = "POST"

    def __init__(
        self,
        adapter: Adapter,
        operation: Operation,
        contract: Contract,
        binder: Binder | None,
        target: str,
        organisation: str | None,
        limits: Limits,
    ) -> None:
        self._operation = operation
        self._contract = contract
        self._binder = binder
        self._target = target
        self._organisation = organisation
        self._limits = limits
        self._declared = outgoing_headers(adapter.send_headers)
        self._returned = returned_headers(adapter.keep_headers)
        self._fixed = _fixed_headers(operation)
        self._faults = Faults(contract, binder.plain if binder is not None else None)
        self._ticket = _ticket_place(binder)

    def prepare(self, body: Any, headers: Mapping[str, Any], context: Context, now_us: int) -> Prepared:
        """The envelope of a message, validated. Raises InvalidRequest, Refused."""
        value = {} if body is None else body
        if not isinstance(value, dict):
            raise InvalidRequest("the body for the provider is not a JSON object", reason="not-an-object")
        operation = self._operation
        try:
            if self._binder is not None:
                value = self._binder.write_request(
                    value, context, organisation=self._organisation or _consumer(context), now_us=now_us
                )
            element = self._contract.encode(operation.input, value)
            self._contract.validate(element)
        except ContractViolation as violation:
            raise invalid_request(violation) from None
        sent = envelope.wrap(element, operation.soap_version)
        return Prepared(self._target, [*self._fixed, *self._declared(headers)], sent)

    def read(self, response: HttpResponse, context: Context) -> AdapterAnswer:
        """The answer in a response, validated. Raises ProviderFault, BrokenContract."""
        body = self._body(response)
        fault = envelope.read_fault(body)
        if fault is not None:
            raise self._provider_fault(fault)
        if not 200 <= response.status < 300:
            raise _bad_status(response.status)
        if body.tag != self._operation.output:
            raise broken("the provider answered with the message of another operation", "wrong-answer")
        try:
            self._contract.validate(body)
            value = self._contract.decode(body)
        except ContractViolation as violation:
            raise broken_contract(violation) from None
        kept = self._returned(response)
        if self._binder is None:
            return AdapterAnswer(value, headers=kept)
        if self._ticket and _is_of_another(_at(value, self._ticket), context):
            raise broken("the provider answered with the answer to another request", "wrong-ticket")
        fields, rest = self._binder.read_answer(value)
        if fields.status == self._binder.error:
            raise ProviderFault(
                "the provider could not process the request: its status is ERROR",
                reason="status-error",
                code=fields.code,
                origin="provider",
            )
        return AdapterAnswer(rest, fields.status, fields.code, fields.ticket, kept)

    def _provider_fault(self, fault: envelope.Fault) -> ProviderFault:
        # The reason is the provider's text and stays here; the code is a token of the contract.
        code = self._faults.read(fault.detail)
        if code is None or not _DETAIL_CODE.fullmatch(code):
            code = fault.code if fault.code in _FAULT_CODES else "Server"
        return ProviderFault(
            "the provider answered with a SOAP fault", reason="soap-fault", code=code, origin="provider"
        )

    def _body(self, response: HttpResponse) -> etree._Element:
        refuse_html(response)
        if 300 <= response.status < 400 or media_type(response) not in _SOAP_TYPES or not response.body:
            raise _bad_status(response.status) if response.status >= 300 else _not_soap()
        root = parsed(lambda data: parse_xml(data, self._limits), response.body)
        try:
            read = envelope.read(root)
        except InvalidRequest as error:
            raise broken(
                f"the provider's answer is not a SOAP message: {error.message}", "not-soap"
            ) from None
        if read.version != self._operation.soap_version:
            raise broken("the provider answered in another version of SOAP", "version-mismatch")
        if read.headers and envelope.not_understood(read, ()):
            raise broken("the provider's answer has a header that must be understood", "must-understand")
        if read.body is None:
            raise _not_soap()
        return read.body


def _fixed_headers(operation: Operation) -> tuple[tuple[str, str], ...]:
    if operation.soap_version == "1.2":
        media = f'application/soap+xml; charset=utf-8; action="{operation.soap_action}"'
        return ("Content-Type", media), ("Accept", "application/soap+xml")
    return (
        ("Content-Type", "text/xml; charset=utf-8"),
        ("Accept", "text/xml"),
        ("SOAPAction", f'"{operation.soap_action}"'),
    )


def _consumer(context: Context) -> str:
    if context.organisation is None:
        raise Refused(
            "the provider wants to know for which organisation the call is made, and the exchange names none",
            reason="organisation-missing",
        )
    return context.organisation


def _ticket_place(binder: Binder | None) -> tuple[str, ...]:
    """Where the family's answers repeat the ticket of the request; empty where they do not."""
    if binder is None or "consumer-ticket" not in binder.plain["answer"]:
        return ()
    return tuple(binder.plain["answer"]["consumer-ticket"]["at"])


def _at(value: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        if value.__class__ is not dict and not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def _is_of_another(ticket: Any, context: Context) -> bool:
    # The attribute is optional; where it stands it must be ours, or somebody else's data would
    # reach the consumer and the journal would say otherwise.
    return isinstance(ticket, str) and ticket.lower() != context.exchange_id


def _bad_status(status: int) -> IntegratorError:
    if status in (502, 503, 504):
        return ProviderFault(
            "the provider is not available: try again later",
            reason="provider-unavailable",
            code=str(status),
            origin="provider",
        )
    return broken(f"the provider answered with HTTP status {status} and no SOAP fault", "http-status")


def _not_soap() -> BrokenContract:
    return broken("the provider's answer is not a SOAP message", "not-soap")
