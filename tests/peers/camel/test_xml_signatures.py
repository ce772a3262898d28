"""XML signatures between the engine and Apache Camel: each accepts what the other signs, and refuses the same."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from lxml import etree

from integrator.engine.exceptions import class_of
from tests.engine import test_xml_security as ours
from tests.peers.camel.peer import Camel

XMLDSIG = "http://www.w3.org/2001/04/xmldsig-more%23"
ENVELOPED = ours.ENVELOPED
DOCS = {
    "plain": '<p:permit xmlns:p="urn:p"><p:who id="w">Zoé</p:who></p:permit>',
    "inherited": '<p:permit xmlns:p="urn:p" xmlns:q="urn:q" xml:lang="fr">a<p:who q:a="1"/> b </p:permit>',
    "default namespace": '<permit xmlns="urn:p"><who xmlns="">&amp; &#13; &lt;</who></permit>',
    "comment": '<p:permit xmlns:p="urn:p"><!-- a --> x <![CDATA[<y>]]></p:permit>',
}
SIGN = {
    "enveloped": ("rsa", ENVELOPED),
    "enveloping": ("rsa", ours.ENVELOPING),
    "prefix": ("rsa", ENVELOPED + "&prefixForXmlSignatureNamespace=sig&addKeyInfoReference=false"),
    "no prefix": ("rsa", ENVELOPED + "&prefixForXmlSignatureNamespace="),
    "sha512": ("rsa", f"{ENVELOPED}&signatureAlgorithm={XMLDSIG}rsa-sha512"),
    "digest": (
        "rsa",
        f"{ENVELOPED}&digestAlgorithm={XMLDSIG}sha384&signatureId=s&contentReferenceType=urn:t",
    ),
    "ecdsa": ("ec", f"{ENVELOPED}&signatureAlgorithm={XMLDSIG}ecdsa-sha256"),
    "exclusive": ("rsa", ENVELOPED + "&canonicalizationMethod=%23exclusive"),
    "latin": ("rsa", ENVELOPED + "&outputXmlEncoding=ISO-8859-1"),
    "undeclared": ("rsa", ours.ENVELOPING + "&omitXmlDeclaration=true&contentObjectId=o"),
}


def _store(kind: str) -> dict[str, str]:
    """The keys of the engine's tests as Camel is given them."""
    key, certificate = ours.made(kind)
    private: Any = serialization.load_pem_private_key(key, None)
    data = pkcs12.serialize_key_and_certificates(
        b"key", private, x509.load_pem_x509_certificate(certificate), None,
        serialization.BestAvailableEncryption(b"store"),
    )  # fmt: skip
    return {"keyStore": base64.b64encode(data).decode(), "keyPassword": "store"}


def _camel(camel: Camel, uri: str, body: str, kind: str) -> dict[str, Any]:
    """What Camel makes of a text: its only reply."""
    exclusive = {
        "name": "exclusive",
        "type": ours.API + "XmlSignatureTransform",
        "properties": {"algorithm": "http://www.w3.org/2001/10/xml-exc-c14n#"},
    }
    who = {
        "name": "who",
        "type": "javax.xml.crypto.dsig.spec.XPathFilterParameterSpec",
        "constructors": {"0": "//*[local-name()='who']"},
    }
    steps = [{"to": uri}, {"convertBodyTo": "String"}]
    route = {"route": {"id": "r", "from": {"uri": "direct:start", "steps": steps}}}
    asked = camel.ask(
        {"routes": json.dumps([{"beans": [exclusive, who]}, route]), "body": body, **_store(kind)}
    )
    assert "loadError" not in asked, asked
    [reply] = asked["replies"]
    assert isinstance(reply, dict)
    return reply


def _text(reply: dict[str, Any]) -> str:
    """The body of a reply, which went well."""
    assert not reply.get("exception"), reply
    return str(reply["body"]["v"]).replace('encoding="ISO-8859-1"', 'encoding="UTF-8"')


async def _same(camel: Camel, uri: str, signed: str, kind: str) -> None:
    """Both accept it, and hand on the same."""
    here = await ours.body(uri, signed, ours.services(kind))
    there = _text(_camel(camel, uri, signed, kind))
    assert _form(here.decode()) == _form(there)
    assert here.startswith(b"<?xml") == there.startswith("<?xml")


def _form(text: str) -> bytes | str:
    """The canonical form of XML without its comments, which the bus does not keep; another text as it is."""
    if not text.startswith("<"):
        return text
    return bytes(etree.tostring(etree.fromstring(text.encode()), method="c14n", with_comments=False))


@pytest.mark.parametrize("doc", DOCS)
@pytest.mark.parametrize("way", SIGN)
async def test_what_the_engine_signs(camel: Camel, way: str, doc: str) -> None:
    kind, uri = SIGN[way]
    signed = await ours.body(uri, DOCS[doc], ours.services(kind))
    text = signed.decode("latin-1" if way == "latin" else "utf-8")
    await _same(camel, ours.VERIFY, text.replace('encoding="ISO-8859-1"', 'encoding="UTF-8"'), kind)


@pytest.mark.parametrize("doc", DOCS)
@pytest.mark.parametrize("way", SIGN)
async def test_what_camel_signs(camel: Camel, way: str, doc: str) -> None:
    kind, uri = SIGN[way]
    await _same(camel, ours.VERIFY, _text(_camel(camel, uri, DOCS[doc], kind)), kind)


async def test_texts(camel: Camel) -> None:
    uri = ours.ENVELOPING + "&plainText=true"
    await _same(camel, ours.VERIFY, _text(_camel(camel, uri, "a < é", "rsa")), "rsa")
    signed = await ours.body(uri, "a < é")
    await _same(camel, ours.VERIFY, signed.decode(), "rsa")


@pytest.mark.parametrize("more", ["", "&removeSignatureElements=true", "&omitXmlDeclaration=true"])
async def test_element_search(camel: Camel, more: str) -> None:
    signed = _text(_camel(camel, ENVELOPED, DOCS["plain"], "rsa"))
    uri = ours.VERIFY + "&outputNodeSearchType=ElementName&outputNodeSearch=" + quote("{urn:p}who") + more
    await _same(camel, uri, signed, "rsa")


async def test_xpaths(camel: Camel) -> None:
    parent = "xmlsecurity-sign:s?keyAccessor=#signing&parentXpath=%23who"
    signed = _text(_camel(camel, parent, DOCS["plain"], "rsa"))
    assert etree.fromstring(signed.encode())[0][-1].tag == ours.DS + "Signature"
    search = "&outputNodeSearchType=XPath&outputNodeSearch=%23who&removeSignatureElements=true"
    for one in (signed, (await ours.body(parent, DOCS["plain"])).decode()):
        await _same(camel, ours.VERIFY, one, "rsa")
        await _same(camel, ours.VERIFY + search, one, "rsa")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Zoé", "Zoë"),
        ("<ds:SignatureValue>....", "<ds:SignatureValue>AAAA"),
        ("ds:Signature", "ds:Signatur"),
        ("</p:permit>", ""),
    ],
)
async def test_both_refuse_alike(camel: Camel, old: str, new: str) -> None:
    signed = _text(_camel(camel, ENVELOPED, DOCS["plain"], "rsa"))
    changed = re.sub(old, new, signed)
    assert changed != signed
    here = await ours.through(ours.VERIFY, changed)
    assert here.exception is not None
    assert class_of(here.exception) == _camel(camel, ours.VERIFY, changed, "rsa")["exception"]["class"]


async def test_what_only_the_engine_refuses(camel: Camel) -> None:
    """Camel hands on the whole document, also where the signature covers a part of it only."""
    signed = _text(_camel(camel, ours.ENVELOPING + "&contentObjectId=o", DOCS["plain"], "rsa"))
    around = f"<all>{re.sub('<[?].*?[?]>', '', signed)}<forged/></all>"
    assert "<forged/>" in _text(_camel(camel, ours.VERIFY, around, "rsa"))
    assert "does not cover" in await ours.refused(ours.VERIFY, around, "Invalid")
