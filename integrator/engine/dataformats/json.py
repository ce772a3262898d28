"""json: Jackson's JSON. marshal writes compact bytes; unmarshal gives Java maps and lists."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from integrator.engine.compiler import Node
from integrator.engine.exceptions import failure
from integrator.engine.jackson import INCLUDED, REFUSED, REFUSED_OPTIONS, included, sorted_maps, to_json
from integrator.engine.javatypes import cannot_convert, compact, not_json, pretty, to_java
from integrator.engine.payloads import refuse
from integrator.engine.problems import did_you_mean
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.exchange import Exchange, InvalidRequest
from integrator.security.parsers import parse_json

_JACKSON = "com.fasterxml.jackson.databind.exc."
_REASONS = {
    **REFUSED,
    "objectMapper": "needs a Java bean",
    "schemaResolver": "needs a Java bean",
    "autoDiscoverObjectMapper": "needs a Java bean",
}
_EFFECTIVE = ("INDENT_OUTPUT", "ORDER_MAP_ENTRIES_BY_KEYS", "USE_BIG_DECIMAL_FOR_FLOATS")
_WITHOUT_EFFECT = (
    "ACCEPT_CASE_INSENSITIVE_PROPERTIES", "AUTO_CLOSE_SOURCE", "AUTO_CLOSE_TARGET", "CLOSE_CLOSEABLE",
    "DEFAULT_VIEW_INCLUSION", "FAIL_ON_EMPTY_BEANS", "FAIL_ON_IGNORED_PROPERTIES", "FAIL_ON_INVALID_SUBTYPE",
    "FAIL_ON_MISSING_CREATOR_PROPERTIES", "FAIL_ON_NULL_FOR_PRIMITIVES", "FAIL_ON_READING_DUP_TREE_KEY",
    "FAIL_ON_SELF_REFERENCES", "FAIL_ON_TRAILING_TOKENS", "FAIL_ON_UNKNOWN_PROPERTIES", "FLUSH_AFTER_WRITE_VALUE",
    "SORT_PROPERTIES_ALPHABETICALLY", "USE_ANNOTATIONS", "USE_BIG_INTEGER_FOR_INTS", "USE_LONG_FOR_INTS",
    "WRAP_EXCEPTIONS",
)  # fmt: skip
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
SPEC = Spec(
    "dataformat",
    "json",
    "JSON. Numbers keep their digits; reading is stricter than Jackson: nothing may follow the value.",
    "2.0",
    "marshal: {json: {prettyPrint: true}}",
    options=(
        Option("library", "Jackson; others are not in the embedded engine.", default="Jackson", choices=("Jackson",)),
        Option("prettyPrint", "Writes several lines.", type="boolean", default=False),
        Option("unmarshalType", "Java class of the result: a Map type or a List type.", example="java.util.Map"),
        Option("contentTypeHeader", "Sets Content-Type when writing.", type="boolean", default=True),
        Option("include", "Which entries of maps are written.", default="ALWAYS", choices=INCLUDED),
        Option("enableFeatures", "With effect: INDENT_OUTPUT, ORDER_MAP_ENTRIES_BY_KEYS, USE_BIG_DECIMAL_FOR_FLOATS;"
               " those on Java classes have none.", example="ORDER_MAP_ENTRIES_BY_KEYS"),
        Option("disableFeatures", "Accepted, without effect; those with one are off."),
        Option("combineUnicodeSurrogates", "Writes characters beyond 16 bits as they are, not as two escapes.",
               type="boolean", default=False),
        Option("useDefaultObjectMapper", "Accepted, without effect.", type="boolean"),
        Option("autoDiscoverSchemaResolver", "Accepted, without effect.", type="boolean"),
        Option("namingStrategy", "Accepted, without effect: keys of maps stay."),
        Option("maxStringLength", "Accepted; the limits of the engine hold.", type="integer"),
        Option("dateFormatPattern", "Accepted, without effect, as in Jackson."),
        Option("timezone", "Accepted, without effect: dates are written in milliseconds."),
        *REFUSED_OPTIONS,
        *(Option(name, f"Not in the embedded engine: {reason}.", type="any")
          for name, reason in _REASONS.items() if name not in REFUSED),
    ),
)  # fmt: skip


def _features(node: Node) -> frozenset[str]:
    """The enabled features; notes problems for those that the engine has not."""
    refuse(node, _REASONS)
    found: dict[str, set[str]] = {}
    for option in ("enableFeatures", "disableFeatures"):
        found[option] = {name.strip() for name in node.text(option).split(",") if name.strip()}
        for name in sorted(found[option] - {*_EFFECTIVE, *_WITHOUT_EFFECT}):
            node.problem(f"/{option}", "not-yet", f"the feature {name} is not in the embedded engine",
                         did_you_mean(name, _EFFECTIVE))  # fmt: skip
    return frozenset(found["enableFeatures"])


def marshal(node: Node, *, allow_null: bool = False) -> Run:
    """Body to JSON bytes."""
    features, typed, include = _features(node), node.flag("contentTypeHeader"), node.text("include")
    lines = node.flag("prettyPrint") or "INDENT_OUTPUT" in features
    in_order, combined = "ORDER_MAP_ENTRIES_BY_KEYS" in features, node.flag("combineUnicodeSurrogates")
    spooling = node.scope.services.spooling

    def marshal_json(exchange: Exchange) -> None:
        message = exchange.message
        value = to_json(included(message.body, include))
        text = (pretty if lines else compact)(sorted_maps(value) if in_order else value)
        if not combined and not text.isascii():
            text = _ASTRAL.sub(_escaped, text)
        message.body = spooling.keep(text.encode("utf-8"))
        if typed:
            message.headers["Content-Type"] = "application/json"

    return marshal_json


def _escaped(match: re.Match[str]) -> str:
    """A character beyond 16 bits as two escapes, as Jackson writes it."""
    data = match[0].encode("utf-16-be").hex().upper()
    return f"\\u{data[:4]}\\u{data[4:]}"


def unmarshal(node: Node, *, allow_null: bool = False) -> Run:
    """JSON text to Java collections."""
    features, wanted = _features(node), node.text("unmarshalType")
    if wanted and not wanted.startswith("java.util.") and wanted != "java.lang.Object":
        node.problem(
            "/unmarshalType", "result-type", f"no class {wanted} here", "Use java.util.Map or leave it out."
        )
    check = _checking(wanted, as_list=node.flag("useList"))
    decimals = "USE_BIG_DECIMAL_FOR_FLOATS" in features

    def unmarshal_json(exchange: Exchange) -> None:
        message = exchange.message
        if message.body is None:
            if allow_null:
                return
            raise cannot_convert(None, "java.io.InputStream")
        if message.body in ("", b""):
            raise failure(_JACKSON + "MismatchedInputException", "No content to map due to end-of-input")
        try:
            value = parse_json(message.as_bytes(), decimals=True) if decimals else message.as_json()
        except InvalidRequest as error:
            raise not_json(error) from None
        message.body = check(to_java(value))

    return unmarshal_json


def _checking(wanted: str, *, as_list: bool) -> Callable[[Any], Any]:
    """Refuses what does not become the wanted collection; a TreeMap is in the order of its keys."""
    kind: type | None = None
    if as_list or wanted.endswith(("List", "Collection")):
        kind, shown = list, "java.util.ArrayList<java.lang.Object>"
    elif wanted.endswith("Map"):
        kind, shown = dict, "java.util.LinkedHashMap<java.lang.Object,java.lang.Object>"

    def check(value: Any) -> Any:
        if kind is not None and value is not None and not isinstance(value, kind):
            text = f"Cannot deserialize value of type `{shown}` from another JSON value"
            raise failure(_JACKSON + "MismatchedInputException", text)
        return sorted_maps(value) if wanted.endswith("TreeMap") else value

    return check
