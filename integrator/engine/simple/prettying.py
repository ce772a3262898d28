"""The layout of simple's `pretty`: JSON with tabs, XML with each text on its own line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from lxml import etree

from integrator.engine.javatypes import to_text
from integrator.exchange import IntegratorError

Parse = Callable[[bytes], Any]


def pretty(text: str, parse_json: Parse, parse_xml: Parse) -> str:
    """A text that is JSON or XML in lines; any other text as it is."""
    start = text.lstrip()[:1]
    try:
        if start in ("{", "["):
            return _json(parse_json(text.encode("utf-8", "surrogatepass")), 0) + "\n"
        if start == "<":
            return "\n".join(_xml(parse_xml(text.encode("utf-8", "surrogatepass")), 0))
    except IntegratorError:
        return text
    return text


def _json(value: Any, level: int) -> str:
    if isinstance(value, dict):
        parts = [f"{_quoted(name)}: {_json(item, level + 1)}" for name, item in value.items()]
        return _lines("{", parts, "}", level)
    if isinstance(value, list):
        return _lines("[", [_json(item, level + 1) for item in value], "]", level)
    return _quoted(value) if isinstance(value, str) else "null" if value is None else to_text(value) or ""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("/", "\\/")


def _lines(opening: str, parts: list[str], closing: str, level: int) -> str:
    indent = "\n" + "\t" * (level + 1)
    return opening + indent + f",{indent}".join(parts) + "\n" + "\t" * level + closing


def _xml(element: etree._Element, level: int) -> list[str]:
    blanks = "  " * level
    name = etree.QName(element).localname
    name = f"{element.prefix}:{name}" if element.prefix else name
    attributes = "".join(
        f' {_attribute(element, str(key))}="{value!s}"' for key, value in element.attrib.items()
    )
    found = [f"{blanks}<{name}{_declared(element)}{attributes}>"]
    if element.text:
        found.append(f"{blanks}  {element.text}")
    for child in element:
        if isinstance(child.tag, str):
            found += _xml(child, level + 1)
        if child.tail:
            found.append(f"{blanks}  {child.tail}")
    return [*found, f"{blanks}</{name}>"]


def _attribute(element: etree._Element, key: str) -> str:
    name = etree.QName(key)
    prefix = next((known for known, uri in element.nsmap.items() if uri == name.namespace and known), None)
    return f"{prefix}:{name.localname}" if prefix else name.localname


def _declared(element: etree._Element) -> str:
    parent = element.getparent()
    known = parent.nsmap if parent is not None else {}
    new = {prefix: uri for prefix, uri in element.nsmap.items() if known.get(prefix) != uri}
    return "".join(f' xmlns{f":{prefix}" if prefix else ""}="{uri}"' for prefix, uri in new.items())
