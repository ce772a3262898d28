"""Rules about connected systems: what fits their protocol, and what they offer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from integrator.authoring.check.rule import Finding, rule
from integrator.authoring.check.view import View
from integrator.site.problems import did_you_mean
from integrator.site.read import Place


@rule("system-name")
def system_name(view: View) -> Iterator[Finding]:
    """The system is called other than its file: `adapters/<level>/<system>.yaml`."""
    for adapter in view.adapters.values():
        name, file_name = adapter.text("system"), adapter.id.rpartition("/")[2]
        if name is not None and name != file_name:
            yield Finding(adapter.place("system"), f"the file is called '{file_name}.yaml', the system '{name}'",
                          "give both the same name")  # fmt: skip


@rule("wrong-adapter")
def wrong_adapter(view: View) -> Iterator[Finding]:
    """Keys do not fit the protocol: a SOAP system has its contract, a REST system methods and paths."""
    for adapter in view.adapters.values():
        protocol = adapter.get("protocol")
        if protocol == "soap" and adapter.get("wsdl") is None:
            yield Finding(adapter.place("protocol"), "the SOAP system has no 'wsdl'",
                          "name its contract: 'wsdl: schemas/…'", "missing-key")  # fmt: skip
        if protocol == "rest" and adapter.get("wsdl") is not None:
            yield Finding(adapter.place("wsdl", key=True), "a REST system has no 'wsdl'",
                          "remove it, or say 'protocol: soap'")  # fmt: skip
        for operation in adapter.items("operations"):
            if protocol == "rest" and isinstance(operation.value, dict) and operation.get("rest") is None:
                yield Finding(operation.place(key=True), f"the operation '{operation.id}' has no 'rest'",
                              "add its method and path, like 'rest: POST /permits'", "missing-key")  # fmt: skip
            for key in ("rest", "request", "answer"):
                if protocol == "soap" and operation.get(key) is not None:
                    yield Finding(operation.place(key, key=True), f"an operation of a SOAP system has no '{key}'",
                                  "remove the key: the contract says it all")  # fmt: skip


@rule("operation-not-in-wsdl")
def operation_not_in_wsdl(view: View) -> Iterator[Finding]:
    """An adapter or a SOAP entry names an operation that its contract does not have."""
    for adapter in view.adapters.values():
        contract = view.contract(adapter.text("wsdl")) if adapter.get("protocol") == "soap" else None
        if contract is not None:
            for operation in adapter.items("operations"):
                if operation.id not in contract["operations"]:
                    yield _unknown(operation.place(key=True), operation.id, contract["operations"])
    for flow in view.flows:
        for entry in view.soap_entries(flow):
            contract, name = view.contract(entry.text("wsdl")), entry.text("operation")
            if contract is not None and name is not None and name not in contract["operations"]:
                yield _unknown(entry.place("operation"), name, contract["operations"])


def _unknown(place: Place, name: str, operations: Iterable[str]) -> Finding:
    return Finding(place, f"the contract has no operation '{name}'",
                   did_you_mean(name, operations, f"name one of {', '.join(sorted(operations))}"))  # fmt: skip


@rule("unused-operation", severity="warning")
def unused_operation(view: View) -> Iterator[Finding]:
    """An operation allows no flow: nothing can call it."""
    for adapter in view.adapters.values():
        for operation in adapter.items("operations"):
            if isinstance(operation.value, dict) and not operation.get("allow"):
                yield Finding(operation.place(key=True), f"the operation '{operation.id}' allows no flow",
                              "add 'allow: [{flow: …}]', or remove the operation")  # fmt: skip
