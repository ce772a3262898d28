"""Reads the operations of a WSDL with zeep, from an in-memory set of documents.

Compile time. zeep gets a transport that knows the set and refuses everything else, because its own
`forbid_external` is not enforced.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from lxml import etree
from zeep.exceptions import Error as ZeepError
from zeep.settings import Settings
from zeep.wsdl.bindings.soap import Soap12Binding, SoapBinding
from zeep.wsdl.wsdl import Document as ZeepDocument

from integrator.contracts.problems import ContractProblem

_BASE = "/contract/"
_WSDL = "http://schemas.xmlsoap.org/wsdl/"
_SOAP = ("http://schemas.xmlsoap.org/wsdl/soap/", "http://schemas.xmlsoap.org/wsdl/soap12/")


class RefusingTransport:
    """zeep's transport over a closed set of texts: anything else is an OSError, nothing is fetched."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def load(self, url: str) -> bytes:
        """The document zeep asks for."""
        name = url.removeprefix(_BASE)
        if not url.startswith(_BASE) or name not in self._texts:
            raise OSError("a contract is read from the site only")
        return self._texts[name].encode("utf-8")


def zeep_document(name: str, texts: Mapping[str, str]) -> ZeepDocument:
    """zeep's model of a WSDL of the set. Raises ContractProblem."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            transport: Any = RefusingTransport(texts)
            return ZeepDocument(_BASE + name, transport, settings=Settings(strict=True))
    except (ZeepError, OSError, etree.Error, LookupError, NotImplementedError) as error:
        raise ContractProblem(
            name, "not-wsdl", f"the WSDL cannot be understood ({type(error).__name__})", "correct the WSDL"
        ) from error


def operations(name: str, file: str, texts: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Plain operations by name: soap_action, soap_version, input, output, faults.

    Where ports of both SOAP versions offer an operation, 1.1 comes first and `soap_versions` has
    both. Raises ContractProblem for RPC style, encoded use, several body parts, or none at all.
    """
    _refuse_encoded(texts, file)
    declared = _declared(texts)
    found: dict[str, dict[str, Any]] = {}
    for service in zeep_document(name, texts).services.values():
        for port in service.ports.values():
            if isinstance(port.binding, SoapBinding):
                _add_binding(found, port.binding, declared, file)
    if not found:
        raise ContractProblem(
            file,
            "no-operations",
            "the WSDL has no SOAP port with operations",
            "add a service with a SOAP port",
        )
    return found


def _refuse_encoded(texts: Mapping[str, str], file: str) -> None:
    # zeep does not keep the `use` of a message.
    for text in texts.values():
        for node in etree.fromstring(text).iter("{*}body", "{*}fault"):
            if etree.QName(node).namespace in _SOAP and node.get("use", "literal") != "literal":
                raise ContractProblem(
                    file, "encoded-use", "a message uses SOAP encoding, which is not supported",
                    "use a document/literal WSDL",
                )  # fmt: skip


def _declared(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Binding name → names of its operations, as the WSDL texts have them."""
    return {
        str(binding.get("name")): [
            str(node.get("name")) for node in binding.iterfind(f"{{{_WSDL}}}operation")
        ]
        for text in texts.values()
        for binding in etree.fromstring(text).iter(f"{{{_WSDL}}}binding")
    }


def _add_binding(
    found: dict[str, dict[str, Any]], binding: Any, declared: Mapping[str, list[str]], file: str
) -> None:
    version = "1.2" if isinstance(binding, Soap12Binding) else "1.1"
    understood = {operation.name for operation in binding.all().values()}
    for name in declared.get(binding.name.localname, ()):
        if name not in understood:  # zeep leaves out what it cannot resolve, without a word
            raise ContractProblem(
                file, "not-wsdl", f"operation {name} names a message or element that is not defined",
                "correct the names in its messages and its portType",
            )  # fmt: skip
    for operation in binding.all().values():
        if operation.style != "document":
            raise ContractProblem(
                file, "rpc-style", f"operation {operation.name} is RPC style, which is not supported",
                "use a document/literal WSDL",
            )  # fmt: skip
        known = found.get(operation.name)
        if known is None:
            found[operation.name] = _operation(operation, version, file)
        elif version not in known["soap_versions"]:
            known["soap_versions"].append(version)


def _operation(operation: Any, version: str, file: str) -> dict[str, Any]:
    return {
        "soap_action": operation.soapaction or "",
        "soap_version": version,
        "soap_versions": [version],
        "input": _body(operation.input, operation.name, file),
        "output": _body(operation.output, operation.name, file) if operation.output else None,
        "faults": {name: _detail(fault, operation.name, file) for name, fault in operation.faults.items()},
    }


def _body(message: Any, operation: str, file: str) -> str:
    element = message.body
    if element is None or getattr(element, "qname", None) is None or message.body.qname.localname == "":
        raise _not_literal(operation, file)
    return str(element.qname.text)


def _detail(message: Any, operation: str, file: str) -> str:
    elements = [part.element for part in message.abstract.parts.values()]
    if len(elements) != 1 or elements[0] is None:
        raise _not_literal(operation, file)
    return str(elements[0].qname.text)


def _not_literal(operation: str, file: str) -> ContractProblem:
    return ContractProblem(
        file,
        "encoded-use",
        f"a message of operation {operation} is not one element",
        "give each message one part that names an element (document/literal)",
    )
