"""XML signatures (W3C XML Signature 1.1) of `xmlsecurity-sign:` and `xmlsecurity-verify:`.

Only strong algorithms: RSA (PKCS 1 and PSS) and ECDSA with SHA-2 or SHA-3. A verified document has exactly one
signature, references of the same document only, ids that name one element, and no transforms but
canonicalization and `enveloped-signature`; what is handed on is what a reference covers (ASVS 11, and against
signature wrapping: https://www.w3.org/TR/xmldsig-bestpractices/, sections 2.1 and 2.2).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import Hash, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate
from lxml import etree
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureMethod,
    digest_algorithm_implementations,
)
from signxml.verifier import XMLVerifier

from integrator.engine.exceptions import CAMEL, JavaException, failure
from integrator.security.parsers import xml_parser

DS = "http://www.w3.org/2000/09/xmldsig#"
SIGNATURE = f"{{{DS}}}Signature"
ENVELOPED = DS + "enveloped-signature"
INCLUSIVE = CanonicalizationMethod.CANONICAL_XML_1_0
REFERENCES_MAX = 30
"""References of one signature at most, as Apache Santuario has it where validation is secure."""

SIGNATURES: dict[str, Any] = {
    one.value: one
    for one in SignatureMethod
    if "SHA1" not in one.name and one.name.startswith(("RSA_", "ECDSA_", "SHA"))
}
DIGESTS: dict[str, Any] = {one.value: one for one in DigestAlgorithm if "SHA1" not in one.name}
CANONICALIZATIONS: dict[str, Any] = {one.value: one for one in CanonicalizationMethod}

_PACKAGE = CAMEL + "component.xmlsecurity.api."
_XML = "{http://www.w3.org/XML/1998/namespace}"
_EXCLUSIVE = "{http://www.w3.org/2001/10/xml-exc-c14n#}InclusiveNamespaces"
_IDS = ("Id", "ID", "id")
_VALUE = (
    "Signature validation failed. The signature value could not be validated by the public key. Either the "
    "message has been tampered with or the public key is not correct."
)
_DIGEST = (
    "Signature validation failed. The calculated digest value of reference {} is not equal to the value specified "
    "in the XML signature. The document may have been tampered with."
)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


def signature_error(kind: str, message: str) -> JavaException:
    """An exception of the component: `XmlSignature…Exception`, with a text free of values."""
    return failure(f"{_PACKAGE}XmlSignature{kind}Exception", message)


# --- canonical form and algorithms ----------------------------------------------------------------


def canonical(
    element: etree._Element,
    method: CanonicalizationMethod,
    prefixes: Sequence[str] | None = None,
    *,
    without: str | None = None,
) -> bytes:
    """The canonical form of an element where it stands, without comments; elements `without` left out.

    Inclusive forms take the namespaces of the ancestors and their `xml:` attributes (Canonical XML, 2.4;
    1.1 leaves xml:id with its element).
    """
    copy = etree.fromstring(etree.tostring(element, encoding="utf-8", with_tail=False), xml_parser())
    exclusive = "xml-exc-c14n" in method.value
    if not exclusive:
        for ancestor in element.iterancestors():
            for name, value in ancestor.attrib.items():
                kept = str(name).startswith(_XML) and not ("c14n11" in method.value and name == _XML + "id")
                if kept and name not in copy.attrib:
                    copy.set(name, value)
    if without:
        for unwanted in list(copy.iter(without)):
            take_out(unwanted)
    options: dict[str, Any] = {"inclusive_ns_prefixes": list(prefixes)} if prefixes and exclusive else {}
    return bytes(etree.tostring(copy, method="c14n", exclusive=exclusive, with_comments=False, **options))


def take_out(element: etree._Element) -> None:
    """Remove an element; the text after it stays. A root stays as it is."""
    parent = element.getparent()
    if parent is None:
        return
    before, tail = element.getprevious(), element.tail or ""
    if before is not None:
        before.tail = (before.tail or "") + tail
    else:
        parent.text = (parent.text or "") + tail
    parent.remove(element)


def _hash(method: Any) -> HashAlgorithm:
    return digest_algorithm_implementations[method]()


def _digest(data: bytes, method: DigestAlgorithm) -> bytes:
    made = Hash(_hash(method))
    made.update(data)
    return made.finalize()


def digest_for(method: SignatureMethod) -> str:
    """The digest Camel takes where `digestAlgorithm` is not given; an empty text where it has none."""
    size = next((size for size in ("224", "256", "384", "512") if f"sha{size}" in method.value), "")
    return next((uri for uri, one in DIGESTS.items() if size and one.name == "SHA" + size), "")


def fits(method: SignatureMethod, key: PrivateKey | PublicKey) -> bool:
    """Whether a key is of the kind an algorithm needs."""
    elliptic = isinstance(key, (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey))
    return elliptic == method.name.startswith("ECDSA_")


def _pad(method: SignatureMethod) -> Any:
    if method.name.startswith("RSA_"):
        return padding.PKCS1v15()
    made = _hash(method)
    return padding.PSS(mgf=padding.MGF1(made), salt_length=made.digest_size)


def _made(key: PrivateKey, method: SignatureMethod, data: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, _pad(method), _hash(method))
    r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(_hash(method))))
    size = (key.key_size + 7) // 8  # XML has both numbers side by side (RFC 4050, 3.3)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _check(key: PublicKey, method: SignatureMethod, value: bytes, data: bytes) -> None:
    """Raises InvalidSignature."""
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(value, data, _pad(method), _hash(method))
        return
    size = (key.key_size + 7) // 8
    if len(value) != 2 * size:
        raise InvalidSignature
    r, s = int.from_bytes(value[:size], "big"), int.from_bytes(value[size:], "big")
    key.verify(utils.encode_dss_signature(r, s), data, ec.ECDSA(_hash(method)))


# --- signing --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Content:
    """What is signed: the reference's URI and Type, and its transforms by their URIs."""

    uri: str
    kind: str | None
    transforms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Signer:
    """Makes signatures with a key, and the certificates that go with it into KeyInfo (none: no KeyInfo).

    `signature_id` is the Id of each signature: None for a new one, an empty text for none.
    """

    key: PrivateKey
    chain: tuple[Certificate, ...]
    method: SignatureMethod
    digest: DigestAlgorithm
    canonicalization: CanonicalizationMethod
    prefix: str
    signature_id: str | None
    key_info_reference: bool

    @property
    def _prefixes(self) -> Any:  # lxml's stubs do not let None stand for the default namespace
        return {self.prefix or None: DS}

    def enveloped(self, element: etree._Element, parent: etree._Element, content: Content) -> None:
        """Sign an element, the signature as the last child of `parent`."""
        signed = self._canonical(element, content)
        self._sign(self._new(), parent, None, content, signed)

    def enveloping(self, inside: etree._Element | str, content: Content) -> etree._Element:
        """A signature around an element or a text, in its Object; the URI of the content is `#` and its Id."""
        signature = self._new()
        held = self._child(None, "Object", Id=content.uri[1:])
        if isinstance(inside, str):
            held.text = inside
        else:
            held.append(inside)
        self._sign(signature, None, held, content, None)
        return signature

    def _new(self) -> etree._Element:
        made = etree.Element(SIGNATURE, nsmap=self._prefixes)
        name = f"_{uuid4()}" if self.signature_id is None else self.signature_id
        if name:
            made.set("Id", name)
        return made

    def _child(self, parent: etree._Element | None, tag: str, text: str = "", **attributes: str) -> Any:
        name = f"{{{DS}}}{tag}"
        made = etree.Element(name, nsmap=self._prefixes) if parent is None else etree.SubElement(parent, name)
        for key, value in attributes.items():
            made.set(key, value)
        if text:
            made.text = text
        return made

    def _canonical(self, element: etree._Element, content: Content) -> bytes:
        method = next((CANONICALIZATIONS[uri] for uri in content.transforms if uri != ENVELOPED), INCLUSIVE)
        return canonical(element, method)

    def _sign(
        self,
        signature: etree._Element,
        parent: etree._Element | None,
        held: etree._Element | None,
        content: Content,
        signed: bytes | None,
    ) -> None:
        info = self._child(signature, "SignedInfo")
        self._child(info, "CanonicalizationMethod", Algorithm=self.canonicalization.value)
        self._child(info, "SignatureMethod", Algorithm=self.method.value)
        value = self._child(signature, "SignatureValue")
        key_info = self._key_info(signature)
        if held is not None:
            signature.append(held)
            signed = self._canonical(held, content)
        if parent is not None:
            parent.append(signature)
        self._reference(info, content, signed or b"")
        if key_info is not None and self.key_info_reference:
            about = Content("#" + str(key_info.get("Id")), None, (INCLUSIVE.value,))
            self._reference(info, about, canonical(key_info, INCLUSIVE))
        made = _made(self.key, self.method, canonical(info, self.canonicalization))
        value.text = base64.b64encode(made).decode("ascii")

    def _key_info(self, signature: etree._Element) -> etree._Element | None:
        if not self.chain:
            return None
        made: etree._Element = self._child(signature, "KeyInfo", Id=f"_{uuid4()}")
        data = self._child(made, "X509Data")
        for certificate in self.chain:
            text = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode("ascii")
            self._child(data, "X509Certificate", text)
        return made

    def _reference(self, info: etree._Element, content: Content, signed: bytes) -> None:
        reference = self._child(info, "Reference", URI=content.uri)
        if content.kind:
            reference.set("Type", content.kind)
        if content.transforms:
            transforms = self._child(reference, "Transforms")
            for uri in content.transforms:
                self._child(transforms, "Transform", Algorithm=uri)
        self._child(reference, "DigestMethod", Algorithm=self.digest.value)
        digest = base64.b64encode(_digest(signed, self.digest)).decode("ascii")
        self._child(reference, "DigestValue", digest)


def by_id(root: etree._Element, name: str) -> etree._Element | None:
    """The one element with this id; None where there is none, or more than one."""
    found = [node for node in root.iter(etree.Element) if name in _ids(node)]
    return found[0] if len(found) == 1 else None


def _ids(node: etree._Element) -> Iterator[str]:
    for name, value in node.attrib.items():
        if etree.QName(name).localname in _IDS:
            yield str(value)


# --- verifying ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verified:
    """A document whose one signature is valid, and the elements its references cover."""

    signature: etree._Element
    covered: tuple[etree._Element, ...]

    def covers(self, node: etree._Element) -> bool:
        """Whether an element is, or lies in, what was signed. The signature itself is not, but for what it names."""
        around = (node, *node.iterancestors())
        inside = self.signature in around
        return any(
            one in around and not (inside and one in tuple(self.signature.iterancestors()))
            for one in self.covered
        )


def verify(root: etree._Element, certificate: Certificate, key: PublicKey) -> Verified:
    """Check the one signature of a document by the key of a certificate that is trusted.

    Raises JavaException: XmlSignatureFormatException where there is no signature,
    XmlSignatureInvalidValueException, XmlSignatureInvalidContentHashException, XmlSignatureInvalidKeyException,
    or XmlSignatureInvalidException for what is not accepted.
    """
    signature = _only_signature(root)
    info = _part(signature, "SignedInfo")
    method = SIGNATURES.get(_algorithm(info, "SignatureMethod"))
    if method is None:
        raise signature_error(
            "Invalid", "the signature algorithm is not accepted: sign with RSA or ECDSA and SHA-2"
        )
    if not fits(method, key):
        raise signature_error(
            "InvalidKey", "the key of the certificate is not of the kind that the signature needs"
        )
    if not certificate.not_valid_before_utc <= datetime.now(UTC) <= certificate.not_valid_after_utc:
        raise signature_error("InvalidKey", "the certificate is not valid at this time: replace it")
    form = _part(info, "CanonicalizationMethod")
    signed = canonical(info, _canonicalization(form), _prefixes(form))
    try:
        _check(key, method, _decoded(_part(signature, "SignatureValue")), signed)
    except InvalidSignature:
        raise signature_error("InvalidValue", _VALUE) from None
    references = info.findall(f"{{{DS}}}Reference")
    if len(references) > REFERENCES_MAX:
        raise signature_error("Invalid", f"the signature has more than {REFERENCES_MAX} references")
    return Verified(
        signature, tuple(_covered(root, signature, one, at) for at, one in enumerate(references, 1))
    )


def _only_signature(root: etree._Element) -> etree._Element:
    found = list(root.iter(SIGNATURE))
    if not found:
        raise signature_error("Format", "Message is not a correct XML signature document: 'Signature' element is missing. "
                      "Check the sent message.")  # fmt: skip
    if len(found) > 1:
        raise signature_error("Invalid", "the document has more than one signature: send one")
    copy = etree.fromstring(etree.tostring(found[0], encoding="utf-8", with_tail=False), xml_parser())
    validate: Any = XMLVerifier().validate_schema  # it has no types
    try:
        validate(copy)
    except etree.DocumentInvalid:
        raise signature_error("Invalid", "the Signature element is not as XML Signature has it") from None
    return found[0]


def _covered(
    root: etree._Element, signature: etree._Element, reference: etree._Element, at: int
) -> etree._Element:
    """The element of a reference, whose digest is right."""
    uri = reference.get("URI")
    if uri is None or (uri and not uri.startswith("#")) or uri.startswith("#xpointer"):
        raise signature_error(
            "Invalid", f"reference {at} leaves the document: it may be empty, or # and an id"
        )
    element = by_id(root, uri[1:]) if uri else root
    if element is None:
        raise signature_error("Invalid", f"reference {at} does not name exactly one element")
    digest = DIGESTS.get(_algorithm(reference, "DigestMethod"))
    if digest is None:
        raise signature_error("Invalid", f"the digest algorithm of reference {at} is not accepted: use SHA-2")
    form, prefixes, without = INCLUSIVE, None, None
    for transform in reference.iterfind(f"{{{DS}}}Transforms/{{{DS}}}Transform"):
        if transform.get("Algorithm") == ENVELOPED:
            # Where the signature does not stand in the element, there is nothing to leave out.
            without = SIGNATURE if element in tuple(signature.iterancestors()) else None
        else:
            form, prefixes = _canonicalization(transform), _prefixes(transform)
    signed = canonical(element, form, prefixes, without=without)
    if _digest(signed, digest) != _decoded(_part(reference, "DigestValue")):
        raise signature_error("InvalidContentHash", _DIGEST.format(at))
    return element


def _part(element: etree._Element, tag: str) -> etree._Element:
    found = element.find(f"{{{DS}}}{tag}")
    if found is None:  # the schema has said that it is there
        raise signature_error("Invalid", f"the signature has no {tag}")
    return found


def _algorithm(element: etree._Element, tag: str) -> str:
    return _part(element, tag).get("Algorithm", "")


def _canonicalization(element: etree._Element) -> CanonicalizationMethod:
    found = CANONICALIZATIONS.get(element.get("Algorithm", ""))
    if not isinstance(found, CanonicalizationMethod):
        raise signature_error(
            "Invalid", "the signature has a transform that is not accepted: use canonicalization only"
        )
    return found


def _prefixes(element: etree._Element) -> list[str] | None:
    found = element.find(_EXCLUSIVE)
    return None if found is None else found.get("PrefixList", "").split()


def _decoded(element: etree._Element) -> bytes:
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise signature_error("Invalid", "the signature has a value that is not base64") from None
