"""xmlsecurity-verify: the check, and what of a verified document is handed on: nothing that was not signed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lxml import etree

from integrator.engine import keymaterial, xmloutput
from integrator.engine.compiler import Node
from integrator.engine.steps import Run
from integrator.engine.uris import Uri
from integrator.engine.xmlsignature import DS, SIGNATURE, Verified, signature_error, take_out, verify
from integrator.exchange import Exchange

_NOT_XML = "Message has wrong format, it is not a XML signature document. Check the sent message."
_NO_ROOT = "Cannot extract root {} for the output document from the XML signature document. "
Search = Callable[[etree._Element], etree._Element]


def compile_verifying(node: Node, uri: Uri) -> Run | None:
    """The step; None where something is wrong, which is noted, or nothing is to run."""
    before = len(node.scope.problems)
    search = _search(node, uri)
    charset = xmloutput.encoding(node, uri)
    keys = _keys(node, uri)
    if keys is None or len(node.scope.problems) > before:
        return None
    removes = xmloutput.flag(uri, "removeSignatureElements")

    def check(exchange: Exchange) -> None:
        message = exchange.message
        root = xmloutput.document(message, _NOT_XML)
        verified = verify(root, keys.chain[0], keys.public)
        found = _found(root, verified, search, removes=removes)
        omit = xmloutput.header(message, "OmitXmlDeclaration", uri.options.get("omitXmlDeclaration")) or ""
        data = xmloutput.written(found, charset, declared=omit.lower() != "true")
        xmloutput.finish(exchange, uri, data)

    return check


def _keys(node: Node, uri: Uri) -> keymaterial.Keys | None:
    found = xmloutput.bean(node, uri, "keySelector")
    if found is None:
        return None
    name, bean = found
    if bean.java_class not in (keymaterial.SELECTOR, keymaterial.ACCESSOR):
        node.problem(
            "/uri", "bean", f"the bean {name} is no key selector", f"Make it a {keymaterial.SELECTOR}."
        )
        return None
    if not keymaterial.holds(node, bean, name, ("certificate",)) or node.scope.checking:
        return None
    return keymaterial.load(node, bean, name)


def _found(root: etree._Element, verified: Verified, search: Search | None, *, removes: bool) -> Any:
    """What is handed on. Raises XmlSignatureInvalidException where it was not signed."""
    if search is None and root.tag == SIGNATURE:
        return _content(root, verified)
    found = root if search is None else search(root)
    if not verified.covers(found):
        raise signature_error("Invalid", "the signature does not cover what would be handed on: sign it, or choose what was "
                      "signed by outputNodeSearch")  # fmt: skip
    if search is None or removes:
        take_out(verified.signature)
    return found


def _content(root: etree._Element, verified: Verified) -> Any:
    """The one node in the one Object that the signature refers to."""
    objects = [one for one in verified.covered if one.tag == f"{{{DS}}}Object" and one.getparent() is root]
    if not objects:
        raise signature_error("", "Unsupported XML signature document: Content object not found in the enveloping XML "
                      "signature.")  # fmt: skip
    if len(objects) > 1:
        raise signature_error("", "Unsupported XML signature document: More than one content objects found.")
    inside = list(objects[0])
    texts = [part for part in (objects[0].text, *(one.tail for one in inside)) if part]
    if not inside and texts:
        return texts[0]
    if len(inside) != 1 or any(part.strip() for part in texts):
        raise signature_error(
            "", "Unsupported XML signature: not one structure element in referenced content object."
        )
    return inside[0]


def _search(node: Node, uri: Uri) -> Search | None:
    """How the result is found; None for what was signed."""
    kind, given = uri.options.get("outputNodeSearchType", "Default"), uri.options.get("outputNodeSearch", "")
    if kind == "Default":
        return None
    if kind == "XPath":
        search = xmloutput.xpath(node, uri, "outputNodeSearch")
        if search is None and not given:
            _missing(node, kind)
        return None if search is None else lambda root: _by_xpath(root, search)
    space, closed, local = given[1:].partition("}") if given.startswith("{") else ("", "}", given)
    if not closed or not local:
        _missing(node, kind)
        return None
    return lambda root: _by_name(root, local, space)


def _missing(node: Node, kind: str) -> None:
    node.problem("/uri", "option-value", f"outputNodeSearch does not fit outputNodeSearchType={kind}",
                 "Write {namespace}name for ElementName, a bean for XPath.")  # fmt: skip


def _by_name(root: etree._Element, local: str, space: str) -> etree._Element:
    found = list(root.iter(f"{{{space}}}{local}" if space else local))
    if len(found) != 1:
        said = "does not exist" if not found else "stands there more than once"
        raise signature_error("", _NO_ROOT.format("element") + f"Element with local name {local} and namespace "
                      f"{space or 'null'} {said}.")  # fmt: skip
    return found[0]


def _by_xpath(root: etree._Element, search: etree.XPath) -> etree._Element:
    found: Any = search(root.getroottree())
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], etree._Element):
        raise signature_error("", _NO_ROOT.format("node") + f"XPATH {search.path} does not find one element.")
    return found[0]
