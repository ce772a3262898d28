"""The only place where XML and JSON from outside is parsed (design, section 10; ASVS 1.5.1, 1.5.3).

XML: no DTD, no entities, no network, no processing instructions, XML 1.0 only, bounded depth,
elements, attributes and namespaces (WS-I BP R1008, R1009). JSON: RFC 8259 with no duplicate keys,
no NaN, no lone surrogates, bounded depth and number length. Errors name place and rule, never
the content.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any, BinaryIO, NoReturn

import orjson
from lxml import etree

from integrator.exchange import Conversions, InvalidRequest
from integrator.security.limits import DEFAULT, Limits

_XML_OPTIONS: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": False,
    "collect_ids": False,
}
_ELEMENT_START = re.compile(rb"<[A-Za-z_:\x80-\xff]")
_XML_VERSION = re.compile(rb"""<\?xml\s+version\s*=\s*["']1\.0["']""")
# UTF-8, XML 1.0 and the root element at once: such a document has no place for a DOCTYPE.
_PLAIN_START = re.compile(
    rb"""(?:<\?xml version=["']1\.0["'](?: encoding=["'][Uu][Tt][Ff]-8["'])?\?>\s*)?<[A-Za-z_]"""
)


def xml_parser() -> etree.XMLParser:
    """A hardened lxml parser, for callers that must hand one to a library (schemas of the site)."""
    return etree.XMLParser(**_XML_OPTIONS)


_PARSER = xml_parser()  # locks itself, and keeps nothing of a document


def parse_xml(data: bytes, limits: Limits = DEFAULT) -> etree._Element:
    """The root element of an XML document.

    Raises InvalidRequest with reason `xml-malformed`, `xml-doctype`, `xml-version`,
    `xml-instruction` or `xml-limit`.
    """
    plain = _PLAIN_START.match(data)
    doctype = data.find(b"<!DOCTYPE") if plain is None else -1
    if doctype >= 0 and not _ELEMENT_START.search(data, 0, doctype):
        raise InvalidRequest("XML with a DOCTYPE is refused: remove it", reason="xml-doctype")
    try:
        root = etree.fromstring(data, _PARSER)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise InvalidRequest(
            f"the body is not well-formed XML (line {line}, column {column})", reason="xml-malformed"
        ) from None
    except ValueError:
        raise InvalidRequest("the body is not XML text", reason="xml-malformed") from None
    if plain is None:
        _check_prolog(root, data)
    if data.find(b"<?", 5 if data[:5] == b"<?xml" else 0) >= 0:
        _refuse_instructions(root)
    _check_xml_limits(root, data, limits)
    return root


def _check_prolog(root: etree._Element, data: bytes) -> None:
    info: Any = root.getroottree().docinfo
    if info.doctype or info.internalDTD is not None:
        raise InvalidRequest("XML with a DOCTYPE is refused: remove it", reason="xml-doctype")
    if info.xml_version != "1.0" or (data[:5] == b"<?xml" and not _XML_VERSION.match(data)):
        raise InvalidRequest("only XML 1.0 is accepted", reason="xml-version")


def _refuse_instructions(root: etree._Element) -> None:
    around = (*root.itersiblings(preceding=True), *root.itersiblings(), *root.iter(etree.PI))
    if any(isinstance(node, etree._ProcessingInstruction) for node in around):
        raise InvalidRequest("XML processing instructions are refused: remove them", reason="xml-instruction")


def _check_xml_limits(root: etree._Element, data: bytes, limits: Limits) -> None:
    # What is small has no place for much: <a></a> takes 7 bytes, <a/> 4, and each attribute an equal sign.
    if len(data) > 7 * limits.xml_depth and _deeper_than(limits.xml_depth)(root):
        raise _too_much("levels of nesting", limits.xml_depth)
    if len(data) > 4 * limits.xml_elements and _ELEMENTS(root) > limits.xml_elements:
        raise _too_much("elements", limits.xml_elements)
    fewest = min(limits.xml_attributes_per_element, limits.xml_namespaces_per_element)
    if data.count(b"=") <= fewest:
        return
    if _wider_than(limits.xml_attributes_per_element)(root):
        raise _too_much("attributes on one element", limits.xml_attributes_per_element)
    if len(root.nsmap) > limits.xml_namespaces_per_element:
        raise _too_much("namespaces on one element", limits.xml_namespaces_per_element)


# libxml2 counts three times as fast as a walk in Python does.
_ELEMENTS: Any = etree.XPath("count(descendant-or-self::*)")


@cache
def _deeper_than(levels: int) -> Any:
    return etree.XPath(f"boolean({'/*' * (levels + 1)})")


@cache
def _wider_than(attributes: int) -> Any:
    return etree.XPath(f"boolean(descendant-or-self::*[@*[{attributes + 1}]])")


def _too_much(what: str, limit: int) -> InvalidRequest:
    return InvalidRequest(f"the body has more than {limit} {what}", reason="too-complex", status=413)


def xml_scanner(encoding: str | None = None) -> Any:
    """A hardened expat parser, for what reads XML of any size piece by piece (`feed` with `Parse`).

    Names come as `uri local prefix` with blanks between. No DTD, no entities, no processing instructions:
    its handlers raise InvalidRequest. `encoding` overrides the one that the text declares.
    """
    from xml.parsers import expat

    def doctype(*_: Any) -> NoReturn:
        raise InvalidRequest("XML with a DOCTYPE is refused: remove it", reason="xml-doctype")

    def instruction(*_: Any) -> NoReturn:
        raise InvalidRequest("XML processing instructions are refused: remove them", reason="xml-instruction")

    parser = expat.ParserCreate(encoding, " ")
    parser.namespace_prefixes = True
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = doctype
    parser.ProcessingInstructionHandler = instruction
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    return parser


# --- JSON ---------------------------------------------------------------------------------------

_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")


def parse_json(data: bytes, limits: Limits = DEFAULT, *, decimals: bool = False) -> Any:
    """The value of a JSON text (RFC 8259), numbers as int or float (or, with `decimals`, Decimal).

    Raises InvalidRequest with reason `json-malformed`, `json-duplicate-key`, `json-number`,
    `json-surrogate`, `encoding` or `too-complex` (413).
    """
    if data[:3] == b"\xef\xbb\xbf":
        raise InvalidRequest(
            "the JSON body starts with a byte order mark: remove it", reason="json-malformed"
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"the body is not UTF-8 (byte {error.start})", reason="encoding") from None
    try:
        value = _decoder(limits.json_number_chars, decimals).decode(text)
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"the body is not well-formed JSON (line {error.lineno}, column {error.colno})",
            reason="json-malformed",
        ) from None
    except RecursionError:
        raise _too_much("levels of nesting", limits.json_depth) from None
    if not _few_brackets(data, limits.json_depth):
        _check_depth(value, limits.json_depth)
    if "\\u" in text or "\\U" in text:
        _refuse_lone_surrogates(value)
    return value


def _few_brackets(data: bytes, limit: int) -> bool:
    """Whether a text opens so few arrays and objects that it cannot be deeper than that."""
    for bracket in (b"[", b"{"):
        at = data.find(bracket)
        while at >= 0:
            limit -= 1
            if limit < 0:
                return False
            at = data.find(bracket, at + 1)
    return True


def _check_depth(value: Any, limit: int) -> None:
    level, depth = [value] if isinstance(value, (dict, list)) else [], 0
    while level:
        depth += 1
        if depth > limit:
            raise _too_much("levels of nesting", limit)
        below: list[Any] = []
        for item in level:
            for inner in item.values() if type(item) is dict else item:
                kind = type(inner)
                if kind is dict or kind is list:
                    below.append(inner)
        level = below


_decoders: dict[tuple[int, bool], json.JSONDecoder] = {}


def _decoder(number_chars: int, decimals: bool) -> json.JSONDecoder:
    decoder = _decoders.get((number_chars, decimals))
    if decoder is None:

        def bounded_int(text: str) -> int:
            return int(_bounded(text, number_chars))

        def bounded_decimal(text: str) -> Decimal:
            return Decimal(_bounded(text, number_chars))

        def bounded_float(text: str) -> float:
            value = float(_bounded(text, number_chars))
            if value in (float("inf"), float("-inf")):
                raise InvalidRequest("a JSON number is out of range", reason="json-number")
            return value

        decoder = json.JSONDecoder(
            object_pairs_hook=_unique_object,
            parse_constant=_refuse_constant,
            parse_int=bounded_int,
            parse_float=bounded_decimal if decimals else bounded_float,
        )
        _decoders[number_chars, decimals] = decoder
    return decoder


def _bounded(text: str, number_chars: int) -> str:
    if len(text) > number_chars:
        raise InvalidRequest(f"a JSON number is longer than {number_chars} characters", reason="json-number")
    return text


def _unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise InvalidRequest("a JSON object has the same key twice", reason="json-duplicate-key")
    return value


def _refuse_constant(_name: str) -> NoReturn:
    raise InvalidRequest("NaN and Infinity are not JSON numbers", reason="json-number")


def _refuse_lone_surrogates(value: Any) -> None:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if _LONE_SURROGATE.search(item):
                raise InvalidRequest("a JSON text has half a surrogate pair", reason="json-surrogate")
        elif isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


class _UniqueMap(dict[str, Any]):
    """A JSON object that refuses the same key twice."""

    def __setitem__(self, key: str, value: Any) -> None:
        if key in self:
            raise InvalidRequest("a JSON object has the same key twice", reason="json-duplicate-key")
        super().__setitem__(key, value)


def json_items(reader: BinaryIO, keys: tuple[str, ...]) -> Iterator[Any]:
    """The elements of the list at these keys, one by one, in memory that does not grow with the text.

    Raises InvalidRequest where the text is no JSON as far as it is read, or where there is an object.
    """
    import ijson

    prefix, found = ".".join(keys), False
    try:
        for item in ijson.items(
            reader, f"{prefix}.item" if prefix else "item", use_float=True, map_type=_UniqueMap
        ):
            found = True
            yield item
        if not found and _first_event(reader, prefix) == "start_map":
            raise InvalidRequest("there is an object where a list is split", reason="json-malformed")
    except (ijson.JSONError, ValueError, UnicodeDecodeError):
        raise InvalidRequest("the body is not well-formed JSON", reason="json-malformed") from None


def _first_event(reader: BinaryIO, prefix: str) -> str | None:
    import ijson

    reader.seek(0)
    return next((event for place, event, _ in ijson.parse(reader) if place == prefix), None)


def dump_json(value: Any) -> bytes:
    """Compact JSON text of a value. Raises TypeError for what JSON cannot hold."""
    return orjson.dumps(value, default=_default)


def _default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    raise TypeError(f"{type(value).__name__} is not JSON")


CONVERSIONS = Conversions(parse_xml=parse_xml, parse_json=parse_json, dump_json=dump_json)


def conversions(limits: Limits) -> Conversions:
    """The conversions of messages under these limits."""
    if limits == DEFAULT:
        return CONVERSIONS
    return Conversions(
        parse_xml=lambda data: parse_xml(data, limits),
        parse_json=lambda data: parse_json(data, limits),
        dump_json=dump_json,
    )
