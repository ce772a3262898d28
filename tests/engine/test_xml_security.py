"""xmlsecurity-sign and -verify: what they make, what they accept, and all that they refuse."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier

from integrator.engine import RouteErrors, Services, compile_routes, xmlsignature
from integrator.engine import signing as signing_part
from integrator.engine.exceptions import class_of, matches, text_of
from integrator.exchange import Exchange
from integrator.outbound.references import resolver
from tests.engine.helpers import exchange, problems, route, run, source

API = "org.apache.camel.component.xmlsecurity.api."
DS = "{http://www.w3.org/2000/09/xmldsig#}"
PLAIN = '<p:permit xmlns:p="urn:p"><p:who id="w">85073003328</p:who></p:permit>'
"""For the other library, which leaves xml: attributes of ancestors out of canonical forms."""
DOC = '<p:permit xmlns:p="urn:p" xml:lang="fr"><p:who id="w">85073003328</p:who><p:sign/></p:permit>'
ENVELOPED = "xmlsecurity-sign:s?keyAccessor=#signing&parentLocalName=permit&parentNamespace=urn:p"
ENVELOPING = "xmlsecurity-sign:s?keyAccessor=#signing"
VERIFY = "xmlsecurity-verify:v?keySelector=#trusted"


def made(kind: str = "rsa", name: str = "signer", days: int = 30) -> tuple[bytes, bytes]:
    """A private key and its certificate, in PEM; it ends in so many days. Made once."""
    return _made(kind, name, days)


@cache
def _made(kind: str, name: str, days: int) -> tuple[bytes, bytes]:
    key: Any
    if kind in ("rsa", "short"):
        key = rsa.generate_private_key(65537, 2048 if kind == "rsa" else 1024)
    else:
        key = ec.generate_private_key(ec.SECP256R1() if kind == "ec" else ec.SECP256K1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=90))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private, certificate.public_bytes(pem)


def services(kind: str = "rsa", others: Mapping[str, bytes] | None = None) -> Services:
    """Services with these keys; `key`, `cert` and `other` unless `others` has them."""
    key, certificate = made(kind)
    values = {"key": key, "cert": certificate, "other": made(kind, "other")[1], **(others or {})}
    return Services(secret=lambda reference: values[re.sub(r".*/|[{}]", "", reference)])


def beans(
    signing: str = "key: '${file:/k/key}', certificate: '${file:/k/cert}'", trusted: str = "cert"
) -> str:
    return f"""
- beans:
  - {{name: signing, type: {API}DefaultKeyAccessor, properties: {{{signing}}}}}
  - {{name: trusted, type: {API}DefaultKeySelector, properties: {{certificate: '${{file:/k/{trusted}}}'}}}}
  - {{name: exclusive, type: {API}XmlSignatureTransform, properties: {{algorithm: 'http://www.w3.org/2001/10/xml-exc-c14n#'}}}}
  - {{name: who, type: javax.xml.crypto.dsig.spec.XPathFilterParameterSpec, constructors: {{0: "//*[local-name()='who']"}}}}
  - {{name: nowhere, type: javax.xml.crypto.dsig.spec.XPathFilterParameterSpec, constructors: {{0: "//nowhere"}}}}
"""


async def through(uri: str, body: Any, given: Services | None = None, **more: Any) -> Exchange:
    """One endpoint, with the beans of these tests."""
    headers = more.pop("headers", None)
    return await run(beans(**more) + route(f'to: "{uri}"'), exchange(body, headers), given or services())


async def body(uri: str, given: Any, services: Services | None = None, **more: Any) -> bytes:
    done = await through(uri, given, services, **more)
    assert done.exception is None, text_of(done.exception)
    assert isinstance(done.message.body, bytes)
    return done.message.body


async def refused(uri: str, given: Any, kind: str, services: Services | None = None, **more: Any) -> str:
    """The text of the exception, which is of this kind and repeats no value."""
    done = await through(uri, given, services, **more)
    assert done.exception is not None
    assert class_of(done.exception) == f"{API}XmlSignature{kind}Exception"
    assert matches(done.exception, frozenset({API + "XmlSignatureException"}))
    assert "85073003328" not in text_of(done.exception) + str(done.exception)
    return text_of(done.exception)


def parsed(data: bytes) -> etree._Element:
    return etree.fromstring(data)


def of_library(data: bytes, certificate: bytes, references: int = 2) -> list[Any]:
    """What another implementation says of a signature."""
    config = SignatureConfiguration(expect_references=references)
    found = XMLVerifier().verify(parsed(data), x509_cert=certificate.decode(), expect_config=config)
    return found if isinstance(found, list) else [found]


# --- signatures and their options -----------------------------------------------------------------


async def test_enveloped_there_and_back() -> None:
    signed = await body(ENVELOPED, DOC)
    assert signed.startswith(b'<?xml version="1.0" encoding="UTF-8"?><p:permit')
    root = parsed(signed)
    assert root[-1].tag == DS + "Signature"
    assert next(root.iter(DS + "Reference")).get("URI") == ""
    assert len(list(root.iter(DS + "Reference"))) == 2
    assert await body(VERIFY, signed) == b'<?xml version="1.0" encoding="UTF-8"?>' + DOC.encode()


async def test_enveloping_there_and_back() -> None:
    signed = await body(ENVELOPING, DOC)
    assert parsed(signed).tag == DS + "Signature"
    assert await body(VERIFY + "&omitXmlDeclaration=true", signed) == DOC.encode()


async def test_a_text() -> None:
    signed = await body(ENVELOPING + "&plainText=true&contentObjectId=o", "a < b é")
    assert 'Id="o"' in signed.decode()
    assert await body(VERIFY, signed) == "a < b é".encode()
    latin = await body(ENVELOPING + "&plainText=true&plainTextEncoding=ISO-8859-1", "é".encode("latin-1"))
    assert await body(VERIFY + "&outputXmlEncoding=ISO-8859-1", latin) == "é".encode("latin-1")


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [
        ("rsa", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"),
        ("rsa", "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"),
        ("ec", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"),
        ("ec", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"),
    ],
)
async def test_algorithms(kind: str, algorithm: str) -> None:
    given = services(kind)
    signed = await body(f"{ENVELOPED}&signatureAlgorithm={algorithm.replace('#', '%23')}", PLAIN, given)
    size = re.findall(r"sha(\d+)", algorithm)[0]
    assert all(f"sha{size}" in one.get("Algorithm", "") for one in parsed(signed).iter(DS + "DigestMethod"))
    assert of_library(signed, made(kind)[1])
    await body(VERIFY, signed, given)


@pytest.mark.parametrize("form", ["#exclusive", "http://www.w3.org/2006/12/xml-c14n11"])
async def test_canonicalization_and_digest(form: str) -> None:
    digest = "http://www.w3.org/2001/04/xmlenc%23sha512"
    signed = await body(f"{ENVELOPED}&canonicalizationMethod={form}&digestAlgorithm={digest}", DOC)
    method = next(parsed(signed).iter(DS + "CanonicalizationMethod")).get("Algorithm", "")
    assert ("exc-c14n" in method) == (form == "#exclusive")
    assert signed.count(b"xmlenc#sha512") == 2
    await body(VERIFY, signed)


async def test_names_and_types() -> None:
    signed = await body(
        ENVELOPED + "&contentReferenceUri=%23w&contentReferenceType=urn:t&signatureId=s1"
        "&prefixForXmlSignatureNamespace=sig&addKeyInfoReference=false",
        DOC,
    )
    reference, *more = parsed(signed).iter(DS + "Reference")
    assert (reference.get("URI"), reference.get("Type"), more) == ("#w", "urn:t", [])
    assert b'<sig:Signature xmlns:sig="http://www.w3.org/2000/09/xmldsig#" Id="s1">' in signed
    bare = await body(
        ENVELOPED + "&signatureId=&prefixForXmlSignatureNamespace=&omitXmlDeclaration=true", DOC
    )
    assert b'<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo>' in bare
    assert bare.startswith(b"<p:permit")
    await body(VERIFY, bare)


async def test_headers_say_it_too_and_are_cleared() -> None:
    given = {
        "CamelXmlSignatureContentReferenceUri": "#w",
        "CamelXmlSignatureContentReferenceType": "urn:t",
        "CamelXmlSignatureOmitXmlDeclaration": "true",
        "CamelXmlSignatureTransformMethods": "http://www.w3.org/2001/10/xml-exc-c14n#",
        "kept": "1",
    }
    done = await through(ENVELOPED + "&outputXmlEncoding=ISO-8859-1", DOC, headers=given)
    root = parsed(done.message.body)
    reference = next(root.iter(DS + "Reference"))
    assert (reference.get("URI"), reference.get("Type")) == ("#w", "urn:t")
    assert [one.get("Algorithm") for one in next(reference.iter(DS + "Transforms"))] == [
        "http://www.w3.org/2001/10/xml-exc-c14n#"
    ]
    assert dict(done.message.headers) == {"kept": "1", "CamelCharsetName": "ISO-8859-1"}
    kept = await through(ENVELOPED + "&clearHeaders=false", DOC, headers=given)
    assert kept.message.headers["CamelXmlSignatureOmitXmlDeclaration"] == "true"
    await refused(ENVELOPED, DOC, "", headers={"CamelXmlSignatureTransformMethods": "urn:x"})


async def test_parent_by_xpath_and_without_a_certificate() -> None:
    uri = "xmlsecurity-sign:s?keyAccessor=#signing&parentXpath=#who"
    signed = await body(uri, DOC, signing="key: '${file:/k/key}'")
    root = parsed(signed)
    assert root[0][-1].tag == DS + "Signature"
    assert root.find(f".//{DS}KeyInfo") is None
    assert await body(VERIFY + "&omitXmlDeclaration=true", signed) == DOC.encode()
    assert "no element" in await refused(uri.replace("#who", "#nowhere"), DOC, "")


async def test_what_cannot_be_signed() -> None:
    assert "not an XML document" in await refused(ENVELOPED, "85073003328", "Format")
    assert "not an XML document" in await refused(ENVELOPED, "<!DOCTYPE a><a/>", "Format")
    assert "was not found" in await refused(ENVELOPED, "<a>85073003328</a>", "Format")
    assert "It is not an XML document" in await refused(
        ENVELOPED + "&plainText=true", "85073003328", "Format"
    )
    assert "names no element" in await refused(ENVELOPED + "&contentReferenceUri=%23none", DOC, "")
    done = await through(ENVELOPED, None)
    assert class_of(done.exception or ValueError()) == "org.apache.camel.InvalidPayloadException"


# --- verifying ------------------------------------------------------------------------------------


async def test_what_another_library_signs() -> None:
    key, certificate = made()
    signed = XMLSigner().sign(parsed(PLAIN.encode()), key=key, cert=certificate.decode())
    assert await body(VERIFY + "&omitXmlDeclaration=true", etree.tostring(signed)) == PLAIN.encode()
    around = XMLSigner(method=SignatureConstructionMethod.enveloping).sign(
        parsed(PLAIN.encode()), key=key, cert=certificate.decode()
    )
    assert await body(VERIFY + "&omitXmlDeclaration=true", etree.tostring(around)) == PLAIN.encode()


async def test_searches() -> None:
    signed = await body(ENVELOPED, DOC)
    search = VERIFY + "&omitXmlDeclaration=true&outputNodeSearchType="
    who = b'<p:who xmlns:p="urn:p" id="w">85073003328</p:who>'
    assert await body(search + "ElementName&outputNodeSearch={urn:p}who", signed) == who
    assert await body(search + "XPath&outputNodeSearch=#who", signed) == who
    whole = search + "ElementName&outputNodeSearch={urn:p}permit"
    assert b"SignatureValue" in await body(whole, signed)
    assert await body(whole + "&removeSignatureElements=true", signed) == DOC.encode()
    assert "does not exist" in await refused(search + "ElementName&outputNodeSearch=none", signed, "")
    assert "does not find one" in await refused(search + "XPath&outputNodeSearch=#nowhere", signed, "")


async def test_only_what_was_signed_is_handed_on() -> None:
    signed = await body(ENVELOPED + "&contentReferenceUri=%23w", DOC)
    assert "does not cover" in await refused(VERIFY, signed, "Invalid")
    search = VERIFY + "&outputNodeSearchType=ElementName&outputNodeSearch={urn:p}"
    assert b"85073003328" in await body(search + "who", signed)
    assert "does not cover" in await refused(search + "sign", signed, "Invalid")


def _tampered(signed: bytes) -> bytes:
    return signed.replace(b"85073003328", b"85073003329")


def _wrapped(signed: bytes) -> bytes:
    """The signed element moved aside, another in its place (signature wrapping)."""
    root = parsed(signed)
    old = root[0]
    aside = etree.SubElement(root, "aside")
    new = etree.Element(old.tag, {"id": "x"})
    new.text = "forged"
    root.insert(0, new)
    aside.append(old)
    return bytes(etree.tostring(root))


def _same_id_twice(signed: bytes) -> bytes:
    root = parsed(signed)
    etree.SubElement(root, "other", {"ID": "w"})
    return bytes(etree.tostring(root))


def _two(signed: bytes) -> bytes:
    root = parsed(signed)
    root.append(parsed(etree.tostring(root[-1])))
    return bytes(etree.tostring(root))


def _with(pattern: bytes, replacement: bytes) -> Callable[[bytes], bytes]:
    def change(signed: bytes) -> bytes:
        changed = re.sub(pattern, replacement, signed, count=1, flags=re.DOTALL)
        assert changed != signed
        return changed

    return change


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        (_tampered, "InvalidContentHash", "tampered"),
        (_with(rb'URI="#w"', b'URI=""'), "InvalidValue", "tampered with or the public key"),
        (_with(rb"<ds:Signature .*</ds:Signature>", b""), "Format", "'Signature' element is missing"),
        (_wrapped, "Invalid", "does not cover"),
        (_same_id_twice, "Invalid", "exactly one element"),
        (_two, "Invalid", "more than one signature"),
        (
            _with(rb"xmldsig-more#rsa-sha256", b"xmldsig-more#hmac-sha256"),
            "Invalid",
            "algorithm is not accepted",
        ),
        (_with(rb"2001/04/xmldsig-more#rsa-sha256", b"2000/09/xmldsig#rsa-sha1"), "Invalid", "not accepted"),
        (_with(rb"<ds:SignatureValue>[^<]*", b"<ds:SignatureValue>AAAA"), "InvalidValue", "public key"),
        (_with(rb"<ds:DigestMethod[^>]*>", b""), "Invalid", "not as XML Signature has it"),
        (lambda _: b"85073003328", "Format", "not a XML signature document"),
    ],
)
async def test_refused(change: Callable[[bytes], bytes], kind: str, says: str) -> None:
    signed = await body(ENVELOPED + "&contentReferenceUri=%23w", DOC)
    search = VERIFY + "&outputNodeSearchType=ElementName&outputNodeSearch={urn:p}"
    uri = search + ("permit" if change is _wrapped else "who")
    assert says in await refused(uri, change(signed), kind)


async def test_another_key() -> None:
    signed = await body(ENVELOPED, DOC)  # its KeyInfo has the certificate that fits, and counts for nothing
    await refused(VERIFY, signed, "InvalidValue", trusted="other")


async def test_a_key_of_another_kind_or_time() -> None:
    signed = await body(ENVELOPED, DOC)
    assert "kind" in await refused(VERIFY, signed, "InvalidKey", services(others={"cert": made("ec")[1]}))
    assert "not valid at this time" in await refused(
        VERIFY, signed, "InvalidKey", services(others={"cert": made("rsa", "signer", -1)[1]})
    )


async def test_weak_algorithms_of_others() -> None:
    class Weak(XMLSigner):
        def check_deprecated_methods(self) -> None:
            """What this library too refuses to make is what is to be refused."""

    key, certificate = made()
    for method, digest, says in (
        (SignatureMethod.RSA_SHA1, DigestAlgorithm.SHA256, "signature algorithm"),
        (SignatureMethod.RSA_SHA256, DigestAlgorithm.SHA1, "digest algorithm"),
    ):
        signer = Weak(signature_algorithm=method, digest_algorithm=digest)
        signed = signer.sign(parsed(PLAIN.encode()), key=key, cert=certificate.decode())
        assert says in await refused(VERIFY, etree.tostring(signed), "Invalid")


async def test_what_a_reference_may_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signed by the right key all the same: made by a signer that lets everything through."""
    base64_transform = "http://www.w3.org/2000/09/xmldsig#base64"
    with monkeypatch.context() as patch:
        patch.setitem(xmlsignature.CANONICALIZATIONS, base64_transform, xmlsignature.INCLUSIVE)
        given = {"CamelXmlSignatureTransformMethods": base64_transform}
        transformed = (await through(ENVELOPED, DOC, headers=given)).message.body
    assert "transform that is not accepted" in await refused(VERIFY, transformed, "Invalid")
    monkeypatch.setattr(signing_part, "_referred", lambda root, _uri: root)
    for uri in ("http://127.0.0.1/x", "file:/etc/passwd", "%23xpointer(/)", "relative.xml"):
        outside = await body(f"{ENVELOPED}&contentReferenceUri={uri}", DOC)
        assert "leaves the document" in await refused(VERIFY, outside, "Invalid")
    monkeypatch.setattr(xmlsignature, "REFERENCES_MAX", 1)
    assert "more than 1 references" in await refused(VERIFY, await body(ENVELOPED, DOC), "Invalid")


async def test_no_namespace_inside_a_default_one() -> None:
    doc = '<permit xmlns="urn:p"><who xmlns="" Id="w"><name>a</name></who></permit>'
    signed = await body(ENVELOPED + "&contentReferenceUri=%23w", doc)
    search = VERIFY + "&omitXmlDeclaration=true&outputNodeSearchType=ElementName&outputNodeSearch=who"
    assert await body(search, signed) == b'<who xmlns="" Id="w"><name>a</name></who>'
    around = await body(ENVELOPING, doc)
    assert await body(VERIFY + "&omitXmlDeclaration=true", around) == doc.encode()


async def test_objects_around() -> None:
    signed = await body(ENVELOPING + "&contentObjectId=o", DOC)
    inside = parsed(signed)
    forged = etree.SubElement(inside, DS + "Object")
    forged.text = "forged"  # not referred to: it is not handed on
    assert b"forged" not in await body(VERIFY, etree.tostring(inside))
    assert (
        "InvalidContentHash"
        in f"InvalidContentHash{await refused(VERIFY, _tampered(signed), 'InvalidContentHash')}"
    )


# --- keys and problems ----------------------------------------------------------------------------


def found(text: str, given: Services | None = None) -> list[tuple[str, str]]:
    """The rules and texts of the problems when the routes are activated, or only checked."""
    if given is None:
        return [(one.rule, one.message) for one in problems(text)]
    with pytest.raises(RouteErrors) as caught:
        compile_routes([source(text)], given)
    return [(one.rule, one.message) for one in caught.value.problems]


def test_checking_reads_no_key() -> None:
    text = beans() + route(f'to: "{ENVELOPED}"\nto: "{VERIFY}"')
    assert problems(text) == []


@pytest.mark.parametrize(
    ("signing", "rule", "says"),
    [
        ("key: secret-of-the-site", "key-reference", "key is no reference"),
        ("key: 'x${env:A}'", "key-reference", "key is no reference"),
        ("key: '${file:/k/key}', password: hunter2", "key-reference", "password is no reference"),
        ("certificate: '${file:/k/cert}'", "key-reference", "has no key"),
        ("key: '${file:/k/key}', keyStore: '#store'", "bean", "keyStore is not in the embedded engine"),
    ],
)
def test_keys_are_references(signing: str, rule: str, says: str) -> None:
    [(given, message)] = found(beans(signing) + route(f'to: "{ENVELOPED}"'))
    assert given == rule
    assert says in message
    assert "secret-of" not in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"key": b"no key"}, "key is no private key in PEM"),
        ({"cert": b"no certificate"}, "certificate is no certificate in PEM"),
        ({"cert": made("rsa", "other")[1]}, "do not belong together"),
        ({"key": made("short")[0], "cert": made("short")[1]}, "shorter than 2048 bits"),
        ({"key": made("other-curve")[0]}, "on a curve that is not accepted"),
        ({"key": made("ec")[0], "cert": made("ec")[1]}, "signatureAlgorithm does not fit"),
    ],
)
def test_keys_that_cannot_be_used(values: dict[str, bytes], says: str) -> None:
    [(_, message)] = found(beans() + route(f'to: "{ENVELOPED}"'), services(others=values))
    assert says in message


def test_a_secret_that_is_not_there() -> None:
    [(rule, message)] = found(beans() + route(f'to: "{ENVELOPED}"'), Services())
    assert rule == "key-reference"
    assert "no secrets here" in message


@pytest.mark.parametrize(
    ("uri", "rule", "says"),
    [
        (ENVELOPED.replace("#signing", "#none"), "bean", "there is no bean none"),
        (ENVELOPED.replace("#signing", "#trusted"), "bean", "is no key accessor"),
        (VERIFY.replace("#trusted", "#who"), "bean", "is no key selector"),
        (ENVELOPED + "&parentXpath=#who", "options", "exclude each other"),
        (ENVELOPING + "&parentXpath=#exclusive", "bean", "is no XPath"),
        (
            ENVELOPED + "&signatureAlgorithm=http://www.w3.org/2000/09/xmldsig%23rsa-sha1",
            "option-value",
            "accepted",
        ),
        (ENVELOPED + "&digestAlgorithm=http://www.w3.org/2000/09/xmldsig%23sha1", "option-value", "accepted"),
        (ENVELOPED + "&canonicalizationMethod=urn:x", "option-value", "accepted"),
        (ENVELOPED + "&outputXmlEncoding=klingon", "option-value", "no encoding"),
        (ENVELOPED + "&xpathsToIdAttributes=#list", "not-yet", "detached"),
        (ENVELOPED + "&transformMethods=#list", "not-yet", "CamelXmlSignatureTransformMethods"),
        (ENVELOPED + "&properties=#xades", "not-yet", "Java bean"),
        (ENVELOPED + "&schemaResourceUri=a.xsd", "not-yet", "validator"),
        (VERIFY + "&xmlSignatureChecker=#b", "not-yet", "Java bean"),
        (VERIFY + "&validationFailedHandler=#b", "not-yet", "Java bean"),
        (VERIFY + "&secureValidation=false", "option-value", "secureValidation"),
        (VERIFY + "&disallowDoctypeDecl=false", "option-value", "disallowDoctypeDecl"),
        (VERIFY + "&outputNodeSearchType=ElementName", "option-value", "outputNodeSearch"),
        (VERIFY + "&outputNodeSearchType=XPath", "option-value", "outputNodeSearch"),
        ("xmlsecurity-sign:s", "missing-option", "keyAccessor"),
        ("xmlsecurity-verify:s", "missing-option", "keySelector"),
    ],
)
def test_options_that_are_refused(uri: str, rule: str, says: str) -> None:
    [(given, message)] = found(beans() + route(f'to: "{uri}"'))
    assert given == rule
    assert says in message


async def test_keys_in_files(tmp_path: Path) -> None:
    resolve = resolver({"CERT": made()[1].decode()})
    given = Services(secret=lambda reference: resolve(reference).encode())
    path = tmp_path / "key.pem"
    signing = f"key: '${{file:{path}}}', certificate: '${{env:CERT}}'"
    text = beans(signing) + route(f'to: "{ENVELOPED}"')
    assert [f"the file {path} cannot be read" in message for _, message in found(text, given)] == [True]
    path.write_bytes(made()[0])
    signed = await body(ENVELOPED, DOC, given, signing=signing)
    await body(VERIFY, signed)


async def test_a_key_with_a_password() -> None:
    key = serialization.load_pem_private_key(made()[0], None)
    form = serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"pass")
    sealed = key.private_bytes(serialization.Encoding.PEM, *form)
    signing = "key: '${file:/k/sealed}', password: '${env:/pass}', certificate: '${file:/k/cert}'"
    signed = await body(ENVELOPED, DOC, services(others={"sealed": sealed, "pass": b"pass"}), signing=signing)
    assert base64.b64decode(next(parsed(signed).iter(DS + "SignatureValue")).text or "")
    await body(VERIFY, signed)
