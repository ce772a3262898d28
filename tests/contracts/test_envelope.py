"""Envelopes and faults of SOAP 1.1 and 1.2."""

from __future__ import annotations

import pytest
from lxml import etree

from integrator.contracts import envelope
from integrator.exchange import InvalidRequest
from integrator.security.parsers import parse_xml

VERSIONS = {"1.1": envelope.SOAP_11, "1.2": envelope.SOAP_12}


def parse(text: str, version: str = "1.1") -> envelope.Envelope:
    return envelope.read(parse_xml(text.replace("NS", VERSIONS[version]).encode()))


def refused(text: str, version: str = "1.1") -> str:
    with pytest.raises(InvalidRequest) as caught:
        parse(text, version)
    assert "canary" not in caught.value.message
    return caught.value.reason


@pytest.mark.parametrize("version", VERSIONS)
def test_wrapped_message_is_read_back(version: str) -> None:
    body = etree.fromstring('<a xmlns="urn:a">é &amp; <b/></a>')
    read = parse(envelope.wrap(body, version).decode())
    assert read.version == version
    assert read.headers == []
    assert read.body is not None
    assert etree.tostring(read.body, method="c14n", exclusive=True) == etree.tostring(body, method="c14n")


def test_part_of_another_document_is_wrapped_alone() -> None:
    holder = etree.fromstring('<h xmlns:p="urn:p"><p:a>1</p:a>tail</h>')
    read = parse(envelope.wrap(holder[0]).decode())
    assert read.body is not None
    assert (read.body.tag, read.body.text, read.body.tail) == ("{urn:p}a", "1", None)


@pytest.mark.parametrize("version", VERSIONS)
def test_headers(version: str) -> None:
    read = parse(
        '<s:Envelope xmlns:s="NS"><s:Header><a xmlns="urn:a" s:mustUnderstand="1"/>'
        '<b xmlns="urn:b" s:mustUnderstand="0"/></s:Header><s:Body/></s:Envelope>',
        version,
    )
    assert [header.tag for header in read.headers] == ["{urn:a}a", "{urn:b}b"]
    assert read.body is None
    assert envelope.not_understood(read, ()) == ["{urn:a}a"]
    assert envelope.not_understood(read, ("{urn:a}a",)) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<Envelope xmlns="urn:canary"/>', "version-mismatch"),
        ("<Envelope/>", "version-mismatch"),
        ("<html><body>canary</body></html>", "not-soap"),
        ('<s:Body xmlns:s="NS"/>', "not-soap"),
        ('<s:Envelope xmlns:s="NS"/>', "envelope"),
        ('<s:Envelope xmlns:s="NS"><s:Header/></s:Envelope>', "envelope"),
        ('<s:Envelope xmlns:s="NS"><s:Body/><s:Body/></s:Envelope>', "envelope"),
        ('<s:Envelope xmlns:s="NS"><s:Body/><x xmlns="urn:canary"/></s:Envelope>', "envelope"),
        ('<s:Envelope xmlns:s="NS"><x xmlns="urn:canary"/><s:Body/></s:Envelope>', "envelope"),
        ('<s:Envelope xmlns:s="NS"><s:Header/><s:Header/><s:Body/></s:Envelope>', "envelope"),
        ('<s:Envelope xmlns:s="NS"><s:Body/><s:Header/></s:Envelope>', "envelope"),
        ('<s:Envelope xmlns:s="NS"><s:Body><canary/></s:Body></s:Envelope>', "envelope"),
        ('<s:Envelope xmlns:s="NS"><s:Body><a xmlns="urn:a"/><a xmlns="urn:a"/></s:Body></s:Envelope>', "envelope"),
        ('<!DOCTYPE x><s:Envelope xmlns:s="NS"><s:Body/></s:Envelope>', "xml-doctype"),
        ('<s:Envelope xmlns:s="NS"><?canary x?><s:Body/></s:Envelope>', "xml-instruction"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("version", VERSIONS)
def test_structure_is_refused(text: str, reason: str, version: str) -> None:
    assert refused(text, version) == reason


def test_versions_may_not_be_mixed() -> None:
    text = f'<s:Envelope xmlns:s="{envelope.SOAP_11}"><t:Body xmlns:t="{envelope.SOAP_12}"/></s:Envelope>'
    assert refused(text) == "envelope"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("code", ["Client", "Server", "VersionMismatch", "MustUnderstand"])
def test_fault_is_read_back(version: str, code: str) -> None:
    detail = etree.fromstring('<d xmlns="urn:d">1</d>')
    read = parse(envelope.fault(version, code, "a reason & more", detail).decode())
    found = envelope.read_fault(read.body)
    assert found is not None
    assert (found.code, found.reason) == (code, "a reason & more")
    assert found.detail is not None
    assert found.detail.tag == "{urn:d}d"


def test_fault_names_of_each_version() -> None:
    old = envelope.fault("1.1", "Client", "r")
    assert b"<faultcode>soap:Client</faultcode>" in old
    new = envelope.fault("1.2", "Client", "r")
    assert b"<soap:Value>soap:Sender</soap:Value>" in new
    assert b'<soap:Text xml:lang="en">r</soap:Text>' in new


@pytest.mark.parametrize(
    "inner",
    ["", "<faultcode/>", "<faultcode>x:y:Client</faultcode>", "<detail/>", "<detail>text</detail>"],
)
def test_poor_faults_of_others_are_still_faults(inner: str) -> None:
    read = parse(f'<s:Envelope xmlns:s="NS"><s:Body><s:Fault>{inner}</s:Fault></s:Body></s:Envelope>')
    found = envelope.read_fault(read.body)
    assert found is not None
    assert found.code in ("Server", "Client")
    assert found.detail is None


def test_what_is_no_fault() -> None:
    assert envelope.read_fault(None) is None
    assert envelope.read_fault(etree.fromstring('<Fault xmlns="urn:a"/>')) is None
