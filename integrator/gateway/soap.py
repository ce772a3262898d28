"""The SOAP door: the contract's own envelope in, its own answer, empty answer or fault out."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from lxml import etree

from integrator.contracts import envelope
from integrator.contracts.problems import ContractViolation
from integrator.exchange import (
    Context,
    Dossier,
    IntegratorError,
    InvalidRequest,
    Message,
    Refused,
    RouteFailed,
)
from integrator.gateway import headers
from integrator.gateway.entries import SoapEntry, SoapPath
from integrator.gateway.errors import error_headers, fault_status
from integrator.gateway.headers import Asked
from integrator.gateway.http import (
    SOAP_TYPES,
    Head,
    RawHeaders,
    Receive,
    Scope,
    Send,
    answer,
    media_type,
    read_body,
)
from integrator.gateway.http import check_body_type as check_type
from integrator.gateway.identity import Caller
from integrator.gateway.pipeline import Ended, refuse, run
from integrator.gateway.plane import Plane, name_caller
from integrator.gateway.rest import STATUS_PATH, note_body, send_problem
from integrator.gateway.runtime import FlowRuntime, Runtime
from integrator.identifiers import bce
from integrator.security.parsers import parse_xml
from integrator.telemetry import log

_LOG = log.get("gateway")
_SOAP_12 = b"application/soap+xml"
_XML_TYPES = (b"text/xml", _SOAP_12)
_HOST = re.compile(r"[A-Za-z0-9.\[\]:-]{1,255}", re.ASCII)


async def exchange(
    plane: Plane, runtime: Runtime, door: SoapPath, scope: Scope, receive: Receive, send: Send, head: Head
) -> None:
    """Serve one SOAP request, from its head to the sent envelope."""
    call = _Call(plane, runtime, door, plane.begin(runtime, door.only_flow, "soap"))
    try:
        ended = await call.serve(scope, receive, head)
    except IntegratorError as error:
        ended = await call.refuse(error)
    except Exception:
        _LOG.error("request-broke", exchange=call.context.exchange_id, flow=call.context.flow, exc_info=True)
        ended = await call.refuse(RouteFailed())
    await call.answer(send, head, ended)


class _Call:
    """One SOAP request: what is known of it so far decides how its error looks."""

    __slots__ = ("context", "door", "entry", "flow", "plane", "recorded", "runtime", "value", "version")

    def __init__(self, plane: Plane, runtime: Runtime, door: SoapPath, context: Context) -> None:
        self.plane, self.runtime, self.door, self.context = plane, runtime, door, context
        self.flow: FlowRuntime | None = door.only_flow
        self.entry: SoapEntry | None = None
        self.version = "1.1"
        self.recorded = True

    async def serve(self, scope: Scope, receive: Receive, head: Head) -> Ended:
        """From identity to the recorded end. Raises IntegratorError for what goes no further."""
        plane, context = self.plane, self.context
        plane.check_load()
        if media_type(head)[0] == _SOAP_12:  # faults before the envelope is read speak its version
            self.version = "1.2"
        caller = await plane.identity.caller(scope, head, self.runtime.directory)
        name_caller(context, caller)
        kind = check_type(head, _XML_TYPES)
        body = await read_body(receive, head, plane.limits)
        note_body(context, body)
        entry, element = self._open(body, kind)
        rest_of, asked = self._read(entry, element, caller, head)
        granted = plane.admit(self.runtime, entry.flow, context, caller, asked)
        value = entry.to_request(rest_of)
        entry.flow.check_request(value)
        context.subjects_request = entry.flow.request_subjects(value)
        message = Message(value, conversions=plane.conversions)
        return await run(plane, entry.flow, granted, context, message, self._render, self._render_no_data)

    def _open(self, body: bytes, kind: bytes) -> tuple[SoapEntry, etree._Element]:
        """The entry whose operation the body's root names, and that element, valid by its XSD."""
        opened = envelope.read(parse_xml(body, self.plane.limits))
        self.version = opened.version
        if (kind == _SOAP_12) != (opened.version == "1.2"):
            raise InvalidRequest(
                f"send SOAP {opened.version} as {SOAP_TYPES[opened.version].decode()}",
                reason="content-type",
                status=415,
            )
        if opened.body is None:
            raise InvalidRequest("the Body is empty", reason="operation-unknown")
        entry = self.door.by_root.get(str(opened.body.tag))
        if entry is None:
            raise InvalidRequest("no operation of this address has this message", reason="operation-unknown")
        self.entry, self.flow = entry, entry.flow
        self.context.flow, self.context.kind = entry.flow.id, entry.flow.flow.exchange
        if opened.version not in entry.operation.soap_versions:
            raise InvalidRequest(
                f"this contract has no SOAP {opened.version} binding", reason="version-mismatch"
            )
        if envelope.not_understood(opened, ()):
            raise InvalidRequest("a header block must be understood, and is not", reason="must-understand")
        try:
            entry.contract.validate(opened.body)
        except ContractViolation as violation:
            raise _invalid(violation) from None
        return entry, opened.body

    def _read(
        self, entry: SoapEntry, element: etree._Element, caller: Caller, head: Head
    ) -> tuple[Any, Asked]:
        """The message without its header family's parts, and what these parts ask."""
        try:
            value = entry.contract.decode(element)
        except ContractViolation as violation:
            raise _invalid(violation) from None
        if entry.binder is None:
            return value, headers.read(head)
        fields, rest_of = entry.binder.read_request(value)
        asked = Asked(
            purpose=self._purpose(entry, fields.purpose_code, caller, fields.organisation),
            application=fields.application,
            ticket=fields.ticket,
            sent_us=fields.sent_us,
            inscription=fields.inscription.lower() if fields.inscription else None,
        )
        if fields.agent is not None:
            asked.agent = headers.check_agent(fields.agent.manager, fields.agent.identifier)
        if fields.dossier is not None:
            asked.dossier = Dossier(fields.dossier.source, fields.dossier.id.strip(), fields.dossier.type)
        asked.on_behalf_of = _organisation(fields.organisation, caller)
        return rest_of, asked

    def _purpose(
        self, entry: SoapEntry, code: str | None, caller: Caller, organisation: str | None
    ) -> str | None:
        """The purpose a context code means for this consumer: among its grants it is one."""
        if code is None:
            return None
        candidates = entry.purposes_by_code.get(code, ())
        try:
            consumer = self.runtime.directory.consumer(caller.party, _organisation(organisation, caller))
        except Refused:
            consumer = caller.party  # refused later, with its reason
        granted = set(entry.flow.grants.purposes(consumer.id))
        known = [purpose for purpose in candidates if purpose in granted]
        here = [p for p in known if entry.flow.grants.covers(consumer.id, p, "soap")]
        return (here or known or list(candidates) or ["unknown"])[0]

    # --- answers ---

    def _render(self, released: Any) -> bytes:
        entry = self._entered()
        code = entry.binder.ok_code if entry.binder is not None else ""
        return self._write(entry, entry.from_answer(released), code)

    def _render_no_data(self) -> bytes:
        entry = self._entered()
        code = entry.binder.no_data_code if entry.binder is not None else ""
        return self._write(entry, {}, code)

    def _entered(self) -> SoapEntry:
        assert self.entry is not None
        return self.entry

    def _write(self, entry: SoapEntry, value: Any, code: str) -> bytes:
        """The contract's own answer. Raises RouteFailed where the site's mapping does not make one."""
        binder = entry.binder
        try:
            if binder is not None:
                value = binder.write_answer(value or {}, self.context, status=binder.success, code=code)
            element = entry.contract.encode(str(entry.operation.output), value)
            entry.contract.validate(element)
        except ContractViolation as violation:
            _LOG.error("answer-not-made", exchange=self.context.exchange_id, violations=violation.violations)
            raise RouteFailed("the SOAP answer could not be made", reason="answer-mapping") from None
        return envelope.wrap(element, self.version)

    async def refuse(self, error: IntegratorError) -> Ended:
        """Record the refusal; where the request names neither flow nor party it is noise."""
        if self.flow is None and self.context.party is None:
            self.plane.count_noise(error.reason)
            self.recorded = False
            return Ended(error)
        return await refuse(self.plane, self.flow, self.context, error)

    async def answer(self, send: Send, head: Head, ended: Ended) -> None:
        """Send the envelope, or the fault of the error."""
        extra: RawHeaders = []
        if self.recorded:
            extra.append((b"belgov-trace-id", self.context.exchange_id.encode()))
        if ended.record is not None:
            extra.append((b"integrator-record", ended.record.hex().encode()))
        status, body = 200, ended.body
        if ended.error is not None:
            status, body = fault_status(ended.error, self.version), self._fault(ended.error)
            extra += error_headers(ended.error)
        await answer(send, status, SOAP_TYPES[self.version], body, extra)

    def _fault(self, error: IntegratorError) -> bytes:
        faults = self.entry.faults if self.entry is not None else self.door.faults
        code = "MustUnderstand" if error.reason == "must-understand" else faults.code(error)
        text = error.message
        if error.reason == "outcome-unknown":
            text = f"{text} Exchange {self.context.exchange_id}, {STATUS_PATH}{self.context.exchange_id}"
        # A fault about a header block or the version has no detail (SOAP 1.1, section 4.4).
        plain = code in ("MustUnderstand", "VersionMismatch")
        return envelope.fault(self.version, code, text, None if plain else faults.detail(error))


def _organisation(text: str | None, caller: Caller) -> str | None:
    """The organisation the message names, where it is another than the caller's own.

    Raises Refused with reason `organisation-mismatch` for what is no enterprise number.
    """
    number = bce(text) if text is not None else caller.party.organisation
    if number is None:
        raise Refused("the message's organisation is no enterprise number", reason="organisation-mismatch")
    return None if number == caller.party.organisation else number


def _invalid(violation: ContractViolation) -> InvalidRequest:
    told = "; ".join(f"{path}: {rule}" for path, rule in violation.violations[:5])
    return InvalidRequest(
        f"the message breaks its contract: {told}",
        reason="schema",
        paths=tuple(path for path, _rule in violation.violations),
    )


# --- serving the contract -------------------------------------------------------------------------


async def describe(
    plane: Plane, runtime: Runtime, door: SoapPath, scope: Scope, send: Send, head: Head
) -> None:
    """`?wsdl` and `?xsd=name`: the contract, for everyone; other GET requests are 405."""
    query = scope.get("query_string", b"").decode("latin-1")
    contract = next(iter(door.contracts.values()))
    location = _location(plane, scope, head)
    document: bytes | None = None
    if query.lower() in ("wsdl", "wsdl="):
        document = contract.wsdl(location)
    elif query.lower().startswith("xsd="):
        name = parse_qsl(query)[0][1] if parse_qsl(query) else ""
        for known in door.contracts.values():
            document = document or known.document(name, location)
    if document is not None:
        await answer(send, 200, b"text/xml; charset=utf-8", document)
        return
    plane.count_noise("method")
    error = InvalidRequest("send the message by POST, or ask for ?wsdl", reason="method", status=405)
    await send_problem(plane, runtime, send, head, Ended(error), None, [(b"allow", b"POST")])


def _location(plane: Plane, scope: Scope, head: Head) -> str:
    """Where the consumer reaches this entry: the configured address, else the one it used."""
    if plane.public_url is not None:
        return plane.public_url.rstrip("/") + str(scope["path"])
    host = head.values.get(b"host", b"").decode("latin-1")
    if not _HOST.fullmatch(host):
        host = "localhost"
    return f"{scope.get('scheme', 'http')}://{host}{scope['path']}"
