"""xj: XML to JSON and back, with the conventions of Camel's xj; a stylesheet may stand between."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from lxml import etree

from integrator.engine import resources, unbuilt
from integrator.engine.compiler import Node
from integrator.engine.components.xslt import tree_of
from integrator.engine.components.xslt_saxon import sheet_of, transformed
from integrator.engine.exceptions import CAMEL, failure
from integrator.engine.javatypes import double_text
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run, nothing
from integrator.engine.uris import Uri
from integrator.exchange import Exchange, InvalidRequest
from integrator.security.parsers import parse_xml

NAMESPACE = "http://camel.apache.org/component/xj"
SPEC = Spec(
    "component",
    "xj",
    "XML to JSON: attributes and elements by name, repeated ones as a list after the others, all texts unless"
    " xj:type says otherwise. JSON to XML: elements `object` with xj:name and xj:type. `identity`, or a stylesheet of the"
    " site (extra xslt3) that works on the XML side.",
    "3.0",
    "xj:identity?transformDirection=XML2JSON",
    options=(
        Option(
            "transformDirection", "XML2JSON or JSON2XML.", required=True, choices=("XML2JSON", "JSON2XML")
        ),
        Option(
            "output",
            "string, bytes or DOM (of XML only).",
            default="string",
            choices=("string", "bytes", "DOM"),
        ),
        Option("failOnNullBody", "Whether no body is an error.", type="boolean", default=True),
        Option("contentCache", "Accepted; files are read once.", type="boolean"),
        Option("allowStAX", "Accepted, without effect.", type="boolean"),
        Option("secureProcessing", "Accepted; it is always on.", type="boolean"),
        *unbuilt.XSLT_ACCEPTED[:2],
        *unbuilt.options({**unbuilt.SAXON, "source": "is not in the embedded engine: set the body"}),
    ),
)
_TYPES = {"object": "{", "array": "[", "string": "s", "int": "n", "float": "n", "boolean": "n", "null": "0"}
_VALUES = "sn0"


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """The conversion."""
    unbuilt.refuse(node, uri, {**unbuilt.SAXON, "source": "is not in the embedded engine: set the body"})
    direction, output = uri.options.get("transformDirection"), uri.options.get("output", "string")
    if direction not in ("XML2JSON", "JSON2XML"):
        return nothing  # its specification says so
    if direction == "XML2JSON" and output == "DOM":
        node.problem("/uri", "option-value", "JSON is no DOM", "Use output=string or bytes.")
    if node.scope.checking:
        return nothing
    between = _between(node, resources.path_of(uri))
    if between is None:
        return nothing
    to_json, needed = direction == "XML2JSON", uri.options.get("failOnNullBody") != "false"

    def convert(exchange: Exchange) -> None:
        message = exchange.message
        if message.body is None and not needed:
            return
        tree = tree_of(exchange) if to_json else _object(_json(exchange), None)
        text = between(exchange, tree)
        if to_json:
            text = json_text(parse_xml(text.encode("utf-8")))
        if output == "DOM":
            message.body = parse_xml(text.encode("utf-8"))
        else:
            message.body = text.encode("utf-8") if output == "bytes" else text

    return convert


Between = Callable[[Exchange, etree._Element], str]


def _between(node: Node, path: str) -> Between | None:
    """What happens to the XML: nothing, or a stylesheet; None where it cannot be had."""
    if path.lower() == "identity":
        return _as_it_is
    sheet = sheet_of(node, path)
    if sheet is None:
        return None
    return lambda exchange, tree: transformed(sheet, path, exchange, tree)


def _as_it_is(_exchange: Exchange, tree: etree._Element) -> str:
    text = etree.tostring(tree, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>{text}'


# --- JSON to XML -------------------------------------------------------------------------------------


def _json(exchange: Exchange) -> Any:
    if exchange.message.body is None:
        raise failure(CAMEL + "ExpectedBodyTypeException", "Could not extract IN message body as JSON source")
    try:
        return exchange.message.as_json()
    except InvalidRequest as error:
        cause = failure("com.fasterxml.jackson.core.JsonParseException", error.message)
        raise failure("javax.xml.transform.TransformerException", error.message, cause) from cause


def _object(value: Any, name: str | None) -> etree._Element:
    made = etree.Element("object", nsmap={"xj": NAMESPACE})
    if name:
        made.set(f"{{{NAMESPACE}}}name", _clean(name))
    made.set(f"{{{NAMESPACE}}}type", _kind(value))
    if isinstance(value, dict):
        made.extend(_object(item, key) for key, item in value.items())
    elif isinstance(value, list):
        made.extend(_object(item, None) for item in value)
    elif isinstance(value, bool):
        made.text = "true" if value else "false"
    else:
        text = "null" if value is None else double_text(value) if isinstance(value, float) else str(value)
        made.text = _clean(text) or None
    return made


def _kind(value: Any) -> str:
    for kind, name in (
        (dict, "object"),
        (list, "array"),
        (str, "string"),
        (bool, "boolean"),
        (int, "int"),
        (float, "float"),
    ):
        if isinstance(value, kind):
            return name
    return "null"


def _clean(text: str) -> str:
    """Without the characters that XML has not."""
    return "".join(mark for mark in text if mark in "\t\n\r" or mark >= " ")


# --- XML to JSON -------------------------------------------------------------------------------------


class _Part:
    """One place of the JSON: `{`, `[`, `:` (a field), or a value: `s` text, `n` as written, `0` null."""

    def __init__(self, kind: str, name: str | None = None, value: str = "", *, text: bool = False) -> None:
        self.kind, self.name, self.value, self.text = kind, name, value, text
        self.inside: list[_Part] = []

    def write(self, above: str) -> Iterator[str]:
        """The JSON text, within an object (`{`), a list (`[`) or a field (`:`)."""
        if above == "{":
            yield f"{json.dumps(self.name or '', ensure_ascii=False)}:"
        if self.kind in "{[":
            yield self.kind
            for place, part in enumerate(self.inside):
                yield "," if place else ""
                yield from part.write(self.kind)
            yield "}" if self.kind == "{" else "]"
        elif self.kind == ":":
            for part in self.inside:
                yield from part.write(":")
        elif self.kind == "s":
            yield json.dumps(self.value, ensure_ascii=False)
        else:
            yield "null" if self.kind == "0" or not self.value else self.value


def json_text(root: etree._Element) -> str:
    """An XML document as JSON. Raises JavaException where xj:type does not fit."""
    text = "".join(_part(root, at_root=True).write(""))
    try:
        json.loads(text)
    except ValueError:
        raise failure("javax.xml.transform.TransformerException", "a value is not of its xj:type") from None
    return text


def _part(element: etree._Element, *, at_root: bool) -> _Part:
    hint = element.get(f"{{{NAMESPACE}}}type")
    kind = _TYPES.get(hint or "", "")
    made = _Part(kind, element.get(f"{{{NAMESPACE}}}name") or etree.QName(element).localname)
    for name, value in element.attrib.items():
        if etree.QName(name).namespace != NAMESPACE:
            made.inside.append(_Part("s", etree.QName(name).localname, str(value)))
    made.inside += _contents(element)
    _end_hinted(made) if kind else _end(made, at_root=at_root)
    return made


def _contents(element: etree._Element) -> Iterator[_Part]:
    if element.text:
        yield _Part("s", None, element.text, text=True)
    for child in element:
        if isinstance(child.tag, str):
            yield _part(child, at_root=False)
        if child.tail:
            yield _Part("s", None, child.tail, text=True)


def _end(made: _Part, *, at_root: bool) -> None:
    inside = made.inside
    if not inside or (len(inside) == 1 and inside[0].text):
        made.kind = "{" if at_root else ":"
        if at_root:
            made.inside = [_field(part) for part in inside if part.value.strip()]
        elif not inside:
            made.inside = [_Part("s")]
        return
    made.inside = _fields(inside)
    made.kind = "{"
    _gather(made)


def _end_hinted(made: _Part) -> None:
    if made.kind in _VALUES and len(made.inside) < 2:
        kind = made.kind
        made.inside = made.inside or [_Part(kind)]
        made.inside[0].kind, made.kind = kind, ":"
        return
    hint, made.inside = made.kind, _fields(made.inside)
    if hint in _VALUES:
        for part in made.inside:
            if part.kind == ":" and part.inside and part.inside[0].text:
                part.inside[0].kind = hint
        made.kind = "{"
    if made.kind == "{":
        _gather(made)


def _fields(inside: list[_Part]) -> list[_Part]:
    """Values as fields of their name, or `#text`; blank ones are dropped."""
    return [
        _field(part) if part.kind in _VALUES else part
        for part in inside
        if part.kind not in _VALUES or part.value.strip()
    ]


def _field(part: _Part) -> _Part:
    made = _Part(":", part.name or "#text")
    made.inside = [part]
    return made


def _gather(made: _Part) -> None:
    """Parts of the same name become a list, after the others; where there is one name only, all is the list."""
    named: dict[str | None, list[_Part]] = {}
    for part in made.inside:
        named.setdefault(part.name, []).append(part)
    for name, parts in named.items():
        if len(parts) < 2:
            continue
        if len(named) == 1:
            made.kind = "["
            return
        listed = _Part("[", name)
        listed.inside = parts
        made.inside = [*(part for part in made.inside if part.name != name or part is listed), listed]
