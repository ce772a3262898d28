"""The simulator of BCED Person v3: SOAP 1.1, all four operations, validated both ways."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from lxml import etree

from integrator.contracts import envelope
from integrator.contracts.contract import Contract
from integrator.contracts.problems import ContractViolation
from integrator.exchange import InvalidRequest
from integrator.sandbox.faults import RESERVED, Fault
from integrator.sandbox.numbers import wrong_check_digits
from integrator.sandbox.persons import Codec, Person, synthetic_persons
from integrator.sandbox.register import Register, TooManyFound
from integrator.sandbox.simulator import Reply, Request, Simulator
from integrator.security.parsers import parse_xml

OK, NO_DATA, FAILED = "SOA0000000", "SOA0000001", "SOA5100000"
_ERROR = "{http://soa.spw.wallonie.be/data/common/error/v1}error"
_DESCRIPTIONS = {OK: "Traitement réussi", NO_DATA: "Aucune donnée trouvée", FAILED: "Traitement en erreur"}
_XML = "text/xml; charset=utf-8"
_PLAYABLE = {
    Fault.BREAKS_CONTRACT, Fault.SOAP_FAULT, Fault.STATUS_ERROR, Fault.NO_DATA, Fault.NO_SUBJECT, Fault.UNAVAILABLE,
}  # fmt: skip


class _Refused(Exception):
    """A request the simulator answers with a fault: SOAP code, BCED code and text."""

    def __init__(self, code: str, category: str, text: str) -> None:
        super().__init__(text)
        self.code, self.category, self.text = code, category, text


class BcedPerson(Simulator):
    """BCED Person v3 with synthetic persons. `contract` is the compiled WSDL of the site."""

    path = "/bced/person/v3"
    faults: ClassVar[frozenset[Fault]] = Simulator.faults | _PLAYABLE

    def __init__(self, contract: Contract, persons: dict[str, Person] | None = None) -> None:
        super().__init__()
        self._contract = contract
        self._persons = persons or synthetic_persons()
        self._register = Register(self._persons)

    def note(self, request: Request) -> dict[str, Any]:
        """What `received` keeps: the request, its operation and its header, where it can be read."""
        noted = super().note(request)
        try:
            name, value = self._read(request)
        except _Refused:
            return noted
        return {**noted, "operation": name, "header": _header(value)}

    def reserved(self, request: Request) -> Fault | None:
        """The fault of a reserved number in getPerson."""
        try:
            name, value = self._read(request)
        except _Refused:
            return None
        return RESERVED.get(value["request"].get("personNumber", "")) if name == "getPerson" else None

    def answer(self, request: Request) -> Reply:
        """The answer of one of the four operations, or a fault with `err:error`."""
        try:
            name, value = self._read(request)
            code, result = self._result(name, value["request"])
        except _Refused as refused:
            return self._fault(refused)
        return self._message(name, value, code, result)

    def play(self, fault: Fault, request: Request) -> Reply:
        """The answers of a provider in trouble."""
        if fault is Fault.UNAVAILABLE:
            return Reply(503, b"", _XML)
        if fault is Fault.SOAP_FAULT:
            return self._fault(_Refused("Server", "150/00001", "Erreur interne"))
        try:
            name, value = self._read(request)
        except _Refused as refused:
            return self._fault(refused)
        if fault is Fault.STATUS_ERROR:
            return self._message(name, value, FAILED, {}, status="ERROR")
        if fault is Fault.NO_DATA:
            return self._message(name, value, NO_DATA, {})
        person = dict(next(iter(self._persons.values())).codec())
        if fault is Fault.NO_SUBJECT:
            # The XSD's pattern allows it, the check digits do not: data about nobody.
            person["personNumber"] = wrong_check_digits(person["personNumber"])
            return self._message("getPerson", value, OK, {"person": person})
        return _broken(self._message("getPerson", value, OK, {"person": person}))

    # --- inside

    def _read(self, request: Request) -> tuple[str, Codec]:
        if request.method != "POST":
            raise _Refused("Client", "600/00001", "POST a SOAP message")
        try:
            read = envelope.read(parse_xml(request.body))
        except InvalidRequest as error:
            code = "VersionMismatch" if error.reason == "version-mismatch" else "Client"
            raise _Refused(code, "600/00001", error.message) from None
        if read.version != "1.1":
            raise _Refused("VersionMismatch", "600/00001", "this service speaks SOAP 1.1")
        operation = None if read.body is None else self._contract.operation_of(read.body)
        if read.body is None or operation is None:
            raise _Refused("Client", "600/00001", "the Body holds no message of this service")
        try:
            self._contract.validate(read.body)
            value: Codec = self._contract.decode(read.body)
        except ContractViolation as violation:
            raise _Refused("Client", "600/00001", f"the message breaks its XSD: {violation}") from None
        return operation.name, value

    def _result(self, name: str, request: Codec) -> tuple[str, Codec]:
        if name == "getPerson":
            person = self._register.get(request["personNumber"])
            return (OK, {"person": person}) if person else (NO_DATA, {})
        if name == "searchPersonByName":
            try:
                found = self._register.by_name(request)
            except TooManyFound:
                raise _Refused("Client", "600/00001", "too many persons found: narrow the search") from None
            return (OK, {"persons": {"person": found}}) if found else (NO_DATA, {})
        if name == "searchPersonByAddress":
            found, page, more = self._register.by_address(request)
            result = {"persons": {"person": found, "page": page, "hasNextPage": more}}
            return (OK, result) if found else (NO_DATA, {})
        return OK, {"result": {"personNumber": self._register.publish(request["person"])}}

    def _message(self, name: str, value: Codec, code: str, result: Codec, status: str = "PROCESSED") -> Reply:
        message: Codec = {
            "@customerTicket": value["customerInformations"]["ticket"],
            "@requestId": str(uuid.uuid4()),
            "status": {
                "value": status,
                "code": code,
                "description": [{"#text": _DESCRIPTIONS[code], "@lang": "fr"}],
            },
            **result,
        }
        inscription = value["privacyLog"].get("inscriptionReference")
        if inscription is not None:
            message["@inscriptionReference"] = inscription
        if status == "ERROR":
            message["status"]["details"] = {"error": _error("140/00001", "Erreur du fournisseur")}
        output = self._contract.operations[name].output
        assert output is not None
        element = self._contract.encode(output, message)
        self._contract.validate(element)
        return Reply(200, envelope.wrap(element), _XML)

    def _fault(self, refused: _Refused) -> Reply:
        detail = self._contract.encode(_ERROR, _error(refused.category, refused.text))
        return Reply(500, envelope.fault("1.1", refused.code, refused.text, detail), _XML)


def _error(code: str, text: str) -> Codec:
    return {
        "code": {"@codeSource": "BCED", "code": code, "description": [{"#text": text, "@language": "fr"}]}
    }


def _broken(reply: Reply) -> Reply:
    root = parse_xml(reply.body)
    for gender in root.iter("{*}gender"):
        gender.tag = f"{{{etree.QName(gender).namespace}}}sex"
    return reply._replace(body=etree.tostring(root, encoding="utf-8"))


def _header(value: Mapping[str, Any]) -> dict[str, Any]:
    sender = value["customerInformations"]
    return {
        "ticket": sender["ticket"],
        "organisation": sender["customerIdentification"]["organisationId"],
        "application": sender["customerIdentification"].get("applicationName"),
        "context": value["privacyLog"]["context"],
        "dossier": value["privacyLog"].get("dossier"),
        "inscription": value["privacyLog"].get("inscriptionReference"),
    }
