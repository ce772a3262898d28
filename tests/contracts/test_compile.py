"""Compiling contracts: what the files must be, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from integrator.contracts.compile import ContractProblem, compile_wsdl
from integrator.contracts.contract import Contract
from integrator.contracts.problems import ContractViolation
from tests.contracts.conftest import DATA
from tests.contracts.instances import Instances


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A copy of the tests' contract, to break: `site/contracts/catalogue.wsdl`."""
    for source in DATA.rglob("*.*"):
        target = tmp_path / "site" / "contracts" / source.relative_to(DATA)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    return tmp_path / "site"


def broken(site: Path, file: str, old: str, new: str) -> ContractProblem:
    path = site / "contracts" / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(ContractProblem) as caught:
        compile_wsdl(site / "contracts" / "catalogue.wsdl", site)
    assert caught.value.remedy
    assert str(site) not in str(caught.value)
    return caught.value


IMPORT = 'schemaLocation="types/types.xsd"'


@pytest.mark.parametrize(
    ("file", "old", "new", "rule"),
    [
        ("catalogue.wsdl", IMPORT, 'schemaLocation="http://127.0.0.1:9/types.xsd"', "network-import"),
        ("catalogue.wsdl", IMPORT, 'schemaLocation="https://example.org/types.xsd"', "network-import"),
        ("catalogue.wsdl", IMPORT, 'schemaLocation="file:///etc/passwd"', "network-import"),
        ("catalogue.wsdl", IMPORT, 'schemaLocation="//example.org/types.xsd"', "network-import"),
        ("catalogue.wsdl", IMPORT, 'schemaLocation="../../outside.xsd"', "outside-site"),
        ("catalogue.wsdl", IMPORT, 'schemaLocation="/etc/passwd"', "outside-site"),
        ("catalogue.wsdl", IMPORT, 'schemaLocation="%2e%2e/%2e%2e/outside.xsd"', "outside-site"),
        ("catalogue.wsdl", IMPORT, 'schemaLocation="types/missing.xsd"', "file-missing"),
        ("catalogue.wsdl", IMPORT, "", "file-missing"),
        ("types/types.xsd", 'schemaLocation="shapes.xsd"', 'schemaLocation="none.xsd"', "file-missing"),
        ("types/shapes.xsd", "</xs:schema>", "", "not-xml"),
        ("types/shapes.xsd", "<xs:schema", '<!DOCTYPE x SYSTEM "x.dtd"><xs:schema', "doctype"),
        ("types/types.xsd", 'type="t:Money"', 'type="t:Gold"', "not-xsd"),
        ("catalogue.wsdl", 'style="document"', 'style="rpc"', "rpc-style"),
        ("catalogue.wsdl", 'soap:body use="literal"', 'soap:body use="encoded"', "encoded-use"),
        ("catalogue.wsdl", 'element="tns:ask"', 'element="tns:nothing"', "not-wsdl"),
        ("catalogue.wsdl", 'message="tns:ask"', 'message="tns:nothing"', "not-wsdl"),
        ("catalogue.wsdl", "wsdl:definitions", "wsdl:description", "not-wsdl"),
        ("catalogue.wsdl", "<wsdl:service", "<wsdl:documentation><wsdl:service", "not-xml"),
    ],
)
def test_contract_that_cannot_be_used(site: Path, file: str, old: str, new: str, rule: str) -> None:
    assert broken(site, file, old, new).rule == rule


def test_problem_names_file_and_line(site: Path) -> None:
    problem = broken(site, "catalogue.wsdl", IMPORT, 'schemaLocation="types/missing.xsd"')
    assert problem.file == "contracts/catalogue.wsdl"
    assert problem.line == 10
    assert "types/missing.xsd" in str(problem)


def test_missing_wsdl(tmp_path: Path) -> None:
    with pytest.raises(ContractProblem, match=r"none\.wsdl"):
        compile_wsdl(tmp_path / "none.wsdl", tmp_path)


def test_symbolic_link_may_not_leave_the_site(site: Path) -> None:
    outside = site.parent / "outside.xsd"
    outside.write_text('<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>')
    shapes = site / "contracts" / "types" / "shapes.xsd"
    shapes.unlink()
    shapes.symlink_to(outside)
    with pytest.raises(ContractProblem, match="leaves the site"):
        compile_wsdl(site / "contracts" / "catalogue.wsdl", site)


def test_wsdl_without_soap_port(site: Path) -> None:
    path = site / "contracts" / "catalogue.wsdl"
    text = path.read_text("utf-8")
    start, end = text.index("  <wsdl:service"), text.index("</wsdl:definitions>")
    path.write_text(text[:start] + text[end:], "utf-8")
    with pytest.raises(ContractProblem) as caught:
        compile_wsdl(path, site)
    assert caught.value.rule == "no-operations"


def test_two_files_of_one_namespace_are_read_both(site: Path) -> None:
    folder = site / "contracts"
    (folder / "more.xsd").write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:test:types">'
        '<xs:element name="extra" type="xs:int"/></xs:schema>'
    )
    wsdl = folder / "catalogue.wsdl"
    more = '<xs:import namespace="urn:test:types" schemaLocation="more.xsd"/>'
    wsdl.write_text(wsdl.read_text().replace('<xs:element name="ask"', more + '<xs:element name="ask"'))
    contract = Contract(compile_wsdl(wsdl, site))
    element = contract.encode("{urn:test:types}extra", 5)
    contract.validate(element)
    assert contract.decode(element) == 5
    contract.validate(Instances(contract.plain, 1).make("{urn:test:catalogue}ask"))


def test_plain_form_is_json_and_repeatable(catalogue: Contract) -> None:
    again = compile_wsdl(DATA / "catalogue.wsdl", DATA)
    assert json.loads(json.dumps(again)) == catalogue.plain == again
    assert list(json.dumps(again)) == list(json.dumps(catalogue.plain))


def test_operations(bced: Contract, catalogue: Contract) -> None:
    messages = "{http://soa.spw.wallonie.be/services/person/messages/v3}"
    assert list(bced.operations) == [
        "getPerson",
        "searchPersonByName",
        "searchPersonByAddress",
        "publishPerson",
    ]
    operation = bced.operations["searchPersonByAddress"]
    assert operation.soap_action == "http://soa.spw.wallonie.be/services/person/v3/searchByAddress"
    assert (operation.input, operation.output) == (
        messages + "searchPersonByAddress",
        messages + "searchPersonByAddressResponse",
    )
    assert operation.faults == {"fault": "{http://soa.spw.wallonie.be/data/common/error/v1}error"}
    assert bced.soap_versions == {"1.1"}
    assert catalogue.operations["Ask"].soap_versions == ("1.2", "1.1")
    assert catalogue.operations["Repeat"].soap_versions == ("1.2",)
    request = Instances(bced.plain, 0).make(operation.input)
    assert bced.operation_of(request) == operation
    answer = Instances(bced.plain, 0).make(operation.output or "")
    assert bced.operation_of(answer) is None


# --- the project's own BCED Person v3 against the original ---


def reachable(contract: Contract) -> dict[str, str | None]:
    """Element path → name of its type (None: anonymous), nillable ones marked."""
    types = contract.plain["types"]
    found: dict[str, str | None] = {}

    def walk(identity: str, path: str, above: frozenset[str]) -> None:
        found[path] = None if identity.startswith("#") else identity
        if identity in above:
            return
        stack = [types[identity].get("particle")]
        while stack:
            particle = stack.pop()
            if particle is not None:
                stack.extend(particle.get("items", ()))
                if particle["kind"] == "element":
                    mark = "?" if particle["nillable"] else ""
                    walk(particle["type"], f"{path}/{particle['name']}{mark}", above | {identity})

    for operation in contract.operations.values():
        for element in (operation.input, operation.output, *operation.faults.values()):
            walk(contract.plain["elements"][element]["type"], element or "", frozenset())
    return found


def test_own_contract_has_the_operations_elements_and_types_of_the_original(
    bced: Contract, bced_original: Contract
) -> None:
    assert bced.operations == bced_original.operations
    assert reachable(bced) == reachable(bced_original)
    for operation in bced.operations.values():
        for element in (operation.input, operation.output, *operation.faults.values()):
            assert bced.paths(element or "") == bced_original.paths(element or "")


@pytest.mark.parametrize("seed", range(20))
def test_messages_valid_by_one_are_valid_by_the_other(
    bced: Contract, bced_original: Contract, seed: int
) -> None:
    for operation in bced.operations.values():
        for element in (operation.input, operation.output or "", *operation.faults.values()):
            for made, judge in ((bced, bced_original), (bced_original, bced)):
                message = Instances(made.plain, seed).make(element)
                made.validate(message)
                judge.validate(message)
                assert judge.decode(message) == made.decode(message)


@pytest.mark.parametrize("seed", range(20))
def test_messages_broken_for_one_are_broken_for_the_other(
    bced: Contract, bced_original: Contract, seed: int
) -> None:
    # One text or attribute of a valid message is replaced: both must say the same about it.
    for operation in bced.operations.values():
        for element in (operation.input, operation.output or ""):
            message = Instances(bced.plain, seed).make(element)
            for number, node in enumerate(message.iter()):
                if (number + seed) % 7 or len(node):
                    continue
                kept = node.text
                node.text = ("", "x" * 200, "0000", "1985-13-41", "é 1")[(number + seed) % 5]
                assert verdict(bced, message) == verdict(bced_original, message)
                node.text = kept


def verdict(contract: Contract, message) -> list[tuple[str, str]]:
    try:
        contract.validate(message)
    except ContractViolation as violation:
        return violation.violations
    return []
