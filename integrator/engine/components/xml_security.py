"""xmlsecurity-sign and xmlsecurity-verify: XML signatures made by a key, and checked by a certificate that is trusted."""

from __future__ import annotations

from typing import Any

from integrator.engine import unbuilt
from integrator.engine.compiler import Node
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing
from integrator.engine.uris import Uri

_SCHEMA = "use validator: before it"
_SIGN: dict[str, str] = {
    **dict.fromkeys(("cryptoContextProperties", "properties", "uriDereferencer"), unbuilt.BEAN),
    "transformMethods": "needs a Java list: set the header CamelXmlSignatureTransformMethods",
    "xpathsToIdAttributes": "makes detached signatures by a Java list: use parentLocalName and contentReferenceUri",
    "schemaResourceUri": _SCHEMA,
}
_VERIFY: dict[str, str] = {
    **dict.fromkeys(("cryptoContextProperties", "uriDereferencer", "validationFailedHandler", "xmlSignature2Message",
                     "xmlSignatureChecker"), unbuilt.BEAN),
    "schemaResourceUri": _SCHEMA,
}  # fmt: skip
_BOTH = (
    Option("omitXmlDeclaration", "Whether the result has no XML declaration.", type="boolean", default=False),
    Option("outputXmlEncoding", "Character encoding of the result, and of the header CamelCharsetName.",
           example="ISO-8859-1"),
    Option("clearHeaders", "Removes the headers CamelXmlSignature… at the end.", type="boolean", default=True),
    Option("disallowDoctypeDecl", "Accepted: a DOCTYPE is always refused.", default="true", choices=("true",)),
    Option("baseUri", "Accepted, without effect: signatures refer to their own document."),
    unbuilt.LAZY,
)  # fmt: skip
_ALGORITHM = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SPEC = Spec(
    "component",
    "xmlsecurity-sign",
    "Signs the body, an XML document, or puts a signature around it where no parent is named. The bean of keyAccessor,"
    " a DefaultKeyAccessor, names PEM files: `key`, and `certificate` for KeyInfo.",
    "2.12",
    "xmlsecurity-sign:permit?keyAccessor=#signing&parentLocalName=permit&parentNamespace=urn:permits",
    options=(
        Option("keyAccessor", "The bean of the key.", required=True, example="#signing"),
        Option("parentLocalName", "Local name of the element that takes the signature as its last child."),
        Option("parentNamespace", "Namespace of that element."),
        Option("parentXpath", "That element by XPath: a bean of javax.xml.crypto.dsig.spec.XPathFilterParameterSpec.",
               example="#parent"),
        Option("signatureAlgorithm", "URI of the algorithm: RSA or ECDSA, with SHA-2 or SHA-3.", default=_ALGORITHM),
        Option("digestAlgorithm", "URI of the digest; without it that of the signature's algorithm.",
               example="http://www.w3.org/2001/04/xmlenc#sha512"),
        Option("canonicalizationMethod", "Canonical form of SignedInfo: a URI, or a bean of XmlSignatureTransform.",
               default="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
        Option("contentReferenceUri", "What an enveloped signature signs: the whole document, or # and an id.",
               default=""),
        Option("contentReferenceType", "Type of that reference."),
        Option("contentObjectId", "Id of the Object around the body; without it a new one."),
        Option("signatureId", "Id of the signature; without it a new one, none where it is empty."),
        Option("prefixForXmlSignatureNamespace", "Namespace prefix of the signature.", default="ds"),
        Option("addKeyInfoReference", "Whether KeyInfo is signed, too.", type="boolean", default=True),
        Option("plainText", "Whether the body is a text, and no XML.", type="boolean", default=False),
        Option("plainTextEncoding", "Its character encoding.", default="UTF-8"),
        *_BOTH,
        *unbuilt.options(_SIGN),
    ),
)  # fmt: skip
VERIFY = Spec(
    "component",
    "xmlsecurity-verify",
    "Checks the one signature of the body by the certificate that the bean of keySelector names, and hands on what"
    " was signed, without the signature. What a document says of its own key counts for nothing; SHA-1 is refused.",
    "2.12",
    "xmlsecurity-verify:permit?keySelector=#trusted",
    options=(
        Option("keySelector", "The bean of the certificate.", required=True, example="#trusted"),
        Option("outputNodeSearchType", "How the result is found: what was signed, or by element name, or by XPath.",
               default="Default", choices=("Default", "ElementName", "XPath")),
        Option("outputNodeSearch", "Its element, `{namespace}name`, or a bean of XPathFilterParameterSpec. It must"
               " have been signed.", example="{urn:permits}permit"),
        Option("removeSignatureElements", "Takes the signature out of what a search finds.", type="boolean",
               default=False),
        Option("secureValidation", "Accepted: it is always on.", default="true", choices=("true",)),
        *_BOTH,
        *unbuilt.options(_VERIFY),
    ),
)  # fmt: skip
SPECS = (SPEC, VERIFY)


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """Signing or verifying."""
    from integrator.engine import signing, verifying

    signs = uri.scheme == SPEC.name
    unbuilt.refuse(node, uri, _SIGN if signs else _VERIFY)
    found: Any = signing.compile_signing(node, uri) if signs else verifying.compile_verifying(node, uri)
    return found or nothing
