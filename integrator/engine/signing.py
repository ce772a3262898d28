"""xmlsecurity-sign: what is signed, and where the signature stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from lxml import etree

from integrator.engine import keymaterial, xmloutput
from integrator.engine.compiler import Node
from integrator.engine.exceptions import CAMEL
from integrator.engine.steps import Run
from integrator.engine.uris import Uri
from integrator.engine.xmlsignature import (
    CANONICALIZATIONS,
    DIGESTS,
    ENVELOPED,
    INCLUSIVE,
    SIGNATURES,
    Content,
    Signer,
    by_id,
    digest_for,
    fits,
    signature_error,
)
from integrator.exchange import Exchange, Message

TRANSFORM = CAMEL + "component.xmlsecurity.api.XmlSignatureTransform"
Parent = Callable[[etree._Element], etree._Element]
_NOT_XML = (
    "XML signature generation not possible. Sent message is not an XML document. Check the sent message."
)
_NO_ROOT = (
    "Incoming message has wrong format: It is not an XML document. Cannot create an enveloped or detached XML "
    "signature."
)


def compile_signing(node: Node, uri: Uri) -> Run | None:
    """The step; None where something is wrong, which is noted, or nothing is to run."""
    before = len(node.scope.problems)
    parent = _parent(node, uri)
    charset = xmloutput.encoding(node, uri)
    plain_charset = xmloutput.encoding(node, uri, "plainTextEncoding")
    signer = _signer(node, uri)
    if signer is None or len(node.scope.problems) > before:
        return None
    options, content_id = uri.options, uri.options.get("contentObjectId") or f"_{uuid4()}"

    def sign(exchange: Exchange) -> None:
        message = exchange.message
        plain = (
            xmloutput.header(message, "MessageIsPlainText", options.get("plainText", "false")) or ""
        ).lower()
        body: Any
        if plain == "true":
            body = _text(message, xmloutput.header(message, "PlainTextEncoding", None) or plain_charset)
        else:
            body = xmloutput.document(message, _NOT_XML)
        kind = xmloutput.header(message, "ContentReferenceType", options.get("contentReferenceType"))
        if parent is None:
            content = Content("#" + content_id, kind, _transforms(message))
            result = signer.enveloping(body, content)
        elif isinstance(body, str):
            raise signature_error("Format", _NO_ROOT)
        else:
            about = xmloutput.header(message, "ContentReferenceUri", options.get("contentReferenceUri", ""))
            content = Content(about or "", kind, _transforms(message, ENVELOPED))
            signer.enveloped(_referred(body, content.uri), parent(body), content)
            result = body
        omit = xmloutput.header(message, "OmitXmlDeclaration", options.get("omitXmlDeclaration")) or ""
        data = xmloutput.written(result, charset, declared=omit.lower() != "true")
        xmloutput.finish(exchange, uri, data)

    return sign


def _text(message: Message, charset: str) -> str:
    xmloutput.mandatory(message)
    try:
        return message.as_bytes().decode(charset)
    except LookupError:
        raise signature_error("", "The message encoding is not supported.") from None
    except UnicodeDecodeError:
        raise signature_error("Format", "The message is not of the encoding it should have.") from None


def _transforms(message: Message, *first: str) -> tuple[str, ...]:
    given = xmloutput.header(message, "TransformMethods", None)
    if given is None:
        return (*first, INCLUSIVE.value)
    named = tuple(part.strip() for part in given.split(",") if part.strip())
    if any(one not in CANONICALIZATIONS and one != ENVELOPED for one in named):
        raise signature_error("", "CamelXmlSignatureTransformMethods names a transform that is not accepted: use "
                      "canonicalization and enveloped-signature")  # fmt: skip
    return named


def _referred(root: etree._Element, uri: str) -> etree._Element:
    found = root if not uri else by_id(root, uri[1:]) if uri.startswith("#") else None
    if found is None:
        raise signature_error("", "contentReferenceUri names no element of the document, or more than one")
    return found


def _parent(node: Node, uri: Uri) -> Parent | None:
    """How the parent of an enveloped signature is found; None for a signature around the body."""
    local, space = uri.options.get("parentLocalName"), uri.options.get("parentNamespace")
    if "parentXpath" in uri.options:
        if local:
            node.problem("/uri", "options", "parentLocalName and parentXpath exclude each other", "Keep one.")
        search = xmloutput.xpath(node, uri, "parentXpath")
        return None if search is None else lambda root: _by_xpath(root, search)
    return (lambda root: _by_name(root, local, space)) if local else None


def _by_xpath(root: etree._Element, search: etree.XPath) -> etree._Element:
    found: Any = search(root)
    nodes = [one for one in found if isinstance(one, etree._Element)] if isinstance(found, list) else []
    if not nodes:
        raise signature_error("", f"The parent XPath {search.path} returned no element. Check the configuration of the XML "
                      "signer component.")  # fmt: skip
    return nodes[0]


def _by_name(root: etree._Element, local: str, space: str | None) -> etree._Element:
    found = next(root.iter(f"{{{space}}}{local}" if space else local), None)
    if found is None:
        raise signature_error("Format", f"Incoming message has wrong format: The parent element with the local name {local} and "
                      f"the namespace {space or 'null'} was not found in the message to build an enveloped XML "
                      "signature.")  # fmt: skip
    return found


def _signer(node: Node, uri: Uri) -> Signer | None:
    found = xmloutput.bean(node, uri, "keyAccessor")
    chosen = _algorithms(node, uri)
    if found is None or chosen is None:
        return None
    name, bean = found
    if bean.java_class != keymaterial.ACCESSOR:
        node.problem(
            "/uri", "bean", f"the bean {name} is no key accessor", f"Make it a {keymaterial.ACCESSOR}."
        )
        return None
    if not keymaterial.holds(node, bean, name, ("key",)) or node.scope.checking:
        return None
    keys = keymaterial.load(node, bean, name)
    if keys is None or keys.private is None:
        return None
    method, digest, form = chosen
    if not fits(method, keys.private):
        node.problem("/uri", "option-value", f"signatureAlgorithm does not fit the key of the bean {name}",
                     "Name an RSA algorithm for an RSA key, ECDSA for EC.")  # fmt: skip
        return None
    options = uri.options
    return Signer(
        keys.private, keys.chain, method, digest, form,
        prefix=options.get("prefixForXmlSignatureNamespace", "ds"),
        signature_id=options.get("signatureId"),
        key_info_reference=xmloutput.flag(uri, "addKeyInfoReference", True),
    )  # fmt: skip


def _algorithms(node: Node, uri: Uri) -> tuple[Any, Any, Any] | None:
    """Signature, digest and canonical form; notes those that are not accepted."""
    default = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
    method = SIGNATURES.get(uri.options.get("signatureAlgorithm", default))
    if method is None:
        node.problem("/uri", "option-value", "signatureAlgorithm of xmlsecurity-sign is not accepted",
                     "Name RSA or ECDSA with SHA-2 or SHA-3 by its URI.")  # fmt: skip
        return None
    digest = DIGESTS.get(uri.options.get("digestAlgorithm") or digest_for(method))
    form = CANONICALIZATIONS.get(_canonicalization(node, uri))
    if digest is None:
        node.problem("/uri", "option-value", "digestAlgorithm of xmlsecurity-sign is not accepted",
                     "Name SHA-2 or SHA-3 by its URI.")  # fmt: skip
    if form is None:
        node.problem("/uri", "option-value", "canonicalizationMethod of xmlsecurity-sign is not accepted",
                     "Name Canonical XML 1.0, 1.1 or Exclusive by its URI.")  # fmt: skip
    return None if digest is None or form is None else (method, digest, form)


def _canonicalization(node: Node, uri: Uri) -> str:
    given = uri.options.get("canonicalizationMethod", INCLUSIVE.value)
    if not given.startswith("#"):
        return given
    found = xmloutput.bean(node, uri, "canonicalizationMethod")
    fitting = found is not None and found[1].java_class == TRANSFORM
    return str(found[1].properties.get("algorithm", "")) if found is not None and fitting else ""
